import "server-only";

import { BSON, type Db, MongoServerError } from "mongodb";

import { toEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { BSON_TYPE, findTopLevel } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import { toOrderedDocument } from "@/app/(console)/manage-dbs/mongodb/bson-values";
import { uuidOf } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { describeCollection, type ParsedMetadata } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import type { OrderedDocument } from "@/app/(console)/manage-dbs/mongodb/ejson-values";
import { attempt } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import { rawCommand } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import { AppError } from "@/server/errors";

/** Making collections, views and indexes from an archive's description, and saying what a server did not keep of it. */

/** @param createIdIndex gives `_id` its own definition (its collation, mostly); left out where the server refuses it */
export async function createCollection(db: Db, name: string, metadata: ParsedMetadata): Promise<void> {
  const plain = { create: name, ...Object.fromEntries(metadata.options) };
  const full = metadata.idIndex ? { ...plain, idIndex: metadata.idIndex } : plain;
  if ((await attempt(db.command(full))) === null) await db.command(plain);
}

/** The options a collection now has, as the server lists them; null when it is not there. */
export async function optionsOf(db: Db, name: string): Promise<{ options: OrderedDocument; uuid: string | null } | null> {
  const [entry] = await rawCommand(db, { listCollections: 1, filter: { name }, cursor: {} });
  if (!entry) return null;
  const options = findTopLevel(entry, "options");
  return {
    options: options?.type === BSON_TYPE.object ? toOrderedDocument(options.bytes, options.start, options.end) : new Map(),
    uuid: uuidOf(describeCollection(entry)),
  };
}

/** Names of the wanted options that came back missing or different. */
export function optionsLost(wanted: OrderedDocument, found: OrderedDocument): string[] {
  return [...wanted].filter(([name, value]) => canonical(value) !== canonical(found.get(name))).map(([name]) => name);
}

const INDEX_FIELDS_ASIDE = new Set(["v", "ns", "background", "storageEngine"]);

/**
 * Builds all indexes of a collection and compares them with what was wanted.
 * @returns what the server did not keep of them, in words
 * @throws AppError INVALID when an index cannot be built here
 */
export async function buildIndexes(
  db: Db,
  collection: { shown: string; stagedName: string; indexes: OrderedDocument[] },
  signal: AbortSignal,
): Promise<string[]> {
  const { indexes } = collection;
  if (indexes.length === 0) return [];
  try {
    await db.command({ createIndexes: collection.stagedName, indexes }, { signal });
  } catch (error) {
    if (!(error instanceof MongoServerError)) throw error;
    throw new AppError("INVALID", `${collection.shown}: its indexes cannot be built here`, {
      fix: "The details name the index: this server may not know its kind, or the documents break its uniqueness.",
      detail: `${error.code}: ${error.message.slice(0, 300)}`,
      cause: error,
    });
  }
  const found = new Map(
    (await rawCommand(db, { listIndexes: collection.stagedName })).map((raw) => toOrderedDocument(raw)).map((index) => [String(index.get("name")), index]),
  );
  return indexes.flatMap((wanted) => indexDifference(wanted, found.get(String(wanted.get("name")))));
}

function indexDifference(wanted: OrderedDocument, found: OrderedDocument | undefined): string[] {
  const name = String(wanted.get("name"));
  if (!found) return [`index ${name} is missing`];
  const lost = [...wanted]
    .filter(([field, value]) => !INDEX_FIELDS_ASIDE.has(field) && canonical(value) !== canonical(found.get(field)))
    .map(([field]) => field);
  return lost.length === 0 ? [] : [`index ${name} came back without or with another ${lost.join(", ")}`];
}

/** Key order counts, types of numbers do not: servers store 1 for 1.0. */
function canonical(value: unknown): string {
  if (value === undefined) return "";
  const text = toEjson(Buffer.from(BSON.serialize(new Map([["", value]]))), { relaxed: true });
  return text.replaceAll(/(-?\d+)\.0(?=[,}\]])/g, "$1");
}

export interface ServerHabits {
  /** The server lists the options a collection was made with. */
  keepsOptions: boolean;
  /** ... and still does when the collection was renamed. */
  renameKeepsOptions: boolean;
  /** A renamed collection is the same one to the server. */
  renameKeepsIdentity: boolean;
  /** Names with dots can be renamed. */
  renamesDots: boolean;
}

/** Tries it with an empty capped collection, because servers that speak the protocol differ in both. */
export async function probeHabits(db: Db, prefix: string): Promise<ServerHabits> {
  const [before, after, dotted] = [`${prefix}probe`, `${prefix}probed`, `${prefix}probe.dotted`];
  const rename = (from: string, to: string) => db.admin().command({ renameCollection: `${db.databaseName}.${from}`, to: `${db.databaseName}.${to}` });
  const look = async (name: string) => {
    const found = await optionsOf(db, name);
    return { capped: found?.options.get("capped") === true, uuid: found?.uuid ?? null };
  };
  try {
    await db.command({ create: before, capped: true, size: 4096 });
    const made = await look(before);
    await rename(before, after);
    const renamed = await look(after);
    const renamesDots = (await attempt(rename(after, dotted))) !== null && (await attempt(rename(dotted, after))) !== null;
    return {
      keepsOptions: made.capped,
      renameKeepsOptions: renamed.capped,
      renameKeepsIdentity: made.uuid !== null && made.uuid === renamed.uuid,
      renamesDots,
    };
  } finally {
    for (const name of [before, after, dotted]) await attempt(db.command({ drop: name }));
  }
}
