import "server-only";
import { env } from "@/env";
import { SESSION_COOKIE } from "@/server/auth/session-cookie";
import { AppError } from "@/server/errors";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/;

/** Whether the page that sends this is the console's own: its configured address, or a loopback name that it was asked by. */
export function isOwnOrigin(origin: string, host: string | null): boolean {
  const { CONSOLE_URL } = env();
  if (CONSOLE_URL !== undefined && origin === new URL(CONSOLE_URL).origin) return true;
  return host !== null && LOOPBACK.test(host) && (origin === `http://${host}` || origin === `https://${host}`);
}

/** What the browser says about where a request comes from; null when it is the console itself. */
export function checkFetchOrigin(request: Request): AppError | null {
  const site = request.headers.get("sec-fetch-site");
  const origin = request.headers.get("origin");
  if (site !== null && site !== "same-origin") return fromElsewhere();
  if (origin !== null && !isOwnOrigin(origin, request.headers.get("host"))) return fromElsewhere();
  return null;
}

const JSON_TYPE = { pattern: /^application\/json\s*(;|$)/i, refusal: "Only JSON is accepted" };
/** Not one of the types that a form of another site can send. */
const BYTES_TYPE = { pattern: /^application\/octet-stream\s*(;|$)/i, refusal: "A file is sent as application/octet-stream" };

/** As checkRequestOrigin, for the one request whose body is a file. */
export const checkUploadOrigin = (request: Request): AppError | null => checkRequestOrigin(request, BYTES_TYPE);

/**
 * The guard against requests that another site makes in somebody's name: for every call that changes something.
 * Only POST (JSON) and DELETE, with the header `x-console: 1`, from the console's own pages. A call that carries a token and
 * no session cookie is not a browser's and passes.
 */
export function checkRequestOrigin(request: Request, type = JSON_TYPE): AppError | null {
  const { headers } = request;
  const hasToken = /^bearer\b/i.test(headers.get("authorization") ?? "");
  const hasCookie = (headers.get("cookie") ?? "").includes(`${SESSION_COOKIE}=`);
  if (hasToken && !hasCookie) return null;
  if (request.method === "GET" || request.method === "HEAD") return checkReading(headers);
  if (request.method !== "POST" && request.method !== "DELETE") return new AppError("FORBIDDEN", "Changes are made with POST or DELETE");
  if (request.method === "POST" && !type.pattern.test(headers.get("content-type") ?? "")) return new AppError("FORBIDDEN", type.refusal);
  if (headers.get("x-console") !== "1") return new AppError("FORBIDDEN", "The header x-console: 1 is missing");
  if (headers.get("sec-fetch-site") === null && headers.get("origin") === null) return fromElsewhere();
  return checkFetchOrigin(request);
}

/** A page of another site may not read through somebody's session either; an address typed by hand comes from nowhere. */
function checkReading(headers: Headers): AppError | null {
  const site = headers.get("sec-fetch-site");
  return site === null || site === "same-origin" || site === "none" ? null : fromElsewhere();
}

const fromElsewhere = (): AppError =>
  new AppError("FORBIDDEN", "This request does not come from the console's own pages", {
    fix: "Open the console at its own address; when a proxy stands in front, set CONSOLE_URL to that address",
  });
