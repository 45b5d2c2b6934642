/**
 * Runs in a worker thread: SQLite answers synchronously, and a long statement must not stop the console.
 * Loaded by path, so it imports nothing through aliases. Files are opened read-only except for the copy a backup makes.
 */
import { statSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import Database from "better-sqlite3";
import type { WireCell, WorkerRequest, WorkerValue } from "./sqlite.worker-protocol.ts";

/** Rows are sent in batches of about this many bytes, the next one only when the reader asked for it. */
const BATCH_BYTES = 256 * 1024;
/** How long a copy may go on restarting because others write, before it takes one locked step. */
const COPY_RESTARTS_MAX_MS = 10_000;

const port = parentPort;
if (!port) throw new Error("sqlite.worker.ts runs as a worker only");
const { path } = workerData as { path: string };
const db = open(path);
let waitingForMore: (() => void) | null = null;

function open(file: string): Database.Database {
  if (!statSync(file).isFile()) throw Object.assign(new Error("not a file"), { code: "SQLITE_NOTADB" });
  const opened = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
  opened.pragma("trusted_schema = OFF");
  opened.pragma("cell_size_check = ON");
  opened.pragma("mmap_size = 0");
  return opened;
}

port.on("message", (request: WorkerRequest) => {
  if (request.op === "more") {
    waitingForMore?.();
    return;
  }
  answer(request).then(
    (value) => port.postMessage({ id: request.id, value }),
    (error: unknown) => port.postMessage({ id: request.id, error: plainError(error) }),
  );
});

function plainError(error: unknown): { message: string; code: string | null } {
  return { message: error instanceof Error ? error.message : String(error), code: (error as { code?: string } | null)?.code ?? null };
}

async function answer(request: Exclude<WorkerRequest, { op: "more" }>): Promise<unknown> {
  switch (request.op) {
    case "objects":
      return db.prepare(request.sql).all(...request.params.map(bound));
    case "cells":
      return [...cellRows(db, request)];
    case "stream":
      return streamRows(request);
    case "copy":
      return copyTo(request.target, request.id);
    case "check":
      return check(request.counts);
  }
}

/** A parameter with its storage class kept: 64-bit integers are not rounded, hexadecimal becomes bytes again. */
function bound(value: WorkerValue): null | bigint | number | string | Buffer {
  if (value === null) return null;
  if (value.storage === "integer") return BigInt(value.text);
  if (value.storage === "real") return Number(value.text);
  if (value.storage === "blob") return Buffer.from(value.text, "hex");
  return value.text;
}

/** Each column is selected as three: its storage class, its value (text as bytes), its length when the value is a prefix. */
function* cellRows(from: Database.Database, query: { sql: string; params: WorkerValue[] }): Generator<WireCell[]> {
  const statement = from.prepare(query.sql).raw(true).safeIntegers(true);
  for (const row of statement.iterate(...query.params.map(bound)) as IterableIterator<unknown[]>) {
    const cells: WireCell[] = [];
    for (let index = 0; index < row.length; index += 3) cells.push(cell(row[index] as string, row[index + 1], row[index + 2] as bigint | null));
    yield cells;
  }
}

function cell(storage: string, value: unknown, length: bigint | null): WireCell {
  const whole = length === null ? {} : { length: Number(length) };
  if (storage === "null") return null;
  if (storage === "integer") return { text: String(value), storage: "integer" };
  if (storage === "real") return { text: realText(value as number), storage: "real" };
  // substr() of an empty blob is NULL in SQLite; the storage class says that it is there.
  const bytes = (value as Buffer | null) ?? Buffer.alloc(0);
  if (storage === "text") return textCell(bytes, whole);
  return { text: bytes.toString("hex"), storage: "blob", ...whole };
}

/** The shortest text that reads back as the same double; always recognisable as a real. */
export function realText(value: number): string {
  const text = Object.is(value, -0) ? "-0.0" : String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Text that is not UTF-8 is shown as its bytes rather than repaired. A prefix may end inside a character: that one is left out. */
function textCell(bytes: Buffer, whole: { length?: number }): WireCell {
  for (let cut = 0; cut < 4; cut += 1) {
    try {
      return { text: strict.decode(bytes.subarray(0, bytes.length - cut)), storage: "text", ...whole };
    } catch {
      if (whole.length === undefined) break;
    }
  }
  return { text: bytes.toString("hex"), storage: "blob", isText: true, ...whole };
}

async function streamRows(request: { id: number; sql: string; params: WorkerValue[] }): Promise<{ rows: number }> {
  let batch: WireCell[][] = [];
  let bytes = 0;
  let rows = 0;
  const send = async () => {
    const more = new Promise<void>((resolve) => (waitingForMore = resolve));
    port?.postMessage({ id: request.id, batch });
    batch = [];
    bytes = 0;
    await more;
  };
  for (const row of cellRows(db, request)) {
    batch.push(row);
    rows += 1;
    for (const value of row) bytes += (value?.text.length ?? 0) + 16;
    if (bytes >= BATCH_BYTES) await send();
  }
  if (batch.length > 0) await send();
  return { rows };
}

/**
 * Copies the database with SQLite's backup API, then makes the copy one file without sidecars. Writes by others restart
 * the copy; after a while it takes one locked step. better-sqlite3 resolves with totalPages 0 when a lock kept it from copying anything.
 */
async function copyTo(target: string, id: number): Promise<{ pages: number }> {
  const started = Date.now();
  let pages = 0;
  for (let attempt = 0; attempt < 50 && pages === 0; attempt += 1) {
    const result = await db.backup(target, {
      progress({ totalPages, remainingPages }) {
        port?.postMessage({ id, progress: { done: totalPages - remainingPages, total: totalPages } });
        return Date.now() - started > COPY_RESTARTS_MAX_MS ? 2 ** 31 - 1 : 1_000;
      },
    });
    pages = result.totalPages;
    if (pages === 0 && (db.pragma("page_count", { simple: true }) as number) === 0) break;
    if (pages === 0) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  if (pages === 0) throw Object.assign(new Error("nothing was copied: the database or the copy is locked"), { code: "SQLITE_BUSY" });
  const copy = new Database(target);
  try {
    copy.pragma("journal_mode = DELETE");
  } finally {
    copy.close();
  }
  return { pages };
}

/** Reads every page and row: integrity_check, foreign_key_check, and the exact count of each named table. */
function check(counts: string[]): { integrity: string[]; foreignKeys: number; mismatches: string[]; counts: { name: string; count: number }[] } {
  const integrity = (db.pragma("integrity_check(20)") as { integrity_check: string }[]).map((row) => row.integrity_check);
  const { foreignKeys, mismatches } = checkForeignKeys();
  const counted = counts.map((name) => {
    const quoted = `"${name.replaceAll('"', '""')}"`;
    return { name, count: (db.prepare(`SELECT count(*) AS items FROM ${quoted}`).get() as { items: number }).items };
  });
  return { integrity, foreignKeys, mismatches, counts: counted };
}

/** Table by table: a key that fits no key of its parent is an error of the whole check to SQLite, and no damage of the data. */
function checkForeignKeys(): { foreignKeys: number; mismatches: string[] } {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%references%'").all() as { name: string }[];
  const violations = db.prepare("SELECT count(*) AS violations FROM pragma_foreign_key_check(?)");
  let foreignKeys = 0;
  const mismatches: string[] = [];
  for (const { name } of tables) {
    try {
      foreignKeys += (violations.get(name) as { violations: number }).violations;
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("foreign key mismatch")) throw error;
      mismatches.push(error.message);
    }
  }
  return { foreignKeys, mismatches };
}
