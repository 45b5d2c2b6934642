import "server-only";
import type { Artefact, JobContext, Journal, RestoreTarget, Staged, Swapped } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import { compareDatabase } from "./redis.backup-compare";
import { compareStaged } from "./redis.backup-content";
import type { Destination, PlacedRecord } from "./redis.backup-destination";
import { claimCommand, claimDatabase, MARKERS, releaseDatabase, type Claim } from "./redis.backup-marker";
import { countedObjects, countType, objectName, type TypeCounts } from "./redis.backup-read";
import { isSent, isWanted, removeRestored } from "./redis.backup-remove";
import { endsKey, recordEnd, recordType, type AnyRecord } from "./redis.backup-record";
import { readKeyRecords, readOrigin } from "./redis.backup-source";
import { readBulkLimit, sendRestores } from "./redis.backup-send";
import { chosenTypes, filledDatabases, readPlacements, type Placement } from "./redis.backup-target";
import { closeOnCancel, openJobClient, type RedisClient } from "./redis.client";
import { comparePortable } from "./redis.portable-compare";
import { PORTABLE_FORMAT } from "./redis.portable-format";
import { assertPortableFits } from "./redis.portable-plan";
import { stageFunctions, type StagedFunctions } from "./redis.functions-restore";
import { stageInPlace } from "./redis.in-place";
import { infoNumber } from "./redis.server-facts";
import { swapStaged } from "./redis.swap";
import { atPoint } from "./redis.swap-points";
import { placeInSpares } from "./redis.swap-target";
import { serverTimeMs } from "./redis.time";

/** One database that is ours until it is kept or removed. */
interface Claimed {
  db: number;
  claim: Claim;
  foreign: Set<string>;
}

/** A restore under way: what was asked for, and what was done so far. */
interface Restore {
  artefact: Artefact;
  connection: Connection;
  context: JobContext;
  target: RestoreTarget;
  placements: Placement[];
  claimed: Claimed[];
  /** Counts of what the server took, by the database in the backup. */
  sent: TypeCounts;
  /** Expired before they were restored. */
  expired: TypeCounts;
  /** Of databases that the target does not name. */
  leftOut: TypeCounts;
}

/**
 * Restores into empty logical databases, without REPLACE, and compares counts with what was sent. The file was verified
 * before. What is to replace live data is restored into spare ones; where there are none, or they cannot be exchanged, it is
 * only made ready. On failure everything it made is removed.
 */
export async function stageRestore(artefact: Artefact, connection: Connection, target: RestoreTarget, context: JobContext): Promise<Staged> {
  const origin = await readOrigin(artefact, { signal: context.signal });
  const available = filledDatabases(artefact.manifest, origin, target.objects);
  if (origin.isPortable) await assertPortableFits(artefact, connection, target.objects);
  const placements = target.replace
    ? await placeInSpares(connection, { target, available, isPortable: origin.isPortable })
    : readPlacements(target.name, available);
  if (placements === null) return stageInPlace({ artefact, connection, context, databases: available });
  const restore: Restore = { artefact, connection, context, target, placements, claimed: [], sent: new Map(), expired: new Map(), leftOut: new Map() };
  try {
    return await runStage(restore);
  } catch (error) {
    await discard(restore).catch((cause: unknown) => {
      throw leftovers(restore, { error, cause });
    });
    throwIfCancelled(context.signal);
    throw error;
  }
}

function leftovers({ claimed, connection }: Restore, { error, cause }: { error: unknown; cause: unknown }): AppError {
  const places = claimed.map(({ db }) => `db${db}`).join(", ");
  return new AppError("CONFLICT", `The restore failed, and what it had put into ${places} of ${connection.address} could not be removed`, {
    fix: `When the server is back and nothing else is in ${places}, empty it with FLUSHDB there.`,
    detail: [error, cause].map((one) => (one instanceof Error ? one.message : String(one))).join("; "),
    cause: error,
  });
}

