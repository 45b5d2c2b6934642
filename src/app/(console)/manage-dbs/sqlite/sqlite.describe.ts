import "server-only";
/** A SQLite file that was made elsewhere: recognised by its content, read whole, and described as a backup of ours would be. */
import { lstat, open } from "node:fs/promises";
import type { BackupEngine, JobContext, ManifestContent } from "@/backups/engine";
import { AppError, isAbort, throwIfCancelled } from "@/server/errors";
import { checkFile, type Checked, type Header, headerOf, withFile } from "./sqlite.check";
import { sqliteObjects } from "./sqlite.client";
import { isThere } from "./sqlite.files";

const invalid = (message: string, fix: string, detail?: string): AppError => new AppError("INVALID", message, { fix, ...(detail ? { detail } : {}) });
const WHOLE = "Make it with sqlite3's .backup or VACUUM INTO, and send that file.";

export const describe: NonNullable<BackupEngine["describe"]> = async ({ path, bytes }, context) => {
  const header = await recognise(path);
  if (header.pages > 0 && header.pages * header.pageSize > bytes)
    throw invalid("The file is cut", "Send it again, whole.", `its header says ${header.pages} pages of ${header.pageSize} bytes, it has ${bytes} bytes`);
  if (!header.isWal && header.pages > 0 && header.pages * header.pageSize < bytes) await assertZerosAfter(path, header.pages * header.pageSize, context);
  const checked = await read(path, header, context);
  const version = await libraryVersion(path, context);
  return contentOf({ path, bytes, header, checked, version, hasLog: await isThere(`${path}-wal`) }, context);
};

/** @throws AppError INVALID naming what the file looks like */
async function recognise(path: string): Promise<Header> {
  const entry = await lstat(path).catch(() => null);
  if (entry === null) throw invalid("There is no file", "Send it again.");
  // A fifo would be waited for, without an end.
  if (!entry.isFile()) throw invalid(`This is ${kindOfEntry(entry)}, not a file`, "Send a SQLite file.");
  const file = await open(path, "r");
  try {
    const start = Buffer.alloc(4_096);
    const { bytesRead } = await file.read(start, 0, start.length, 0);
    const header = bytesRead >= 100 ? headerOf(start) : null;
    if (header) return header;
    throw invalid(`This is no SQLite database: ${looksLike(start.subarray(0, bytesRead))}`, WHOLE);
  } finally {
    await file.close();
  }
}

const PIECE_BYTES = 1 << 20;

/** SQLite reads no further than its last page. Zeros there are room that a program has asked for; anything else is not of the database. */
async function assertZerosAfter(path: string, end: number, context: JobContext): Promise<void> {
  const file = await open(path, "r");
  try {
    const piece = Buffer.alloc(PIECE_BYTES);
    for (let at = end; ; at += PIECE_BYTES) {
      const { bytesRead } = await file.read(piece, 0, PIECE_BYTES, at);
      if (bytesRead === 0) return;
      throwIfCancelled(context.signal);
      if (piece.subarray(0, bytesRead).some((byte) => byte !== 0))
        throw invalid("Something else follows the database in this file", WHOLE, `its header says that it ends after ${end} bytes`);
    }
  } finally {
    await file.close();
  }
}

function kindOfEntry(entry: { isDirectory(): boolean; isFIFO(): boolean; isSymbolicLink(): boolean }): string {
  if (entry.isDirectory()) return "a directory";
  if (entry.isFIFO()) return "a fifo";
  return entry.isSymbolicLink() ? "a link" : "a device or socket";
}

