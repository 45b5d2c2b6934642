import "server-only";
/**
 * Backups whose connection was removed: no page of a connection shows them any more, and their files still lie in the store. They are seen
 * and deleted by who is an admin there; a connection that is added again under the same name has them back.
 */
import { removeEvenLast } from "@/backups/retention.service";
import type { Principal } from "@/server/auth/principal";
import { type BackupRow, connectionsWithBackups, findBackup, listBackups } from "@/server/control-plane/backups.repo";
import { listConnections } from "@/server/connections";
import { AppError } from "@/server/errors";
import { effectiveRole } from "@/server/grants";

/** Connections that are no more, where this person is an admin: grants outlive their connection. */
async function removedConnections(principal: Principal): Promise<string[]> {
  const there = new Set((await listConnections()).map(({ id }) => id));
  const removed: string[] = [];
  for (const id of await connectionsWithBackups()) {
    if (!there.has(id) && (await effectiveRole(principal.userId, principal.role, id)) === "admin") removed.push(id);
  }
  return removed;
}

/** Newest first, after the cursor. */
export async function backupsOfRemoved(
  principal: Principal,
  page: { limit: number; before?: { startedAt: string; id: string } | undefined },
): Promise<Omit<BackupRow, "manifest">[]> {
  return listBackups({ connectionIds: await removedConnections(principal), ...page });
}

/**
 * Deletes one: its file, its manifest, its row; also the last good one.
 * @throws AppError NOT_FOUND for one whose connection is still there, or withheld; CONFLICT while it is in use
 */
export async function removeOfRemoved(principal: Principal, id: string): Promise<void> {
  const backup = await findBackup(id);
  if (!backup || !(await removedConnections(principal)).includes(backup.connection_id))
    throw new AppError("NOT_FOUND", "There is no such backup of a removed connection", { fix: "Look at the list again." });
  await removeEvenLast(id);
}
