import "server-only";
/** Restores: check, stage aside, compare with the manifest, then keep under a new name or swap with what is live; remove when not equal. */
import type { BackupEngine, JobContext, RestorePlan, RestoreTarget, Staged } from "@/backups/engine";
import { noteLeftBehind } from "@/backups/left-behind.service";
import { giveUp, performSwap, settleEarlier } from "@/backups/swaps.service";
import { checkArtefact, checkBytes, checkSize, markIfDamaged, storedArtefact } from "@/backups/backups.service";
import { startJob } from "@/backups/jobs";
import { originCheck } from "@/backups/taken-from";
import { placeOf, placeText } from "@/backups/place";
import type { Connection } from "@/server/connection";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import type { SwapRow } from "@/server/control-plane/swaps.repo";
import { AppError, throwIfCancelled } from "@/server/errors";
import { single } from "@/server/single";

export interface RestoreRequest {
  backup: BackupRow;
  connection: Connection;
  engine: BackupEngine;
  target: RestoreTarget;
  user: { id: string; name: string };
  idempotencyKey?: string | undefined;
  /** Asked when all is ready and nothing live is touched yet, which may be hours later. Rejects when who asked lost the right meanwhile. */
  stillAllowed?(): Promise<void>;
  /** Registers the restored place as a connection when it needs one of its own; answers its name. */
  addConnection(parts: { url: string; database: string | null; target: string }): Promise<string>;
}

/** What restoring would do. Changes nothing. */
export async function planRestore(request: Omit<RestoreRequest, "user" | "addConnection" | "stillAllowed">, signal?: AbortSignal): Promise<RestorePlan> {
  const { backup, connection, engine, target } = request;
  const { artefact } = await storedArtefact(backup);
  const plan = await engine.plan(artefact, connection, target, { signal });
  return { ...plan, checks: [...(await originCheck(backup, connection, target.replace === true)), ...plan.checks] };
}

/** Starts the job. @throws AppError CONFLICT when the same target is being restored into. */
export async function startRestore(request: RestoreRequest): Promise<{ jobId: string }> {
  const { backup, connection, target, user, idempotencyKey } = request;
  const lock = `${connection.engine}|${placeText(placeOf(connection))}|${target.name}`;
  const locks = single("restore-locks", () => new Set<string>());
  const { jobId } = await startJob(
    {
      kind: "restore",
      connection,
      user,
      request: {
        backupId: backup.id,
        target: target.name,
        ...(target.replace ? { replace: true } : {}),
        ...(target.objects ? { objects: target.objects } : {}),
      },
      idempotencyKey,
      // Here, so that a repeated request meets its own job and not its own lock.
      async prepare() {
        if (locks.has(lock)) throw new AppError("CONFLICT", `Another restore into ${target.name} is running`, { fix: "Wait until it has ended." });
        locks.add(lock);
      },
      release: () => void locks.delete(lock),
    },
    (context) =>
      runRestore(request, context).catch(async (error: unknown) => {
        await noteLeftBehind({ jobId: context.jobId, connectionId: connection.id, target: target.name });
        throw error;
      }),
  );
  return { jobId };
}

export interface Compared {
  name: string;
  inManifest: number | null;
  restored: number | null;
  equal: boolean;
}

/** The pieces of a job: each runs under its title, and how long it took is noted. */
export interface Phases {
  phases: { title: string; seconds: number }[];
  phase: <T>(title: string, run: () => Promise<T>) => Promise<T>;
}

export function phasesOf(context: JobContext): Phases {
  const phases: Phases["phases"] = [];
  return {
    phases,
    async phase(title, run) {
      context.progress({ phase: title });
      context.log(title.toLowerCase());
      const start = performance.now();
      const result = await run();
      phases.push({ title, seconds: Math.round(performance.now() - start) / 1000 });
      return result;
    },
  };
}

async function runRestore(request: RestoreRequest, context: JobContext): Promise<Record<string, unknown>> {
  const { backup, connection, engine, target } = request;
  const { phases, phase } = phasesOf(context);

  await phase("Check the file", () => checkBefore(request, context));
  const { artefact, manifest } = await storedArtefact(backup);
  await phase("Check the target", async () => {
    if (target.replace) await settleEarlier(connection, engine);
    assertPlan(await orDamaged(request, context, () => engine.plan(artefact, connection, target, { signal: context.signal, checksOnly: true })));
  });
  const staged = await phase("Restore aside", () => orDamaged(request, context, () => engine.stage(artefact, connection, target, context)));
  let compared: Compared[];
  let stuck: SwapRow[];
  try {
    compared = await phase("Compare", async () => compare(chosen(manifest.objects, target), staged));
    throwIfCancelled(context.signal);
    await request.stillAllowed?.();
    stuck = target.replace ? await settleEarlier(connection, engine) : [];
  } catch (error) {
    await phase("Tidy up", () => discard(staged, error));
    throw error;
  }
  const kept = target.replace
    ? await phase("Swap", () => performSwap({ connection, engine, backupId: backup.id, target: target.name, user: request.user }, staged, context))
    : await phase("Keep", () => keepOrDiscard(staged));
  await giveUp(stuck, context);
  const opened = "connection" in kept && kept.connection ? await openable(request, { ...kept.connection, context }) : connection.name;
  const skipped = staged.skipped.reduce((sum, entry) => sum + entry.count, 0);
  context.log(skipped ? `restored with ${skipped} skipped` : "restored");
  return {
    word: skipped ? `restored with ${skipped} skipped` : "restored",
    place: kept.place,
    openConnection: opened,
    target: target.name,
    objects: compared,
    skipped: staged.skipped,
    phases,
    ...(target.replace ? { restoreId: context.jobId } : {}),
  };
}

