import "server-only";
/**
 * Proof drills: a backup is restored into a scratch place, its counts and its content are compared, and the place is removed.
 * "Proved" is said only when all of that went well; a failed drill is written on the backup and says why.
 */
import { checkArtefact, isAboutTheFile, markIfDamaged, storedArtefact } from "@/backups/backups.service";
import { drillTarget } from "@/backups/drill-target";
import type { BackupEngine, JobContext, RestoreTarget, Verification } from "@/backups/engine";
import { asAppError, errorJson, startJob } from "@/backups/jobs";
import { noteLeftBehind } from "@/backups/left-behind.service";
import { assertPlan, compare, type Compared, discard, type Phases, phasesOf } from "@/backups/restores.service";
import type { Connection } from "@/server/connection";
import { type BackupRow, updateBackup } from "@/server/control-plane/backups.repo";
import { updateJob } from "@/server/control-plane/jobs.repo";
import { throwIfCancelled } from "@/server/errors";

export interface DrillRequest {
  backup: BackupRow;
  connection: Connection;
  engine: BackupEngine;
  user: { id: string; name: string };
  idempotencyKey?: string | undefined;
}

/** Starts the job. Its outcome: `{word: "proved", method, objects, skipped, phases}`. */
export async function startDrill(request: DrillRequest): Promise<{ jobId: string }> {
  const { backup, connection, user, idempotencyKey } = request;
  const { jobId } = await startJob({ kind: "drill", connection, user, request: { backupId: backup.id }, idempotencyKey }, (context) =>
    runDrill(request, context),
  );
  return { jobId };
}

async function runDrill(request: DrillRequest, context: JobContext): Promise<Record<string, unknown>> {
  const { backup } = request;
  const phases = phasesOf(context);
  // What cannot be said of the file or of its restored copy (no room, no empty database) is no reason to doubt an earlier proof.
  let isAboutTheBackup = true;
  try {
    const verification = await phases.phase("Check the file", () => checked(request, context));
    isAboutTheBackup = false;
    const target = await phases.phase("Find a scratch place", () => scratchPlace(request, context));
    isAboutTheBackup = true;
    const { method, ...compared } = await prove({ ...request, target }, context, phases).catch(async (error: unknown) => {
      await noteLeftBehind({ jobId: context.jobId, connectionId: request.connection.id, target: target.name });
      throw error;
    });
    const how = `restored into ${target.name}; ${method}; file: ${verification.method}`;
    await updateBackup(backup.id, { proved_at: new Date().toISOString(), proved_how: how, drill_failed_at: null, drill_error: null });
    context.log("proved: restored aside, compared, removed");
    return { word: "proved", backupId: backup.id, method: how, ...compared, phases: phases.phases };
  } catch (error) {
    await markDrillFailed({ backup, context, error, takesProof: isAboutTheBackup && isAboutTheFile(error, context) });
    throw error;
  }
}

/** Written on the backup; a drill that a person stopped says nothing. */
async function markDrillFailed(failed: { backup: BackupRow; context: JobContext; error: unknown; takesProof: boolean }): Promise<void> {
  const { backup, context, error, takesProof } = failed;
  if (context.signal.aborted) return;
  await updateBackup(backup.id, {
    drill_failed_at: new Date().toISOString(),
    drill_error: JSON.stringify(errorJson(asAppError(error, context.jobId))),
    ...(takesProof ? { proved_at: null, proved_how: null } : {}),
  });
}

function checked({ backup, engine }: DrillRequest, context: JobContext): Promise<Verification> {
  return checkArtefact({ backup, engine, context }).catch(async (error: unknown) => {
    await markIfDamaged({ backup, context, error });
    throw error;
  });
}

async function scratchPlace({ backup, connection, engine }: DrillRequest, context: JobContext): Promise<RestoreTarget> {
  const { artefact, manifest } = await storedArtefact(backup);
  const name = await drillTarget({ artefact, manifest, connection, engine, jobId: context.jobId, signal: context.signal });
  assertPlan(await engine.plan(artefact, connection, { name }, { signal: context.signal, checksOnly: true }));
  // Before the first effect: a sweep after a crash must know what to clear.
  await updateJob(context.jobId, { request: JSON.stringify({ backupId: backup.id, target: name }) });
  return { name };
}

/** Restores aside, compares, and removes what it made, however that went. */
async function prove({ backup, connection, engine, target }: DrillRequest & { target: RestoreTarget }, context: JobContext, { phase }: Phases) {
  const { artefact, manifest } = await storedArtefact(backup);
  const staged = await phase("Restore aside", () => engine.stage(artefact, connection, target, context));
  const remove = (because: unknown) => phase("Remove the scratch place", () => discard(staged, because));
  let objects: Compared[];
  let method: string;
  try {
    objects = await phase("Compare counts", async () => compare(manifest.objects, staged));
    throwIfCancelled(context.signal);
    ({ method } = await phase("Compare content", () => staged.compareContent()));
  } catch (error) {
    await remove(error);
    throw error;
  }
  await remove("the drill itself went well");
  return { method, objects, skipped: staged.skipped };
}
