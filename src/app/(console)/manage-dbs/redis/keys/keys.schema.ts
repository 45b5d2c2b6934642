/** Inputs and wire forms of the key browser. Inputs are scalars, so they fit a query string. */
import { z } from "zod";
import { BytesEncoding, DatabaseNumber, KeyAddress, RedisBytes } from "../redis.schema";

/** "string", "list", "set", "zset", "hash", "stream", or a module's own: "ReJSON-RL", "vectorset". */
export const KeyType = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, "not the name of a type");

const Cursor = z.string().max(4_096);

export const ListKeysInput = z.object({
  db: DatabaseNumber.default(0),
  /** A glob as Redis knows it. A name without * ? [ \ is looked up directly. */
  pattern: z.string().max(10_000).default("*"),
  patternEncoding: BytesEncoding.default("utf8"),
  type: KeyType.optional(),
  /** `cursor` of the page before; absent for the first. */
  cursor: z
    .string()
    .regex(/^\d{1,20}$/, "not a cursor")
    .optional(),
  /** The page ends with the step that reaches it, so it may hold more. */
  count: z.coerce.number().int().min(1).max(2_000).default(500),
});
export type ListKeysInput = z.infer<typeof ListKeysInput>;

export const KeySummary = z.object({
  /** Shown; a prefix with `length` when the name is longer than 64 KiB, then it cannot be addressed. */
  name: RedisBytes,
  type: z.string(),
  /** Milliseconds until it expires; null when it does not. */
  ttlMs: z.number().nullable(),
  /** Estimated by the server; null where it does not say. */
  memoryBytes: z.number().nullable(),
});
export type KeySummary = z.infer<typeof KeySummary>;

export const DatabaseSummary = z.object({ db: z.number(), keys: z.number(), expires: z.number() });

export const KeyPage = z.object({
  keys: z.array(KeySummary),
  /** Null when the scan is through. A key may come on two pages when the server resizes its table meanwhile. */
  cursor: z.string().nullable(),
  /** Keys looked at for this page, about. */
  scanned: z.number(),
  /** Keys in this logical database, as the server counts them (expired ones that it has not removed yet included). */
  keysEstimate: z.number(),
  /** Those that are not empty. */
  databases: z.array(DatabaseSummary),
  /** How many logical databases the server has; null where it does not say. */
  databasesMax: z.number().nullable(),
  elapsedMs: z.number(),
});
export type KeyPage = z.infer<typeof KeyPage>;

export const PopularKeysInput = z.object({ db: DatabaseNumber.default(0), count: z.coerce.number().int().min(1).max(100).default(20) });
export type PopularKeysInput = z.infer<typeof PopularKeysInput>;

export const PopularKeys = z.object({
  /** frequency: the LFU counter (logarithmic, 0 to 255). idle: seconds since the last access, smallest first. */
  by: z.enum(["frequency", "idle"]),
  evictionPolicy: z.string().nullable(),
  /** How many keys were looked at; with fewer than there are, this is a sample. */
  sampled: z.number(),
  keysEstimate: z.number(),
  keys: z.array(KeySummary.extend({ frequency: z.number().nullable(), idleSeconds: z.number().nullable() })),
});
export type PopularKeys = z.infer<typeof PopularKeys>;

export const GetKeyInput = KeyAddress.extend({
  /** `nextCursor` of the page before. */
  cursor: Cursor.optional(),
  /** Glob over fields (hash) or members (set, zset). */
  match: z.string().max(10_000).optional(),
  count: z.coerce.number().int().min(1).max(500).default(100),
});
export type GetKeyInput = z.infer<typeof GetKeyInput>;

export const StreamGroup = z.object({
  name: RedisBytes,
  consumers: z.array(z.object({ name: RedisBytes, pending: z.number(), idleMs: z.number() })),
  pending: z.number(),
  lastDeliveredId: z.string(),
  /** Entries not delivered yet; null where the server cannot tell. */
  lag: z.number().nullable(),
});

export const KeyValue = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("string"), value: RedisBytes, offset: z.number() }),
  z.object({ kind: z.literal("list"), items: z.array(z.object({ index: z.number(), value: RedisBytes })) }),
  z.object({
    kind: z.literal("hash"),
    /** expiresAt: of this field alone (Redis 7.4, Valkey 9); null when it has none. */
    fields: z.array(z.object({ field: RedisBytes, value: RedisBytes, expiresAt: z.string().nullable() })),
  }),
  z.object({ kind: z.literal("set"), members: z.array(RedisBytes) }),
  /** score: the server's own text, exact: "inf", "-0", "0.10000000000000001". rank is null in a search. */
  z.object({ kind: z.literal("zset"), members: z.array(z.object({ member: RedisBytes, score: z.string(), rank: z.number().nullable() })) }),
  z.object({
    kind: z.literal("stream"),
    entries: z.array(z.object({ id: z.string(), fields: z.array(z.object({ field: RedisBytes, value: RedisBytes })) })),
    lastId: z.string(),
    entriesAdded: z.number().nullable(),
    maxDeletedId: z.string().nullable(),
    groups: z.array(StreamGroup),
  }),
  /** A module's type: its value is its own business, only the dump can be carried. */
  z.object({ kind: z.literal("other"), dumpBytes: z.number().nullable() }),
]);
export type KeyValue = z.infer<typeof KeyValue>;

export const KeyDetail = z.object({
  name: RedisBytes,
  type: z.string(),
  /** "listpack", "hashtable", "embstr", ... */
  encoding: z.string().nullable(),
  ttlMs: z.number().nullable(),
  expiresAt: z.string().nullable(),
  memoryBytes: z.number().nullable(),
  idleSeconds: z.number().nullable(),
  frequency: z.number().nullable(),
  /** Bytes of a string, else elements; null for a module's type. */
  length: z.number().nullable(),
  value: KeyValue,
  /** Takes the next page; null when this was the last. */
  nextCursor: z.string().nullable(),
});
export type KeyDetail = z.infer<typeof KeyDetail>;

export const GetElementInput = KeyAddress.extend({
  /** A hash's field, a list's index, a stream entry's id. */
  element: z.string().max(1_048_576),
  elementEncoding: BytesEncoding.default("utf8"),
  /** Stream: which field of the entry, by position from 0. */
  position: z.coerce.number().int().min(0).optional(),
});
export type GetElementInput = z.infer<typeof GetElementInput>;
/** The whole value up to LIMITS.valueBytesMax; longer ones carry `length`. */
export const ElementValue = z.object({ value: RedisBytes });
export type ElementValue = z.infer<typeof ElementValue>;

export const DeletedKey = z.object({ deleted: z.literal(true), type: z.string() });
export type DeletedKey = z.infer<typeof DeletedKey>;

export const ExportKeysInput = z.object({
  db: DatabaseNumber.default(0),
  pattern: z.string().max(10_000).default("*"),
  patternEncoding: BytesEncoding.default("utf8"),
  type: KeyType.optional(),
  format: z.enum(["jsonl"]).default("jsonl"),
});
export type ExportKeysInput = z.infer<typeof ExportKeysInput>;
