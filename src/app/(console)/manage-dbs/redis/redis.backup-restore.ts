import "server-only";
import { createReadStream } from "node:fs";
import type { Artefact, JobContext, LeftBehind, RestoreTarget, Staged } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import type { BackupRecord } from "./redis.backup-format";
import { claimDatabase, markerKey, readMarker, releaseDatabase } from "./redis.backup-marker";
import { countedObjects, countType, objectName, readBackup, readHeader, type TypeCounts } from "./redis.backup-read";
import { sendRestores, type RestoreBatch } from "./redis.backup-send";
import { compareDatabase } from "./redis.backup-compare";
import { readPlacements, targetDatabases, type Placement } from "./redis.backup-target";
import { closeOnCancel } from "./redis.backup-write";
import { openJobClient, type RedisClient } from "./redis.client";
import { dumpType } from "./redis.dump";
import { asBuffer, asList, asNumber } from "./redis.reply";
import { infoNumber } from "./redis.server-facts";

const UNLINK_KEYS = 500;

/** A restore under way: what was asked for, and what was done so far. */
interface Restore {
  artefact: Artefact;
  connection: Connection;
  context: JobContext;
  placements: Placement[];
  claimed: Placement[];
  /** Counts of what the server took, by the database in the backup. */
  sent: TypeCounts;
  /** Expired before they were restored. */
  expired: TypeCounts;
  /** Not asked for. */
  leftOut: TypeCounts;
  /** Keys that existed when ours came: not ours, whatever happens. */
  foreign: Set<string>;
}

/**
 * Restores into empty logical databases, without REPLACE, and compares counts with what was sent. The file was verified
 * before. On failure everything it made is removed.
 */
export async function stageRestore(artefact: Artefact, connection: Connection, target: RestoreTarget, context: JobContext): Promise<Staged> {
  const header = await readHeader(artefact, { signal: context.signal });
  const placements = readPlacements(target.name, filledDatabases(header.databases, artefact));
  const restore: Restore = { artefact, connection, context, placements, claimed: [], sent: new Map(), expired: new Map(), leftOut: new Map(), foreign: new Set() };
  try {
    return await runStage(restore);
  } catch (error) {
    await discard(restore);
    throwIfCancelled(context.signal);
    throw error;
  }
}

async function runStage(restore: Restore): Promise<Staged> {
  const { connection, context, placements, artefact } = restore;
  using control = openJobClient(connection, 0);
  using _cancel = closeOnCancel(control, context.signal);
  for (const placement of placements) {
    using client = openJobClient(connection, placement.to);
    // Before the claim, because it may succeed and its answer be lost.
    restore.claimed.push(placement);
    await claimDatabase(client, { jobId: context.jobId, placement, artefact: artefact.path }).catch((error: unknown) => {
      if (error instanceof AppError && error.code === "CONFLICT") restore.claimed.pop();
      throw error;
    });
  }
  const evictedBefore = infoNumber(await control.info(), "evicted_keys") ?? 0;
  await sendAll(restore, await serverTimeMs(control));
  const evicted = (infoNumber(await control.info(), "evicted_keys") ?? 0) - evictedBefore;
  if (evicted > 0) {
    throw new AppError("LIMIT_EXCEEDED", `${connection.address} removed ${evicted} keys to make room while restoring`, { fix: "Raise maxmemory, or restore to a server with room." });
  }
  context.progress({ phase: "Compare counts" });
  return compareAll(restore, control);
}

/** Reads the backup and sends what was asked for; counts the rest. */
async function sendAll(restore: Restore, nowMs: bigint): Promise<void> {
  const { artefact, connection, context, placements } = restore;
  context.progress({ phase: "Restore keys", bytesTotal: artefact.bytes, bytesDone: 0 });
  const clients = new Map<number, RedisClient & Disposable>();
  using closing = new DisposableStack();
  for (const placement of placements) {
    const client = closing.use(openJobClient(connection, placement.to));
    closing.use(closeOnCancel(client, context.signal));
    clients.set(placement.from, client);
  }
  let itemsDone = 0;
  const reading = readBackup(artefact, { signal: context.signal, isVerified: true, onBytes: (bytesDone) => context.progress({ bytesDone }) });
  await sendRestores(batches(restore, { reading, clients, nowMs }), {
    foreign: restore.foreign,
    onTaken: (records) => {
      for (const record of records) countType(restore.sent, record.db, dumpType(record.dump));
      itemsDone += records.length;
      context.progress({ itemsDone });
    },
  });
}

async function* batches(
  restore: Restore,
  { reading, clients, nowMs }: { reading: AsyncGenerator<BackupRecord[], unknown>; clients: Map<number, RedisClient>; nowMs: bigint },
): AsyncGenerator<RestoreBatch> {
  for await (const records of reading) {
    for (const [db, ofDatabase] of Map.groupBy(records, (record) => record.db)) {
      const client = clients.get(db);
      const live = ofDatabase.filter((record) => record.expiresAtMs === null || BigInt(record.expiresAtMs) > nowMs);
      for (const record of ofDatabase) {
        if (!client) countType(restore.leftOut, db, dumpType(record.dump));
        else if (!live.includes(record)) countType(restore.expired, db, dumpType(record.dump));
      }
      if (client && live.length > 0) yield { client, records: live };
    }
  }
}

