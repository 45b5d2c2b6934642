import "server-only";
import { setTimeout as delay } from "node:timers/promises";
import { appendAudit, type AuditEntry } from "@/server/audit";
import { bookAccount, bookAddress, clearAccount, clearAddress, worthReporting } from "@/server/auth/lockout";
import { requireKdfRoom, verifyPassword } from "@/server/auth/passwords";
import { insertSession } from "@/server/control-plane/sessions.repo";
import { findUserByEmail, type User } from "@/server/control-plane/users.repo";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { newRequestId } from "@/server/logger";
import { newToken, sha256Hex } from "@/server/secrets";

export interface SignInAttempt {
  email: unknown;
  password: unknown;
  address: string;
  userAgent: string;
}

/** A refusal is never quicker than this, so that its time does not tell whether the account exists. */
const REFUSAL_MS = 150;

/**
 * Checks email and password and opens a session.
 * @returns the session's id, which only the cookie may hold
 * @throws AppError INVALID (not two texts), UNAUTHENTICATED (one sentence for every reason), TOO_MANY_REQUESTS
 */
export async function signIn(attempt: SignInAttempt): Promise<{ sessionId: string; user: User }> {
  const credentials = parseCredentials(attempt);
  const started = performance.now();
  const user = await findUserByEmail(credentials.email);
  try {
    await checkCredentials({ ...credentials, user, address: attempt.address });
  } catch (error) {
    if (error instanceof AppError) await reportRefusal({ email: credentials.email, user, address: attempt.address, error });
    await delay(Math.max(0, REFUSAL_MS - (performance.now() - started)));
    throw error;
  }
  if (!user) throw wrongCredentials();
  const sessionId = newToken();
  const idHash = sha256Hex(sessionId);
  await appendAudit({ ...signInEntry({ user, address: attempt.address, session: idHash.slice(0, 8) }), outcome: "allowed", detail: "password" });
  const now = new Date().toISOString();
  await insertSession({
    id_hash: idHash,
    user_id: user.id,
    created_at: now,
    signed_in_at: now,
    last_seen_at: now,
    address: attempt.address,
    user_agent: attempt.userAgent.slice(0, 300),
    revoked_at: null,
  });
  return { sessionId, user };
}

/** Looks at a password with all brakes on. @throws AppError UNAUTHENTICATED, TOO_MANY_REQUESTS */
export async function checkCredentials(given: { email: string; password: string; user: User | undefined; address: string }): Promise<void> {
  // First: a try that finds no room must not count as a wrong one.
  requireKdfRoom();
  bookAddress(given.address);
  await bookAccount({ userId: given.user?.id ?? null, email: given.email });
  const right = await verifyPassword(given.password, given.user?.password_hash ?? null);
  if (!right || !given.user || given.user.disabled !== 0) throw wrongCredentials();
  clearAddress(given.address);
  await clearAccount(given.user.id);
}

const wrongCredentials = (): AppError => new AppError("UNAUTHENTICATED", "Email or password is not right");

function parseCredentials({ email, password }: SignInAttempt): { email: string; password: string } {
  if (typeof email !== "string" || typeof password !== "string" || email.trim() === "" || password === "") {
    throw new AppError("INVALID", "Sign-in needs an email address and a password");
  }
  // Longer than any that was ever accepted: said before any work is done.
  if (password.length > LIMITS.passwordLengthMax || email.length > 254) throw new AppError("INVALID", "Email or password is longer than any account's");
  return { email: email.trim().toLowerCase(), password };
}

async function reportRefusal(refusal: { email: string; user: User | undefined; address: string; error: AppError }): Promise<void> {
  const slowedDown = refusal.error.code === "TOO_MANY_REQUESTS";
  if (slowedDown && !worthReporting(`${refusal.address} ${refusal.email}`) && !worthReporting(refusal.address)) return;
  const why = slowedDown
    ? "too many tries"
    : !refusal.user
      ? "no such account"
      : refusal.user.disabled !== 0
        ? "account is disabled, or wrong password"
        : "wrong password";
  // People type passwords into the field above: what is no address is not written down.
  const typed = /^[^\s@]+@[^\s@]+$/.test(refusal.email) ? refusal.email : "(not an email address)";
  await appendAudit({ ...signInEntry({ user: refusal.user, typed, address: refusal.address, session: null }), outcome: "refused", detail: why });
}

function signInEntry(about: { user: User | undefined; typed?: string; address: string; session: string | null }): Omit<AuditEntry, "outcome" | "detail"> {
  return {
    actor_id: about.user?.id ?? null,
    actor_name: about.user?.name ?? about.typed ?? "somebody",
    role: about.user?.role ?? null,
    session: about.session,
    address: about.address,
    action: "sign in",
    connection_id: null,
    procedure: "session.signIn",
    target: `from ${about.address}`,
    input: "{}",
    completes: null,
    request_id: newRequestId(),
  };
}
