import "server-only";
import { performance } from "node:perf_hooks";
import { browse, notThere, type Session, type TextRow } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { castParameter, columnNamed, filterConditions } from "@/app/(console)/manage-dbs/postgres/tables/tables.filters";
import { orderColumn, printed, readShape, wireColumn, type ShapeColumn, type TableShape } from "@/app/(console)/manage-dbs/postgres/tables/tables.shape";
import type { CallContext, Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { decodeCursor, encodeCursor, keysetConditions, orderBy, type KeyValue, type OrderColumn } from "@/sql/keyset";
import {
  parseFilters,
  parseSort,
  type Cell,
  type CellResult,
  type Filter,
  type RowsInput,
  type RowsPage,
  type Sort,
  type TableName,
} from "@/sql/tables.schema";

/** A cursor longer than the input takes would come back refused. */
const CURSOR_MAX = 90_000;
/** Pages of 8 kB that a page of rows by ctid looks at first; doubled while too few rows match. */
const FIRST_WINDOW = 64;

/** A row's address where no key tells rows apart: its place, and the transaction that wrote it, so that a reused place is not mistaken for it. */
const CTID: OrderColumn = { name: "ctid", expression: "ctid", direction: "asc", nullable: false, operator: (sign) => `OPERATOR(pg_catalog.${sign})` };
const XMIN: OrderColumn = { ...CTID, name: "xmin", expression: "xmin" };
const SYSTEM_TYPES: Record<string, string> = { ctid: "pg_catalog.tid", xmin: "pg_catalog.xid" };

/** One page of rows by key. No OFFSET, no count. Throws AppError. */
export async function readRows(connection: Connection, input: RowsInput, context: CallContext): Promise<RowsPage> {
  const started = performance.now();
  return browse(connection, context, async (session) => {
    const shape = await readShape(session, input);
    const paging = pagingOf(shape, parseSort(input.sort));
    const read = (): Promise<FoundRow[]> =>
      findRows(session, { shape, paging, filters: parseFilters(input.filters), after: input.after, limit: input.limit + 1 });
    const found = shape.runsCode ? await inOwnSearchPath(session, read) : await read();
    const page = found.slice(0, input.limit);
    const last = page.at(-1);
    const cursor = found.length > input.limit && last && paging.pagedBy !== null ? encodeCursor(paging.order, last.orderKey) : null;
    const continues = cursor === null || cursor.length <= CURSOR_MAX;
    return {
      columns: shape.columns.map(wireColumn),
      rows: page.map((row) => row.cells),
      keys: page.map((row) => row.rowKey),
      nextCursor: continues ? cursor : null,
      pagedBy: continues ? paging.pagedBy : null,
      elapsedMs: Math.round(performance.now() - started),
    };
  });
}

/** Views and row security may call functions that expect the role's own search_path. The console's own text names every schema, so it does not matter to it. */
export async function inOwnSearchPath<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.run("BEGIN READ ONLY");
  await session.rows("SELECT pg_catalog.set_config('search_path', $1, true)", [session.ownSearchPath]);
  const result = await work();
  await session.run("COMMIT");
  return result;
}

interface Paging {
  order: OrderColumn[];
  /** Null: only the first page can be had. */
  pagedBy: string | null;
  /** What addresses a row; empty where nothing does. */
  rowKey: OrderColumn[];
}

function pagingOf(shape: TableShape, sorts: readonly Sort[]): Paging {
  const order: OrderColumn[] = [];
  for (const sort of sorts) {
    const column = columnNamed(shape, sort.column);
    if (column.row.order_schema === null) {
      throw new AppError("INVALID", `Values of type ${column.row.type} have no order, so rows cannot be sorted by ${column.name}`, {
        fix: "Sort by another column.",
      });
    }
    if (!order.some((known) => known.name === sort.column)) order.push(orderColumn(column, sort.direction));
  }
  const tail = shape.key?.order ?? (shape.hasCtid ? [CTID] : []);
  // The key goes the way of the first column: one direction is one range of an index.
  const direction = order[0]?.direction ?? "asc";
  for (const column of tail) if (!order.some((known) => known.name === column.name)) order.push({ ...column, direction });
  return {
    order,
    pagedBy: shape.key?.words ?? (shape.hasCtid ? "ctid" : null),
    rowKey: shape.key?.order ?? (shape.hasCtid ? [CTID, XMIN] : []),
  };
}

interface FoundRow {
  cells: Cell[];
  rowKey: string | null;
  orderKey: KeyValue[];
}

interface RowsRequest {
  shape: TableShape;
  paging: Paging;
  filters: readonly Filter[];
  after: string | undefined;
  limit: number;
}

async function findRows(session: Session, request: RowsRequest): Promise<FoundRow[]> {
  const { paging, after, limit } = request;
  if (after !== undefined && paging.pagedBy === null) {
    throw new AppError("INVALID", "This object has no key, so only its first page can be read", {
      fix: "Filter or sort to bring other rows to the first page.",
    });
  }
  const values = after === undefined ? null : decodeCursor(paging.order, after);
  if (paging.order.length === 1 && paging.order[0]?.name === "ctid") return findByCtid(session, request, values?.[0]?.text ?? null);
  if (values === null) return selectRows(session, request, limit);
  const found: FoundRow[] = [];
  for (const condition of keysetConditions({ order: paging.order, values, nulls: "largest" })) {
    if (found.length >= limit) break;
    found.push(...(await selectRows(session, request, limit - found.length, condition)));
  }
  return found;
}

