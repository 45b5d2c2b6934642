import "server-only";
import { z } from "zod";
import { AppError } from "@/server/errors";

/**
 * The lines of a Redis backup: one header, one record a key, one footer. All are JSON; records are written and read by
 * hand because there are millions of them and because an expiry may be a 64-bit number.
 */
export const BACKUP_FORMAT = "foundry-redis-scan";

const Counts = z.record(z.string().regex(/^\d{1,7}$/), z.record(z.string().max(64), z.number().int().nonnegative()));

export const BackupHeader = z.strictObject({
  format: z.literal(BACKUP_FORMAT),
  version: z.literal(1),
  /** fuzzy: read key by key while the server went on. */
  mode: z.literal("fuzzy"),
  product: z.string(),
  serverVersion: z.string(),
  /** Of the DUMP payloads; null when there was no key. */
  rdbVersion: z.number().int().nullable(),
  runId: z.string().nullable(),
  evictionPolicy: z.string().nullable(),
  /** Keys per logical database when it began. */
  databases: z.record(z.string().regex(/^\d{1,7}$/), z.number().int().nonnegative()),
  /** FUNCTION DUMP as base64; null where the server has no functions. They belong to the server, not to a database. */
  functions: z.string().nullable(),
  libraries: z.array(z.string()),
  startedAt: z.string(),
});
export type BackupHeader = z.infer<typeof BackupHeader>;

export const BackupFooter = z.strictObject({
  footer: z.literal(1),
  keys: z.number().int().nonnegative(),
  /** By logical database and type. */
  counts: Counts,
  /** Deleted or expired between being found and being read. */
  vanished: z.number().int().nonnegative(),
  /** What the keys need in memory, by the server's estimate; null where it does not say. */
  memoryBytes: z.record(z.string().regex(/^\d{1,7}$/), z.number().nullable()),
  finishedAt: z.string(),
  /** Of all lines before this one, with their line ends. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type BackupFooter = z.infer<typeof BackupFooter>;

export interface BackupRecord {
  db: number;
  key: Buffer;
  /** The DUMP payload. */
  dump: Buffer;
  /** Absolute, in ms, as digits: it may be beyond 2^53. Null for a key that does not expire. */
  expiresAtMs: string | null;
  /** What an LRU server remembers; null on LFU servers. */
  idleSeconds: string | null;
  /** What an LFU server remembers; null on others. */
  frequency: string | null;
}

/** Base64 is made and read in pieces of this size: a multiple of three and four, far below the longest string there can be. */
const PIECE_BYTES = 3 * 1024 * 1024;

/** The line of a record with its line end, in pieces so that a payload of 512 MB is no single string. */
export function* recordPieces(record: BackupRecord): Generator<string> {
  const start = `{"db":${record.db},"k":"${record.key.toString("base64")}","d":"`;
  const end = `"${numberField("e", record.expiresAtMs)}${numberField("i", record.idleSeconds)}${numberField("f", record.frequency)}}\n`;
  if (record.dump.length <= PIECE_BYTES) {
    yield `${start}${record.dump.toString("base64")}${end}`;
    return;
  }
  yield start;
  for (let at = 0; at < record.dump.length; at += PIECE_BYTES) yield record.dump.subarray(at, at + PIECE_BYTES).toString("base64");
  yield end;
}

/** How long that line is. */
export function recordBytes(record: BackupRecord): number {
  const length = (bytes: Buffer) => Math.ceil(bytes.length / 3) * 4;
  let fields = "";
  for (const piece of recordPieces({ ...record, key: Buffer.alloc(0), dump: Buffer.alloc(0) })) fields += piece;
  return fields.length + length(record.key) + length(record.dump);
}

function numberField(name: string, digits: string | null): string {
  return digits === null ? "" : `,"${name}":${digits}`;
}

const HEAD = /^\{"db":(0|[1-9]\d{0,6}),"k":"([A-Za-z0-9+/]*={0,2})","d":"$/;
const TAIL = /^"(?:,"e":(0|[1-9]\d{0,18}))?(?:,"i":(0|[1-9]\d{0,18})|,"f":(0|[1-9]\d{0,18}))?\}$/;

/** Three numbers of at most 19 digits and their names. */
export const RECORD_TAIL_BYTES_MAX = 80;

/** A whole record line without its line end. @throws AppError INVALID when it is anything else */
export function parseRecord(line: Buffer): BackupRecord {
  const dumpAt = line.indexOf('"d":"') + 5;
  const dumpEnd = line.indexOf('"', dumpAt);
  if (dumpAt < 5 || dumpEnd < 0) throw notARecord();
  return makeRecord({
    head: line.toString("latin1", 0, dumpAt),
    dump: decodeBase64Bytes(line.subarray(dumpAt, dumpEnd)),
    tail: line.toString("latin1", dumpEnd),
  });
}

/** @param parts `{"db":3,"k":"...","d":"`, the decoded payload, `","e":1764000000123,"i":17}` */
export function makeRecord(parts: { head: string; dump: Buffer; tail: string }): BackupRecord {
  const head = HEAD.exec(parts.head);
  const tail = TAIL.exec(parts.tail);
  if (!head || !tail) throw notARecord();
  return {
    db: Number(head[1]),
    key: decodeBase64Bytes(Buffer.from(head[2] ?? "", "latin1")),
    dump: parts.dump,
    expiresAtMs: tail[1] ?? null,
    idleSeconds: tail[2] ?? null,
    frequency: tail[3] ?? null,
  };
}

/** Base64 in ASCII bytes, of any length. Buffer skips what is not base64: the length tells. */
function decodeBase64Bytes(base64: Buffer): Buffer {
  if (base64.length === 0) return Buffer.alloc(0);
  const padding = base64[base64.length - 1] !== EQUALS ? 0 : base64[base64.length - 2] !== EQUALS ? 1 : 2;
  const bytes = Buffer.allocUnsafe(Math.floor((base64.length * 3) / 4) - padding);
  let written = 0;
  for (let at = 0; at < base64.length; at += PIECE_BYTES) written += bytes.write(base64.toString("latin1", at, at + PIECE_BYTES), written, "base64");
  if (base64.length % 4 !== 0 || written !== bytes.length) throw notARecord();
  return bytes;
}

const EQUALS = "=".charCodeAt(0);

export function notARecord(): AppError {
  return new AppError("INVALID", "The backup is damaged: one of its lines is not a record", { fix: "Use another backup." });
}