async function runStage(restore: Restore): Promise<Staged> {
  const { connection, context } = restore;
  using control = openJobClient(connection, 0);
  using _cancel = closeOnCancel(control, context.signal);
  const nowMs = await serverTimeMs(control);
  await claimAll(restore, nowMs);
  const evictedBefore = infoNumber(await control.info(), "evicted_keys") ?? 0;
  await sendAll(restore);
  const evicted = (infoNumber(await control.info(), "evicted_keys") ?? 0) - evictedBefore;
  if (evicted > 0) {
    throw new AppError("LIMIT_EXCEEDED", `${connection.address} removed ${evicted} keys to make room while restoring`, {
      fix: "Raise maxmemory, or restore to a server with room.",
    });
  }
  context.progress({ phase: "Compare counts" });
  return await compareAll(restore, control);
}

async function claimAll({ placements, claimed, connection, context, artefact, target }: Restore, nowMs: bigint): Promise<void> {
  for (const { from, to, live } of placements) {
    using client = openJobClient(connection, to);
    const claim: Claim = {
      jobId: context.jobId,
      artefact: artefact.path,
      from,
      types: chosenTypes(target.objects, from),
      live: live ?? null,
      nowMs: nowMs.toString(),
      reached: 0,
      isWhole: false,
    };
    // Noted before it is made: a claim whose answer was lost must be removed too, one that was refused must not.
    claimed.push({ db: to, claim, foreign: new Set() });
    await claimDatabase(client, { claim, db: to }).catch((error: unknown) => {
      const mayStand = error instanceof AppError && (error.code === "UNREACHABLE" || error.code === "TIMEOUT");
      if (!mayStand) claimed.pop();
      throw error;
    });
    await atPoint("claimed");
  }
}

/** Reads the backup and sends what was asked for; counts the rest. */
async function sendAll(restore: Restore): Promise<void> {
  const { artefact, connection, context, claimed } = restore;
  context.progress({ phase: "Restore keys", bytesTotal: artefact.bytes, bytesDone: 0 });
  const destinations = new Map<number, Destination>();
  using closing = new DisposableStack();
  for (const { db, claim, foreign } of claimed) {
    const client = closing.use(openJobClient(connection, db));
    closing.use(closeOnCancel(client, context.signal));
    destinations.set(claim.from, { client, claim, foreign });
  }
  let itemsDone = 0;
  await sendRestores(wantedRecords(restore, destinations), {
    bulkBytesMax: await readBulkLimit(connection),
    onTaken: (records) => {
      const keys = records.filter(endsKey);
      for (const record of keys) countType(restore.sent, record.db, recordType(record));
      itemsDone += keys.length;
      context.progress({ itemsDone });
    },
  });
}

async function* wantedRecords(restore: Restore, destinations: Map<number, Destination>): AsyncGenerator<{ destination: Destination; records: PlacedRecord[] }> {
  const { artefact, context } = restore;
  const positions = new Map<number, number>();
  for await (const records of readKeyRecords(artefact, { signal: context.signal, onBytes: (bytesDone) => context.progress({ bytesDone }) })) {
    for (const [db, ofDatabase] of Map.groupBy(records, (record) => record.db)) {
      const destination = destinations.get(db);
      const first = positions.get(db) ?? 0;
      positions.set(db, first + ofDatabase.length);
      const placed = ofDatabase.map((record, index): PlacedRecord => ({ record, position: first + index }));
      countUnsent(restore, { records: ofDatabase, claim: destination?.claim ?? null });
      const wanted = placed.filter(({ record }) => destination !== undefined && isSent(record, destination.claim));
      if (destination && wanted.length > 0) yield { destination, records: wanted };
    }
  }
}

