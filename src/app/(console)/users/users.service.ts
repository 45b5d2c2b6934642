import "server-only";
import type { z } from "zod";
import { LIMITS } from "@/server/limits";
import { newUser } from "@/server/auth/first-admin";
import { hashPassword, requireGoodPassword } from "@/server/auth/passwords";
import type { Principal } from "@/server/auth/principal";
import { connectionById } from "@/server/connections";
import { listGrants, putGrant } from "@/server/control-plane/grants.repo";
import { listSessions, revokeSession, revokeSessionsOf } from "@/server/control-plane/sessions.repo";
import { findToken, listTokens, revokeToken } from "@/server/control-plane/tokens.repo";
import { findUserByEmail, insertUser, listUsers, updateUser, updateUserKeepingAnAdmin, type User } from "@/server/control-plane/users.repo";
import { AppError } from "@/server/errors";
import type { NewUser, SessionView, TokenView, UserDisabled, UserGrant, UserPassword, UserRole, UserView } from "./users.schema";

const MINUTE_MS = 60_000;
const createdAfter = (): string => new Date(Date.now() - LIMITS.sessionAbsoluteHours * 60 * MINUTE_MS).toISOString();

/** Sessions that would still be let in, newest use first. @param of.userId all users' without it */
export async function openSessions(of: { userId?: string; currentKey: string }): Promise<SessionView[]> {
  const users = new Map((await listUsers()).map((user) => [user.id, user]));
  const sessions = await listSessions({ userId: of.userId, createdAfter: createdAfter() });
  return sessions.flatMap((session) => {
    const user = users.get(session.user_id);
    if (!user || user.disabled !== 0 || Date.now() - Date.parse(session.last_seen_at) >= LIMITS.sessionIdleMinutes[user.role] * MINUTE_MS) return [];
    return {
      id: session.id_hash,
      userName: user.name,
      email: user.email,
      createdAt: session.created_at,
      lastSeenAt: session.last_seen_at,
      address: session.address,
      userAgent: session.user_agent,
      current: session.id_hash === of.currentKey,
    };
  });
}

/** Tokens that are neither revoked nor over. */
export async function openTokens(userId?: string): Promise<TokenView[]> {
  const users = new Map((await listUsers()).map((user) => [user.id, user]));
  return (await listTokens(userId)).flatMap((token) => {
    const user = users.get(token.user_id);
    if (!user || (token.expires_at !== null && Date.parse(token.expires_at) <= Date.now())) return [];
    const { id, name } = token;
    return { id, name, userName: user.name, email: user.email, createdAt: token.created_at, expiresAt: token.expires_at, lastUsedAt: token.last_used_at };
  });
}

export async function usersWithRights(principal: Principal): Promise<UserView[]> {
  const [users, grants, sessions, tokens] = await Promise.all([listUsers(), listGrants(), openSessions({ currentKey: principal.sessionKey }), openTokens()]);
  return users.map((user) => {
    const own = sessions.filter((session) => session.email === user.email);
    return {
      id: user.id,
      email: user.email,
      name: user.name,
      role: user.role,
      disabled: user.disabled !== 0,
      lockedUntil: user.locked_until !== null && Date.parse(user.locked_until) > Date.now() ? user.locked_until : null,
      createdAt: user.created_at,
      openSessions: own.length,
      lastSeenAt: own[0]?.lastSeenAt ?? null,
      tokens: tokens.filter((token) => token.email === user.email).length,
      grants: grants.filter((grant) => grant.userId === user.id).map(({ connectionId, role }) => ({ connectionId, role })),
      self: user.id === principal.userId,
    };
  });
}

/** @throws AppError INVALID for a bad password, CONFLICT when the email is taken */
export async function addUser(input: z.infer<typeof NewUser>): Promise<{ id: string }> {
  requireGoodPassword(input.password, input);
  const user = newUser({ email: input.email, name: input.name, role: input.role, passwordHash: await hashPassword(input.password) });
  if (!(await insertUser(user, { onlyWhenEmpty: false }))) throw new AppError("CONFLICT", `${user.email} has an account already`);
  return { id: user.id };
}

/** @throws AppError FORBIDDEN for the own account, NOT_FOUND, CONFLICT for the last admin */
export async function setRole(principal: Principal, input: z.infer<typeof UserRole>): Promise<void> {
  const user = await otherUser(principal, input.email);
  if (!(await updateUserKeepingAnAdmin(user.id, { role: input.role }))) throw lastAdmin();
}

/** A disabled user's sessions end; tokens rest until the user is enabled again. @throws as setRole */
export async function setDisabled(principal: Principal, input: z.infer<typeof UserDisabled>): Promise<void> {
  const user = await otherUser(principal, input.email);
  if (!(await updateUserKeepingAnAdmin(user.id, { disabled: input.disabled ? 1 : 0 }))) throw lastAdmin();
  if (input.disabled) await revokeSessionsOf(user.id, { revokedAt: new Date().toISOString() });
}

/** A new password for somebody who lost theirs: their sessions end and no wait is left. @throws AppError FORBIDDEN, NOT_FOUND, INVALID */
export async function setPassword(principal: Principal, input: z.infer<typeof UserPassword>): Promise<void> {
  const user = await otherUser(principal, input.email);
  requireGoodPassword(input.password, user);
  await updateUser(user.id, { password_hash: await hashPassword(input.password), failed_sign_ins: 0, locked_until: null });
  await revokeSessionsOf(user.id, { revokedAt: new Date().toISOString() });
}

/** @throws AppError FORBIDDEN for the own account, NOT_FOUND for an unknown user or connection */
export async function setGrant(principal: Principal, input: z.infer<typeof UserGrant>): Promise<void> {
  const user = await otherUser(principal, input.email);
  // A grant on a connection that is gone may still be taken away.
  if (input.role !== null) await connectionById(input.connectionId);
  await putGrant({ userId: user.id, connectionId: input.connectionId, role: input.role });
}

/** @returns how many sessions were ended; the one that asks stays */
export async function endSessionsOf(principal: Principal, email: string): Promise<{ ended: number }> {
  const user = await existingUser(email);
  return { ended: await revokeSessionsOf(user.id, { revokedAt: new Date().toISOString(), except: principal.sessionKey }) };
}

export async function endSession(id: string): Promise<void> {
  await revokeSession(id, new Date().toISOString());
}

/** @param ownerId a token of somebody else does not exist then @throws AppError NOT_FOUND */
export async function endToken(id: string, ownerId?: string): Promise<void> {
  const token = await findToken(id);
  if (!token || token.revoked_at !== null || (ownerId !== undefined && token.user_id !== ownerId)) throw new AppError("NOT_FOUND", "There is no such token");
  await revokeToken(id, new Date().toISOString());
}

async function existingUser(email: string): Promise<User> {
  const user = await findUserByEmail(email);
  if (!user) throw new AppError("NOT_FOUND", `There is no account with ${email}`);
  return user;
}

/** Nobody changes their own rights: a second admin does. */
async function otherUser(principal: Principal, email: string): Promise<User> {
  const user = await existingUser(email);
  if (user.id === principal.userId)
    throw new AppError("FORBIDDEN", "Your own rights are changed by another admin", { fix: "Your own password is under Settings, Account" });
  return user;
}

const lastAdmin = (): AppError => new AppError("CONFLICT", "This is the last admin", { fix: "Make another admin first" });
