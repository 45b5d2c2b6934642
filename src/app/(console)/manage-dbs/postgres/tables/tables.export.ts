import "server-only";
import { to as copyTo } from "pg-copy-streams";
import { openOwnSession, type OwnSession } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { readCopyText } from "@/app/(console)/manage-dbs/postgres/tables/copy-text";
import { tableStatements } from "@/app/(console)/manage-dbs/postgres/tables/tables.ddl";
import { filterConditions } from "@/app/(console)/manage-dbs/postgres/tables/tables.filters";
import { readShape, type ShapeColumn, type TableShape } from "@/app/(console)/manage-dbs/postgres/tables/tables.shape";
import { readDdlParts } from "@/app/(console)/manage-dbs/postgres/tables/tables.structure";
import type { CallContext, Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { csvRecord, encodeChunks, insertWriter, jsonLinesWriter, type JsonKind } from "@/sql/export-writers";
import { textLiteral } from "@/sql/identifiers";
import type { ExportFormat, Filter, TableName } from "@/sql/tables.schema";

/**
 * The whole table in one snapshot, streamed with back-pressure: the server waits while nobody reads. Throws AppError when it cannot go on;
 * it ends only after the server has said how many rows it sent and closed the transaction. A reader that leaves cancels the server's work.
 */
export async function* exportTable(
  connection: Connection,
  input: TableName & { format: ExportFormat; filters: Filter[] },
  context: CallContext,
): AsyncGenerator<Uint8Array> {
  const own = await openOwnSession(connection, context);
  let clean = false;
  try {
    const { session } = own;
    await session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const shape = await readShape(session, input);
    const columns = input.format === "sql" ? shape.columns.filter((column) => column.row.generated === "") : shape.columns;
    const query = await selectOf(own, { shape, columns, filters: input.filters });
    if (input.format === "csv") yield* copyCsv(own, query);
    else if (input.format === "csv-spreadsheet") yield* encodeChunks(spreadsheetCsv(own, { query, columns }));
    else if (input.format === "jsonl") yield* encodeChunks(jsonLines(own, { query, columns }));
    else yield* encodeChunks(sqlText(own, { query, columns, shape }));
    await session.run("COMMIT");
    clean = true;
  } catch (error) {
    throw own.explain(error);
  } finally {
    await own.end({ clean });
  }
}

interface Selection {
  shape: TableShape;
  columns: readonly ShapeColumn[];
}

/** COPY takes no parameters, so the filters' values are settings of this transaction: set as parameters, read by the query, never part of its text. */
async function selectOf(own: OwnSession, selection: Selection & { filters: readonly Filter[] }): Promise<string> {
  const { shape, columns, filters } = selection;
  const values: string[] = [];
  const where = filterConditions(shape, filters, (value) => `pg_catalog.current_setting('foundry_console.value${values.push(value)}')`);
  for (const [index, value] of values.entries()) await own.session.rows(`SELECT pg_catalog.set_config('foundry_console.value${index + 1}', $1, true)`, [value]);
  if (shape.runsCode) await own.session.rows("SELECT pg_catalog.set_config('search_path', $1, true)", [own.session.ownSearchPath]);
  return `SELECT ${columns.map((column) => column.quoted).join(", ")} FROM ${shape.quoted}${where.length > 0 ? ` WHERE ${where.join(" AND ")}` : ""}`;
}

async function* copyCsv(own: OwnSession, query: string): AsyncGenerator<Uint8Array> {
  yield* copyOut(own, `COPY (${query}) TO STDOUT (FORMAT csv, HEADER true, ENCODING 'UTF8')`);
}

async function* spreadsheetCsv(own: OwnSession, source: { query: string; columns: readonly ShapeColumn[] }): AsyncGenerator<string> {
  const record = (values: readonly (string | null)[]): string => csvRecord(values, { spreadsheetSafe: true });
  yield record(source.columns.map((column) => column.name));
  for await (const rows of copiedRows(own, source.query)) {
    let text = "";
    for (const row of rows) text += record(source.columns.length === 0 ? [] : row);
    yield text;
  }
}

/** The bytes of a COPY. Ends only when the server has reported the number of rows. */
async function* copyOut(own: OwnSession, sql: string): AsyncGenerator<Buffer> {
  const stream = own.session.client.query(copyTo(sql));
  for await (const chunk of stream) yield chunk as Buffer;
  // The report comes after the data; a statement waits for it.
  await own.session.run("SELECT 1");
  if (!Number.isInteger(stream.rowCount)) throw new AppError("INTERNAL", "PostgreSQL ended the rows without saying how many there are", { fix: "Try again." });
}

async function* copiedRows(own: OwnSession, query: string): AsyncGenerator<(string | null)[][]> {
  yield* readCopyText(copyOut(own, `COPY (${query}) TO STDOUT (FORMAT text, ENCODING 'UTF8')`));
}

async function* jsonLines(own: OwnSession, source: { query: string; columns: readonly ShapeColumn[] }): AsyncGenerator<string> {
  const write = jsonLinesWriter(source.columns.map((column) => ({ name: column.name, kind: jsonKind(column) })));
  for await (const rows of copiedRows(own, source.query)) {
    let text = "";
    for (const row of rows) text += write(source.columns.length === 0 ? [] : row);
    yield text;
  }
}

function jsonKind(column: ShapeColumn): JsonKind {
  if (column.family === "number" && column.row.base_name !== "money") return "number";
  return column.family === "json" || column.family === "boolean" ? column.family : "text";
}

/** The table's own statements around its rows, in one transaction: what runs makes the same table, what is cut makes nothing. */
async function* sqlText(own: OwnSession, source: Selection & { query: string }): AsyncGenerator<string> {
  const { shape, columns, query } = source;
  const { before, after } = await statementsAround(own, shape);
  yield "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\nSET check_function_bodies = off;\nBEGIN;\n\n";
  for (const statement of before) yield `${statement};\n\n`;
  const overriding = columns.some((column) => column.row.identity === "a") ? { overriding: "OVERRIDING SYSTEM VALUE" } : {};
  const literals = columns.map(literalOf);
  const writer = insertWriter({
    table: shape.quoted,
    columns: columns.map((column) => column.name),
    literal: (value, index) => (value === null ? "NULL" : (literals[index]?.(value) ?? textLiteral(value))),
    ...overriding,
  });
  for await (const rows of copiedRows(own, query)) {
    let text = "";
    for (const row of rows) text += writer.add(columns.length === 0 ? [] : row);
    yield text;
  }
  yield writer.end();
  for (const statement of after) yield `\n${statement};\n`;
  yield "\nCOMMIT;\n";
}

/** Views and foreign tables are written as tables that hold what was read: rows cannot be put into the former, and the latter's server may not be there. */
async function statementsAround(own: OwnSession, shape: TableShape): Promise<{ before: string[]; after: string[] }> {
  if (shape.kind === "table" || shape.kind === "partitioned table") return tableStatements(await readDdlParts(own.session, shape));
  const columns = shape.columns.map((column) => `  ${column.quoted} ${column.row.type}`);
  return { before: [`CREATE TABLE ${shape.quoted} (\n${columns.join(",\n")}\n)`], after: [] };
}

/** Not -0, which would be read as the integer 0. */
const PLAIN_NUMBER = /^(?!-0$)-?\d+(\.\d+)?(e[+-]?\d+)?$/;

/** Numbers and booleans stand bare, all else is text that the column's type reads back. */
function literalOf(column: ShapeColumn): (value: string) => string {
  if (jsonKind(column) === "number") return (value) => (PLAIN_NUMBER.test(value) ? value : textLiteral(value));
  if (column.family === "boolean") return (value) => (value === "t" ? "true" : "false");
  return textLiteral;
}
