import "server-only";
/** The first rows of a table of a backup, straight from its file. */
import type { Artefact, BackupEngine, Peek } from "@/backups/engine";
import { controlPlanePath } from "@/server/control-plane/database";
import { AppError } from "@/server/errors";
import { quoteIdentifier } from "@/sql/identifiers";
import type { Connection } from "@/server/connection";
import { withFile } from "./sqlite.check";
import { sqliteCells } from "./sqlite.client";
import { selectCells } from "./sqlite.codec";
import type { WireCell } from "./sqlite.worker-protocol";
import { columnsOf, findTable, listTables } from "./tables/sqlite-catalog";

const CHARACTERS = 500;
const LIMIT_MAX = 500;
/** Bytes of a value that are read: enough for its shown characters, whatever they are. */
const PREFIX_BYTES = CHARACTERS * 4;

export const peek: NonNullable<BackupEngine["peek"]> = (artefact, object, { limit, signal }) =>
  withFile(artefact.path, (file) => firstRows({ artefact, file, object, limit: Math.min(limit, LIMIT_MAX), signal }));

async function firstRows(wanted: { artefact: Artefact; file: Connection; object: string; limit: number; signal: AbortSignal | undefined }): Promise<Peek> {
  const { file, object, limit, signal } = wanted;
  const table = await findTable(file, object, signal);
  if (table.type === "view")
    throw new AppError("INVALID", `${object} is a view: a backup holds its definition, no rows`, { fix: "Look at the tables it reads, or restore it aside." });
  const columns = await columnsOf(file, table, signal);
  // By its tables, not by its name: what an uploaded console database holds is as secret as our own.
  const address = (await holdsConsole(file, signal)) ? controlPlanePath() : file.address;
  const expressions = selectCells(columns, { connection: { address }, name: object }, PREFIX_BYTES);
  const found = await sqliteCells(file, `SELECT ${expressions} FROM ${quoteIdentifier(object)} LIMIT ${limit + 1}`, [], signal);
  return { columns: columns.map(({ name }) => name), rows: found.slice(0, limit).map((row) => row.map(shown)), hasMore: found.length > limit };
}

async function holdsConsole(file: Connection, signal: AbortSignal | undefined): Promise<boolean> {
  const names = new Set((await listTables(file, signal)).map(({ name }) => name));
  return ["users", "sessions", "api_tokens", "audit"].every((name) => names.has(name));
}

/** NULL as null, bytes as x'..'; at most 500 characters. */
function shown(cell: WireCell): string | null {
  if (cell === null) return null;
  const isBytes = cell.storage === "blob";
  const text = isBytes ? `x'${cell.text}'` : cell.text;
  const characters = [...text];
  if (characters.length <= CHARACTERS && cell.length === undefined) return text;
  return `${characters.slice(0, CHARACTERS - 1).join("")}…`;
}
