import "server-only";
/** After a crash: ends children that outlived their console, clears what restores left aside, and says what became of each job. */
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endChild, type ChildIdentity } from "@/backups/children";
import type { BackupEngine } from "@/backups/engine";
import { runner, scratchPrefix } from "@/backups/jobs";
import { noteLeftBehind } from "@/backups/left-behind.service";
import { sweepRemoved } from "@/backups/retention.service";
import { settleAfterCrash } from "@/backups/swaps.service";
import { removeArtefact, sweepPartials } from "@/backups/store";
import { strandedBackups, updateBackup } from "@/server/control-plane/backups.repo";
import { insertLine, type JobRow, unfinishedOfOtherBoots, updateJob } from "@/server/control-plane/jobs.repo";
import { connectionById } from "@/server/connections";
import { logger } from "@/server/logger";

const CRASHED = { code: "INTERNAL", message: "The console stopped while this ran", fix: "Start it again.", detail: null };

/** Call once at boot, before anything else runs. @returns how many jobs were marked failed. */
export async function sweepAfterCrash(engineOf: (connectionId: string) => BackupEngine): Promise<number> {
  const jobs = await unfinishedOfOtherBoots(runner().bootId);
  for (const job of jobs) await sweepJob(job, engineOf);
  for (const backup of await strandedBackups(runner().bootId)) {
    // A crash between the file's name and the catalogue's row leaves a file that nothing vouches for.
    await removeArtefact(backup.file_name);
    await updateBackup(backup.id, { state: "failed", error: JSON.stringify({ ...CRASHED, fix: "Take a new backup." }), finished_at: new Date().toISOString() });
  }
  await sweepPartials(new Set());
  await sweepRemoved();
  return jobs.length;
}

/** A job's private directory may hold a password file. */
async function removeScratch(jobId: string): Promise<void> {
  for (const name of await readdir(tmpdir())) if (name.startsWith(scratchPrefix(jobId))) await rm(join(tmpdir(), name), { recursive: true, force: true });
}

/** The last phase: then the copy may stand under its name already. */
const wasKeeping = (job: JobRow): boolean => (JSON.parse(job.progress) as { phase?: string }).phase === "Keep";

async function sweepJob(job: JobRow, engineOf: (connectionId: string) => BackupEngine): Promise<void> {
  for (const child of JSON.parse(job.children) as ChildIdentity[]) {
    if (endChild(child)) await insertLine(job.id, `ended the process ${child.pid} that was left running`);
  }
  await removeScratch(job.id);
  const request = JSON.parse(job.request) as SwapRequest;
  if ((request.replace || request.wanted) && (await sweepSwap(job, request, engineOf))) return;
  let detail: string | null = null;
  if ((job.kind === "restore" || job.kind === "drill") && request.target) {
    try {
      await engineOf(job.connection_id).sweep(await connectionById(job.connection_id), { jobId: job.id, target: request.target });
      await insertLine(job.id, wasKeeping(job) ? "cleared what was still aside" : "cleared what was restored aside; nothing was changed");
      if (wasKeeping(job)) detail = `It was giving the restored copy its name: look whether ${request.target} is there, it is whole if it is.`;
    } catch (error) {
      detail = `What was restored aside could not be cleared, and is looked for again every minute: ${error instanceof Error ? error.message : "unknown"}`;
      await noteLeftBehind({ jobId: job.id, connectionId: job.connection_id, target: request.target });
      logger().error({ jobId: job.id, error }, "sweep failed");
    }
  }
  await updateJob(job.id, { state: "failed", ended_at: new Date().toISOString(), error: JSON.stringify({ ...CRASHED, detail }) });
  await insertLine(job.id, "failed: the console stopped while this ran");
}

interface SwapRequest {
  target?: string;
  replace?: boolean;
  /** Of an undo: the restore it exchanges, and what it wants to be live. */
  restoreId?: string;
  wanted?: "restored" | "before";
}

/** A swap or an exchange that had begun is finished or taken back. @returns false when none had, and the job is swept as any other */
async function sweepSwap(job: JobRow, request: SwapRequest, engineOf: (connectionId: string) => BackupEngine): Promise<boolean> {
  const ended = { ended_at: new Date().toISOString() };
  const { target = "", restoreId = job.id, wanted = "restored" } = request;
  const fail = async (message: string, detail: string | null, fix = CRASHED.fix) => {
    await insertLine(job.id, message);
    await updateJob(job.id, { ...ended, state: "failed", error: JSON.stringify({ ...CRASHED, message, fix, detail }) });
  };
  try {
    const live = await settleAfterCrash(restoreId, engineOf);
    if (live === null) return false;
    if (live === wanted) {
      await insertLine(job.id, "the console stopped during the swap, which was found whole or was finished");
      const outcome = { word: wanted === "restored" ? "restored" : "undone", place: target, target, restoreId };
      await updateJob(job.id, { ...ended, state: "succeeded", outcome: JSON.stringify(outcome) });
    } else await fail("The console stopped during the swap, which was taken back; nothing changed", null);
  } catch (error) {
    const detail = `The console looks again every minute and finishes or takes back the swap; both states are kept. ${error instanceof Error ? error.message : ""}`;
    await fail("The console stopped during the swap; it is not known yet which state is live", detail, "Look at the restores of this connection.");
    logger().error({ jobId: job.id, error }, "a swap could not be settled");
  }
  return true;
}
