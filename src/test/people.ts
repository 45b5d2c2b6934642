import { randomUUID } from "node:crypto";
import type { Role } from "@/lib/rights";
import { answerAuthGet, answerAuthPost } from "@/server/auth/auth-routes";
import { newUser } from "@/server/auth/first-admin";
import type { Principal } from "@/server/auth/principal";
import { hashPassword } from "@/server/auth/passwords";
import { insertUser, type User } from "@/server/control-plane/users.repo";

export const PASSWORD = "seven quiet lanterns drift";
const hash = hashPassword(PASSWORD);

/** A user of this role with PASSWORD. */
export async function addPerson(role: Role = "viewer"): Promise<User> {
  const id = randomUUID();
  const user = newUser({ email: `${id}@foundry.example`, name: `Person ${id.slice(0, 4)}`, role, passwordHash: await hash });
  await insertUser(user, { onlyWhenEmpty: false });
  return user;
}

/** As whom a call is made that comes without a request: just signed in. */
export function principalOf({ id, name, email, role }: Pick<User, "id" | "name" | "email" | "role">, more: Partial<Principal> = {}): Principal {
  return {
    userId: id,
    name,
    email,
    role,
    kind: "session",
    sessionKey: `session-${id}`,
    sessionLabel: id.slice(0, 8),
    signedInAt: new Date().toISOString(),
    address: "::1",
    ...more,
  };
}

/** A request as the sign-in page sends it. */
export function authRequest(path: string, options: { body?: unknown; cookie?: string; headers?: Record<string, string>; peer?: string } = {}): Request {
  const headers = new Headers({ host: "127.0.0.1:3000", "x-console-peer": options.peer ?? "10.0.0.1", ...options.headers });
  if (options.cookie) headers.set("cookie", options.cookie);
  if (options.body === undefined) return new Request(`http://127.0.0.1:3000/api/auth/${path}`, { headers });
  for (const [name, value] of [
    ["content-type", "application/json"],
    ["x-console", "1"],
    ["origin", "http://127.0.0.1:3000"],
    ["sec-fetch-site", "same-origin"],
  ] as const) {
    if (!headers.has(name)) headers.set(name, value);
  }
  const body = typeof options.body === "string" ? options.body : JSON.stringify(options.body);
  return new Request(`http://127.0.0.1:3000/api/auth/${path}`, { method: "POST", headers, body });
}

/** `name=value` of each cookie an answer sets, as a browser would send them back. */
export const cookiesOf = (response: Response): string =>
  response.headers
    .getSetCookie()
    .map((line) => line.split(";")[0] ?? "")
    .join("; ");

export async function csrf(cookie = ""): Promise<{ csrfToken: string; cookie: string }> {
  const response = await answerAuthGet(authRequest("csrf", { cookie }), ["csrf"]);
  const { csrfToken } = (await response.json()) as { csrfToken: string };
  return { csrfToken, cookie: cookiesOf(response) };
}

/** The whole exchange of the sign-in page. */
export async function postSignIn(
  credentials: Record<string, unknown>,
  options: { cookie?: string; peer?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  const token = await csrf();
  const cookie = [token.cookie, options.cookie].filter(Boolean).join("; ");
  return answerAuthPost(authRequest("callback/credentials", { ...options, cookie, body: { csrfToken: token.csrfToken, ...credentials } }), [
    "callback",
    "credentials",
  ]);
}

/** Headers of somebody who just signed in. */
export async function signedIn(user: User): Promise<Headers> {
  const response = await postSignIn({ email: user.email, password: PASSWORD });
  if (response.status !== 200) throw new Error(`The test's sign-in answered ${response.status}: ${await response.text()}`);
  return new Headers({ cookie: cookiesOf(response), "x-console-peer": "10.0.0.1" });
}
