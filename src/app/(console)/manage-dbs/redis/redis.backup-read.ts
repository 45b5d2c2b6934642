import "server-only";
import { createHash } from "node:crypto";
import type { z } from "zod";
import type { Artefact } from "@/backups/engine";
import { AppError, throwIfCancelled } from "@/server/errors";
import { damaged, readBackupFile } from "./redis.backup-file";
import { BackupFooter, BackupHeader, parseRecord, type BackupRecord } from "./redis.backup-format";
import { LongRecord } from "./redis.backup-long-record";
import { dumpType, isSoundDump } from "./redis.dump";

/** 512 MB, Redis's own limit of a payload, as base64, and a key. */
const LINE_BYTES_MAX = 760 * 1024 * 1024;
const HEADER_BYTES_MAX = 64 * 1024 * 1024;
/** From here on a record is decoded while it comes. A key's name may be that long, so this is far above usual names. */
const LONG_LINE_BYTES = 4 * 1024 * 1024;
const LINE_FEED = 10;
const FOOTER_START = Buffer.from('{"footer":1,');

/** Counts by logical database and type. */
export type TypeCounts = Map<number, Map<string, number>>;

export interface BackupContent {
  header: BackupHeader;
  footer: BackupFooter;
  counts: TypeCounts;
}

export interface ReadOptions {
  signal?: AbortSignal | undefined;
  /** Bytes of the file read so far. */
  onBytes?: ((bytes: number) => void) | undefined;
  /** Called before the first record. */
  onHeader?: ((header: BackupHeader) => void) | undefined;
  /** Skips the CRC64 of each payload: for a second reading of a file that was just verified. */
  isVerified?: boolean;
}

/**
 * All records of a backup, in batches. Every line, every payload's checksum, the counts and both hashes are checked; only
 * when this ends without an error is what it yielded the whole backup.
 */
export async function* readBackup(artefact: Pick<Artefact, "open">, options: ReadOptions = {}): AsyncGenerator<BackupRecord[], BackupContent> {
  const lines = new LineReader(options);
  for await (const chunk of readBackupFile(artefact.open(), options.onBytes)) {
    throwIfCancelled(options.signal);
    const records = lines.take(chunk);
    if (records.length > 0) yield records;
  }
  return lines.end();
}

/** Reads everything and keeps nothing. @throws AppError INVALID when anything is off */
export async function checkBackup(artefact: Pick<Artefact, "open">, options: ReadOptions = {}): Promise<BackupContent> {
  const reading = readBackup(artefact, options);
  for (;;) {
    const step = await reading.next();
    if (step.done) return step.value;
  }
}

/** Only the first line. */
export async function readHeader(artefact: Pick<Artefact, "open">, options: ReadOptions = {}): Promise<BackupHeader> {
  const lines = new LineReader(options);
  for await (const chunk of readBackupFile(artefact.open())) {
    throwIfCancelled(options.signal);
    lines.take(chunk);
    if (lines.header) return lines.header;
  }
  throw damaged("it has no header");
}

