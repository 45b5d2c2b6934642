import "server-only";
import { AsyncLocalStorage } from "node:async_hooks";
import NextAuth, { type AuthOptions } from "next-auth";
import CredentialsProvider from "next-auth/providers/credentials";
import type { NextApiRequest, NextApiResponse } from "next";
import { keys } from "@/env";
import { safePath } from "@/lib/safe-path";
import { SESSION_COOKIE } from "@/server/auth/session-cookie";
import { signIn } from "@/server/auth/sign-in";
import { LIMITS } from "@/server/limits";
import { logger } from "@/server/logger";
import { single } from "@/server/single";

export const CSRF_COOKIE = "__Host-csrf";

const cookieOptions = { httpOnly: true, sameSite: "strict", path: "/", secure: true } as const;

/** What one call of next-auth may see and what it leaves: authorize() can only say yes or no, the reason comes this way. */
interface Exchange {
  address: string;
  userAgent: string;
  refusal: Error | null;
}
const exchanges = (): AsyncLocalStorage<Exchange> => single("next-auth-exchange", () => new AsyncLocalStorage<Exchange>());

function authOptions(): AuthOptions {
  return {
    secret: keys().authSecret,
    useSecureCookies: true,
    session: { strategy: "jwt", maxAge: LIMITS.sessionAbsoluteHours * 60 * 60 },
    pages: { signIn: "/sign-in", signOut: "/sign-in", error: "/sign-in" },
    cookies: {
      sessionToken: { name: SESSION_COOKIE, options: cookieOptions },
      csrfToken: { name: CSRF_COOKIE, options: cookieOptions },
      callbackUrl: { name: "__Host-callback", options: cookieOptions },
    },
    providers: [CredentialsProvider({ credentials: { email: {}, password: {} }, authorize })],
    callbacks: {
      // The token is an envelope for the session's id; who that is, is looked up on every call.
      jwt: ({ token, user }) => ({ sid: user ? user.id : token.sid }),
      redirect: ({ url }) => safePath(url),
    },
    logger: {
      error: (code) => logger().warn({ code }, "next-auth"),
      warn: (code) => logger().debug({ code }, "next-auth"),
      debug: () => undefined,
    },
  };
}

async function authorize(credentials: Record<"email" | "password", string> | undefined): Promise<{ id: string } | null> {
  const exchange = exchanges().getStore();
  if (!exchange) return null;
  try {
    const { sessionId } = await signIn({
      email: credentials?.email,
      password: credentials?.password,
      address: exchange.address,
      userAgent: exchange.userAgent,
    });
    return { id: sessionId };
  } catch (error) {
    exchange.refusal = error instanceof Error ? error : new Error(String(error));
    return null;
  }
}

export interface AuthCall {
  method: "GET" | "POST";
  /** Path segments after /api/auth. */
  path: readonly string[];
  /** Only scalars. */
  body: Record<string, string>;
  /** Only those that next-auth needs. */
  cookies: Record<string, string>;
  address: string;
  userAgent: string;
}

export interface AuthAnswer {
  /** Set-Cookie lines of the session and the CSRF cookie. */
  cookies: string[];
  body: unknown;
  /** Where next-auth wanted to go. */
  redirect: string | null;
  /** Why authorize() said no; null when it did not. */
  refusal: Error | null;
}

/**
 * One call of next-auth, outside of any request of Next: it sees only what is handed in (no query, no forwarded host,
 * no header), and what it answers is data for our own handler to look at.
 */
export async function callNextAuth(call: AuthCall): Promise<AuthAnswer> {
  const exchange: Exchange = { address: call.address, userAgent: call.userAgent, refusal: null };
  const answer: { headers: Map<string, unknown>; body: unknown } = { headers: new Map(), body: null };
  const response = {
    status: () => response,
    getHeader: (name: string) => answer.headers.get(name.toLowerCase()),
    setHeader: (name: string, value: unknown) => (answer.headers.set(name.toLowerCase(), value), response),
    json: (body: unknown) => void (answer.body = body),
    send: (body: unknown) => void (answer.body = body),
    end: () => undefined,
  };
  const request = { method: call.method, query: { nextauth: [...call.path] }, body: call.body, cookies: call.cookies, headers: {} };
  await exchanges().run(exchange, () => NextAuth(request as unknown as NextApiRequest, response as unknown as NextApiResponse, authOptions()) as Promise<void>);
  const setCookie = answer.headers.get("set-cookie");
  const location = answer.headers.get("location");
  return {
    cookies: (Array.isArray(setCookie) ? setCookie.map(String) : []).filter(
      (line) => line.startsWith(`${SESSION_COOKIE}=`) || line.startsWith(`${CSRF_COOKIE}=`),
    ),
    body: answer.body,
    redirect: typeof location === "string" ? location : null,
    refusal: exchange.refusal,
  };
}
