import "server-only";
import type { Selectable } from "kysely";
import type { Role } from "@/lib/rights";
import { controlPlane } from "./database";
import type { SessionsTable } from "./schema";

export interface SessionWithUser extends Selectable<SessionsTable> {
  email: string;
  name: string;
  role: Role;
  disabled: number;
}

export async function insertSession(session: SessionsTable): Promise<void> {
  await controlPlane().insertInto("sessions").values(session).execute();
}

/** The session with its user as they are now. */
export async function findSession(idHash: string): Promise<SessionWithUser | undefined> {
  return controlPlane()
    .selectFrom("sessions")
    .innerJoin("users", "users.id", "sessions.user_id")
    .selectAll("sessions")
    .select(["users.email", "users.name", "users.role", "users.disabled"])
    .where("sessions.id_hash", "=", idHash)
    .executeTakeFirst();
}

export async function touchSession(idHash: string, lastSeenAt: string): Promise<void> {
  await controlPlane().updateTable("sessions").set({ last_seen_at: lastSeenAt }).where("id_hash", "=", idHash).execute();
}

/** A password was given again in this session. */
export async function renewSignIn(idHash: string, signedInAt: string): Promise<void> {
  await controlPlane().updateTable("sessions").set({ signed_in_at: signedInAt, last_seen_at: signedInAt }).where("id_hash", "=", idHash).execute();
}

export async function revokeSession(idHash: string, revokedAt: string): Promise<void> {
  await controlPlane().updateTable("sessions").set({ revoked_at: revokedAt }).where("id_hash", "=", idHash).where("revoked_at", "is", null).execute();
}

/** @returns how many were open */
export async function revokeSessionsOf(userId: string, options: { revokedAt: string; except?: string | undefined }): Promise<number> {
  let query = controlPlane().updateTable("sessions").set({ revoked_at: options.revokedAt }).where("user_id", "=", userId).where("revoked_at", "is", null);
  if (options.except !== undefined) query = query.where("id_hash", "!=", options.except);
  const result = await query.executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/** Sessions that are not revoked and began after `createdAfter`, newest first. */
export async function listSessions(options: { userId?: string | undefined; createdAfter: string }): Promise<Selectable<SessionsTable>[]> {
  let query = controlPlane().selectFrom("sessions").selectAll().where("revoked_at", "is", null).where("created_at", ">", options.createdAfter);
  if (options.userId !== undefined) query = query.where("user_id", "=", options.userId);
  return query.orderBy("last_seen_at", "desc").limit(500).execute();
}

/** Sessions nobody can use any more. */
export async function deleteSessionsBefore(createdBefore: string): Promise<void> {
  await controlPlane().deleteFrom("sessions").where("created_at", "<", createdBefore).execute();
}
