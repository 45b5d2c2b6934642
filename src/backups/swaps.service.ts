import "server-only";
/** Restores that replace live data: the journal before the effect, the swap, undo, dropping what is kept, and what a crash left open. */
import type { BackupEngine, JobContext, Staged, Swap, Swapped } from "@/backups/engine";
import { asAppError, errorJson, inTurn, runner, startJob } from "@/backups/jobs";
import { placeOf, placeText, readPlace } from "@/backups/place";
import { isFromElsewhere } from "@/backups/taken-from";
import type { Connection } from "@/server/connection";
import { connectionById } from "@/server/connections";
import { expiredSwaps, findSwap, journalSwap, keptSwapOf, openSwaps, type SwapRow, unsettledSwaps, updateSwap } from "@/server/control-plane/swaps.repo";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { logger } from "@/server/logger";
import { single } from "@/server/single";

export interface SwapRequest {
  connection: Connection;
  engine: BackupEngine;
  backupId: string;
  target: string;
  user: { id: string; name: string };
}

export type EngineOf = (connectionId: string) => BackupEngine;

const asSwap = (row: SwapRow): Swap => ({ jobId: row.id, target: row.target, record: JSON.parse(row.record) as Swap["record"] });

/**
 * Puts a staged copy in the place of what is live. Resolves when it is live and the old state is kept.
 * @throws the engine's error when nothing was changed in the end; CONFLICT when that could not be found out.
 */
export async function performSwap(request: SwapRequest, staged: Staged, context: JobContext): Promise<Swapped> {
  const { connection, engine, target } = request;
  let journaled: Swap["record"] | null = null;
  try {
    if (!staged.swap) throw new AppError("INTERNAL", "The staged copy cannot be swapped", { fix: "Restore into a new place." });
    const swapped = await staged.swap(async (record) => {
      await writeJournal(request, { jobId: context.jobId, record });
      journaled = record;
    });
    await updateSwap(context.jobId, { state: "restored", kept_bytes: swapped.keptBytes, kept_until: keptUntil(), error: null });
    return swapped;
  } catch (error) {
    if (journaled === null) {
      await staged.discard();
      throw error;
    }
    await takeBack({ connection, engine, swap: { jobId: context.jobId, target, record: journaled }, context, error });
    throw error;
  }
}

const keptUntil = (): string => new Date(Date.now() + LIMITS.undoHours * 3_600_000).toISOString();

async function writeJournal(request: SwapRequest, { jobId, record }: Pick<Swap, "jobId" | "record">): Promise<void> {
  const now = new Date().toISOString();
  await journalSwap({
    id: jobId,
    connection_id: request.connection.id,
    backup_id: request.backupId,
    target: request.target,
    state: "swapping",
    record: JSON.stringify(record),
    place: JSON.stringify(placeOf(request.connection)),
    user_id: request.user.id,
    user_name: request.user.name,
    boot_id: runner().bootId,
    created_at: now,
    changed_at: now,
    kept_until: keptUntil(),
  });
}

/** A restore that failed in the swap leaves what was there before it: what came out otherwise is exchanged back. */
async function takeBack(failed: { connection: Connection; engine: BackupEngine; swap: Swap; context: JobContext; error: unknown }): Promise<void> {
  const { connection, engine, swap, context, error } = failed;
  // The job may have been cancelled or its connection lost; this has to be done all the same.
  const own: JobContext = { ...context, signal: new AbortController().signal };
  try {
    const live = await engine.settle(connection, swap, own);
    if (live === "restored") await engine.exchange(connection, swap, { journal: (record) => recordOf(swap, record), context: own });
    await engine.dropKept(connection, swap, own);
    await updateSwap(swap.jobId, { state: "dropped", error: null });
    context.log("what the swap had begun was taken back");
  } catch (cause) {
    const shown = asAppError(cause, swap.jobId);
    await updateSwap(swap.jobId, { error: JSON.stringify(errorJson(shown)) });
    throw new AppError("CONFLICT", `The swap failed, and what became of ${swap.target} is not known yet: ${shown.message}`, {
      fix: "The console looks again every minute and finishes or takes back the swap; both states are kept. Look at the restores of this connection.",
      detail: error instanceof Error ? error.message : String(error),
      cause: error,
    });
  }
}

async function recordOf(swap: Swap, record: Swap["record"]): Promise<void> {
  swap.record = record;
  await updateSwap(swap.jobId, { record: JSON.stringify(record) });
}

/** @throws AppError NOT_FOUND, also for a restore of another connection. */
export async function swapOf(connectionId: string, id: string): Promise<SwapRow> {
  const row = await findSwap(id);
  if (!row || row.connection_id !== connectionId)
    throw new AppError("NOT_FOUND", "There is no such restore of this connection", { fix: "Choose one of the list." });
  return row;
}

/** What is kept lies beside the database that was replaced: one that the connection opens since then is not touched. @throws AppError CONFLICT */
async function assertSamePlace(row: SwapRow, connection: Connection): Promise<void> {
  if (!(await isFromElsewhere(row, connection))) return;
  const place = readPlace(row.place);
  throw new AppError("CONFLICT", `The restore replaced ${place ? placeText(place) : row.target}, and ${connection.name} opens another database now`, {
    fix: "Let the connection open that one again; what is kept lies there.",
    detail: placeText(placeOf(connection)),
  });
}

