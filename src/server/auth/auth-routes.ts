import "server-only";
import { safePath } from "@/lib/safe-path";
import { callNextAuth, CSRF_COOKIE } from "@/server/auth/next-auth";
import { clientAddress, readCookie, resolvePrincipal } from "@/server/auth/principal";
import { setUp } from "@/server/auth/first-admin";
import { checkFetchOrigin, checkRequestOrigin } from "@/server/auth/request-origin";
import { API_HEADERS } from "@/server/auth/security-headers";
import { SESSION_COOKIE } from "@/server/auth/session-cookie";
import { signOut } from "@/server/auth/session-changes";
import { AppError, type AppErrorCode } from "@/server/errors";
import { logger, newRequestId } from "@/server/logger";

/**
 * /api/auth: exactly csrf, session, callback/credentials, signout and set-up. next-auth makes and checks the CSRF
 * token and the cookie; everything a stranger can send is looked at here first.
 */

const BODY_BYTES_MAX = 16 * 1024;
const FIELDS = ["csrfToken", "email", "password", "callbackUrl", "json", "token", "name"] as const;
type Fields = Partial<Record<(typeof FIELDS)[number], string>>;

export async function answerAuthGet(request: Request, path: readonly string[]): Promise<Response> {
  return answered(async () => {
    if (path.join("/") === "session") return json(200, { signedIn: (await resolvePrincipal(request.headers, { allowToken: false })) !== null });
    if (path.join("/") !== "csrf") throw notThere();
    const answer = await callNextAuth({ method: "GET", path, body: {}, cookies: authCookies(request), ...sender(request) });
    return json(200, answer.body, { cookies: answer.cookies });
  });
}

export async function answerAuthPost(request: Request, path: readonly string[]): Promise<Response> {
  return answered(async () => {
    const action = path.join("/");
    if (action === "callback/credentials") return postSignIn(request, path);
    if (action === "signout") return postSignOut(request, path);
    if (action === "set-up") return postSetUp(request);
    throw notThere();
  });
}

async function postSignIn(request: Request, path: readonly string[]): Promise<Response> {
  const elsewhere = checkFetchOrigin(request);
  if (elsewhere) throw elsewhere;
  const { fields, asForm } = await readFields(request);
  const before = await resolvePrincipal(request.headers, { allowToken: false });
  const answer = await callNextAuth({ method: "POST", path, body: fields, cookies: authCookies(request), ...sender(request) });
  if (answer.refusal) throw answer.refusal;
  if (!answer.cookies.some((line) => line.startsWith(`${SESSION_COOKIE}=`))) throw badCsrf();
  // The session this browser had until now ends: an old cookie is worth nothing after a sign-in.
  if (before) await signOut(before);
  const next = safePath(fields.callbackUrl);
  return asForm ? seeOther(next, answer.cookies) : json(200, { url: next }, { cookies: answer.cookies });
}

async function postSignOut(request: Request, path: readonly string[]): Promise<Response> {
  const elsewhere = checkFetchOrigin(request);
  if (elsewhere) throw elsewhere;
  const { fields, asForm } = await readFields(request);
  const principal = await resolvePrincipal(request.headers, { allowToken: false });
  const answer = await callNextAuth({ method: "POST", path, body: fields, cookies: authCookies(request), ...sender(request) });
  // next-auth names the page with ?csrf=true when the token was wrong.
  if (JSON.stringify([answer.redirect, answer.body]).includes("csrf=true")) throw badCsrf();
  if (principal) await signOut(principal);
  return asForm ? seeOther("/sign-in", answer.cookies) : json(200, { url: "/sign-in" }, { cookies: answer.cookies });
}

async function postSetUp(request: Request): Promise<Response> {
  const elsewhere = checkRequestOrigin(request);
  if (elsewhere) throw elsewhere;
  const { fields } = await readFields(request);
  const { token = "", email = "", name = "", password = "" } = fields;
  if (!/^[^\s@]+@[^\s@]+$/.test(email.trim()) || email.length > 254) throw new AppError("INVALID", "This is not an email address");
  if (name.trim() === "" || name.length > 100) throw new AppError("INVALID", "The name needs 1 to 100 characters");
  await setUp({ token, email, name, password, address: clientAddress(request.headers) });
  return json(200, { url: "/" });
}

