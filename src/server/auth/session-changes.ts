import "server-only";
import { appendAudit } from "@/server/audit";
import { hashPassword, requireGoodPassword } from "@/server/auth/passwords";
import type { Principal } from "@/server/auth/principal";
import { checkCredentials } from "@/server/auth/sign-in";
import { renewSignIn, revokeSession, revokeSessionsOf } from "@/server/control-plane/sessions.repo";
import { findUser, updateUser, type User } from "@/server/control-plane/users.repo";
import { AppError } from "@/server/errors";
import { newRequestId } from "@/server/logger";

interface OwnChange {
  action: string;
  procedure: string;
  /** The own email without it. */
  target?: string;
  outcome: "allowed" | "refused";
  detail: string;
}

/** Writes the row of what somebody does with their own account. @throws AppError INTERNAL when it cannot be written */
export async function writeOwn(principal: Principal, change: OwnChange): Promise<void> {
  await appendAudit({
    actor_id: principal.userId,
    actor_name: principal.name,
    role: principal.role,
    session: principal.sessionLabel,
    address: principal.address,
    action: change.action,
    connection_id: null,
    procedure: change.procedure,
    target: change.target ?? principal.email,
    input: "{}",
    outcome: change.outcome,
    detail: change.detail,
    completes: null,
    request_id: newRequestId(),
  });
}

/** Ends this session: its cookie is worth nothing from now on. */
export async function signOut(principal: Principal): Promise<void> {
  if (principal.kind !== "session") throw onlyInSession();
  await revokeSession(principal.sessionKey, new Date().toISOString());
  await writeOwn(principal, { action: "sign out", procedure: "session.signOut", outcome: "allowed", detail: "" });
}

/** Gives the password again, so that a destructive action may follow. @throws AppError UNAUTHENTICATED, TOO_MANY_REQUESTS */
export async function reauthenticate(principal: Principal, password: string): Promise<{ signedInAt: string }> {
  await checkOwnPassword(principal, { password, procedure: "session.reauthenticate" });
  const signedInAt = new Date().toISOString();
  await renewSignIn(principal.sessionKey, signedInAt);
  await writeOwn(principal, { action: "sign in", procedure: "session.reauthenticate", outcome: "allowed", detail: "password given again" });
  return { signedInAt };
}

/**
 * Changes the own password and ends every other session of the user.
 * @returns how many sessions were ended
 * @throws AppError UNAUTHENTICATED (the current one is wrong), INVALID (the new one is not good), TOO_MANY_REQUESTS
 */
export async function changePassword(principal: Principal, change: { current: string; next: string }): Promise<{ endedSessions: number }> {
  requireGoodPassword(change.next, principal);
  const user = await checkOwnPassword(principal, { password: change.current, procedure: "session.changePassword" });
  const passwordHash = await hashPassword(change.next);
  await writeOwn(principal, {
    action: "change password",
    procedure: "session.changePassword",
    outcome: "allowed",
    detail: "own password, other sessions ended",
  });
  await updateUser(user.id, { password_hash: passwordHash });
  const now = new Date().toISOString();
  const endedSessions = await revokeSessionsOf(user.id, { revokedAt: now, except: principal.sessionKey });
  await renewSignIn(principal.sessionKey, now);
  return { endedSessions };
}

async function checkOwnPassword(principal: Principal, given: { password: string; procedure: string }): Promise<User> {
  if (principal.kind !== "session") throw onlyInSession();
  const user = await findUser(principal.userId);
  try {
    await checkCredentials({ email: principal.email, password: given.password, user, address: principal.address });
  } catch (error) {
    if (error instanceof AppError && error.code === "UNAUTHENTICATED") {
      await writeOwn(principal, { action: "sign in", procedure: given.procedure, outcome: "refused", detail: "wrong password" });
      throw new AppError("INVALID", "This is not your password");
    }
    throw error;
  }
  if (!user) throw onlyInSession();
  return user;
}

const onlyInSession = (): AppError => new AppError("FORBIDDEN", "An API token cannot do this", { fix: "Sign in with email and password" });