/** Counts what now stands in each database, and explains what is missing by expiry or not at all. */
async function compareAll(restore: Restore, control: RedisClient): Promise<Staged> {
  const { connection, context, placements } = restore;
  const objects: Staged["objects"] = [];
  const skipped: Staged["skipped"] = [];
  for (const placement of placements) {
    using client = openJobClient(connection, placement.to);
    using _cancel = closeOnCancel(client, context.signal);
    const sent = restore.sent.get(placement.from) ?? new Map<string, number>();
    const result = await compareDatabase({ client, control, sent, marker: markerKey(context.jobId), readExpiries: () => expiriesOf(restore, placement.from) });
    for (const [type, count] of result.found) objects.push({ name: objectName(placement.from, type), count });
    for (const [type, count] of result.expired) skipped.push({ name: objectName(placement.from, type), count, reason: "expired while it was restored" });
  }
  for (const { name, count } of countedObjects(restore.expired)) skipped.push({ name, count, reason: "expired since the backup" });
  for (const { name, count } of countedObjects(restore.leftOut)) skipped.push({ name, count, reason: "left out: the target does not name this database" });
  const known = new Set(objects.map((object) => object.name));
  for (const { name } of countedObjects(restore.expired)) if (!known.has(name)) objects.push({ name, count: 0 });
  return { objects, skipped, keep: () => keep(restore), discard: () => discard(restore) };
}

/** The expiries of the restored keys, by type, from a second reading: only needed when some are missing. */
async function* expiriesOf({ artefact, context }: Restore, from: number): AsyncGenerator<{ type: string; expiresAtMs: bigint }> {
  for await (const records of readBackup(artefact, { signal: context.signal, isVerified: true })) {
    for (const { db, dump, expiresAtMs } of records) if (db === from && expiresAtMs !== null) yield { type: dumpType(dump), expiresAtMs: BigInt(expiresAtMs) };
  }
}

async function keep({ connection, context, claimed }: Restore): Promise<{ place: string }> {
  for (const placement of claimed) {
    using client = openJobClient(connection, placement.to);
    await releaseDatabase(client, context.jobId);
  }
  return { place: `${claimed.map(({ to }) => `db${to}`).join(", ") || "nowhere: the backup holds no keys"} of ${connection.address}` };
}

/** Removes exactly the backup's keys from the claimed databases, then the claim. Never a whole database: others may have written. */
async function discard(restore: Restore): Promise<void> {
  const { artefact, connection, context, claimed, foreign } = restore;
  await removeKeys({ artefact, connection, jobId: context.jobId, placements: claimed, foreign });
}

interface Removal {
  artefact: Pick<Artefact, "open">;
  connection: Connection;
  jobId: string;
  placements: Placement[];
  foreign: ReadonlySet<string>;
}

async function removeKeys({ artefact, connection, jobId, placements, foreign }: Removal): Promise<void> {
  if (placements.length === 0) return;
  const clients = new Map<number, RedisClient>();
  using closing = new DisposableStack();
  for (const { from, to } of placements) clients.set(from, closing.use(openJobClient(connection, to)));
  for await (const records of readBackup(artefact, { isVerified: true })) {
    for (const [db, ofDatabase] of Map.groupBy(records, (record) => record.db)) {
      const keys = ofDatabase.map((record) => record.key).filter((key) => !foreign.has(foreignName(db, key)));
      for (let at = 0; at < keys.length; at += UNLINK_KEYS) await clients.get(db)?.send("UNLINK", ...keys.slice(at, at + UNLINK_KEYS));
    }
  }
  for (const client of clients.values()) await releaseDatabase(client, jobId);
}

export function foreignName(db: number, key: Buffer): string {
  return `${db}:${key.toString("latin1")}`;
}

/** After a crash: the claim says which backup was being restored. Without a claim there is nothing of ours. */
export async function sweepRestore(connection: Connection, { jobId, target }: LeftBehind): Promise<void> {
  for (const to of targetDatabases(target)) {
    const marker = await readMarker(connection, { jobId, db: to });
    if (!marker) continue;
    const artefact = { open: () => createReadStream(marker.artefact, { highWaterMark: 1 << 20 }) };
    await removeKeys({ artefact, connection, jobId, placements: [{ from: marker.from, to }], foreign: new Set() }).catch((error: unknown) => {
      throw new AppError("CONFLICT", `db${to} of ${connection.address} holds a half restore that cannot be removed`, {
        fix: `The backup it came from is needed to know its keys. When nothing else is in db${to}, empty it with FLUSHDB yourself.`,
        detail: error instanceof Error ? error.message : String(error),
        cause: error,
      });
    });
  }
}

/** Non-empty databases of the backup, in order: by the manifest, which counts what was written. */
function filledDatabases(atStart: Record<string, number>, artefact: Artefact): number[] {
  const counted = artefact.manifest.objects.flatMap((object) => ((object.count ?? 0) > 0 ? [Number(/^db(\d+) /.exec(object.name)?.[1] ?? Number.NaN)] : []));
  const databases = artefact.manifest.objects.length > 0 ? counted : Object.keys(atStart).map(Number);
  return [...new Set(databases.filter((db) => Number.isInteger(db)))].sort((a, b) => a - b);
}

async function serverTimeMs(client: RedisClient): Promise<bigint> {
  const [seconds, micros] = asList(await client.send("TIME"));
  return BigInt(asNumber(seconds)) * 1000n + BigInt(Math.floor(asNumber(micros) / 1000));
}

export function readMarkerBytes(reply: Buffer): Buffer {
  return asBuffer(reply);
}