/** Reads the table's blocks in windows: PostgreSQL scans a range of ctid without an order, so an open range would sort the whole rest for each page. */
async function findByCtid(session: Session, request: RowsRequest, after: string | null): Promise<FoundRow[]> {
  const found: FoundRow[] = [];
  const blocks = request.shape.relation.pages;
  let from = after ?? "(0,0)";
  let window = FIRST_WINDOW;
  for (let block = blockOf(from); block <= blocks && found.length < request.limit; window *= 2) {
    const until = block + window;
    const start = from;
    found.push(
      ...(await selectRows(
        session,
        request,
        request.limit - found.length,
        (parameter) => `ctid OPERATOR(pg_catalog.>) ${parameter({ text: start }, 0)} AND ctid OPERATOR(pg_catalog.<) ${parameter({ text: `(${until},0)` }, 0)}`,
      )),
    );
    block = until;
    from = `(${until},0)`;
  }
  return found;
}

function blockOf(ctid: string): number {
  const block = /^\((\d{1,10}),\d{1,5}\)$/.exec(ctid)?.[1];
  if (block === undefined) throw new AppError("INVALID", "This place in the table cannot be read", { fix: "Start again from the first page." });
  return Number(block);
}

type KeyCondition = ReturnType<typeof keysetConditions>[number];

async function selectRows(session: Session, request: RowsRequest, limit: number, condition?: KeyCondition): Promise<FoundRow[]> {
  const { shape, paging } = request;
  const parameters: string[] = [];
  const text = (value: string): string => `$${parameters.push(value)}::pg_catalog.text`;
  const where = filterConditions(shape, request.filters, text);
  if (condition) where.push(condition((value, index) => keyParameter(shape, paging.order[index], value.text, text)));
  const cells = shape.columns.map((column) => cellExpressions(column, LIMITS.cellPrefix));
  const keys = [...paging.rowKey, ...paging.order].map((column) => column.expression);
  const sql = [
    `SELECT ${[...cells.flat(), ...keys].join(", ") || "NULL"}`,
    `FROM ${shape.quoted}`,
    where.length > 0 ? `WHERE ${where.join(" AND ")}` : "",
    paging.order.length > 0 ? `ORDER BY ${orderBy(paging.order, "largest")}` : "",
    `LIMIT ${limit}`,
  ].join(" ");
  const rows = await session.rows(sql, parameters);
  return rows.map((row) => foundRow(row, { cells, paging }));
}

/** A value of the order or the row's address, as the type of its column. */
function keyParameter(shape: TableShape, column: OrderColumn | undefined, value: string, parameter: (value: string) => string): string {
  const system = column && SYSTEM_TYPES[column.name];
  if (system && !shape.columns.some((known) => known.name === column.name)) return `${parameter(value)}::${system}`;
  return castParameter(columnNamed(shape, column?.name ?? ""), value, parameter);
}

/** One expression for a value that is always short; for others its beginning, and its whole length where the beginning is not all. */
function cellExpressions(column: ShapeColumn, prefix: number): string[] {
  if (column.form === "plain") return [column.quoted];
  if (column.form === "bytes") {
    const bytes = `${column.quoted}::pg_catalog.bytea`;
    return [`pg_catalog.encode(pg_catalog.substring(${bytes}, 1, ${prefix}), 'hex')`, longer(`pg_catalog.octet_length(${bytes})`, prefix)];
  }
  return [`pg_catalog.left(${printed(column)}, ${prefix})`, longer(`pg_catalog.length(${printed(column)})`, prefix)];
}

const longer = (length: string, prefix: number): string => `CASE WHEN ${length} OPERATOR(pg_catalog.>) ${prefix} THEN ${length} END`;

function foundRow(row: TextRow, parts: { cells: string[][]; paging: Paging }): FoundRow {
  const { cells, paging } = parts;
  let at = 0;
  const values = cells.map((expressions): Cell => {
    const text = row[at] ?? null;
    const length = expressions.length === 2 ? row[at + 1] : null;
    at += expressions.length;
    if (text === null) return null;
    return length == null ? { text } : { text, length: Number(length) };
  });
  const take = (count: number): KeyValue[] => row.slice(at, (at += count)).map((text) => (text === null ? null : { text }));
  const rowKey = take(paging.rowKey.length);
  return { cells: values, rowKey: rowKey.length === 0 ? null : encodeCursor(paging.rowKey, rowKey), orderKey: take(paging.order.length) };
}

/** One value whole, up to LIMITS.valueBytesMax characters (bytes for bytea). Throws NOT_FOUND when the row is gone. */
export async function readCell(connection: Connection, input: TableName & { key: string; column: string }, context: CallContext): Promise<CellResult> {
  return browse(connection, context, async (session) => {
    const shape = await readShape(session, input);
    const { rowKey } = pagingOf(shape, []);
    const column = columnNamed(shape, input.column);
    if (rowKey.length === 0)
      throw new AppError("INVALID", "Rows of this object have no key, so a single value cannot be asked for", {
        fix: "Export the object to read long values.",
      });
    const values = decodeCursor(rowKey, input.key);
    const parameters: string[] = [];
    const conditions = rowKey.map((part, index) => {
      const value = keyParameter(shape, part, values[index]?.text ?? "", (text) => `$${parameters.push(text)}::pg_catalog.text`);
      return `${part.expression} ${part.operator?.("=") ?? "="} ${value}`;
    });
    const expressions = cellExpressions(column, LIMITS.valueBytesMax);
    const read = (): Promise<TextRow[]> => session.rows(`SELECT ${expressions.join(", ")} FROM ${shape.quoted} WHERE ${conditions.join(" AND ")}`, parameters);
    const [row] = shape.runsCode ? await inOwnSearchPath(session, read) : await read();
    if (!row) throw notThere("such row any more");
    return {
      cell: foundRow(row, { cells: [expressions], paging: { order: [], pagedBy: null, rowKey: [] } }).cells[0] ?? null,
      type: wireColumn(column).type,
      family: column.family,
    };
  });
}