const STARTS: readonly (readonly [start: string, words: string])[] = [
  ["SQLite format 3\0", "it is cut before the end of its header"],
  ["\x1f\x8b", "it is compressed with gzip: unpack it first"],
  ["PK\x03\x04", "it is a ZIP archive: unpack it first"],
  ["\x28\xb5\x2f\xfd", "it is compressed with zstd: unpack it first"],
  ["PGDMP", "it is a pg_dump archive, of PostgreSQL"],
  ["REDIS", "it is an RDB file, of Redis"],
  ["VALKEY", "it is an RDB file, of Valkey"],
  ["\x6d\xe2\x99\x81", "it is a mongodump archive, of MongoDB"],
  ["\x37\x7f\x06\x82", "it is the -wal of a database, not the database"],
  ["\x37\x7f\x06\x83", "it is the -wal of a database, not the database"],
  ["\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "it is the rollback journal of a database, not the database"],
  ["** This file contains an SQLite 2", "it is a database of SQLite 2"],
];

/** What a person has probably sent instead. */
export function looksLike(start: Buffer): string {
  if (start.length === 0) return "it is empty";
  const known = STARTS.find(([bytes]) => start.subarray(0, bytes.length).toString("latin1") === bytes);
  if (known) return known[1];
  const text = start.toString("utf8");
  const isText = !start.subarray(0, 512).includes(0) && !text.slice(0, 400).includes("\ufffd");
  if (isText && /^\s*<(!doctype|html|\?xml)/i.test(text)) return "it is a web page";
  if (isText && /^\s*(--|\/\*|pragma\b|begin\b|create\b|insert\b|drop\b|set\b|select\b)/i.test(text))
    return "it is SQL text: statements are not run here, make a database of it with sqlite3 first";
  if (isText) return "it is text";
  return "it is encrypted, or something else";
}

/** @throws AppError INVALID with what integrity_check found */
async function read(path: string, header: Header, context: JobContext): Promise<Checked> {
  try {
    return await checkFile(path, context.signal);
  } catch (error) {
    if (isAbort(error) || !(error instanceof AppError)) throw error;
    const needsLog = header.isWal && !(await isThere(`${path}-wal`));
    const fix = needsLog ? `It is in WAL mode and came without its -wal, which held a part of it. ${WHOLE}` : WHOLE;
    throw invalid(`The SQLite file cannot be read whole: ${error.message}`, fix, error.detail);
  }
}

async function libraryVersion(path: string, { signal }: JobContext): Promise<string> {
  const [row] = await withFile(path, (file) => sqliteObjects<{ version: string }>(file, "SELECT sqlite_version() AS version", [], signal));
  return row?.version ?? "";
}

interface Described {
  path: string;
  bytes: number;
  header: Header;
  checked: Checked;
  version: string;
  hasLog: boolean;
}

function contentOf({ bytes, header, checked, version, hasLog }: Described, context: JobContext): ManifestContent {
  const lacksLog = header.isWal && !hasLog;
  const skipped: ManifestContent["skipped"] = [];
  const after = header.pages > 0 ? bytes - header.pages * header.pageSize : 0;
  if (after > 0) {
    const what = header.isWal ? "the header says that the database ends before them" : "zeros, room that a program asked for";
    skipped.push({ name: `${after} bytes after the end of the database`, reason: `SQLite does not read them: ${what}` });
    context.log(`${after} bytes after the end of the database are ignored: ${what}`);
  }
  if (lacksLog) {
    skipped.push({ name: "-wal", reason: "the file is in WAL mode and came without its -wal: what was written last may be missing" });
    context.log("the file is in WAL mode and came without its -wal: what was written last may be missing");
  }
  if (checked.foreignKeyViolations > 0) context.log(`${checked.foreignKeyViolations} rows break a foreign key; they are kept as they are`);
  for (const mismatch of checked.mismatches.slice(0, 5)) context.log(`${mismatch}: SQLite cannot check this key`);
  return {
    format: "sqlite",
    server: { product: "SQLite", version },
    source: "a file made elsewhere",
    tool: `SQLite ${header.writtenBy}`,
    consistency: lacksLog ? "fuzzy" : "snapshot",
    objects: checked.objects,
    skipped,
    details: {
      pages: Math.floor(bytes / header.pageSize),
      pageSize: header.pageSize,
      encoding: header.encoding,
      userVersion: header.userVersion,
      applicationId: header.applicationId,
      foreignKeyViolations: checked.foreignKeyViolations,
      mismatches: checked.mismatches.slice(0, 20),
      isWal: header.isWal,
    },
  };
}
