/** Content of two SQLite files compared: byte by byte, or table by table with a digest over every value. Runs in a worker; no aliases. */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import Database from "better-sqlite3";
import type { CompareRequest, CompareResult, Report } from "./sqlite.swap-protocol.ts";

const PIECE_BYTES = 1 << 20;
/** SQLite reads a value whole: of a larger one only the size is compared. */
const VALUE_MAX = 64 << 20;

export function compare({ left, right, tables }: CompareRequest, report: Report): CompareResult {
  return tables === null ? compareBytes(left, right, report) : compareTables({ left, right, tables }, report);
}

function compareBytes(left: string, right: string, report: Report): CompareResult {
  const files = [openSync(left, "r"), openSync(right, "r")] as const;
  try {
    const sizes = files.map((file) => fstatSync(file).size);
    const [size = 0] = sizes;
    if (size !== sizes[1]) return { different: [`${sizes.join(" and ")} bytes`], method: "bytes" };
    const pieces = [Buffer.alloc(PIECE_BYTES), Buffer.alloc(PIECE_BYTES)] as const;
    for (let at = 0; at < size; at += PIECE_BYTES) {
      const lengths = files.map((file, index) => readSync(file, pieces[index as 0 | 1], 0, PIECE_BYTES, at));
      const length = lengths[0] ?? 0;
      if (!pieces[0].subarray(0, length).equals(pieces[1].subarray(0, length))) return { different: [`bytes from ${at} on`], method: "bytes" };
      report.progress(Math.min(at + PIECE_BYTES, size), size);
    }
    return { different: [], method: `all ${size} bytes of the staged file are those of the backup` };
  } finally {
    for (const file of files) closeSync(file);
  }
}

function compareTables({ left, right, tables }: { left: string; right: string; tables: string[] }, report: Report): CompareResult {
  const databases = [openFor(left), openFor(right)] as const;
  try {
    const different: string[] = [];
    let large = 0;
    for (const [index, table] of tables.entries()) {
      const [a, b] = databases.map((db) => digestOf(db, table));
      if (a?.digest !== b?.digest) different.push(table);
      large += a?.large ?? 0;
      report.progress(index + 1, tables.length);
    }
    return {
      different,
      method: `SHA-256 over the schema, the rowids and every value of ${tables.length} tables${large > 0 ? `; of ${large} over 64 MiB only the size` : ""}`,
    };
  } finally {
    for (const db of databases) db.close();
  }
}

function openFor(path: string): Database.Database {
  const db = new Database(path, { readonly: true, fileMustExist: true });
  db.pragma("trusted_schema = OFF");
  return db;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * A digest over what SQLite holds under a name: the statements that made it and its indexes and triggers, and every value with its storage
 * class, in the order of the key. Text counts as its bytes: nothing is decoded. "absent" when there is no such table. `large` counts the
 * values of which only the size is in it.
 */
export function digestOf(db: Database.Database, table: string): { digest: string; large: number } {
  const made = db
    .prepare("SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY type, name")
    .raw()
    .all(table) as string[][];
  const listed = db.prepare("SELECT type, wr FROM pragma_table_list WHERE schema = 'main' AND name = ?").get(table) as { type: string; wr: number } | undefined;
  if (!listed) return { digest: "absent", large: 0 };
  const hash = createHash("sha256").update(JSON.stringify(made));
  let large = 0;
  if (listed.type !== "view") for (const row of rowsOf(db, table, listed.wr === 1)) large += hashRow(hash, row);
  return { digest: hash.digest("hex"), large };
}

function rowsOf(db: Database.Database, table: string, isWithoutRowid: boolean): IterableIterator<unknown[]> {
  const columns = db.prepare("SELECT name, pk, hidden FROM pragma_table_xinfo(?)").all(table) as { name: string; pk: number; hidden: number }[];
  const shown = columns.filter((column) => column.hidden !== 1);
  const expressions = shown.flatMap(({ name }) => {
    const column = quoted(name);
    const value = `CASE typeof(${column}) WHEN 'text' THEN CAST(${column} AS BLOB) ELSE ${column} END`;
    return [`typeof(${column})`, `CASE WHEN octet_length(${column}) > ${VALUE_MAX} THEN octet_length(${column}) ELSE ${value} END`];
  });
  // A column may take any one of the three names of the rowid, then the next one is it.
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()));
  const rowid = ["rowid", "_rowid_", "oid"].find((name) => !taken.has(name));
  const key = shown.filter(({ pk }) => pk > 0).toSorted((a, b) => a.pk - b.pk);
  const order = isWithoutRowid || rowid === undefined ? key.map(({ name }) => quoted(name)).join(", ") : rowid;
  const first = isWithoutRowid || rowid === undefined ? [] : [rowid];
  const sql = `SELECT ${[...first, ...expressions].join(", ")} FROM ${quoted(table)}${order ? ` ORDER BY ${order}` : ""}`;
  return db.prepare(sql).raw(true).safeIntegers(true).iterate() as IterableIterator<unknown[]>;
}

type Hash = ReturnType<typeof createHash>;

const LENGTH = Buffer.alloc(9);

/** @returns how many of its values are there by their size alone: an integer after the name of another class */
function hashRow(hash: Hash, row: unknown[]): number {
  let large = 0;
  for (const [index, value] of row.entries()) {
    if (typeof value === "bigint" && (row[index - 1] === "text" || row[index - 1] === "blob")) large += 1;
    const [tag, bytes] = bytesOf(value);
    LENGTH.writeUInt8(tag, 0);
    LENGTH.writeBigUInt64LE(BigInt(bytes.length), 1);
    hash.update(LENGTH).update(bytes);
  }
  return large;
}

const REAL = Buffer.alloc(8);

function bytesOf(value: unknown): [tag: number, bytes: Buffer] {
  if (value === null) return [0, Buffer.alloc(0)];
  if (typeof value === "bigint") return [1, Buffer.from(value.toString())];
  if (typeof value === "number") {
    REAL.writeDoubleLE(value);
    return [2, REAL];
  }
  if (typeof value === "string") return [3, Buffer.from(value)];
  return [4, value as Buffer];
}
