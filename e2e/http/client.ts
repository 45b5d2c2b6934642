/** A client without a browser: keeps cookies, sends what a test tells it to and nothing else. */
import { target } from "../support/target.ts";

export const sessionCookie = "__Host-sid";

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON unless it is a string or bytes. */
  body?: unknown;
  baseURL?: string;
}

/** What the console's own pages send with a change. */
export const ownPage = (baseURL = target.baseURL): Record<string, string> => ({ "x-console": "1", "sec-fetch-site": "same-origin", origin: baseURL });

export class Client {
  readonly cookies = new Map<string, string>();
  readonly baseURL: string;

  constructor(baseURL = target.baseURL) {
    this.baseURL = baseURL;
  }

  /** Redirects are answers here, not followed. */
  async ask(path: string, { method, headers = {}, body }: Ask = {}): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const isRaw = typeof body === "string" || body instanceof Uint8Array;
    const response = await fetch(`${this.baseURL}${path}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      redirect: "manual",
      headers: { ...(cookie ? { cookie } : {}), ...(body === undefined || isRaw ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: isRaw ? (body as BodyInit) : JSON.stringify(body) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ""] = line.split(";");
      const at = pair.indexOf("=");
      if (/max-age=0|expires=thu, 01 jan 1970/i.test(line) || at === pair.length - 1) this.cookies.delete(pair.slice(0, at));
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
    return response;
  }

  /** As a page of the console does. */
  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return this.ask(path, { body, headers: { ...ownPage(this.baseURL), ...headers } });
  }

  async signIn({
    email = target.email,
    password = target.password,
    callbackUrl,
  }: { email?: string; password?: string; callbackUrl?: string } = {}): Promise<Response> {
    const { csrfToken } = (await (await this.ask("/api/auth/csrf")).json()) as { csrfToken: string };
    return this.post("/api/auth/callback/credentials", { csrfToken, email, password, ...(callbackUrl === undefined ? {} : { callbackUrl }), json: "true" });
  }

  get session(): string | undefined {
    return this.cookies.get(sessionCookie);
  }
}

export async function signedIn(who: { email?: string; password?: string; baseURL?: string } = {}): Promise<Client> {
  const client = new Client(who.baseURL);
  const response = await client.signIn(who);
  if (response.status !== 200 || !client.session) throw new Error(`cannot sign in: ${response.status} ${await response.text()}`);
  return client;
}

/** The REST face with the admin's token. */
export async function rest<T>(
  method: string,
  path: string,
  { body, baseURL = target.baseURL, token = target.token }: { body?: unknown; baseURL?: string; token?: string } = {},
): Promise<T> {
  const response = await fetch(`${baseURL}/api/admin${path}`, {
    method,
    redirect: "manual",
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status >= 400) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (text === "" ? { location: response.headers.get("location") } : JSON.parse(text)) as T;
}

/** Adds somebody with this role and answers how they sign in. */
export async function addPerson(role: "viewer" | "operator" | "admin", baseURL = target.baseURL): Promise<{ email: string; password: string }> {
  const password = "seven quiet lanterns drift";
  const email = `${role}.${Math.random().toString(36).slice(2, 10)}@foundry.example`;
  await rest("POST", "/users", { body: { email, name: `Person ${role}`, role, password }, baseURL });
  return { email, password };
}