const sender = (request: Request): { address: string; userAgent: string } => ({
  address: clientAddress(request.headers),
  userAgent: request.headers.get("user-agent") ?? "",
});

function authCookies(request: Request): Record<string, string> {
  const cookies: Record<string, string> = {};
  for (const name of [SESSION_COOKIE, CSRF_COOKIE]) {
    const value = readCookie(request.headers, name);
    // Encoded by Set-Cookie ("|" is %7C); a value that does not decode was never ours.
    if (value !== null) cookies[name] = decodedOr(value, "");
  }
  return cookies;
}

function decodedOr(text: string, otherwise: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return otherwise;
  }
}

/** Only strings under known names; nothing is parsed before its length is known. @throws AppError INVALID, LIMIT_EXCEEDED */
async function readFields(request: Request): Promise<{ fields: Fields; asForm: boolean }> {
  const type = (request.headers.get("content-type") ?? "").toLowerCase();
  const text = await readText(request);
  const isJson = type.startsWith("application/json");
  if (!isJson && !type.startsWith("application/x-www-form-urlencoded")) throw new AppError("INVALID", "Send JSON");
  const given: unknown = isJson ? parseJson(text) : Object.fromEntries(new URLSearchParams(text));
  if (given === null || typeof given !== "object" || Array.isArray(given)) throw new AppError("INVALID", "Send a JSON object");
  const fields: Fields = {};
  for (const name of FIELDS) {
    const value = Object.hasOwn(given, name) ? (given as Record<string, unknown>)[name] : undefined;
    if (value === undefined) continue;
    if (typeof value !== "string") throw new AppError("INVALID", `${name} is not a text`);
    fields[name] = value;
  }
  return { fields, asForm: !isJson && fields.json !== "true" };
}

async function readText(request: Request): Promise<string> {
  const tooLong = new AppError("LIMIT_EXCEEDED", "The request is too long");
  if (Number(request.headers.get("content-length") ?? 0) > BODY_BYTES_MAX) throw tooLong;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > BODY_BYTES_MAX) throw tooLong;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new AppError("INVALID", "This is not JSON");
  }
}

const STATUS: Partial<Record<AppErrorCode, number>> = {
  INVALID: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  LIMIT_EXCEEDED: 413,
  TOO_MANY_REQUESTS: 429,
};

async function answered(work: () => Promise<Response>): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError) || STATUS[error.code] === undefined) {
      const requestId = newRequestId();
      logger().error({ err: error, requestId }, "Sign-in failed");
      return json(500, { code: "INTERNAL", message: "Something failed in the console", fix: `Look for ${requestId} in its log` });
    }
    const { code, message, fix, retryAfterSeconds } = error;
    return json(
      STATUS[code] ?? 500,
      { code, message, fix, retryAfterSeconds },
      retryAfterSeconds === undefined ? {} : { headers: { "Retry-After": String(retryAfterSeconds) } },
    );
  }
}

function json(status: number, body: unknown, options: { cookies?: readonly string[]; headers?: Record<string, string> } = {}): Response {
  const headers = new Headers({ ...API_HEADERS, "Content-Type": "application/json", ...options.headers });
  for (const cookie of options.cookies ?? []) headers.append("Set-Cookie", cookie);
  return new Response(JSON.stringify(body), { status, headers });
}

function seeOther(path: string, cookies: readonly string[]): Response {
  const headers = new Headers({ ...API_HEADERS, Location: path });
  for (const cookie of cookies) headers.append("Set-Cookie", cookie);
  return new Response(null, { status: 303, headers });
}

const notThere = (): AppError => new AppError("NOT_FOUND", "There is nothing here");
const badCsrf = (): AppError => new AppError("FORBIDDEN", "The sign-in form is out of date", { fix: "Load the page again" });
