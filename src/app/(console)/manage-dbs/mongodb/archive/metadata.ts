import "server-only";

import { toEjson, valueToEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { ArchiveError } from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import { BSON_TYPE, type BsonValue, ElementReader } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import { EjsonError, type JsonNode, type ObjectNode, parseJsonTree } from "@/app/(console)/manage-dbs/mongodb/ejson-parse";
import { nodeToDocument, type OrderedDocument } from "@/app/(console)/manage-dbs/mongodb/ejson-values";

/** What an archive says of a collection beside its documents: options and indexes, with the order of their keys. */

const DEPTH_MAX = 250;

export type CollectionKind = "collection" | "view" | "timeseries";

export interface DescribedCollection {
  name: string;
  kind: CollectionKind;
  /**
   * The type as the server calls it: what the archive says. A server that keeps a time series as plain documents calls it a
   * collection, and mongorestore then takes its documents as they are instead of looking for buckets.
   */
  listedType: string;
  /** The raw answer of listCollections for it. */
  entry: Buffer;
}

export interface ParsedMetadata {
  /** Options for `create`, in order. */
  options: OrderedDocument;
  /** Definitions for `createIndexes`, in order, without the one on `_id`. */
  indexes: OrderedDocument[];
  /** Definition of the index on `_id`, for `create`; null where there is none (views, clustered collections). */
  idIndex: OrderedDocument | null;
  kind: CollectionKind;
}

/** @param entry raw answer of listCollections for one collection */
export function describeCollection(entry: Buffer): DescribedCollection {
  const fields = membersOf({ bytes: entry, type: BSON_TYPE.object, start: 0, end: entry.length });
  const type = textOf(fields.get("type"));
  const options = fields.get("options");
  const hasTimeSeries = options?.type === BSON_TYPE.object && membersOf(options).has("timeseries");
  const kind = type === "view" ? "view" : type === "timeseries" || hasTimeSeries ? "timeseries" : "collection";
  return { name: textOf(fields.get("name")) ?? "", kind, listedType: type ?? kind, entry };
}

/** The metadata text as mongodump writes it: canonical, from raw bytes, so that no number and no order changes. */
export function metadataText(collection: DescribedCollection, indexes: Buffer[]): string {
  const fields = membersOf({ bytes: collection.entry, type: BSON_TYPE.object, start: 0, end: collection.entry.length });
  const options = fields.get("options");
  const info = fields.get("info");
  const uuid = info?.type === BSON_TYPE.object ? uuidHex(membersOf(info).get("uuid")) : null;
  const parts = [
    `"indexes":[${collection.kind === "view" ? "" : indexes.map((index) => toEjson(index)).join(",")}]`,
    ...(uuid && collection.listedType === "collection" ? [`"uuid":"${uuid}"`] : []),
    `"collectionName":${JSON.stringify(collection.name)}`,
    `"type":${JSON.stringify(collection.listedType)}`,
    ...(options?.type === BSON_TYPE.object ? [`"options":${valueToEjson(options)}`] : []),
  ];
  return `{${parts.join(",")}}`;
}

/** Fields that say where an index is, not what it is; servers refuse them in a definition. */
const INDEX_FIELDS_LEFT_OUT = new Set(["v", "ns", "background", "storageEngine"]);
const OPTIONS_LEFT_OUT = new Set(["autoIndexId", "recordIdsReplicated", "uuid", "temp"]);

/** @throws ArchiveError when the metadata of a collection cannot be understood */
export function parseMetadata(entry: { collection: string; metadata: string; type: string }): ParsedMetadata {
  try {
    const tree = entry.metadata === "" ? null : parseJsonTree(entry.metadata, { depthMax: DEPTH_MAX });
    if (tree !== null && tree.kind !== "object") throw new EjsonError("no object", 0);
    const options = without(objectMember(tree, "options"), OPTIONS_LEFT_OUT);
    const indexes = arrayMember(tree, "indexes").map((index) => without(index, INDEX_FIELDS_LEFT_OUT));
    const isId = (index: OrderedDocument) => index.get("name") === "_id_" || index.get("clustered") === true;
    const id = indexes.find((index) => isId(index) && index.get("clustered") !== true) ?? null;
    const type = stringMember(tree, "type") ?? entry.type;
    const kind = options.has("viewOn") || type === "view" ? "view" : options.has("timeseries") || type === "timeseries" ? "timeseries" : "collection";
    return { options, indexes: indexes.filter((index) => !isId(index)), idIndex: kind === "collection" && !options.has("clusteredIndex") ? id : null, kind };
  } catch (error) {
    if (error instanceof EjsonError) throw new ArchiveError(`The description of ${entry.collection} cannot be read: ${error.message}`, { cause: error });
    throw error;
  }
}

const memberOf = (tree: ObjectNode | null, name: string): JsonNode | undefined => tree?.entries.find((entry) => entry.key === name)?.value;

function objectMember(tree: ObjectNode | null, name: string): ObjectNode | null {
  const value = memberOf(tree, name);
  return value?.kind === "object" ? value : null;
}

function arrayMember(tree: ObjectNode | null, name: string): ObjectNode[] {
  const value = memberOf(tree, name);
  if (value === undefined || value.kind !== "array") return [];
  return value.items.map((item) => {
    if (item.kind !== "object") throw new EjsonError(`${name} holds something that is no object`, item.at);
    return item;
  });
}

function stringMember(tree: ObjectNode | null, name: string): string | null {
  const value = memberOf(tree, name);
  return value?.kind === "string" && value.value !== "" ? value.value : null;
}

function without(node: ObjectNode | null, names: ReadonlySet<string>): OrderedDocument {
  return node ? nodeToDocument({ ...node, entries: node.entries.filter((entry) => !names.has(entry.key)) }) : new Map();
}

function membersOf(value: BsonValue): Map<string, BsonValue> {
  const members = new Map<string, BsonValue>();
  const reader = new ElementReader(value.bytes, value.start, value.end);
  while (reader.next()) members.set(reader.name(), reader.value());
  return members;
}

const textOf = (value: BsonValue | undefined): string | null =>
  value?.type === BSON_TYPE.string ? value.bytes.toString("utf8", value.start + 4, value.end - 1) : null;

function uuidHex(value: BsonValue | undefined): string | null {
  return value?.type === BSON_TYPE.binary && value.end - value.start === 21 ? value.bytes.toString("hex", value.start + 5, value.end) : null;
}
