import "server-only";
/** SQLite's half of the tables kit: pages by rowid or primary key, sizes from dbstat, exports in bounded memory. */
import type { CallContext, Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { encodeChunks } from "@/sql/export-writers";
import { quoteIdentifier } from "@/sql/identifiers";
import { decodeCursor, encodeCursor, keysetConditions, orderBy, type KeyValue, type OrderColumn } from "@/sql/keyset";
import { parseFilters, parseSort, type Cell, type Column, type RowsInput, type RowsPage, type Sort } from "@/sql/tables.schema";
import type { TablesService } from "@/sql/tables.service";
import { sqliteCells, sqliteObjects } from "../sqlite.client";
import { assertShown, cellExpressions, isHidden, selectCells } from "../sqlite.codec";
import type { WireCell, WorkerValue } from "../sqlite.worker-protocol";
import { columnsOf, findTable, kindOf, type ListedTable, listTables, tableSchema } from "./sqlite-catalog";
import { exportPieces } from "./sqlite-export";
import { filterCondition } from "./sqlite-filters";
import { tableSizes } from "./sqlite-sizes";

export const sqliteTables: TablesService = {
  async list(connection, { signal }) {
    const tables = await listTables(connection, signal);
    const sizes = await tableSizes(connection, signal);
    const estimates = await rowEstimates(connection, tables, signal);
    const summaries = tables.map((table) => ({
      schema: "main",
      name: table.name,
      kind: kindOf(table),
      bytes: table.type === "view" ? null : (sizes.byTable.get(table.name) ?? null),
      rowsEstimate: estimates.get(table.name) ?? null,
      rowsExact: false,
      comment: null,
    }));
    return { tables: summaries, totalBytes: sizes.total };
  },

  schema: (connection, { name }, { signal }) => tableSchema(connection, name, signal),
  rows: readRows,

  async cell(connection, { name, key, column }, { signal }) {
    const table = await findTable(connection, name, signal);
    const columns = await columnsOf(connection, table, signal);
    const found = columns.find((candidate) => candidate.name === column);
    if (!found) throw new AppError("NOT_FOUND", `${name} has no column named ${column}`, { fix: "Load the table again." });
    const order = keyOrder(table, columns);
    if (order.length === 0) throw new AppError("UNSUPPORTED", "Rows of this table cannot be addressed", { fix: "Export it to see whole values." });
    const params: WorkerValue[] = [];
    const where = order.map((part, index) => equals(part, decodeCursor(order, key)[index] ?? null, params)).join(" AND ");
    const select = isHidden({ connection, name }, column)
      ? selectCells([found], { connection, name })
      : cellExpressions(quoteIdentifier(column), LIMITS.valueBytesMax);
    const [row] = await sqliteCells(connection, `SELECT ${select} FROM ${quoteIdentifier(name)} WHERE ${where} LIMIT 1`, params, signal);
    if (!row) throw new AppError("NOT_FOUND", "This row is not there any more", { fix: "Load the page again." });
    return { cell: row[0] ?? null, type: found.type, family: found.family };
  },

  async count(connection, { name, filters }, { signal }) {
    const table = await findTable(connection, name, signal);
    const columns = await columnsOf(connection, table, signal);
    assertShown({ connection, name }, filters);
    const params: WorkerValue[] = [];
    const where = filters.map((filter) => filterCondition(filter, columns, params));
    const sql = `SELECT count(*) AS items FROM ${quoteIdentifier(name)}${where.length ? ` WHERE ${where.join(" AND ")}` : ""}`;
    const started = performance.now();
    const limit = AbortSignal.timeout(LIMITS.exactCountTimeoutMs);
    try {
      const [row] = await sqliteObjects<{ items: number }>(connection, sql, params, signal ? AbortSignal.any([signal, limit]) : limit);
      return { count: row?.items ?? 0, exact: true, elapsedMs: performance.now() - started };
    } catch (error) {
      if (!limit.aborted || signal?.aborted) throw error;
      const estimate = filters.length > 0 ? 0 : ((await rowEstimates(connection, [table], signal)).get(name) ?? 0);
      return { count: estimate, exact: false, elapsedMs: performance.now() - started };
    }
  },

  async *export(connection, { name, format, filters }, { signal }) {
    const table = await findTable(connection, name, signal);
    const columns = await columnsOf(connection, table, signal);
    assertShown({ connection, name }, filters);
    yield* encodeChunks(exportPieces({ connection, table, columns, order: keyOrder(table, columns), format, filters, signal }));
  },
};

async function readRows(connection: Connection, input: RowsInput, { signal }: CallContext): Promise<RowsPage> {
  const started = performance.now();
  const table = await findTable(connection, input.name, signal);
  const columns = await columnsOf(connection, table, signal);
  const key = keyOrder(table, columns);
  assertShown({ connection, name: table.name }, [...parseSort(input.sort), ...parseFilters(input.filters)]);
  const order = [...sortOrder(parseSort(input.sort), columns, key), ...key];
  const page = await readPage({ connection, table, columns, order, input, signal });
  const rows = page.slice(0, input.limit);
  const keyOf = (row: WireCell[]) => row.slice(columns.length, columns.length + order.length).map(keyValue);
  const last = rows.at(-1);
  return {
    columns,
    rows: rows.map((row) => row.slice(0, columns.length) as Cell[]),
    keys: rows.map((row) => (key.length ? encodeCursor(key, keyOf(row).slice(order.length - key.length)) : null)),
    nextCursor: key.length && last && page.length > input.limit ? encodeCursor(order, keyOf(last)) : null,
    pagedBy: key.length ? key.map((part) => part.name).join(", ") : null,
    elapsedMs: performance.now() - started,
  };
}

interface Page {
  connection: Connection;
  table: ListedTable;
  columns: Column[];
  order: OrderColumn[];
  input: RowsInput;
  signal: AbortSignal | undefined;
}

/** One row more than asked for, so that the last page is known as the last. */
async function readPage({ connection, table, columns, order, input, signal }: Page): Promise<WireCell[][]> {
  const filters = parseFilters(input.filters);
  const keys = order.map((part) => cellExpressions(part.expression as ReturnType<typeof quoteIdentifier>, null));
  const select = [selectCells(columns, { connection, name: table.name }), ...keys].join(", ");
  const conditions = input.after ? keysetConditions({ order, values: decodeCursor(order, input.after), nulls: "smallest" }) : [null];
  const rows: WireCell[][] = [];
  for (const condition of conditions) {
    const params: WorkerValue[] = [];
    const where = filters.map((filter) => filterCondition(filter, columns, params));
    if (condition) where.push(condition((value) => (params.push(value), "?")));
    const sql = [
      `SELECT ${select} FROM ${quoteIdentifier(table.name)}`,
      where.length ? `WHERE ${where.join(" AND ")}` : "",
      order.length ? `ORDER BY ${orderBy(order, "smallest")}` : "",
      `LIMIT ${input.limit + 1 - rows.length}`,
    ];
    rows.push(...(await sqliteCells(connection, sql.join(" "), params, signal)));
    if (rows.length > input.limit) break;
  }
  return rows;
}

/** What a table's rows are paged and addressed by: the rowid, the primary key of a WITHOUT ROWID table, or nothing (views). */
function keyOrder(table: ListedTable, columns: readonly Column[]): OrderColumn[] {
  if (table.type === "view") return [];
  if (table.withoutRowid === 1) {
    const key = columns.filter((column) => column.keyPosition !== null).sort((a, b) => (a.keyPosition ?? 0) - (b.keyPosition ?? 0));
    return key.map((column) => ({ name: column.name, expression: quoteIdentifier(column.name), direction: "asc", nullable: false }));
  }
  const taken = new Set(columns.map((column) => column.name.toLowerCase()));
  const free = (["rowid", "_rowid_", "oid"] as const).find((name) => !taken.has(name));
  return free ? [{ name: "rowid", expression: free, direction: "asc", nullable: false }] : [];
}

function sortOrder(sort: readonly Sort[], columns: readonly Column[], key: readonly OrderColumn[]): OrderColumn[] {
  return sort
    .filter((entry) => !key.some((part) => part.name === entry.column && part.expression === quoteIdentifier(entry.column)))
    .map((entry) => {
      const column = columns.find((candidate) => candidate.name === entry.column);
      if (!column) throw new AppError("INVALID", `There is no column named ${entry.column} to sort by`, { fix: "Choose a column of the table." });
      return { name: column.name, expression: quoteIdentifier(column.name), direction: entry.direction, nullable: column.nullable };
    });
}

const keyValue = (cell: WireCell): KeyValue => (cell === null ? null : { text: cell.text, storage: cell.storage });

function equals(part: OrderColumn, value: KeyValue, params: WorkerValue[]): string {
  if (value === null) return `${part.expression} IS NULL`;
  params.push(value);
  return `${part.expression} = ?`;
}

/** Rows by the analyser's statistics, else by the span of rowids: an upper bound that costs two look-ups. */
async function rowEstimates(connection: Connection, tables: readonly ListedTable[], signal?: AbortSignal): Promise<Map<string, number>> {
  const estimates = await analysedRows(connection, signal);
  for (const table of tables) {
    if (table.type !== "table" || table.withoutRowid === 1 || estimates.has(table.name)) continue;
    const sql = `SELECT (SELECT max(rowid) FROM ${quoteIdentifier(table.name)}) - (SELECT min(rowid) FROM ${quoteIdentifier(table.name)}) + 1.0 AS span`;
    const [row] = await sqliteObjects<{ span: number | null }>(connection, sql, [], signal).catch(() => []);
    if (row) estimates.set(table.name, row.span ?? 0);
  }
  return estimates;
}

async function analysedRows(connection: Connection, signal?: AbortSignal): Promise<Map<string, number>> {
  const sql = `SELECT tbl AS name, max(CAST(substr(stat, 1, instr(stat || ' ', ' ') - 1) AS INTEGER)) AS items FROM sqlite_stat1 GROUP BY tbl`;
  const rows = await sqliteObjects<{ name: string; items: number }>(connection, sql, [], signal).catch(() => []);
  return new Map(rows.map((row) => [row.name, row.items]));
}
