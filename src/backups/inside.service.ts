import "server-only";
/** Looking into a backup without restoring it, and comparing it with what is live. Both only read. */
import { storedArtefact } from "@/backups/backups.service";
import type { BackupEngine, Peek, RestorePlan } from "@/backups/engine";
import type { LiveComparison } from "@/backups/inside.schema";
import { liveName } from "@/backups/live-name";
import { holdArtefact } from "@/backups/uses";
import type { EngineId } from "@/engines";
import type { Connection } from "@/server/connection";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import { AppError } from "@/server/errors";

interface Looking {
  backup: BackupRow;
  engine: BackupEngine;
  signal: AbortSignal;
}

/**
 * The first items of one object of a backup, straight from its file.
 * @throws AppError NOT_FOUND for an object that is not in it, TIMEOUT
 */
export async function peekBackup({ backup, engine, signal }: Looking, input: { object: string; limit: number }): Promise<Peek> {
  const release = holdArtefact(backup.id);
  try {
    const { artefact, manifest } = await storedArtefact(backup);
    if (!manifest.objects.some((object) => object.name === input.object))
      throw new AppError("NOT_FOUND", `The backup holds no ${input.object.slice(0, 200)}`, { fix: "Choose an object of the backup's list." });
    return await engine.peek(artefact, input.object, { limit: input.limit, signal });
  } catch (error) {
    throw inTime(error, signal, "Looking into the backup");
  } finally {
    release();
  }
}

/** What changed since the backup, object by object, by counts. @throws AppError UNREACHABLE, TIMEOUT */
export async function compareWithLive(connection: Connection, { backup, engine, signal }: Looking): Promise<LiveComparison> {
  const { artefact, manifest } = await storedArtefact(backup);
  const place = liveName(connection);
  const plan = await engine.plan(artefact, connection, { name: place, replace: true }, { signal }).catch((error: unknown) => {
    throw inTime(error, signal, "Comparing with what is live");
  });
  assertComparable(plan, connection);
  const inBackup = new Set(manifest.objects.map((object) => object.name));
  const objects = plan.objects.map((object) => compared(object, inBackup.has(object.name)));
  const count = (difference: (typeof objects)[number]["difference"]) => objects.filter((object) => object.difference === difference).length;
  return {
    place,
    comparedBy: "counts",
    liveIsEstimate: plan.liveIsEstimate ?? ESTIMATES[connection.engine],
    checkedAt: new Date().toISOString(),
    counts: {
      same: count("same"),
      changed: count("changed"),
      onlyInBackup: count("only in backup"),
      onlyLive: count("only live"),
      notCounted: count("not counted"),
    },
    objects,
  };
}

/** What a plan's live figures are when it does not say. An exact comparison of content would be an optional method of the engine, used here. */
const ESTIMATES: Record<EngineId, boolean> = { sqlite: false, redis: false, postgres: true, mongodb: true };

/** A plan without a single live figure has not looked. */
function assertComparable(plan: RestorePlan, connection: Connection): void {
  if (plan.replaces || plan.objects.some((object) => object.liveNow !== null)) return;
  const reason = plan.checks.find((check) => check.result === "fail");
  throw new AppError("UNSUPPORTED", `What is live in ${connection.name} cannot be compared with a backup${reason ? `: ${reason.title}` : " yet"}`, {
    fix: "Restore it into a new place and compare there.",
    ...(reason ? { detail: reason.detail } : {}),
  });
}

function compared({ name, kind, inBackup, liveNow }: RestorePlan["objects"][number], isInBackup: boolean): LiveComparison["objects"][number] {
  const object = { name, kind, inBackup: isInBackup ? inBackup : null, live: liveNow };
  if (!isInBackup) return { ...object, difference: "only live" };
  if (inBackup === null) return { ...object, difference: "not counted" };
  if (liveNow === null) return { ...object, difference: "only in backup" };
  return { ...object, difference: inBackup === liveNow ? "same" : "changed" };
}

/** What was cut off by the deadline of the call, in words. */
function inTime(error: unknown, signal: AbortSignal, what: string): unknown {
  const isLate = signal.aborted && (signal.reason as Error | undefined)?.name === "TimeoutError";
  return isLate
    ? new AppError("TIMEOUT", `${what} took too long`, { fix: "Try again; for a very large object restore it into a new place.", cause: error })
    : error;
}
