import "server-only";

import type { Document } from "mongodb";

import { isAside } from "@/app/(console)/manage-dbs/mongodb/backup/aside-names";
import { collectionSummaries } from "@/app/(console)/manage-dbs/mongodb/collections/collections.service";
import type { CollectionSummary } from "@/app/(console)/manage-dbs/mongodb/collections/collections.schema";
import { databaseOf, withClient } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { toAppError } from "@/app/(console)/manage-dbs/mongodb/mongodb.errors";
import { attempt, numberOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import { productOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.product";
import { readFigures, type ServerFigures, userOf, usesTls } from "@/app/(console)/manage-dbs/mongodb/mongodb.server-figures";
import { readTiles } from "@/app/(console)/manage-dbs/mongodb/mongodb.tiles";
import { readWarnings } from "@/app/(console)/manage-dbs/mongodb/mongodb.warnings";
import type { ConnectedInfo, EngineInfo, EngineOverview, Fact } from "@/lib/engine-contract";
import { formatBytes, formatCount, formatDuration } from "@/lib/format";
import type { CallContext, Connection } from "@/server/connection";

/** Reachable with version, size and counts, or not connected with the reason. Never throws for a server that is down. */
export async function getInfo(connection: Connection, context: CallContext): Promise<EngineInfo> {
  try {
    return await withClient(connection, "read the server's state", async (client) => {
      const figures = await readFigures(client, connection, context);
      const database = databaseOf(connection);
      const names = database ? await client.db(database).listCollections({}, { nameOnly: true }).toArray() : null;
      return connectedInfo(connection, figures, names ? names.filter((entry) => !entry.name.startsWith("system.") && !isAside(entry.name)).length : null);
    });
  } catch (error) {
    const known = toAppError(error, { address: connection.address });
    return {
      state: "not-connected",
      address: connection.address,
      code: known.code,
      reason: known.message,
      fix: known.fix ?? "Check the connection.",
      ...(known.detail ? { detail: known.detail } : {}),
    };
  }
}

/** @throws AppError when the server cannot be reached; a figure the server does not report never fails the whole */
export async function getOverview(connection: Connection, context: CallContext): Promise<EngineOverview> {
  return withClient(connection, "read the overview", async (client) => {
    const figures = await readFigures(client, connection, context);
    const database = databaseOf(connection);
    const collections = database ? await collectionSummaries(client.db(database), context) : [];
    return {
      info: connectedInfo(connection, figures, database ? collections.length : null),
      facts: facts(connection, figures, collections),
      tiles: readTiles(connection, figures.status),
      largest: largest(database, collections),
      warnings: await readWarnings({ connection, client, figures, collections }),
      checkedAt: new Date().toISOString(),
    };
  });
}

/** The tiles' figures by id, for the sparklines; those the server does not report are left out. */
export async function sample(connection: Connection): Promise<Record<string, number>> {
  return withClient(connection, "sample", async (client) => {
    const status = await attempt(client.db("admin").command({ serverStatus: 1 }));
    return Object.fromEntries(readTiles(connection, status).flatMap((tile) => (tile.number === null ? [] : [[tile.id, tile.number]])));
  });
}

function connectedInfo(connection: Connection, figures: ServerFigures, collections: number | null): ConnectedInfo {
  const { product, version } = productOf(figures.buildInfo);
  const resident = numberOf((figures.status?.["mem"] as Document | undefined)?.["resident"]);
  const databases = figures.databases?.databases.length ?? 0;
  return {
    state: "connected",
    product,
    version,
    address: connection.address,
    latencyMs: figures.latencyMs,
    uptimeSeconds: wholeOrNull(numberOf(figures.status?.["uptime"])),
    sizeBytes: sizeOf(figures),
    memoryBytes: resident === null || resident === 0 ? null : resident * 1024 * 1024,
    holds:
      collections === null
        ? { count: databases, estimated: false, word: databases === 1 ? "database" : "databases" }
        : { count: collections, estimated: false, word: collections === 1 ? "collection" : "collections" },
  };
}

/** Data and indexes as stored; older servers have no totalSize. */
function sizeOf(figures: ServerFigures): number | null {
  const total = numberOf(figures.dbStats?.["totalSize"]);
  if (total !== null) return total;
  const storage = numberOf(figures.dbStats?.["storageSize"]);
  if (storage !== null) return storage + (numberOf(figures.dbStats?.["indexSize"]) ?? 0);
  return figures.databases?.totalSize ?? null;
}

const wholeOrNull = (value: number | null): number | null => (value === null ? null : Math.floor(value));

function facts(connection: Connection, figures: ServerFigures, collections: CollectionSummary[]): Fact[] {
  const { product, version, speaks } = productOf(figures.buildInfo);
  const database = databaseOf(connection);
  const uptime = numberOf(figures.status?.["uptime"]);
  const size = sizeOf(figures);
  const user = userOf(figures);
  const engine = (figures.status?.["storageEngine"] as Document | undefined)?.["name"];
  return [
    { label: "Version", value: product === "MongoDB" ? version : `${product} ${version}`, ...(speaks ? { note: `speaks MongoDB ${speaks}` } : {}) },
    { label: "Address", value: connection.address, mono: true },
    { label: "Database", value: database ?? "none chosen", mono: database !== null, ...databasesNote(figures) },
    { label: "Uptime", value: uptime === null ? "not reported" : formatDuration(uptime) },
    { label: "Size", value: size === null ? "not reported" : formatBytes(size), ...dataNote(figures) },
    { label: "Objects", value: objectsText(figures, collections) },
    { label: "Storage engine", value: typeof engine === "string" ? engine : "not reported" },
    { label: "Replica set", value: replicaSetText(figures.hello) },
    { label: "User", value: user ?? "none", mono: user !== null, ...(user ? {} : { note: "not authenticated" }) },
    encryptionFact(connection),
    { label: "Backup tool", value: "built in", note: "no mongodump needed", badge: { text: "fits", tone: "ok" } },
  ];
}

function databasesNote(figures: ServerFigures): { note?: string } {
  const databases = figures.databases?.databases;
  return databases ? { note: `${databases.length} on this server` } : {};
}

function dataNote(figures: ServerFigures): { note?: string } {
  const data = numberOf(figures.dbStats?.["dataSize"]);
  return data === null ? {} : { note: `${formatBytes(data)} of documents` };
}

function objectsText(figures: ServerFigures, collections: CollectionSummary[]): string {
  const views = collections.filter((collection) => collection.kind === "view").length;
  const indexes = numberOf(figures.dbStats?.["indexes"]) ?? collections.reduce((sum, collection) => sum + (collection.indexCount ?? 0), 0);
  const words = (count: number, one: string, many: string) => `${formatCount(count)} ${count === 1 ? one : many}`;
  return [words(collections.length - views, "collection", "collections"), words(views, "view", "views"), words(indexes, "index", "indexes")].join(", ");
}

function replicaSetText(hello: Document): string {
  if (hello["msg"] === "isdbgrid") return "sharded cluster (mongos)";
  if (typeof hello["setName"] !== "string") return "none, standalone";
  const role = hello["isWritablePrimary"] === true ? "primary" : hello["secondary"] === true ? "secondary" : "member";
  return `${hello["setName"]}, ${role} of ${Array.isArray(hello["hosts"]) ? hello["hosts"].length : 1}`;
}

function encryptionFact(connection: Connection): Fact {
  if (!usesTls(connection)) return { label: "Encryption", value: "none" };
  const unchecked = /[?&]tls(?:Insecure|AllowInvalidCertificates)=true\b/i.test(connection.url.reveal());
  return { label: "Encryption", value: unchecked ? "TLS, certificate not checked" : "TLS, certificate checked" };
}

function largest(database: string | null, collections: CollectionSummary[]): EngineOverview["largest"] {
  return collections
    .filter((collection) => collection.kind !== "view")
    .sort((a, b) => (b.bytes ?? -1) - (a.bytes ?? -1))
    .slice(0, 10)
    .map((collection) => ({ group: database, name: collection.name, bytes: collection.bytes, count: collection.count, countEstimated: true }));
}
