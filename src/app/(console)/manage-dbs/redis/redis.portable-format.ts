import "server-only";
import { isUtf8 } from "node:buffer";
import { z } from "zod";
import { AppError } from "@/server/errors";
import { decodeBase64 } from "./redis.codec";
import type { Element } from "./redis.dump-elements";

/**
 * The portable format: typed values as JSON lines, gzip, in the same sealed file as the scan format. It names no RDB version, so it
 * goes to every version and fork: a restore needs plain commands only. A header, the keys, a footer. A key is one line
 *   {"db":0,"k":T,"t":"hash","e":1764000000123,"v":...}
 * or, when it is big, that line with "more":1 and lines {"v":...,"more":1} behind it; the one without "more" ends it. A line {"void":1}
 * instead says that what was begun is not to be used: the key changed while it was read, and comes again or is gone.
 * T is {"s":"text"} for UTF-8, else {"b":"base64"}. `e` is the absolute expiry in ms. `v` is T for a string; [T] for a list, in order, and
 * for a set; [[T,T,ms?]] for a hash, with the absolute expiry of a field that has one; [[T,"score"]] for a sorted set; for a stream an
 * object as in StreamPart. All is ASCII: other characters are escaped.
 */
export const PORTABLE_FORMAT = "redis-portable";
export const PORTABLE_FILE = "foundry-redis-portable";

const Database = z.string().regex(/^\d{1,7}$/);
const Count = z.number().int().nonnegative();
/** Some names stand for all: a person looks for them, and a million would fill the manifest. */
const Named = z.strictObject({ count: Count, names: z.array(z.string().max(400)).max(20) });
export type Named = z.infer<typeof Named>;

export const PortableHeader = z.strictObject({
  format: z.literal(PORTABLE_FILE),
  version: z.literal(1),
  /** Read key by key while the server went on. */
  mode: z.literal("fuzzy"),
  product: z.string(),
  serverVersion: z.string(),
  runId: z.string().nullable(),
  evictionPolicy: z.string().nullable(),
  /** Keys per logical database when it began. */
  databases: z.record(Database, Count),
  /** Names of function libraries on the server: they are not in here. */
  libraries: z.array(z.string()),
  startedAt: z.string(),
});
export type PortableHeader = z.infer<typeof PortableHeader>;

