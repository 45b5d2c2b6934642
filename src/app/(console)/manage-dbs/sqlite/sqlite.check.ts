import "server-only";
/** Reads files that the console holds: artefacts, staged copies, uploads. They are opened as temporary connections of their own. */
import { randomUUID } from "node:crypto";
import { open, rm, stat } from "node:fs/promises";
import type { ManifestObject } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { buildConnection } from "@/server/connections";
import { AppError } from "@/server/errors";
import { call, retireFile } from "./sqlite.client";
import { isThere } from "./sqlite.files";
import type { Counted, ForeignKeys } from "./sqlite.read-whole";
import { kindOf, type ListedTable, listTables } from "./tables/sqlite-catalog";

function fileConnection(path: string): Connection {
  return buildConnection({
    engine: "sqlite",
    name: `file-${randomUUID()}`,
    environment: "development",
    source: "console",
    url: path,
    database: null,
    tlsCa: null,
    address: path,
  });
}

/** Opens a file of the console for reading. A file in WAL mode gets sidecars by being read: they are removed again. */
export async function withFile<T>(path: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = fileConnection(path);
  const hadLog = await isThere(`${path}-wal`);
  try {
    return await work(connection);
  } finally {
    await retireFile(connection.id);
    if (!hadLog) {
      const log = await stat(`${path}-wal`).catch(() => null);
      if (log?.size === 0) for (const suffix of ["-wal", "-shm"]) await rm(`${path}${suffix}`, { force: true });
    }
  }
}

export interface Checked {
  objects: ManifestObject[];
  foreignKeyViolations: number;
  /** Foreign keys that SQLite cannot check, in its words. */
  mismatches: string[];
}

/** Reads a whole file, by two readers at once: structure and indexes, and the count of every table. Views are listed, never counted. */
export function checkFile(path: string, signal: AbortSignal, { foreignKeys = true } = {}): Promise<Checked> {
  return withFile(path, async (connection) => {
    const [problems, checked] = await both(call(connection, { op: "integrity" }, signal) as Promise<string[]>, countIn(connection, signal, { foreignKeys }));
    if (problems.join() === "ok") return checked;
    throw new AppError("INTERNAL", "The SQLite file is damaged", {
      fix: "Choose another backup, or repair the database before backing it up.",
      detail: problems.slice(0, 3).join("; "),
    });
  });
}

/** Only the count of every table: for a file whose bytes are known to be good. */
export const countFile = (path: string, signal: AbortSignal): Promise<Checked> =>
  withFile(path, (connection) => countIn(connection, signal, { foreignKeys: false }));

async function countIn(connection: Connection, signal: AbortSignal, { foreignKeys }: { foreignKeys: boolean }): Promise<Checked> {
  const listed = await listTables(connection, signal);
  const counted = (await call(connection, { op: "counts", foreignKeys }, signal)) as { counts: Counted[]; foreignKeys: ForeignKeys | null };
  const { violations = 0, mismatches = [] } = counted.foreignKeys ?? {};
  return { objects: objectsOf(listed, counted.counts), foreignKeyViolations: violations, mismatches };
}

/** Waits for both before it fails: nothing reads on behind the back of who was told. The first's failure is told. */
export async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === "rejected") throw a.reason;
  if (b.status === "rejected") throw b.reason;
  return [a.value, b.value];
}

export function objectsOf(listed: readonly ListedTable[], counted: readonly Counted[]): ManifestObject[] {
  const counts = new Map(counted.map((row) => [row.name, row.count]));
  return listed.map((table) => ({ name: table.name, kind: kindOf(table), count: counts.get(table.name) ?? null, bytes: null, checksum: null }));
}

export interface Header {
  pageSize: number;
  /** The file says that a `-wal` belongs to it. */
  isWal: boolean;
  /** Pages by the header; 0 where an old SQLite wrote it. */
  pages: number;
  schemaCookie: number;
  userVersion: number;
  applicationId: number;
  /** "3.45.1": of the SQLite that wrote it last. */
  writtenBy: string;
  encoding: string;
}

const ENCODINGS = ["", "UTF-8", "UTF-16le", "UTF-16be"];

/** The header of a file that nothing has open; null when it is not one of SQLite's. Never call it for a live file. */
export async function readHeader(path: string): Promise<Header | null> {
  const file = await open(path, "r");
  try {
    const bytes = Buffer.alloc(100);
    const { bytesRead } = await file.read(bytes, 0, 100, 0);
    return bytesRead === 100 ? headerOf(bytes) : null;
  } finally {
    await file.close();
  }
}

/** https://sqlite.org/fileformat.html#the_database_header */
export function headerOf(bytes: Buffer): Header | null {
  if (bytes.subarray(0, 16).toString("latin1") !== "SQLite format 3\0") return null;
  const size = bytes.readUInt16BE(16);
  const version = bytes.readUInt32BE(96);
  return {
    pageSize: size === 1 ? 65_536 : size,
    isWal: bytes[19] === 2,
    pages: bytes.readUInt32BE(28),
    schemaCookie: bytes.readUInt32BE(40),
    userVersion: bytes.readInt32BE(60),
    applicationId: bytes.readInt32BE(68),
    writtenBy: version === 0 ? "unknown" : `${Math.floor(version / 1_000_000)}.${Math.floor(version / 1_000) % 1_000}.${version % 1_000}`,
    encoding: ENCODINGS[bytes.readUInt32BE(56)] ?? "unknown",
  };
}
