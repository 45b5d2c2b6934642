import "server-only";

import type { Document, MongoClient } from "mongodb";

import type { CollectionSummary } from "@/app/(console)/manage-dbs/mongodb/collections/collections.schema";
import { databaseOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { attempt, numberOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import { type ServerFigures, userOf, usesTls } from "@/app/(console)/manage-dbs/mongodb/mongodb.server-figures";
import { productOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.product";
import type { EngineWarning } from "@/lib/engine-contract";
import { formatBytes, formatCount } from "@/lib/format";
import type { Connection } from "@/server/connection";

const OLDEST_SUPPORTED_MAJOR = 6;
const UNUSED_INDEX_BYTES_MIN = 16 * 1024 * 1024;
const UNUSED_INDEX_DAYS_MIN = 7;
const COLLECTIONS_LOOKED_AT = 20;

interface Seen {
  connection: Connection;
  client: MongoClient;
  figures: ServerFigures;
  collections: CollectionSummary[];
}

/** What somebody should do something about, most urgent first. */
export async function readWarnings(seen: Seen): Promise<EngineWarning[]> {
  const found = [authentication(seen), encryption(seen), missingDatabase(seen), standalone(seen), oldVersion(seen), ...(await unusedIndexes(seen))];
  const rank = { danger: 0, warn: 1, info: 2 };
  return found.flatMap((warning) => warning ?? []).sort((a, b) => rank[a.level] - rank[b.level]);
}

const isLoopback = (address: string): boolean => address.split(",").every((host) => /^(?:127\.|localhost|\[::1\])/.test(host));

function authentication({ connection, figures }: Seen): EngineWarning | null {
  if (userOf(figures) !== null) return null;
  return {
    level: isLoopback(connection.address) ? "warn" : "danger",
    title: "No authentication",
    detail: `Whoever reaches ${connection.address} can read and change everything`,
    fix: "Turn on authorization on the server, make users, and put one into the connection's URL.",
  };
}

function encryption({ connection }: Seen): EngineWarning | null {
  if (usesTls(connection) || isLoopback(connection.address)) return null;
  return {
    level: "warn",
    title: "Not encrypted",
    detail: "Documents and credentials travel in the clear",
    fix: "Turn on TLS on the server and add tls=true to the connection's URL.",
  };
}

function missingDatabase({ connection, figures, collections }: Seen): EngineWarning | null {
  const database = databaseOf(connection);
  if (!database)
    return {
      level: "warn",
      title: "No database chosen",
      detail: "Backups and lists need one",
      fix: "Set MONGODB_ADMIN_DATABASE, or the database of the connection.",
    };
  const listed = figures.databases?.databases;
  if (collections.length > 0 || !listed || listed.some((row) => row["name"] === database)) return null;
  const near = listed.find((row) => String(row["name"]).toLowerCase() === database.toLowerCase());
  return {
    level: "danger",
    title: `The database ${database} does not exist`,
    detail: near
      ? `There is one named ${near["name"]}: names are case-sensitive`
      : "MongoDB makes a database with its first document, so a wrong name shows as an empty one",
    fix: "Correct the database of the connection.",
  };
}

function standalone({ figures }: Seen): EngineWarning | null {
  if (typeof figures.hello["setName"] === "string" || figures.hello["msg"] === "isdbgrid" || productOf(figures.buildInfo).product !== "MongoDB") return null;
  return {
    level: "info",
    title: "Not a replica set",
    detail: "Backups are consistent per collection, not across collections",
    fix: "Run it as a replica set of at least one member: then backups read one snapshot.",
  };
}

function oldVersion({ figures }: Seen): EngineWarning | null {
  const { product, version } = productOf(figures.buildInfo);
  const major = Number.parseInt(version, 10);
  if (product !== "MongoDB" || Number.isNaN(major) || major >= OLDEST_SUPPORTED_MAJOR) return null;
  return {
    level: "warn",
    title: `MongoDB ${version} gets no more fixes`,
    detail: `Releases before ${OLDEST_SUPPORTED_MAJOR}.0 are at their end of life`,
    fix: "Upgrade one major version at a time.",
  };
}

/** Large indexes nothing has read for a week: they cost every write. Only the largest collections are looked at. */
async function unusedIndexes({ connection, client, collections, figures }: Seen): Promise<EngineWarning[]> {
  const database = databaseOf(connection);
  if (!database || productOf(figures.buildInfo).product !== "MongoDB") return [];
  const db = client.db(database);
  const largest = collections
    .filter((collection) => (collection.bytes ?? 0) >= UNUSED_INDEX_BYTES_MIN && (collection.indexCount ?? 0) > 1)
    .slice(0, COLLECTIONS_LOOKED_AT);
  const found = await Promise.all(
    largest.map(async ({ name }) => {
      const [uses, stats] = await Promise.all([
        attempt(
          db
            .collection(name)
            .aggregate([{ $indexStats: {} }], { maxTimeMS: 2_000 })
            .toArray(),
        ),
        attempt(db.command({ collStats: name, maxTimeMS: 2_000 })),
      ]);
      const sizes = (stats?.["indexSizes"] ?? {}) as Document;
      return (uses ?? [])
        .filter((row) => isUnused(row, numberOf(sizes[String(row["name"])]) ?? 0))
        .map((row) => unusedWarning(name, row, numberOf(sizes[String(row["name"])]) ?? 0));
    }),
  );
  return found.flat().slice(0, 3);
}

function isUnused(row: Document, bytes: number): boolean {
  const accesses = row["accesses"] as Document | undefined;
  const since = accesses?.["since"];
  const days = since instanceof Date ? (Date.now() - since.getTime()) / 86_400_000 : 0;
  const spec = row["spec"] as Document | undefined;
  return (
    row["name"] !== "_id_" &&
    numberOf(accesses?.["ops"]) === 0 &&
    days >= UNUSED_INDEX_DAYS_MIN &&
    bytes >= UNUSED_INDEX_BYTES_MIN &&
    spec?.["unique"] !== true &&
    spec?.["expireAfterSeconds"] === undefined
  );
}

function unusedWarning(collection: string, row: Document, bytes: number): EngineWarning {
  const since = (row["accesses"] as Document)["since"] as Date;
  const days = Math.floor((Date.now() - since.getTime()) / 86_400_000);
  return {
    level: "info",
    title: `Index ${row["name"]} of ${collection} is not used`,
    detail: `${formatBytes(bytes)}, not read once in ${formatCount(days)} days`,
    fix: "Hide it (collMod hidden: true), watch, then drop it.",
  };
}
