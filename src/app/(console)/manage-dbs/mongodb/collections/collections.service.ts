import "server-only";

import type { Db, Document, MongoClient } from "mongodb";

import { isAside } from "@/app/(console)/manage-dbs/mongodb/backup/aside-names";
import type { CollectionList, CollectionSummary } from "@/app/(console)/manage-dbs/mongodb/collections/collections.schema";
import { requireDatabase, withClient } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { attempt, listedDatabases, numberOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import type { CallContext, Connection } from "@/server/connection";

const STATS_AT_ONCE = 8;
/** Sizes that are not there by then stay unknown: the list must not wait for them. */
const STATS_DEADLINE_MS = 3_000;

/**
 * The collections of a database with sizes and counts from the server's own statistics; no collection is counted.
 * System collections are left out, except those a person made (`system.js`), and so is what restores keep aside.
 * @throws AppError UNREACHABLE, AUTH_FAILED, FORBIDDEN
 */
export async function listCollections(connection: Connection, input: { database?: string | undefined }, context: CallContext): Promise<CollectionList> {
  const database = requireDatabase(connection, input.database);
  return withClient(connection, `${database}: list collections`, async (client) => {
    const [databases, collections] = await Promise.all([listDatabases(client, database), collectionSummaries(client.db(database), context)]);
    const sizes = collections.flatMap((collection) => (collection.bytes === null ? [] : [collection.bytes]));
    return { database, databases, collections, totalBytes: sizes.length > 0 ? sizes.reduce((sum, bytes) => sum + bytes, 0) : null };
  });
}

async function listDatabases(client: MongoClient, current: string): Promise<CollectionList["databases"]> {
  const answer = await listedDatabases(client);
  const found = (answer?.databases ?? []).map((row) => ({ name: String(row["name"]), bytes: numberOf(row["sizeOnDisk"]) }));
  // A user with rights on one database only sees none; one without collections is not listed either.
  if (!found.some((row) => row.name === current)) found.push({ name: current, bytes: null });
  return found.sort((a, b) => a.name.localeCompare(b.name));
}

/** What listCollections says, with the statistics of each where they can be had in time. */
export async function collectionSummaries(db: Db, context: CallContext): Promise<CollectionSummary[]> {
  const listed = await db.listCollections({}, { ...(context.signal ? { signal: context.signal } : {}) }).toArray();
  const isShown = (name: string) => !isAside(name) && (!name.startsWith("system.") || name === "system.js");
  const shown = listed.filter((entry) => isShown(entry.name)).sort((a, b) => a.name.localeCompare(b.name));
  const summaries = shown.map((entry) => summaryOf(entry));
  const deadline = performance.now() + STATS_DEADLINE_MS;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let summary = summaries[next++]; summary; summary = summaries[next++]) {
      if (summary.kind !== "view" && performance.now() < deadline) Object.assign(summary, await statistics(db, summary.name, context));
    }
  };
  await Promise.all(Array.from({ length: STATS_AT_ONCE }, worker));
  return summaries;
}

function summaryOf(entry: Document): CollectionSummary {
  const options = (entry["options"] ?? {}) as Document;
  const kind = entry["type"] === "view" || entry["type"] === "timeseries" ? entry["type"] : "collection";
  return {
    name: String(entry["name"]),
    kind,
    capped: options["capped"] === true,
    bytes: null,
    count: null,
    indexCount: null,
    viewOn: typeof options["viewOn"] === "string" ? options["viewOn"] : null,
  };
}

/** collStats is deprecated but answers everywhere; the stage that replaces it reports no sizes on some servers. */
async function statistics(db: Db, name: string, context: CallContext): Promise<Pick<CollectionSummary, "bytes" | "count" | "indexCount">> {
  const options = { maxTimeMS: STATS_DEADLINE_MS, ...(context.signal ? { signal: context.signal } : {}) };
  const stats =
    (await attempt(db.command({ collStats: name, maxTimeMS: STATS_DEADLINE_MS }, context.signal ? { signal: context.signal } : {}))) ??
    (await stageStatistics(db, name, options));
  const storage = numberOf(stats?.["storageSize"]);
  const indexes = numberOf(stats?.["totalIndexSize"]);
  return { bytes: storage === null ? null : storage + (indexes ?? 0), count: numberOf(stats?.["count"]), indexCount: numberOf(stats?.["nindexes"]) };
}

async function stageStatistics(db: Db, name: string, options: { maxTimeMS: number }): Promise<Document | null> {
  const rows = await attempt(
    db
      .collection(name)
      .aggregate([{ $collStats: { storageStats: {} } }], options)
      .toArray(),
  );
  return (rows?.[0]?.["storageStats"] as Document | undefined) ?? null;
}
