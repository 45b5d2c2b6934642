import "server-only";
import type { JobContext, Swap } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import { MARKERS, type MarkerKind } from "./redis.backup-marker";
import { openJobClient, type RedisClient } from "./redis.client";
import { asBuffers, asList, asText } from "./redis.reply";
import { readKept, readSwap } from "./redis.swap";
import { atPoint } from "./redis.swap-points";
import { runStep, type Step } from "./redis.swap-step";

const SCAN_COUNT = 500;
const MARKER_NAMES = new Set<string>(Object.values(MARKERS));

/**
 * Empties the databases that stand aside: those that carry this job's marker, and no others. Where FLUSHDB is forbidden the keys go in
 * batches; the marker says so first, so that what is half dropped is never put in place again, and goes last.
 */
export async function dropKept(connection: Connection, swap: Swap, context: Pick<JobContext, "log" | "signal">): Promise<void> {
  const { pairs, goal, isDone } = readSwap(swap);
  using client = openJobClient(connection, 0);
  for (const { pair, kind, marker } of await readKept(client, { jobId: swap.jobId, pairs })) {
    throwIfCancelled(context.signal);
    if (kind === null) {
      context.log(`db${pair.spare} holds nothing of this restore`);
      continue;
    }
    const isFlushed = await flush(client, { kind, marker, db: pair.spare });
    if (!isFlushed) await client.send("SELECT", pair.spare);
    if (!isFlushed) await unlinkAll(client, { kind, signal: context.signal });
    if (isDone && kind === goal)
      context.log(
        `the server had fallen back to an older save of its data: what is dropped is ${goal === "restored" ? "the restored copy" : "the state from before the restore"}`,
      );
    context.log(`db${pair.spare} was emptied${isFlushed ? "" : " key by key, because FLUSHDB is not allowed"}`);
    await atPoint("dropped");
  }
}

/** @returns false where the server does not allow FLUSHDB, or not now. */
async function flush(client: RedisClient, { kind, marker, db }: { kind: MarkerKind; marker: Buffer | null; db: number }): Promise<boolean> {
  await atPoint("drop watched");
  const expected = [{ db, key: MARKERS[kind], value: marker }];
  try {
    const commands: Step["commands"] = [
      ["SELECT", db],
      ["FLUSHDB", "ASYNC"],
    ];
    if (await runStep(client, { expected, commands, doing: "empty a database" })) return true;
  } catch (error) {
    // Not allowed here, or unknown: renamed away.
    if (error instanceof AppError && (error.code === "FORBIDDEN" || error.code === "UNSUPPORTED")) return false;
    throw error;
  }
  throw changed(client, db);
}

function changed(client: RedisClient, db: number): AppError {
  return new AppError("CONFLICT", `db${db} of ${client.address} was changed while it was to be dropped, so it was left alone`, { fix: "Try again." });
}

async function unlinkAll(client: RedisClient, { kind, signal }: { kind: MarkerKind; signal: AbortSignal }): Promise<void> {
  const dropping = kind === "before" || kind === "droppingBefore" ? "droppingBefore" : "droppingRestored";
  if (kind !== dropping) await client.send("RENAME", MARKERS[kind], MARKERS[dropping]);
  let cursor = "0";
  do {
    throwIfCancelled(signal);
    const [next, page] = asList(await client.send("SCAN", cursor, "COUNT", SCAN_COUNT));
    const names = asBuffers(page).filter((name) => !MARKER_NAMES.has(name.toString("latin1")));
    if (names.length > 0) await client.send("UNLINK", ...names);
    await atPoint("drop batch");
    cursor = asText(next);
  } while (cursor !== "0");
  await client.send("UNLINK", MARKERS[dropping]);
}
