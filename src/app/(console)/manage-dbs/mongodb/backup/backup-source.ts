import "server-only";

import type { ClientSession, Db, Document, MongoClient } from "mongodb";

import { type DescribedCollection, describeCollection } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import { isAside } from "@/app/(console)/manage-dbs/mongodb/backup/aside-names";
import { BSON_TYPE, ElementReader, findTopLevel } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import { attempt, numberOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import { type Product, productOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.product";
import { batchSizeFor, rawBatches, rawCommand, rawFind } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";

/** What a backup reads: the list of collections, the server's kind, and the documents of each in one order. */

export interface ServerKind {
  product: Product;
  hello: Document;
  /** The MongoDB version it is or presents itself as. */
  mongoVersion: string;
}

export async function serverKind(client: MongoClient): Promise<ServerKind> {
  const admin = client.db("admin");
  const [hello, buildInfo] = await Promise.all([admin.command({ hello: 1 }), attempt(admin.command({ buildInfo: 1 }))]);
  const product = productOf(buildInfo);
  return { product, hello, mongoVersion: product.speaks ?? product.version };
}

export const versionAtLeast = (version: string, major: number, minor = 0): boolean => {
  const [first = 0, second = 0] = version.split(".").map(Number);
  return first > major || (first === major && second >= minor);
};

export interface ListedCollections {
  collections: DescribedCollection[];
  skipped: { name: string; reason: string }[];
}

/** Every collection and view of a database in the order of their names; what is left out is named. */
export async function listForBackup(db: Db): Promise<ListedCollections> {
  const listed = (await rawCommand(db, { listCollections: 1, cursor: {} })).map(describeCollection);
  listed.sort((a, b) => (a.name < b.name ? -1 : 1));
  const collections = listed.filter((entry) => !isAside(entry.name) && (!entry.name.startsWith("system.") || entry.name === "system.js"));
  const skipped = listed
    // Views and time series are described by their own entries; these two only hold them.
    .filter((entry) => !collections.includes(entry) && entry.name !== "system.views" && !entry.name.startsWith("system.buckets."))
    .map((entry) => ({ name: entry.name, reason: isAside(entry.name) ? "kept aside by a restore" : "kept by the server for itself" }));
  return { collections, skipped };
}

/** The identity of a collection as the server knows it; null where it has none (views, some servers). */
export function uuidOf(entry: DescribedCollection): string | null {
  const info = findTopLevel(entry.entry, "info");
  if (info?.type !== BSON_TYPE.object) return null;
  const reader = new ElementReader(info.bytes, info.start, info.end);
  while (reader.next()) if (reader.name() === "uuid") return reader.bytes.toString("hex", reader.start, reader.end);
  return null;
}

/** What the collection holds by the server's own bookkeeping, for progress only, and how it is best read. */
export async function estimate(db: Db, name: string): Promise<{ count: number; bytes: number; batchSize: number }> {
  const stats = await attempt(db.command({ collStats: name, maxTimeMS: 3_000 }));
  return { count: numberOf(stats?.["count"]) ?? 0, bytes: numberOf(stats?.["size"]) ?? 0, batchSize: batchSizeFor(numberOf(stats?.["avgObjSize"])) };
}

export interface DocumentPlace {
  /** Where the documents of a collection lie. */
  collection: string;
  /** Newer servers hand out the buckets of a time series only when asked for them. */
  rawData: boolean;
}

/** Documents are read as stored: those of a time series are its buckets. */
export async function placeOf(db: Db, entry: { name: string; kind: string }, server: ServerKind): Promise<DocumentPlace> {
  if (entry.kind !== "timeseries") return { collection: entry.name, rawData: false };
  if (server.product.product === "MongoDB" && versionAtLeast(server.mongoVersion, 8, 3)) return { collection: entry.name, rawData: true };
  const buckets = `system.buckets.${entry.name}`;
  const found = await attempt(db.collection(buckets).find({}, { limit: 1, raw: true }).toArray());
  // Some servers keep a time series as plain documents and know no buckets.
  return found && found.length > 0 ? { collection: buckets, rawData: false } : { collection: entry.name, rawData: false };
}

/** All documents of a place in natural order. */
export function readAll(
  db: Db,
  place: DocumentPlace,
  options: { batchSize: number; session?: ClientSession | null; signal?: AbortSignal },
): AsyncGenerator<Buffer[]> {
  const { batchSize, session, signal } = options;
  if (place.rawData) {
    const command = { find: place.collection, filter: {}, hint: { $natural: 1 }, batchSize, rawData: true };
    const cursor = db.runCursorCommand(command, { raw: true, ...(session ? { session } : {}), ...(signal ? { signal } : {}) });
    return rawBatches(cursor.setBatchSize(batchSize), { isAhead: true });
  }
  return rawBatches(
    rawFind(db.collection(place.collection), { hint: { $natural: 1 }, batchSize, signal, comment: "foundry-console backup", ...(session ? { session } : {}) }),
    { isAhead: true },
  );
}

/** A snapshot is kept this long by default; a backup expected to take longer is read per collection. */
const SNAPSHOT_WINDOW_SECONDS = 300;
const EXPECTED_BYTES_PER_SECOND = 30_000_000;

/**
 * A session in which all collections are read as of one moment, or null with the reason. Only real replica sets and sharded
 * clusters keep that promise: servers that merely accept the option read the present.
 */
export async function snapshotSession(
  client: MongoClient,
  options: { db: Db; places: DocumentPlace[]; server: ServerKind; bytes: number },
): Promise<{ session: ClientSession | null; reason: string }> {
  const { db, places, server, bytes } = options;
  const { hello, product } = server;
  if (product.product !== "MongoDB") return { session: null, reason: `${product.product} has no snapshot across collections` };
  if (typeof hello["setName"] !== "string" && hello["msg"] !== "isdbgrid") return { session: null, reason: "the server is not a replica set" };
  if (!versionAtLeast(server.mongoVersion, 5)) return { session: null, reason: "snapshots need MongoDB 5.0" };
  const parameter = await attempt(client.db("admin").command({ getParameter: 1, minSnapshotHistoryWindowInSeconds: 1 }));
  const window = numberOf(parameter?.["minSnapshotHistoryWindowInSeconds"]) ?? SNAPSHOT_WINDOW_SECONDS;
  const expected = Math.ceil(bytes / EXPECTED_BYTES_PER_SECOND);
  if (expected > window * 0.8) return { session: null, reason: `the server keeps a snapshot for ${window} s, and reading takes about ${expected} s` };

  const session = client.startSession({ snapshot: true });
  try {
    for (const place of places) await db.collection(place.collection).find({}, { session, limit: 1, raw: true }).toArray();
    // The driver notes the moment the server answered with, without a type for it.
    if ((session as { snapshotTime?: unknown }).snapshotTime) return { session, reason: "" };
  } catch {
    // A collection that cannot be read this way makes the whole backup one per collection.
  }
  await session.endSession();
  return { session: null, reason: "the server refuses to read every collection from one snapshot" };
}