interface Change {
  row: SwapRow;
  connection: Connection;
  engine: BackupEngine;
  user: { id: string; name: string };
}

interface Repeatable {
  /** The same key answers the same job. */
  idempotencyKey?: string | undefined;
}

/** Asked when the job's turn has come: it may have waited for a long one. Rejects when who asked lost the right meanwhile. */
interface Asked {
  stillAllowed?: (() => Promise<void>) | undefined;
}

/** Starts the job that exchanges what is live and what is kept. @throws AppError CONFLICT when that is not possible any more, or not yet. */
export async function startUndo(change: Change & Repeatable & Asked): Promise<{ jobId: string }> {
  const { row, connection, user, idempotencyKey } = change;
  await assertChangeable(row);
  await assertSamePlace(row, connection);
  const newest = await keptSwapOf(connection.id);
  if (newest && newest.id !== row.id)
    throw new AppError("CONFLICT", "A later restore has replaced this one's result", { fix: `Undo or drop the restore of ${newest.created_at} first.` });
  // What is to be live afterwards: after a crash the sweep compares it with what is.
  const request = { restoreId: row.id, target: row.target, wanted: row.state === "restored" ? "before" : "restored" };
  const { jobId } = await startJob({ kind: "undo", connection, user, request, idempotencyKey }, (context) => runUndo(change, context));
  return { jobId };
}

async function assertChangeable(row: SwapRow): Promise<void> {
  if (row.state === "dropped") throw new AppError("CONFLICT", "Nothing is kept of this restore any more", { fix: "Restore a backup instead." });
  if (isOpen(row)) throw new AppError("CONFLICT", "This restore is under way, or its end is not settled yet", { fix: "Wait a minute and look again." });
}

async function runUndo({ row: { id, state: asked }, connection, engine, stillAllowed }: Change & Asked, context: JobContext): Promise<Record<string, unknown>> {
  await stillAllowed?.();
  const row = await swapOf(connection.id, id);
  await assertChangeable(row);
  // A second request for the same exchange came first: doing it again would put back what both wanted gone.
  if (row.state !== asked)
    throw new AppError("CONFLICT", asked === "restored" ? "This restore was undone meanwhile" : "This restore was put back meanwhile", {
      fix: "Look at what is live now, and ask again if it is not what you want.",
    });
  const swap = asSwap(row);
  const wasRestored = row.state === "restored";
  const stuck = await settleEarlier(connection, engine);
  await updateSwap(id, { state: "exchanging", boot_id: runner().bootId, error: null });
  context.progress({ phase: "Exchange" });
  context.log(wasRestored ? "putting back what the restore replaced" : "putting the restored copy in place again");
  try {
    const journal = (record: Swap["record"]) => recordOf(swap, record);
    const swapped = await engine.exchange(connection, swap, { journal, context });
    await updateSwap(id, { state: wasRestored ? "undone" : "restored", kept_bytes: swapped.keptBytes, kept_until: keptUntil(), error: null });
    const word = wasRestored ? "undone" : "restored";
    await giveUp(stuck, context);
    context.log(word);
    return { word, place: swapped.place, target: row.target, restoreId: id, openConnection: connection.name };
  } catch (error) {
    await settleRow(row, connection, engine).catch((cause: unknown) => logger().error({ restore: id, error: cause }, "an exchange could not be settled"));
    throw error;
  }
}

/** Starts the job that drops what is kept. Undo is not possible afterwards. */
export async function startDrop({ row, connection, engine, user, idempotencyKey, stillAllowed }: Change & Repeatable & Asked): Promise<{ jobId: string }> {
  await assertChangeable(row);
  await assertSamePlace(row, connection);
  const request = { restoreId: row.id, target: row.target };
  const { jobId } = await startJob({ kind: "drop", connection, user, request, idempotencyKey }, async (context) => {
    await stillAllowed?.();
    const current = await swapOf(connection.id, row.id);
    await assertChangeable(current);
    context.progress({ phase: "Drop what is kept" });
    await engine.dropKept(connection, asSwap(current), context);
    await updateSwap(row.id, { state: "dropped", kept_bytes: null, error: null });
    context.log(current.state === "restored" ? "the state from before the restore is dropped" : "the restored copy is dropped");
    return { word: "dropped", target: row.target, restoreId: row.id };
  });
  return { jobId };
}

const isOpen = ({ state }: SwapRow): boolean => state === "swapping" || state === "exchanging";

/** No living job works on it. */
const isInterrupted = (row: SwapRow): boolean => isOpen(row) && (row.boot_id !== runner().bootId || row.error !== null);

/** Whether both are of one place; a restore that did not note its own is of its connection's. */
async function isOf(row: SwapRow, connection: Connection): Promise<boolean> {
  const place = readPlace(row.place);
  if (place === null) return row.connection_id === connection.id;
  // A backup of Redis holds several logical databases, and replaces them all.
  const replaced = place.engine === "redis" ? { ...place, name: placeOf(connection).name } : place;
  return !(await isFromElsewhere({ place: JSON.stringify(replaced) }, connection));
}

