import "server-only";
/** The catalogue's row of a backup: how it begins, how its file is called, and how it ends when it fails. */
import { randomBytes } from "node:crypto";
import type { BackupEngine, JobContext } from "@/backups/engine";
import { asAppError, cancelledBy, errorJson } from "@/backups/jobs";
import { placeOf } from "@/backups/place";
import type { PendingArtefact } from "@/backups/store";
import type { EngineId } from "@/engines";
import type { Connection } from "@/server/connection";
import { insertBackup, updateBackup } from "@/server/control-plane/backups.repo";

const SHORT: Record<EngineId, string> = { sqlite: "sq", redis: "rd", postgres: "pg", mongodb: "mg" };

const stamp = (time: Date): string => time.toISOString().replaceAll("-", "").replaceAll(":", "").slice(0, 13).replace("T", "-");

/** Nothing that a person named but the connection is in it, and it does not come twice. */
export const newBackupId = (connection: Connection, startedAt: Date): string =>
  `${SHORT[connection.engine]}-${connection.name}-${stamp(startedAt)}-${randomBytes(3).toString("hex")}`;

/** The file of a backup; its format is known when it is written. */
export const fileNameOf = (backupId: string, engine: BackupEngine, format?: string): string =>
  `${backupId}${(format === undefined ? undefined : engine.extensions?.[format]) ?? engine.extension}`;

/** The row of a backup whose job is about to begin. */
export function insertRunning(begun: {
  backupId: string;
  jobId: string;
  connection: Connection;
  /** The name its file is begun under. */
  fileName: string;
  user: { id: string; name: string };
  startedAt: Date;
  scheduleId?: string | undefined;
  origin?: "upload";
}): Promise<void> {
  const { backupId, jobId, connection, fileName, user, startedAt, scheduleId, origin } = begun;
  return insertBackup({
    id: backupId,
    connection_id: connection.id,
    engine: connection.engine,
    environment: connection.environment,
    state: "running",
    job_id: jobId,
    file_name: fileName,
    created_by: user.id,
    created_by_name: user.name,
    started_at: startedAt.toISOString(),
    schedule_id: scheduleId ?? null,
    ...(origin ? { origin } : { place: JSON.stringify(placeOf(connection)) }),
  });
}

/** Removes what was written and says in the catalogue why there is no backup. */
export async function giveUp(failed: { backupId: string; pending: PendingArtefact | null; context: JobContext; error: unknown }): Promise<void> {
  const { backupId, pending, context, error } = failed;
  await pending?.abandon();
  const shown = context.signal.aborted ? cancelledBy(context.signal) : asAppError(error, context.jobId);
  await updateBackup(backupId, { state: "failed", error: JSON.stringify(errorJson(shown)), finished_at: new Date().toISOString() });
}
