import "server-only";
/** A table as CSV, SQL or JSON lines, row by row in key order. */
import type { Connection } from "@/server/connection";
import { csvRecord, insertWriter, jsonValue } from "@/sql/export-writers";
import { quoteIdentifier, textLiteral } from "@/sql/identifiers";
import { orderBy, type OrderColumn } from "@/sql/keyset";
import type { Column, ExportFormat, Filter } from "@/sql/tables.schema";
import { sqliteStream } from "../sqlite.client";
import { selectCells } from "../sqlite.codec";
import type { WireCell, WorkerValue } from "../sqlite.worker-protocol";
import { type ListedTable, tableSchema } from "./sqlite-catalog";
import { filterCondition } from "./sqlite-filters";

interface ExportOptions {
  connection: Connection;
  table: ListedTable;
  columns: Column[];
  order: readonly OrderColumn[];
  format: ExportFormat;
  filters: Filter[];
  signal: AbortSignal | undefined;
}

export async function* exportPieces(options: ExportOptions): AsyncGenerator<string> {
  const { connection, table, columns, order, filters, signal } = options;
  const params: WorkerValue[] = [];
  const where = filters.map((filter) => filterCondition(filter, columns, params));
  const sql = [
    `SELECT ${selectCells(columns, { connection, name: table.name }, null)} FROM ${quoteIdentifier(table.name)}`,
    where.length ? `WHERE ${where.join(" AND ")}` : "",
    order.length ? `ORDER BY ${orderBy(order, "smallest")}` : "",
  ].join(" ");
  const writer = await writerOf(options);
  yield writer.head;
  for await (const batch of sqliteStream(connection, sql, params, signal)) {
    let text = "";
    for (const row of batch) text += writer.row(row);
    if (text) yield text;
  }
  yield writer.tail();
}

interface RowWriter {
  head: string;
  row(cells: WireCell[]): string;
  tail(): string;
}

async function writerOf({ connection, table, columns, format, signal }: ExportOptions): Promise<RowWriter> {
  const none = () => "";
  if (format === "csv" || format === "csv-spreadsheet") {
    const options = { spreadsheetSafe: format === "csv-spreadsheet" };
    return {
      head: csvRecord(
        columns.map((column) => column.name),
        options,
      ),
      row: (cells) => csvRecord(cells.map(csvText), options),
      tail: none,
    };
  }
  if (format === "jsonl") {
    const keys = columns.map((column) => JSON.stringify(column.name));
    return { head: "", row: (cells) => `{${cells.map((cell, index) => `${keys[index]}:${jsonText(cell)}`).join(",")}}\n`, tail: none };
  }
  // Generated columns are computed again by the table itself.
  const stored = columns.flatMap((column, index) => (column.generated === null ? [index] : []));
  const insert = insertWriter({
    table: quoteIdentifier(table.name),
    columns: stored.map((index) => columns[index]?.name ?? ""),
    literal: (value) => value ?? "NULL",
  });
  const { ddl } = await tableSchema(connection, table.name, signal);
  return {
    head: `PRAGMA foreign_keys = OFF;\nBEGIN;\n${ddl}\n`,
    row: (cells) => insert.add(stored.map((index) => sqlLiteral(cells[index] ?? null))),
    tail: () => `${insert.end()}COMMIT;\n`,
  };
}

function csvText(cell: WireCell): string | null {
  if (cell === null) return null;
  return cell.storage === "blob" ? `\\x${cell.text}` : cell.text;
}

function jsonText(cell: WireCell): string {
  if (cell === null) return "null";
  if (cell.storage === "blob") return `{"$hex":"${cell.text}"}`;
  return jsonValue(cell.text, cell.storage === "text" ? "text" : "number");
}

/** A literal that makes the same value of the same storage class. Text with a NUL or that is not UTF-8 cannot be a literal, so it is cast from its bytes. */
function sqlLiteral(cell: WireCell): string {
  if (cell === null) return "NULL";
  if (cell.storage === "blob") return cell.isText ? `CAST(X'${cell.text}' AS TEXT)` : `X'${cell.text}'`;
  if (cell.storage === "integer") return cell.text === "-9223372036854775808" ? "(-9223372036854775807 - 1)" : cell.text;
  if (cell.storage === "real") return cell.text.includes("Infinity") ? cell.text.replace("Infinity", "9e999") : cell.text;
  if (cell.text.includes("\0")) return `CAST(X'${Buffer.from(cell.text, "utf8").toString("hex")}' AS TEXT)`;
  return textLiteral(cell.text);
}