/** What was not asked for by name is no matter; what was is counted. */
function countUnsent({ leftOut, expired, target }: Restore, { records, claim }: { records: AnyRecord[]; claim: Claim | null }): void {
  for (const record of records.filter(endsKey)) {
    const types = claim === null ? chosenTypes(target.objects, record.db) : claim.types;
    if (!isWanted(record, types)) continue;
    if (claim === null) countType(leftOut, record.db, recordType(record));
    else if (!isSent(record, claim)) countType(expired, record.db, recordType(record));
  }
}

/** Counts what now stands in each database, and explains what is missing by expiry or not at all. */
async function compareAll(restore: Restore, control: RedisClient): Promise<Staged> {
  const { artefact, connection, context, claimed, sent, expired, leftOut, target } = restore;
  const isPortable = artefact.manifest.format === PORTABLE_FORMAT;
  const counts = new Map<string, number>();
  const skipped: Staged["skipped"] = [];
  for (const { name } of countedObjects(expired)) counts.set(name, 0);
  for (const { db, claim } of claimed) {
    using client = openJobClient(connection, db);
    using _cancel = closeOnCancel(client, context.signal);
    const compared = await compareDatabase({
      client,
      control,
      sent: sent.get(claim.from) ?? new Map<string, number>(),
      marker: MARKERS.restored,
      readExpiries: () => sentExpiries(restore, claim),
    });
    claim.isWhole = true;
    await client.send(...claimCommand(claim));
    await atPoint("compared");
    for (const [type, count] of compared.found) counts.set(objectName(claim.from, type), count);
    for (const [type, count] of compared.expired) skipped.push({ name: objectName(claim.from, type), count, reason: "expired while it was restored" });
  }
  for (const { name, count } of countedObjects(expired)) skipped.push({ name, count, reason: "expired since the backup" });
  const functions = await stageFunctions(artefact, target, control);
  for (const { name, count } of countedObjects(leftOut)) skipped.push({ name, count, reason: "left out: the target does not name this database" });
  return {
    objects: [...[...counts].map(([name, count]) => ({ name, count })), ...functions.objects],
    skipped: [...skipped, ...functions.skipped],
    keep: () => keep(restore, functions),
    ...(target.replace ? { swap: (journal) => swap(restore, journal, functions) } : {}),
    compareContent: () => (isPortable ? comparePortable(restore, claimed) : compareStaged(restore, claimed)),
    discard: () => discard(restore),
  };
}

/** The expiries of the keys that were sent, from a second reading: only needed when some are missing. */
async function* sentExpiries({ artefact, context }: Restore, claim: Claim): AsyncGenerator<{ type: string; expiresAtMs: bigint }> {
  for await (const records of readKeyRecords(artefact, { signal: context.signal })) {
    for (const record of records) {
      const end = recordEnd(record);
      if (record.db === claim.from && end !== null && endsKey(record) && isSent(record, claim)) yield { type: recordType(record), expiresAtMs: BigInt(end) };
    }
  }
}

async function keep({ connection, context, claimed }: Restore, functions: StagedFunctions): Promise<{ place: string }> {
  using server = openJobClient(connection, 0);
  await functions.load(server);
  for (const { db } of claimed) {
    using client = openJobClient(connection, db);
    await releaseDatabase(client, context.jobId);
  }
  return { place: `${claimed.map(({ db }) => `db${db}`).join(", ") || "nowhere: the backup holds no keys"} of ${connection.address}` };
}

async function swap({ connection, context, placements }: Restore, journal: Journal, { toSwap }: StagedFunctions): Promise<Swapped> {
  const pairs = placements.flatMap(({ to, live }) => (live === undefined ? [] : [{ live, spare: to }]));
  return swapStaged(connection, { jobId: context.jobId, pairs, libraries: toSwap }, { journal, context });
}

async function discard({ artefact, connection, claimed }: Restore): Promise<void> {
  for (const { db, claim, foreign } of claimed) await removeRestored({ artefact, connection, db, claim, foreign });
}