class LineReader {
  header: BackupHeader | null = null;
  #footer: BackupFooter | null = null;
  #sha256 = "";
  readonly #hash = createHash("sha256");
  readonly #counts: TypeCounts = new Map();
  readonly #options: ReadOptions;
  /** A line that is not finished, in the parts it came in. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  #long: LongRecord | null = null;

  constructor(options: ReadOptions) {
    this.#options = options;
  }

  take(chunk: Buffer): BackupRecord[] {
    const records: BackupRecord[] = [];
    let at = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, at)) {
      const record = this.#endLine(chunk.subarray(at, end));
      at = end + 1;
      if (record) records.push(record);
    }
    this.#keep(chunk.subarray(at));
    return records;
  }

  end(): BackupContent {
    if (!this.header) throw damaged("it has no header");
    if (!this.#footer || this.#partBytes > 0) throw damaged("its last line is missing");
    if (this.#footer.sha256 !== this.#sha256) throw damaged("its lines are not those that were written");
    compareCounts(this.#footer, this.#counts);
    return { header: this.header, footer: this.#footer, counts: this.#counts };
  }

  #endLine(rest: Buffer): BackupRecord | null {
    const long = this.#long;
    if (long) {
      this.#hash.update(rest).update("\n");
      long.push(rest);
      this.#long = null;
      this.#partBytes = 0;
      return this.#accept(long.finish());
    }
    if (this.#partBytes === 0) return this.#read(rest);
    const line = Buffer.concat([...this.#parts, rest]);
    this.#parts = [];
    this.#partBytes = 0;
    return this.#read(line);
  }

  #keep(rest: Buffer): void {
    if (rest.length === 0) return;
    this.#partBytes += rest.length;
    if (this.#partBytes > (this.header ? LINE_BYTES_MAX : HEADER_BYTES_MAX)) throw damaged("one of its lines has no end");
    if (this.#long) {
      this.#hash.update(rest);
      this.#long.push(rest);
      return;
    }
    this.#parts.push(rest);
    if (!this.header || this.#partBytes < LONG_LINE_BYTES) return;
    if (this.#footer) throw damaged("something follows its last line");
    const start = Buffer.concat(this.#parts);
    this.#parts = [];
    this.#hash.update(start);
    this.#long = new LongRecord(start);
  }

  #read(line: Buffer): BackupRecord | null {
    if (this.#footer) throw damaged("something follows its last line");
    if (line.subarray(0, FOOTER_START.length).equals(FOOTER_START)) {
      this.#sha256 = this.#hash.digest("hex");
      this.#footer = parseJson(line, BackupFooter);
      return null;
    }
    this.#hash.update(line).update("\n");
    if (!this.header) {
      this.header = parseJson(line, BackupHeader);
      this.#options.onHeader?.(this.header);
      return null;
    }
    return this.#accept(parseRecord(line));
  }

  #accept(record: BackupRecord): BackupRecord {
    if (!this.#options.isVerified && !isSoundDump(record.dump)) throw damaged("the checksum of a value does not fit");
    countType(this.#counts, record.db, dumpType(record.dump));
    return record;
  }
}

export function countType(counts: TypeCounts, db: number, type: string, by = 1): void {
  const ofDatabase = counts.get(db) ?? new Map<string, number>();
  counts.set(db, ofDatabase);
  ofDatabase.set(type, (ofDatabase.get(type) ?? 0) + by);
}

/** The manifest's name of an object: "db0 string". */
export function objectName(db: number, type: string): string {
  return `db${db} ${type}`;
}

/** The counts as the manifest lists them, by database and then type. */
export function countedObjects(counts: TypeCounts): { db: number; type: string; name: string; count: number }[] {
  const objects = [...counts].flatMap(([db, types]) => [...types].map(([type, count]) => ({ db, type, name: objectName(db, type), count })));
  return objects.sort((a, b) => a.db - b.db || (a.type < b.type ? -1 : 1));
}

function compareCounts(footer: BackupFooter, counts: TypeCounts): void {
  const found = countedObjects(counts);
  const total = found.reduce((sum, object) => sum + object.count, 0);
  const said = Object.entries(footer.counts).flatMap(([db, types]) =>
    Object.entries(types).map(([type, count]) => ({ name: objectName(Number(db), type), count })),
  );
  const isEqual = said.length === found.length && found.every((object) => said.some((one) => one.name === object.name && one.count === object.count));
  if (!isEqual || footer.keys !== total) throw damaged("it does not hold as many keys as it says");
}

function parseJson<T extends z.ZodType>(line: Buffer, schema: T): z.infer<T> {
  try {
    return schema.parse(JSON.parse(line.toString("utf8")));
  } catch (error) {
    throw new AppError("INVALID", "The backup's first or last line is not what this console writes", {
      fix: "Use another backup, or a console of the version that wrote it.",
      cause: error,
    });
  }
}