export const PortableFooter = z.strictObject({
  footer: z.literal(1),
  keys: Count,
  /** By logical database and type. */
  counts: z.record(Database, z.record(z.string().max(64), Count)),
  /** Deleted or expired between being found and being read. */
  vanished: Count,
  /** By logical database: big keys that changed each time they were read, so that their parts may be of different moments. */
  torn: z.record(Database, Named),
  /** By logical database: hashes with fields that expire by themselves. */
  fieldExpiries: z.record(Database, Named),
  /** What cannot be carried, by "db0 ReJSON-RL", with the reason. */
  leftOut: z.record(z.string(), Named.extend({ reason: z.string() })),
  /** What the keys need in memory, by the server's estimate; null where it does not say. */
  memoryBytes: z.record(Database, z.number().nullable()),
  finishedAt: z.string(),
  /** Of all lines before this one, with their line ends. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type PortableFooter = z.infer<typeof PortableFooter>;

export interface StreamGroup {
  name: Buffer;
  last: string;
  /** entries-read, in digits; null where the server does not know it. */
  read: string | null;
  consumers: Buffer[];
}

export interface StreamPending {
  /** Its place among the groups of the head. */
  group: number;
  id: string;
  consumer: Buffer;
  /** Of the last delivery. */
  timeMs: string;
  deliveries: string;
}

export interface StreamPart {
  /** In the first part only. `added` and `maxDeleted` are known from 7.0 on. */
  head: { last: string; added: string | null; maxDeleted: string | null; groups: StreamGroup[] } | null;
  /** Fields and values in turn; null for an entry that was deleted while it is still pending. */
  entries: { id: string; fields: Buffer[] | null }[];
  pending: StreamPending[];
}

/** A key, or a part of a big one. */
export interface PortableRecord {
  db: number;
  key: Buffer;
  /** As the TYPE command names it. */
  type: string;
  /** Absolute, in ms, as digits: it may be beyond 2^53. Null for a key that does not expire. */
  expiresAtMs: string | null;
  /** When nothing of it is left: its own expiry, or that of its last field when all fields expire. */
  endsAtMs: string | null;
  /** [piece] of a string, [item], [member], [field, value, ms?], [member, score]. Empty for a stream. */
  elements: Element[];
  stream: StreamPart | null;
  isFirst: boolean;
  isLast: boolean;
  /** What was begun is not to be used. */
  isVoid: boolean;
}

/** A text of more bytes is written as base64, which has no worst case. */
const TEXT_BYTES_MAX = 1024 * 1024;

type Wire = { s: string } | { b: string };

const toText = (bytes: Buffer): Wire => (bytes.length <= TEXT_BYTES_MAX && isUtf8(bytes) ? { s: bytes.toString("utf8") } : { b: bytes.toString("base64") });

/** The line of a record with its line end. */
export function portableLine(record: PortableRecord): string {
  if (record.isVoid) return '{"void":1}\n';
  const { db, key, type, expiresAtMs, isFirst, isLast } = record;
  const start = isFirst ? `"db":${db},"k":${ascii(toText(key))},"t":${ascii(type)},${expiresAtMs === null ? "" : `"e":${expiresAtMs},`}` : "";
  return `{${start}"v":${ascii(wireValue(record))}${isLast ? "" : ',"more":1'}}\n`;
}

/** JSON in ASCII. */
export function ascii(value: unknown): string {
  return JSON.stringify(value).replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function wireValue({ type, elements, stream }: PortableRecord): unknown {
  if (stream) return wireStream(stream);
  if (type === "string") return toText(elements[0]?.[0] ?? Buffer.alloc(0));
  if (type === "zset") return elements.map(([member, score]) => [toText(member ?? NOTHING), (score ?? NOTHING).toString("latin1")]);
  if (type === "hash")
    return elements.map(([field, value, expiry]) => [
      toText(field ?? NOTHING),
      toText(value ?? NOTHING),
      ...(expiry ? [wireExpiry(expiry.toString("latin1"))] : []),
    ]);
  return elements.map(([element]) => toText(element ?? NOTHING));
}

const NOTHING = Buffer.alloc(0);

/** A number where JSON holds it exactly. */
const wireExpiry = (digits: string): number | string => (Number.isSafeInteger(Number(digits)) ? Number(digits) : digits);

function wireStream({ head, entries, pending }: StreamPart): unknown {
  return {
    ...(head === null
      ? {}
      : { ...head, groups: head.groups.map(({ name, consumers, ...rest }) => ({ name: toText(name), ...rest, consumers: consumers.map(toText) })) }),
    entries: entries.map(({ id, fields }) => (fields === null ? [id] : [id, fields.map(toText)])),
    pending: pending.map(({ group, id, consumer, timeMs, deliveries }) => [group, id, toText(consumer), timeMs, deliveries]),
  };
}

/** How much memory and how long a command a record is, about. */
export function portableBytes({ key, elements, stream }: PortableRecord): number {
  let bytes = key.length;
  for (const parts of elements) for (const part of parts) bytes += part.length + 16;
  for (const { fields } of stream?.entries ?? []) for (const field of fields ?? []) bytes += field.length + 16;
  return bytes + (stream?.pending.length ?? 0) * 100;
}

/** The longest single value of a record, in bytes. */
export function longestBytes({ key, elements, stream }: PortableRecord): number {
  let longest = key.length;
  for (const parts of elements) for (const part of parts) longest = Math.max(longest, part.length);
  for (const { fields } of stream?.entries ?? []) for (const field of fields ?? []) longest = Math.max(longest, field.length);
  return longest;
}

const Text = z.union([z.strictObject({ s: z.string() }), z.strictObject({ b: z.string() })]);
const Digits = z.string().regex(/^\d{1,20}$/);
const Id = z.string().regex(/^\d{1,20}-\d{1,20}$/);
const VALUES = {
  string: Text,
  list: z.array(Text),
  set: z.array(Text),
  hash: z.array(z.union([z.tuple([Text, Text]), z.tuple([Text, Text, z.union([z.number().int().positive(), Digits])])])),
  zset: z.array(z.tuple([Text, z.string().regex(/^(-?\d+(\.\d+)?(e[+-]\d+)?|-?inf)$/)])),
};
const Group = z.strictObject({ name: Text, last: Id, read: Digits.nullable(), consumers: z.array(Text) });
const StreamRest = {
  entries: z.array(z.union([z.tuple([Id]), z.tuple([Id, z.array(Text)])])),
  pending: z.array(z.tuple([z.number().int().nonnegative(), Id, Text, Digits, Digits])),
};
const StreamHead = z.strictObject({ last: Id, added: Digits.nullable(), maxDeleted: Id.nullable(), groups: z.array(Group), ...StreamRest });
const StreamMore = z.strictObject(StreamRest);
const KeyLine = z.strictObject({
  db: z.number().int().nonnegative().max(9_999_999),
  k: Text,
  t: z.enum(["string", "list", "set", "hash", "zset", "stream"]),
  v: z.unknown(),
  more: z.literal(1).optional(),
});
const MoreLine = z.strictObject({ v: z.unknown(), more: z.literal(1).optional() });

/** The key that a line may go on with. */
export type OpenKey = Pick<PortableRecord, "db" | "key" | "type" | "expiresAtMs">;

const VOID_LINE = '{"void":1}';
/** An expiry may be beyond what a JSON number holds, so it is read as the digits that it is. */
const EXPIRY = /"t":"[a-z]+","e":(\d{1,19}),"v":/;

/** A line without its line end. @param open the big key that has not ended yet. @throws AppError INVALID when it is anything else */
export function parsePortableLine(bytes: Buffer, open: OpenKey | null): PortableRecord {
  const line = bytes.toString("latin1");
  if (line === VOID_LINE) {
    if (open === null) throw notARecord();
    return { ...open, endsAtMs: open.expiresAtMs, elements: [], stream: null, isFirst: false, isLast: false, isVoid: true };
  }
  try {
    return open === null ? parseKey(line) : parseMore(line, open);
  } catch (error) {
    throw notARecord(error);
  }
}

function parseKey(line: string): PortableRecord {
  // A key's name is escaped, so what looks like an expiry is one: behind an unescaped quote no name goes on.
  const found = EXPIRY.exec(line.slice(0, line.indexOf(',"v":') + 5));
  const expiresAtMs = found?.[1] ?? null;
  const plain = expiresAtMs === null ? line : line.replace(`,"e":${expiresAtMs},"v":`, ',"v":');
  const { db, k, t, v, more } = KeyLine.parse(JSON.parse(plain));
  const open: OpenKey = { db, key: fromText(k), type: t, expiresAtMs };
  return recordOf(open, { value: v, isFirst: true, isLast: more === undefined });
}

function parseMore(line: string, open: OpenKey): PortableRecord {
  const { v, more } = MoreLine.parse(JSON.parse(line));
  return recordOf(open, { value: v, isFirst: false, isLast: more === undefined });
}

function recordOf(open: OpenKey, { value, isFirst, isLast }: { value: unknown; isFirst: boolean; isLast: boolean }): PortableRecord {
  const stream = open.type === "stream" ? streamOf(value, isFirst) : null;
  const elements = stream ? [] : elementsOf(open.type, value);
  const record = { ...open, endsAtMs: open.expiresAtMs, elements, stream, isFirst, isLast, isVoid: false };
  return { ...record, endsAtMs: endOf(record) };
}

function elementsOf(type: string, value: unknown): Element[] {
  switch (type) {
    case "string":
      return [[fromText(VALUES.string.parse(value))]];
    case "hash":
      return VALUES.hash
        .parse(value)
        .map(([field, content, expiry]) => [fromText(field), fromText(content), ...(expiry === undefined ? [] : [Buffer.from(String(expiry))])]);
    case "zset":
      return VALUES.zset.parse(value).map(([member, score]) => [fromText(member), Buffer.from(score)]);
    default:
      return VALUES.list.parse(value).map((element) => [fromText(element)]);
  }
}

function streamOf(value: unknown, isFirst: boolean): StreamPart {
  const { entries, pending, ...rest } = isFirst ? StreamHead.parse(value) : { ...StreamMore.parse(value), head: null };
  const head =
    "groups" in rest
      ? { ...rest, groups: rest.groups.map(({ name, consumers, ...group }) => ({ name: fromText(name), ...group, consumers: consumers.map(fromText) })) }
      : null;
  return {
    head,
    entries: entries.map(([id, fields]) => ({ id, fields: fields?.map(fromText) ?? null })),
    pending: pending.map(([group, id, consumer, timeMs, deliveries]) => ({ group, id, consumer: fromText(consumer), timeMs, deliveries })),
  };
}

/** When nothing of a key is left: known for a whole hash whose fields all expire, else its own expiry. */
export function endOf({ type, elements, expiresAtMs, isFirst, isLast }: Omit<PortableRecord, "endsAtMs">): string | null {
  if (type !== "hash" || !isFirst || !isLast || elements.length === 0) return expiresAtMs;
  let end = 0n;
  for (const [, , expiry] of elements) {
    if (!expiry) return expiresAtMs;
    const ms = BigInt(expiry.toString("latin1"));
    if (ms > end) end = ms;
  }
  return expiresAtMs === null || end < BigInt(expiresAtMs) ? end.toString() : expiresAtMs;
}

function fromText(wire: Wire): Buffer {
  if ("b" in wire) return decodeBase64(wire.b);
  if (!wire.s.isWellFormed()) throw notARecord();
  return Buffer.from(wire.s, "utf8");
}

function notARecord(cause?: unknown): AppError {
  return new AppError("INVALID", "The backup is damaged: one of its lines is not a key", {
    fix: "Use another backup.",
    ...(cause === undefined ? {} : { cause }),
  });
}
