import "server-only";
import type { Insertable, Selectable, Updateable } from "kysely";
import { controlPlane } from "./database";
import type { BackupsTable } from "./schema";

export type BackupRow = Selectable<BackupsTable>;

export async function insertBackup(row: Insertable<BackupsTable>): Promise<void> {
  await controlPlane().insertInto("backups").values(row).execute();
}

export async function updateBackup(id: string, change: Updateable<BackupsTable>): Promise<void> {
  await controlPlane().updateTable("backups").set(change).where("id", "=", id).execute();
}

export function findBackup(id: string): Promise<BackupRow | undefined> {
  return controlPlane().selectFrom("backups").selectAll().where("id", "=", id).executeTakeFirst();
}

/** Which connection a backup is of; undefined when there is none. */
export async function connectionOfBackup(id: string): Promise<string | undefined> {
  return (await controlPlane().selectFrom("backups").select("connection_id").where("id", "=", id).executeTakeFirst())?.connection_id;
}

/** Newest first. `since` is an ISO time; `before` the cursor of the last row seen. */
export function listBackups(options: {
  connectionIds?: readonly string[] | undefined;
  since?: string | undefined;
  before?: { startedAt: string; id: string } | undefined;
  limit: number;
}): Promise<Omit<BackupRow, "manifest">[]> {
  const { connectionIds, since, before } = options;
  if (connectionIds?.length === 0) return Promise.resolve([]);
  let query = controlPlane()
    .selectFrom("backups")
    .select([
      "id",
      "connection_id",
      "engine",
      "environment",
      "state",
      "job_id",
      "file_name",
      "format",
      "bytes",
      "sha256",
      "consistency",
      "object_count",
      "item_count",
      "server_version",
      "tool",
      "verified_at",
      "verified_how",
      "proved_at",
      "proved_how",
      "drill_failed_at",
      "drill_error",
      "schedule_id",
      "origin",
      "place",
      "error",
      "created_by",
      "created_by_name",
      "started_at",
      "finished_at",
    ])
    .orderBy("started_at", "desc")
    .orderBy("id", "desc")
    .limit(options.limit);
  if (connectionIds) query = query.where("connection_id", "in", [...connectionIds]);
  if (since) query = query.where("started_at", ">=", since);
  if (before)
    query = query.where((where) =>
      where.or([where("started_at", "<", before.startedAt), where.and([where("started_at", "=", before.startedAt), where("id", "<", before.id)])]),
    );
  return query.execute();
}

/** Of all connections that ever made one, also those that were removed since. */
export async function connectionsWithBackups(): Promise<string[]> {
  const rows = await controlPlane().selectFrom("backups").select("connection_id").distinct().orderBy("connection_id").execute();
  return rows.map((row) => row.connection_id);
}

/** Backups said to be running whose job is none of this process: it ended with another one, or without telling them. */
export function strandedBackups(bootId: string): Promise<BackupRow[]> {
  return controlPlane()
    .selectFrom("backups")
    .selectAll()
    .where("state", "=", "running")
    .where("job_id", "not in", (jobs) => jobs.selectFrom("jobs").select("id").where("boot_id", "=", bootId).where("state", "in", ["queued", "running"]))
    .execute();
}

/** Backups whose last drill failed, where no later drill of the same connection went well. Newest first. */
export function failedDrills(
  connectionIds: readonly string[],
): Promise<Pick<BackupRow, "id" | "connection_id" | "drill_error" | "drill_failed_at" | "started_at">[]> {
  if (connectionIds.length === 0) return Promise.resolve([]);
  return controlPlane()
    .selectFrom("backups as failed")
    .select(["id", "connection_id", "drill_error", "drill_failed_at", "started_at"])
    .where("connection_id", "in", [...connectionIds])
    .where("drill_failed_at", "is not", null)
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom("backups as proved")
            .select("proved.id")
            .whereRef("proved.connection_id", "=", "failed.connection_id")
            .whereRef("proved.proved_at", ">", "failed.drill_failed_at"),
        ),
      ),
    )
    .orderBy("drill_failed_at", "desc")
    .limit(50)
    .execute();
}
