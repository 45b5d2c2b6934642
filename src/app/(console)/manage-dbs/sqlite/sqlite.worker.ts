/**
 * Runs in a worker thread: SQLite answers synchronously, and a long statement must not stop the console.
 * Loaded by path, so it imports nothing through aliases. Files are opened read-only except for the copy a backup makes.
 */
import { statSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import Database from "better-sqlite3";
import { type CopyReport, copyTo } from "./sqlite.copy.ts";
import { checkForeignKeys, countAll, integrity } from "./sqlite.read-whole.ts";
import type { WireCell, WorkerRequest, WorkerValue } from "./sqlite.worker-protocol.ts";

/** Rows are sent in batches of about this many bytes, the next one only when the reader asked for it. */
const BATCH_BYTES = 256 * 1024;

const port = parentPort;
if (!port) throw new Error("sqlite.worker.ts runs as a worker only");
/** One file at a time; opened before the first question about it. */
let opened: { path: string; db: Database.Database } | null = null;
let failure: Error | null = null;
let waitingForMore: (() => void) | null = null;

function change(path: string | null): void {
  opened?.db.close();
  opened = null;
  failure = null;
  try {
    if (path !== null) opened = { path, db: open(path) };
  } catch (error) {
    failure = error as Error;
  }
}

/** @throws what kept the file from being opened */
function current(): { path: string; db: Database.Database } {
  if (opened) return opened;
  throw failure ?? new Error("no file is open");
}

function open(file: string): Database.Database {
  if (!statSync(file).isFile()) throw Object.assign(new Error("not a file"), { code: "SQLITE_NOTADB" });
  const db = new Database(file, { readonly: true, fileMustExist: true, timeout: 5_000 });
  db.pragma("trusted_schema = OFF");
  db.pragma("cell_size_check = ON");
  db.pragma("mmap_size = 0");
  return db;
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
  if (request.op === "open" || request.op === "close") return change(request.op === "open" ? request.path : null);
  const { path, db } = current();
  switch (request.op) {
    case "objects":
      return db.prepare(request.sql).all(...request.params.map(bound));
    case "cells":
      return [...cellRows(db, request)];
    case "stream":
      return streamRows(request);
    case "copy":
      return copyTo({ db, source: path, target: request.target, list: request.list, report: reportFor(request.id) });
    case "integrity":
      return integrity(db);
    case "counts":
      return { counts: countAll(db), foreignKeys: request.foreignKeys ? checkForeignKeys(db) : null };
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
  for (const row of cellRows(current().db, request)) {
    batch.push(row);
    rows += 1;
    for (const value of row) bytes += (value?.text.length ?? 0) + 16;
    if (bytes >= BATCH_BYTES) await send();
  }
  if (batch.length > 0) await send();
  return { rows };
}

function reportFor(id: number): CopyReport {
  return {
    progress: (done, total) => port?.postMessage({ id, progress: { done, total } }),
    child: (pid) => port?.postMessage({ id, child: pid }),
  };
}
