import "server-only";
/** Facts of a live file, read as any viewer would: counts, shape, locks of other programs. Nothing is locked or written. */
import { readFile } from "node:fs/promises";
import { statSync } from "node:fs";
import { z } from "zod";
import { quoteIdentifier } from "@/sql/identifiers";
import type { Connection } from "@/server/connection";
import { isAbort, throwIfCancelled } from "@/server/errors";
import { sqliteObjects } from "./sqlite.client";
import { kindOf, type ListedTable, listTables } from "./tables/sqlite-catalog";

const Shape = z.object({
  journalMode: z.string(),
  pageSize: z.number(),
  pages: z.number(),
  encoding: z.string(),
  userVersion: z.number(),
  applicationId: z.number(),
});
export type Shape = z.infer<typeof Shape>;

const SHAPE = `SELECT (SELECT journal_mode FROM pragma_journal_mode) AS journalMode, (SELECT page_size FROM pragma_page_size) AS pageSize,
  (SELECT page_count FROM pragma_page_count) AS pages, (SELECT encoding FROM pragma_encoding) AS encoding,
  (SELECT user_version FROM pragma_user_version) AS userVersion, (SELECT application_id FROM pragma_application_id) AS applicationId`;

export async function shapeOf(connection: Connection, signal?: AbortSignal): Promise<Shape> {
  const [row] = await sqliteObjects(connection, SHAPE, [], signal);
  return Shape.parse(row);
}

export interface LiveObject {
  name: string;
  kind: string;
  /** Null for a view, and where nothing tells in time. */
  count: number | null;
}

const COUNT_WITHIN_MS = 15_000;

/** Every table counted; those for which the time does not suffice are estimated by their last rowid. */
export async function liveObjects(connection: Connection, signal: AbortSignal | undefined): Promise<{ objects: LiveObject[]; isEstimate: boolean }> {
  const until = AbortSignal.timeout(COUNT_WITHIN_MS);
  const objects: LiveObject[] = [];
  let isEstimate = false;
  for (const table of await listTables(connection, signal)) {
    throwIfCancelled(signal);
    const exact = table.type === "view" ? null : await countOf(connection, table, signal ? AbortSignal.any([signal, until]) : until).catch(lateAsNull(signal));
    const count = exact ?? (table.type === "table" ? await lastRowid(connection, table, signal) : null);
    isEstimate ||= exact === null && count !== null;
    objects.push({ name: table.name, kind: kindOf(table), count });
  }
  return { objects, isEstimate };
}

/** A count that did not end in time is none; a call that was cancelled is. */
const lateAsNull = (signal: AbortSignal | undefined) => (error: unknown) => {
  if (signal?.aborted || !(isAbort(error) || (error as { code?: string }).code === "TIMEOUT")) throw error;
  return null;
};

async function countOf(connection: Connection, { name }: ListedTable, signal: AbortSignal): Promise<number> {
  const [row] = await sqliteObjects<{ items: number }>(connection, `SELECT count(*) AS items FROM ${quoteIdentifier(name)}`, [], signal);
  return row?.items ?? 0;
}

async function lastRowid(connection: Connection, { name, withoutRowid }: ListedTable, signal: AbortSignal | undefined): Promise<number | null> {
  if (withoutRowid === 1) return null;
  const [row] = await sqliteObjects<{ last: number | null }>(connection, `SELECT max(rowid) AS last FROM ${quoteIdentifier(name)}`, [], signal);
  return row?.last ?? 0;
}

/** Process ids of other programs that hold a lock on the file now, as Linux lists them; empty where it does not tell. */
export async function lockHolders(path: string): Promise<{ pid: number; isWriting: boolean }[]> {
  const file = statSync(path, { throwIfNoEntry: false });
  const locks = await readFile("/proc/locks", "utf8").catch(() => "");
  if (!file) return [];
  const holders = new Map<number, boolean>();
  for (const line of locks.split("\n")) {
    const [, kind = "", pid = "", inode = ""] = /^\d+: POSIX +\S+ +(READ|WRITE) +(-?\d+) +[0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line) ?? [];
    if (Number(inode) !== file.ino || Number(pid) === process.pid) continue;
    holders.set(Number(pid), holders.get(Number(pid)) === true || kind === "WRITE");
  }
  return [...holders].map(([pid, isWriting]) => ({ pid, isWriting }));
}
