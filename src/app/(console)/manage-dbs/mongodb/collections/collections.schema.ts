/** Wire forms of MongoDB's collections and documents. Documents travel as canonical Extended JSON text, never as objects. */
import { z } from "zod";

import { LIMITS } from "@/server/limits";

const DatabaseName = z.string().min(1).max(63);

/** Exact names; never parsed. Without `database` it is the connection's own. */
export const CollectionName = z.object({
  database: DatabaseName.optional(),
  collection: z.string().min(1).max(255),
});
export type CollectionName = z.infer<typeof CollectionName>;

export const CollectionKind = z.enum(["collection", "view", "timeseries"]);

export const CollectionSummary = z.object({
  name: z.string(),
  kind: CollectionKind,
  capped: z.boolean(),
  /** Bytes on disk with indexes; null where the server does not say (views). */
  bytes: z.number().nullable(),
  /** From the server's metadata, nothing is counted; null for views. */
  count: z.number().nullable(),
  indexCount: z.number().nullable(),
  /** Views: the collection they read. */
  viewOn: z.string().nullable(),
});
export type CollectionSummary = z.infer<typeof CollectionSummary>;

export const ListCollectionsInput = z.object({ database: DatabaseName.optional() });

export const CollectionList = z.object({
  database: z.string(),
  databases: z.array(z.object({ name: z.string(), bytes: z.number().nullable() })),
  collections: z.array(CollectionSummary),
  totalBytes: z.number().nullable(),
});
export type CollectionList = z.infer<typeof CollectionList>;

/** A value that is not there whole; `path` holds names from the top, array positions as text. */
export const CutValue = z.object({
  path: z.array(z.string()),
  type: z.string(),
  bytes: z.number(),
  /** Bytes of a string or binary value in the text; elements of an object or array. */
  shown: z.number(),
  total: z.number(),
});

export const DocumentView = z.object({
  /** What `document` takes; null when the document has no `_id` that can be sent back. */
  key: z.string().nullable(),
  /** Canonical Extended JSON v2, valid also when cut. */
  text: z.string(),
  /** Bytes of the whole document as BSON. */
  bytes: z.number(),
  /** Empty when the text is the whole document. */
  cuts: z.array(CutValue),
  /** Why the document cannot be shown: it is damaged or nested too deep. Then the text is {}. */
  problem: z.string().nullable(),
});
export type DocumentView = z.infer<typeof DocumentView>;

const EjsonText = z.string().max(110_000).optional();

export const DocumentsInput = CollectionName.extend({
  /** Extended JSON objects as text. */
  filter: EjsonText,
  sort: EjsonText,
  projection: EjsonText,
  /** `nextCursor` of the page before; fits only the same sort. */
  after: z.string().max(200_000).optional(),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageRowsMax).default(LIMITS.pageRows),
});
export type DocumentsInput = z.infer<typeof DocumentsInput>;

export const DocumentsPage = z.object({
  documents: z.array(DocumentView),
  nextCursor: z.string().nullable(),
  /** "_id", "submitted_at, _id": what the pages follow. */
  pagedBy: z.string(),
  /** Why there are no further pages although there may be more documents. */
  notice: z.string().nullable(),
  elapsedMs: z.number(),
});
export type DocumentsPage = z.infer<typeof DocumentsPage>;

export const DocumentInput = CollectionName.extend({ key: z.string().min(1).max(200_000) });

export const CountInput = CollectionName.extend({ filter: EjsonText });
export const CountResult = z.object({
  /** Null when counting took too long and there is no estimate (with a filter). */
  count: z.number().nullable(),
  exact: z.boolean(),
  elapsedMs: z.number(),
});
export type CountResult = z.infer<typeof CountResult>;

export const ExportInput = CollectionName.extend({
  filter: EjsonText,
  /** canonical = Extended JSON v2 without loss; relaxed = plain numbers and ISO dates where they are exact. One document a line. */
  format: z.enum(["canonical", "relaxed"]).default("canonical"),
  /** Only this one document. */
  key: z.string().max(200_000).optional(),
});
export type ExportInput = z.infer<typeof ExportInput>;

export const FieldType = z.object({
  type: z.string(),
  /** How often the field has this type, and its share of the field's occurrences, 0 to 1. */
  count: z.number(),
  share: z.number(),
  /** At most three, shortened. */
  examples: z.array(z.string()),
  /** Smallest and largest of numbers and dates, exact text. */
  min: z.string().nullable(),
  max: z.string().nullable(),
  /** Shortest and longest, of strings and binary values in bytes, of arrays in items. */
  lengths: z.object({ min: z.number(), max: z.number() }).nullable(),
});
export type FieldType = z.infer<typeof FieldType>;

export const SchemaField = z.object({
  /** Names from the top; "[]" stands for the items of an array. */
  path: z.array(z.string()),
  count: z.number(),
  /** Share of the parents (documents, sub-documents) that have the field, 0 to 1; items of an array have 1. */
  share: z.number(),
  types: z.array(FieldType),
});
export type SchemaField = z.infer<typeof SchemaField>;

export const CollectionIndex = z.object({
  name: z.string(),
  /** Ordered Extended JSON: {"a":1,"2":-1}. */
  key: z.string(),
  /** Everything else of the index, as Extended JSON. */
  options: z.string(),
  unique: z.boolean(),
  sparse: z.boolean(),
  partial: z.boolean(),
  hidden: z.boolean(),
  expireAfterSeconds: z.number().nullable(),
  bytes: z.number().nullable(),
  /** Times it was used since `usesSince`; null where the server does not count. */
  uses: z.number().nullable(),
  usesSince: z.string().nullable(),
});
export type CollectionIndex = z.infer<typeof CollectionIndex>;

export const CollectionSchema = z.object({
  database: z.string(),
  collection: z.string(),
  kind: CollectionKind,
  /** "random sample" or "first documents". */
  sampledBy: z.string(),
  sampledDocuments: z.number(),
  fields: z.array(SchemaField),
  /** True when there were more fields than are listed. */
  fieldsCut: z.boolean(),
  indexes: z.array(CollectionIndex),
  /** Extended JSON, or null when there is none. */
  validator: z.string().nullable(),
  validationLevel: z.string().nullable(),
  validationAction: z.string().nullable(),
  /** Options it was made with, without the validator, as Extended JSON. */
  options: z.string(),
});
export type CollectionSchema = z.infer<typeof CollectionSchema>;
