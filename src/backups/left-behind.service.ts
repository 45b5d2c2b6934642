import "server-only";
/**
 * What a failed or interrupted restore may have left aside while its server could not be asked: noted, and looked for again every minute
 * until the server says that nothing carries the job's id any more. A restore that has a journal is settled by that instead.
 */
import type { BackupEngine } from "@/backups/engine";
import { runner } from "@/backups/jobs";
import { connectionById } from "@/server/connections";
import { insertLine } from "@/server/control-plane/jobs.repo";
import { deleteSetting, settingsOf, writeSetting } from "@/server/control-plane/settings.repo";
import { findSwap } from "@/server/control-plane/swaps.repo";
import { AppError } from "@/server/errors";
import { logger } from "@/server/logger";

interface Note {
  jobId: string;
  connectionId: string;
  target: string;
}

const NOTE = "left behind|";

/** Never throws: it is called where something else went wrong already. */
export async function noteLeftBehind({ jobId, connectionId, target }: Note): Promise<void> {
  await writeSetting(`${NOTE}${jobId}`, JSON.stringify({ connectionId, target })).catch((error: unknown) => {
    logger().error({ jobId, error }, "what a restore may have left aside could not be noted");
  });
}

/** Looks again. Called at boot and every minute; one server that is away does not stop the others. */
export async function sweepLeftBehind(engineOf: (connectionId: string) => BackupEngine): Promise<void> {
  for (const { key, value } of await settingsOf(NOTE)) {
    const jobId = key.slice(NOTE.length);
    // Its end is still being written.
    if (runner().running.has(jobId)) continue;
    const note = { jobId, ...(JSON.parse(value) as Omit<Note, "jobId">) };
    if (await isCleared(note, engineOf)) await deleteSetting(key);
  }
}

async function isCleared({ jobId, connectionId, target }: Note, engineOf: (connectionId: string) => BackupEngine): Promise<boolean> {
  if (await findSwap(jobId)) return true;
  try {
    await engineOf(connectionId).sweep(await connectionById(connectionId), { jobId, target });
    await insertLine(jobId, "looked again: nothing of it is left aside").catch(() => undefined);
    return true;
  } catch (error) {
    // Its connection was removed: there is nowhere to look.
    if (error instanceof AppError && error.code === "NOT_FOUND") return true;
    logger().warn({ jobId, error }, "what a restore left aside cannot be cleared yet");
    return false;
  }
}
