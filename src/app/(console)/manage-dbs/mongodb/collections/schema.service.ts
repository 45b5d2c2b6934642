import "server-only";

import type { Collection, Db, Document } from "mongodb";

import { valueToEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { BSON_TYPE, BsonError, type BsonValue, ElementReader, findTopLevel } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import type { CollectionIndex, CollectionName, CollectionSchema } from "@/app/(console)/manage-dbs/mongodb/collections/collections.schema";
import { SchemaInference } from "@/app/(console)/manage-dbs/mongodb/collections/schema-inference";
import { requireDatabase, withClient } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { attempt, numberOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import { rawBatches, rawCommand, rawFind } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import type { CallContext, Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";

const SAMPLE_TIMEOUT_MS = 10_000;
const SAMPLE_BYTES_MAX = 32 * 1024 * 1024;
const STATS_TIMEOUT_MS = 3_000;

/**
 * Fields inferred from a bounded sample, the indexes with their use, the validator and the options of a collection.
 * @throws AppError NOT_FOUND when there is no such collection
 */
export async function getSchema(connection: Connection, input: CollectionName, context: CallContext): Promise<CollectionSchema> {
  const database = requireDatabase(connection, input.database);
  return withClient(connection, `${input.collection}: read the schema`, async (client) => {
    const db = client.db(database);
    const [entry] = await rawCommand(db, { listCollections: 1, filter: { name: input.collection }, cursor: {} });
    if (!entry)
      throw new AppError("NOT_FOUND", `${database} has no collection ${JSON.stringify(input.collection)}`, {
        fix: "Reload the list: it may have been renamed or dropped.",
      });
    const described = describe(entry);
    const [sampled, indexes] = await Promise.all([
      sampleFields(db.collection(input.collection), context),
      described.kind === "view" ? [] : listIndexes(db, input.collection),
    ]);
    return { database, collection: input.collection, ...described, ...sampled, indexes };
  });
}

function describe(entry: Buffer): Pick<CollectionSchema, "kind" | "validator" | "validationLevel" | "validationAction" | "options"> {
  const type = textOf(findTopLevel(entry, "type"));
  const options = findTopLevel(entry, "options");
  const members = options?.type === BSON_TYPE.object ? membersOf(options) : [];
  const of = (name: string) => members.find((member) => member.name === name)?.value ?? null;
  const validator = of("validator");
  const rest = members.filter((member) => !["validator", "validationLevel", "validationAction"].includes(member.name));
  return {
    kind: type === "view" || type === "timeseries" ? type : "collection",
    validator: validator ? valueToEjson(validator, { relaxed: true }) : null,
    validationLevel: textOf(of("validationLevel")),
    validationAction: textOf(of("validationAction")),
    options: `{${rest.map((member) => `${JSON.stringify(member.name)}:${valueToEjson(member.value, { relaxed: true })}`).join(",")}}`,
  };
}

async function sampleFields(
  collection: Collection,
  context: CallContext,
): Promise<Pick<CollectionSchema, "fields" | "fieldsCut" | "sampledBy" | "sampledDocuments">> {
  const random = await attempt(infer(sampleBatches(collection, context)));
  const inference =
    random ?? (await infer(rawBatches(rawFind(collection, { limit: LIMITS.schemaSampleDocuments, maxTimeMS: SAMPLE_TIMEOUT_MS, signal: context.signal }))));
  return {
    sampledBy: random ? "random sample" : "first documents",
    sampledDocuments: inference.documents,
    fields: inference.fields(),
    fieldsCut: inference.fieldsCut,
  };
}

function sampleBatches(collection: Collection, context: CallContext): AsyncGenerator<Buffer[]> {
  const signal = context.signal ? { signal: context.signal } : {};
  return rawBatches(collection.aggregate([{ $sample: { size: LIMITS.schemaSampleDocuments } }], { raw: true, maxTimeMS: SAMPLE_TIMEOUT_MS, ...signal }));
}

/** Stops at a number of bytes too: a thousand documents of 16 MB must not pass through the console. */
async function infer(batches: AsyncGenerator<Buffer[]>): Promise<SchemaInference> {
  const inference = new SchemaInference();
  let bytes = 0;
  for await (const batch of batches) {
    for (const document of batch) {
      bytes += document.length;
      try {
        inference.add(document);
      } catch (error) {
        if (!(error instanceof BsonError)) throw error;
      }
      if (bytes > SAMPLE_BYTES_MAX) return inference;
    }
  }
  return inference;
}

async function listIndexes(db: Db, collection: string): Promise<CollectionIndex[]> {
  const [raw, sizes, uses] = await Promise.all([
    attempt(rawCommand(db, { listIndexes: collection })),
    attempt(db.command({ collStats: collection, maxTimeMS: STATS_TIMEOUT_MS })),
    attempt(
      db
        .collection(collection)
        .aggregate([{ $indexStats: {} }], { maxTimeMS: STATS_TIMEOUT_MS })
        .toArray(),
    ),
  ]);
  return (raw ?? []).map((index) => toIndex(index, (sizes?.["indexSizes"] ?? {}) as Document, uses ?? []));
}

/** Said on their own, or not part of the definition. */
const INDEX_FIELDS_ASIDE = new Set(["v", "key", "name", "ns", "storageEngine"]);

function toIndex(index: Buffer, sizes: Document, uses: Document[]): CollectionIndex {
  const members = membersOf({ bytes: index, type: BSON_TYPE.object, start: 0, end: index.length });
  const of = (name: string) => members.find((member) => member.name === name)?.value ?? null;
  const isTrue = (name: string) => {
    const value = of(name);
    return value?.type === BSON_TYPE.bool && value.bytes[value.start] !== 0;
  };
  const name = textOf(of("name")) ?? "";
  const key = of("key");
  const ttl = of("expireAfterSeconds");
  const use = uses.find((row) => row["name"] === name)?.["accesses"] as Document | undefined;
  const since = use?.["since"];
  const rest = members.filter((member) => !INDEX_FIELDS_ASIDE.has(member.name));
  return {
    name,
    key: key ? valueToEjson(key, { relaxed: true }) : "{}",
    options: `{${rest.map((member) => `${JSON.stringify(member.name)}:${valueToEjson(member.value, { relaxed: true })}`).join(",")}}`,
    unique: isTrue("unique"),
    sparse: isTrue("sparse"),
    partial: of("partialFilterExpression") !== null,
    hidden: isTrue("hidden"),
    expireAfterSeconds: ttl ? numberFrom(ttl) : null,
    bytes: numberOf(sizes[name]),
    uses: use ? numberOf(use["ops"]) : null,
    usesSince: since instanceof Date ? since.toISOString() : null,
  };
}

function membersOf(value: BsonValue): { name: string; value: BsonValue }[] {
  const members: { name: string; value: BsonValue }[] = [];
  const reader = new ElementReader(value.bytes, value.start, value.end);
  while (reader.next()) members.push({ name: reader.name(), value: reader.value() });
  return members;
}

function textOf(value: BsonValue | null): string | null {
  return value?.type === BSON_TYPE.string ? value.bytes.toString("utf8", value.start + 4, value.end - 1) : null;
}

function numberFrom(value: BsonValue): number | null {
  const number = Number(valueToEjson(value, { relaxed: true }));
  return Number.isFinite(number) ? number : null;
}