/**
 * What earlier restores of this place left open is settled before its live data is replaced again: later, their old state would be put
 * over the new one. To be called in the server's turn. @returns those that never can be settled, for `giveUp`
 * @throws AppError CONFLICT for one that is under way, and the engine's error for one whose end cannot be found out now
 */
export async function settleEarlier(connection: Connection, engine: BackupEngine): Promise<SwapRow[]> {
  const stuck: SwapRow[] = [];
  for (const row of await openSwaps()) {
    if (!(await isOf(row, connection))) continue;
    const what = `the restore of ${row.created_at} into ${row.target}`;
    if (!isInterrupted(row)) throw new AppError("CONFLICT", `What is live is being replaced by ${what}`, { fix: "Wait until that has ended." });
    try {
      const owner = await connectionById(row.connection_id).catch(() => connection);
      await settleRow(row, (await isFromElsewhere(row, owner)) ? connection : owner, engine);
    } catch (cause) {
      const shown = asAppError(cause, row.id);
      if (shown.code !== "CONFLICT")
        throw new AppError(shown.code, `What became of ${what} is not known yet: ${shown.message}`, { fix: "The console looks again every minute.", cause });
      stuck.push(row);
    }
  }
  return stuck;
}

/** What is live is another restore's by now: nothing of these is put back any more, and what they keep is dropped in its time. */
export async function giveUp(stuck: readonly SwapRow[], context: Pick<JobContext, "log">): Promise<void> {
  for (const row of stuck) {
    await updateSwap(row.id, { state: "undone", kept_until: keptUntil(), error: null });
    context.log(`the restore of ${row.created_at}, whose end could not be found out, is replaced by this one`);
  }
}

/** Finds out what an interrupted swap or exchange came to, writes it down, and clears a swap that came to nothing. In the server's turn. */
async function settleRow(row: SwapRow, connection: Connection, engine: BackupEngine): Promise<"restored" | "before"> {
  const log = (line: string): void => logger().info({ restore: row.id }, line);
  try {
    await assertSamePlace(row, connection);
    const swap = asSwap((await findSwap(row.id)) ?? row);
    const live = await engine.settle(connection, swap, { log });
    const isNothing = row.state === "swapping" && live === "before";
    if (isNothing) await engine.dropKept(connection, swap, { log, signal: new AbortController().signal });
    await updateSwap(row.id, { state: isNothing ? "dropped" : live === "restored" ? "restored" : "undone", error: null });
    logger().warn({ restore: row.id, live }, "an interrupted swap is settled");
    return live;
  } catch (error) {
    await updateSwap(row.id, { error: JSON.stringify(errorJson(asAppError(error, row.id))) });
    throw error;
  }
}

/** What is live after a restore job that died: null when it had not begun to swap. @throws when it cannot be found out now */
export async function settleAfterCrash(jobId: string, engineOf: EngineOf): Promise<"restored" | "before" | null> {
  const row = await findSwap(jobId);
  if (!row) return null;
  if (row.state === "restored") return "restored";
  if (row.state !== "swapping" && row.state !== "exchanging") return "before";
  return settleRow(row, await connectionById(row.connection_id), engineOf(row.connection_id));
}

const SYSTEM = { id: "system", name: "the console" };

/** Settles what is open and drops what nobody may undo any more. Called at boot and every minute; one failure does not stop the others. */
export async function tendSwaps(engineOf: EngineOf): Promise<void> {
  const interrupted = await unsettledSwaps(runner().bootId);
  await Promise.all([...interrupted.map((row) => settleInTurn(row, engineOf)), dropExpired(engineOf)]);
}

/** Once at a time: a long one is not begun again by the next minute, nor beside a job of its server. */
async function settleInTurn(row: SwapRow, engineOf: EngineOf): Promise<void> {
  const settling = single("settling swaps", () => new Set<string>());
  if (settling.has(row.id)) return;
  settling.add(row.id);
  try {
    await tend(row, (connection) =>
      inTurn(connection, async () => {
        const current = await findSwap(row.id);
        if (current && isInterrupted(current)) await settleRow(current, connection, engineOf(row.connection_id));
      }),
    );
  } finally {
    settling.delete(row.id);
  }
}

async function dropExpired(engineOf: EngineOf): Promise<void> {
  for (const row of await expiredSwaps(new Date().toISOString())) {
    // Tried again every hour, not every minute, while its server is away.
    const idempotencyKey = `drop-${row.id}-${hourOf(new Date())}`;
    await tend(row, async (connection) => void (await startDrop({ row, connection, engine: engineOf(row.connection_id), user: SYSTEM, idempotencyKey })));
  }
}

const hourOf = (time: Date): string => time.toISOString().slice(0, 13);

async function tend(row: SwapRow, change: (connection: Connection) => Promise<void>): Promise<void> {
  try {
    await change(await connectionById(row.connection_id));
  } catch (error) {
    logger().error({ restore: row.id, error }, "what a restore keeps could not be tended");
  }
}
