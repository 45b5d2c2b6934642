import "server-only";
import { decode } from "next-auth/jwt";
import { keys } from "@/env";
import type { Role } from "@/lib/rights";
import { clientAddress } from "@/server/auth/client-address";
import { SESSION_COOKIE } from "@/server/auth/session-cookie";
import { findSession, touchSession } from "@/server/control-plane/sessions.repo";
import { findTokenByHash, touchToken } from "@/server/control-plane/tokens.repo";
import { LIMITS } from "@/server/limits";
import { sha256Hex } from "@/server/secrets";

export { clientAddress } from "@/server/auth/client-address";

/** Who makes this call, as the control plane knows them now. */
export interface Principal {
  userId: string;
  name: string;
  email: string;
  role: Role;
  kind: "session" | "token";
  /** The session's id_hash, or `token:<id>`. */
  sessionKey: string;
  /** Short, for the audit: first eight characters of the hash, or `token <name>`. */
  sessionLabel: string;
  /** When a password was last given; for a token when it was made. */
  signedInAt: string;
  address: string;
}

const MINUTE_MS = 60_000;
const TOUCH_MS = 30_000;

/** Requests a page makes by itself (polling) carry it, so that they do not keep an unattended session alive. */
export const PASSIVE_HEADER = "x-console-passive";

/**
 * Looks the caller up, on every call: revoked, expired and disabled ones are null at once. Never throws on what the
 * caller sent.
 */
export async function resolvePrincipal(headers: Headers, options: { allowToken: boolean }): Promise<Principal | null> {
  const authorization = headers.get("authorization") ?? "";
  // Another scheme belongs to a proxy in front of the console.
  if (options.allowToken && /^bearer\b/i.test(authorization)) return resolveToken(authorization, headers);
  return resolveSession(headers);
}

/** Destructive actions ask for it. A token is its own proof with every call, so it always counts as recent. */
export function isRecentSignIn(principal: Principal): boolean {
  return principal.kind === "token" || Date.now() - Date.parse(principal.signedInAt) <= LIMITS.recentSignInMinutes * MINUTE_MS;
}

async function resolveSession(headers: Headers): Promise<Principal | null> {
  const idHash = await sessionHashFrom(readCookie(headers, SESSION_COOKIE));
  const session = idHash === null ? undefined : await findSession(idHash);
  if (!session || session.revoked_at !== null || session.disabled !== 0) return null;
  const now = Date.now();
  if (now - Date.parse(session.created_at) >= LIMITS.sessionAbsoluteHours * 60 * MINUTE_MS) return null;
  if (now - Date.parse(session.last_seen_at) >= LIMITS.sessionIdleMinutes[session.role] * MINUTE_MS) return null;
  if (now - Date.parse(session.last_seen_at) >= TOUCH_MS && headers.get(PASSIVE_HEADER) === null) {
    await touchSession(session.id_hash, new Date(now).toISOString());
  }
  return {
    userId: session.user_id,
    name: session.name,
    email: session.email,
    role: session.role,
    kind: "session",
    sessionKey: session.id_hash,
    sessionLabel: session.id_hash.slice(0, 8),
    signedInAt: session.signed_in_at,
    address: clientAddress(headers),
  };
}

/** The cookie is next-auth's encrypted JWT around nothing but the session's id. */
async function sessionHashFrom(cookie: string | null): Promise<string | null> {
  if (cookie === null || cookie.length > 4_096) return null;
  try {
    const token = await decode({ token: cookie, secret: keys().authSecret });
    return typeof token?.sid === "string" ? sha256Hex(token.sid) : null;
  } catch {
    return null;
  }
}

async function resolveToken(authorization: string, headers: Headers): Promise<Principal | null> {
  const [, bearer] = /^Bearer +([\x21-\x7e]{32,256})$/i.exec(authorization) ?? [];
  const token = bearer === undefined ? undefined : await findTokenByHash(sha256Hex(bearer));
  if (!token || token.revoked_at !== null || token.disabled !== 0) return null;
  const now = Date.now();
  if (token.expires_at !== null && Date.parse(token.expires_at) <= now) return null;
  if (token.last_used_at === null || now - Date.parse(token.last_used_at) >= TOUCH_MS) await touchToken(token.id, new Date(now).toISOString());
  return {
    userId: token.user_id,
    name: token.userName,
    email: token.email,
    role: token.role,
    kind: "token",
    sessionKey: `token:${token.id}`,
    sessionLabel: `token ${token.name}`,
    signedInAt: token.created_at,
    address: clientAddress(headers),
  };
}

/** The first cookie of that name, as browsers send them: no decoding, its alphabet needs none. */
export function readCookie(headers: Headers, name: string): string | null {
  for (const pair of (headers.get("cookie") ?? "").split(";")) {
    const [key, value] = [pair.slice(0, pair.indexOf("=")).trim(), pair.slice(pair.indexOf("=") + 1).trim()];
    if (key === name && value !== "") return value;
  }
  return null;
}
