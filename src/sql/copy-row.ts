/** One row as text for the clipboard, values exact. */
import { csvRecord, jsonValue, textOrNull } from "@/sql/export-writers";
import { quoteIdentifier, quoteQualified } from "@/sql/identifiers";
import type { Cell, Column, TableSummary } from "@/sql/tables.schema";

interface CopiedRow {
  format: "text" | "json" | "sql";
  table: Pick<TableSummary, "schema" | "name">;
  columns: readonly Column[];
  cells: readonly Cell[];
}

export function copyRow({ format, table, columns, cells }: CopiedRow): string {
  if (format === "text") return csvRecord(cells.map((cell) => cell?.text ?? null)).trimEnd();
  if (format === "json") return `{${columns.map((column, index) => `${JSON.stringify(column.name)}: ${jsonCell(cells[index] ?? null, column)}`).join(", ")}}`;
  const written = columns.flatMap((column, index) => (column.generated === null || column.generated.startsWith("identity") ? [index] : []));
  const names = written.map((index) => quoteIdentifier(columns[index]?.name ?? "")).join(", ");
  const values = written.map((index) => sqlCell(cells[index] ?? null, columns[index])).join(", ");
  const target = table.schema === "main" ? quoteIdentifier(table.name) : quoteQualified(table);
  return `INSERT INTO ${target} (${names}) VALUES (${values});`;
}

const isBytes = (cell: NonNullable<Cell>, column: Column | undefined): boolean =>
  cell.storage === "blob" || (cell.storage === undefined && column?.family === "bytes");
const isNumber = (cell: NonNullable<Cell>, column: Column | undefined): boolean =>
  cell.storage === "integer" || cell.storage === "real" || (cell.storage === undefined && column?.family === "number");

function jsonCell(cell: Cell, column: Column): string {
  if (cell === null) return "null";
  if (isBytes(cell, column)) return JSON.stringify(`\\x${cell.text}`);
  if (isNumber(cell, column)) return jsonValue(cell.text, "number");
  return jsonValue(cell.text, column.family === "json" ? "json" : "text");
}

function sqlCell(cell: Cell, column: Column | undefined): string {
  if (cell === null) return "NULL";
  if (isBytes(cell, column)) return cell.storage === "blob" ? `X'${cell.text}'` : `'\\x${cell.text}'`;
  return isNumber(cell, column) && /^-?\d/.test(cell.text) ? cell.text : textOrNull(cell.text);
}