/** A file that was read back whole before only has to be that file still: read for that here, unless the engine proves it while it stages. */
async function checkBefore({ backup, engine }: RestoreRequest, context: JobContext): Promise<void> {
  const file = { backup, engine, context };
  await orMarked(backup, context, async () => {
    if (backup.verified_at === null) await checkArtefact(file);
    else await (engine.stageProvesBytes ? checkSize(backup) : checkBytes(file));
  });
}

/** When the engine fails at a file that was not read for it, it may be the file that is another: then that is said, and written on the backup. */
async function orDamaged<T>({ backup, engine }: RestoreRequest, context: JobContext, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (engine.stageProvesBytes && !context.signal.aborted) await orMarked(backup, context, () => checkBytes({ backup, context }));
    throw error;
  }
}

async function orMarked(backup: BackupRow, context: JobContext, check: () => Promise<unknown>): Promise<void> {
  try {
    await check();
  } catch (error) {
    await markIfDamaged({ backup, context, error });
    throw error;
  }
}

async function keepOrDiscard(staged: Staged) {
  try {
    return await staged.keep();
  } catch (error) {
    await discard(staged, error);
    throw error;
  }
}

/** @throws AppError CONFLICT when something is left: that must be read, also by who cancelled. */
export async function discard(staged: Staged, because: unknown): Promise<void> {
  try {
    await staged.discard();
  } catch (cause) {
    const words = (error: unknown) => (error instanceof Error ? error.message : String(error));
    throw new AppError("CONFLICT", `The restore did not succeed, and what it had made aside could not be removed: ${words(cause)}`, {
      fix: cause instanceof AppError && cause.fix ? cause.fix : "Remove what carries the job's id in its name when the server is back.",
      detail: words(because),
      cause,
    });
  }
}

/** The restored place stands, whatever becomes of its entry in the console. Null when it has none. */
async function openable(request: RestoreRequest, { context, ...parts }: { url: string; database: string | null; context: JobContext }): Promise<string | null> {
  try {
    return await request.addConnection({ ...parts, target: request.target.name });
  } catch (error) {
    context.log(`add the connection yourself: the console could not (${error instanceof Error ? error.message : "unknown"})`);
    return null;
  }
}

/** @throws AppError CONFLICT naming the checks that failed. */
export function assertPlan(plan: RestorePlan): void {
  const failed = plan.checks.filter((check) => check.result === "fail");
  if (failed.length === 0) return;
  throw new AppError("CONFLICT", failed.map((check) => check.title).join("; "), {
    fix: "Mend it or choose another target; nothing was changed.",
    detail: failed.map((check) => check.detail).join("; "),
  });
}

/** The objects that were asked for. @throws AppError INVALID for a name that the backup does not hold */
export function chosen<O extends { name: string }>(objects: readonly O[], target: RestoreTarget): O[] {
  if (!target.objects) return [...objects];
  const known = new Set(objects.map((object) => object.name));
  const unknown = target.objects.filter((name) => !known.has(name));
  if (unknown.length > 0)
    throw new AppError("INVALID", `The backup does not hold ${unknown.slice(0, 3).join(", ")}`, { fix: "Choose objects of the backup's list." });
  const wanted = new Set(target.objects);
  return objects.filter((object) => wanted.has(object.name));
}

/** @throws AppError naming what differs: the staged copy is then removed and nothing was changed. */
export function compare(objects: { name: string; count: number | null }[], staged: Staged): Compared[] {
  const restored = new Map(staged.objects.map((object) => [object.name, object.count]));
  const skipped = new Map<string, number>();
  for (const entry of staged.skipped) skipped.set(entry.name, (skipped.get(entry.name) ?? 0) + entry.count);
  const compared = objects.map((object) => {
    const found = restored.has(object.name) ? (restored.get(object.name) ?? null) : undefined;
    const expected = object.count === null ? null : object.count - (skipped.get(object.name) ?? 0);
    const leftOut = found === undefined && skipped.has(object.name) && (expected === null || expected === 0);
    return { name: object.name, inManifest: object.count, restored: found ?? null, equal: leftOut || found === expected };
  });
  const different = compared.filter((object) => !object.equal);
  if (different.length === 0) return compared;
  const words = different.slice(0, 5).map((object) => `${object.name}: manifest ${object.inManifest ?? "none"}, restored ${object.restored ?? "none"}`);
  throw new AppError("CONFLICT", `${different.length} of ${objects.length} objects came out different, so nothing was kept`, {
    fix: "Look at the log; try again or choose another backup.",
    detail: words.join("; "),
  });
}
