import "server-only";
/** The first rows of a table or view of a backup, straight from its file. */
import type { BackupEngine, Peek } from "@/backups/engine";
import { controlPlanePath } from "@/server/control-plane/database";
import { formatBytes } from "@/lib/format";
import { AppError } from "@/server/errors";
import { quoteIdentifier } from "@/sql/identifiers";
import type { Connection } from "@/server/connection";
import { withFile } from "./sqlite.check";
import { sqliteCells, sqliteObjects } from "./sqlite.client";
import { selectCells } from "./sqlite.codec";
import type { WireCell } from "./sqlite.worker-protocol";
import { columnsOf, findTable, type ListedTable, listTables } from "./tables/sqlite-catalog";

const CHARACTERS = 500;
const LIMIT_MAX = 500;
/** Bytes of a value that are read: enough for its shown characters, whatever they are. */
const PREFIX_BYTES = CHARACTERS * 4;

/** How long the rows of a view are computed: what it reads may be large. */
const VIEW_WITHIN_MS = 5_000;

interface Wanted {
  file: Connection;
  object: string;
  limit: number;
  signal: AbortSignal | undefined;
}

export const peek: NonNullable<BackupEngine["peek"]> = (artefact, object, { limit, signal }) =>
  withFile(artefact.path, async (file) => {
    const wanted: Wanted = { file, object, limit: Math.min(limit, LIMIT_MAX), signal };
    const table = await findTable(file, object, signal);
    return table.type === "view" ? peekView(wanted, table) : firstRows(wanted, table);
  });

async function firstRows({ file, object, limit, signal }: Wanted, table: ListedTable): Promise<Peek> {
  const columns = await columnsOf(file, table, signal);
  // By its tables, not by its name: what an uploaded console database holds is as secret as our own.
  const address = (await holdsConsole(file, signal)) ? controlPlanePath() : file.address;
  const expressions = selectCells(columns, { connection: { address }, name: object }, PREFIX_BYTES);
  const found = await sqliteCells(file, `SELECT ${expressions} FROM ${quoteIdentifier(object)} LIMIT ${limit + 1}`, [], signal);
  return { columns: columns.map(({ name }) => name), rows: found.slice(0, limit).map((row) => row.map(shown)), hasMore: found.length > limit };
}

/** A backup holds a view's definition: its first rows are computed where that surely ends; else its definition is shown, with the reason. */
async function peekView(wanted: Wanted, table: ListedTable): Promise<Peek> {
  const { file, object, signal } = wanted;
  const views = await definitions(file, signal);
  const reason = await whyNotComputed(wanted, views);
  if (reason !== null) return definition(views.get(object), reason);
  const within = AbortSignal.timeout(VIEW_WITHIN_MS);
  try {
    return await firstRows({ ...wanted, signal: signal ? AbortSignal.any([signal, within]) : within }, table);
  } catch (error) {
    if (signal?.aborted || !(error instanceof AppError)) throw error;
    return definition(views.get(object), within.aborted ? `not computed within ${VIEW_WITHIN_MS / 1_000} s` : (error.detail ?? error.message));
  }
}

const definition = (sql: string | undefined, reason: string): Peek => ({
  columns: ["rows", "definition"],
  rows: [[`not shown: ${reason}`, cut(sql ?? "")]],
  hasMore: false,
});

async function definitions(file: Connection, signal: AbortSignal | undefined): Promise<Map<string, string>> {
  const rows = await sqliteObjects<{ name: string; sql: string }>(file, "SELECT name, sql FROM sqlite_schema WHERE type = 'view'", [], signal);
  return new Map(rows.map(({ name, sql }) => [name, sql]));
}

async function whyNotComputed({ file, object, signal }: Wanted, views: ReadonlyMap<string, string>): Promise<string | null> {
  // A view may give what is hidden another name.
  if (await holdsConsole(file, signal)) return "the file is a console's database, and some of it is secret";
  return mayNotEnd(object, views) ? "it may be recursive and never end" : null;
}

/** A recursive query needs WITH and UNION, in the view or in one that it reads. No thread can be stopped inside such a one. */
export function mayNotEnd(view: string, views: ReadonlyMap<string, string>, seen = new Set<string>()): boolean {
  const sql = views.get(view)?.toLowerCase();
  if (sql === undefined || seen.has(view)) return false;
  seen.add(view);
  if (/\bwith\b/.test(sql) && /\bunion\b/.test(sql)) return true;
  return [...views.keys()].some((other) => sql.includes(other.toLowerCase()) && mayNotEnd(other, views, seen));
}

async function holdsConsole(file: Connection, signal: AbortSignal | undefined): Promise<boolean> {
  const names = new Set((await listTables(file, signal)).map(({ name }) => name));
  return ["users", "sessions", "api_tokens", "audit"].every((name) => names.has(name));
}

/** NULL as null, bytes as x'..'; at most 500 characters. */
function shown(cell: WireCell): string | null {
  if (cell === null) return null;
  // Of what is too large to be read for its beginning only the size is known.
  if (cell.text === "" && cell.length !== undefined) return `${formatBytes(cell.length)}, not shown`;
  const isBytes = cell.storage === "blob";
  const text = isBytes ? `x'${cell.text}'` : cell.text;
  return cut(text, cell.length !== undefined);
}

function cut(text: string, isPrefix = false): string {
  const characters = [...text];
  if (characters.length <= CHARACTERS && !isPrefix) return text;
  return `${characters.slice(0, CHARACTERS - 1).join("")}…`;
}
