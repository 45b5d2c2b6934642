import "server-only";
/** Values between SQLite and the wire: every value is selected as its storage class, its value, and its length when cut. */
import type { ColumnFamily } from "@/sql/tables.schema";
import { quoteIdentifier, type QuotedIdentifier } from "@/sql/identifiers";
import type { Connection } from "@/server/connection";
import { isConsoleFile } from "@/server/control-plane/database";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import type { z } from "zod";

/** SQLite reads a value whole to give its beginning: of a larger one only the size is shown. */
const READ_FOR_PREFIX_MAX = 16 << 20;

/**
 * The three expressions of one column. Text travels as bytes so that nothing is repaired on the way; `prefix` bounds it.
 * @param prefix bytes of text or blob that are read; null reads the whole value
 */
export function cellExpressions(column: QuotedIdentifier, prefix: number | null = LIMITS.cellPrefix): string {
  const bytes = `CAST(${column} AS BLOB)`;
  if (prefix === null) return `typeof(${column}), CASE typeof(${column}) WHEN 'text' THEN ${bytes} ELSE ${column} END, NULL`;
  const isLarge = `octet_length(${column}) > ${Math.max(READ_FOR_PREFIX_MAX, prefix * 8)}`;
  // Sizes come from the record's header; the length of text is counted, where that is quick.
  const length = `CASE WHEN ${isLarge} THEN octet_length(${column}) ELSE length(${column}) END`;
  return [
    `typeof(${column})`,
    `CASE typeof(${column}) WHEN 'text' THEN CASE WHEN ${isLarge} THEN NULL ELSE substr(${bytes}, 1, ${prefix}) END
      WHEN 'blob' THEN CASE WHEN ${isLarge} THEN NULL ELSE substr(${column}, 1, ${prefix}) END ELSE ${column} END`,
    `CASE WHEN typeof(${column}) IN ('text', 'blob') AND octet_length(${column}) > ${prefix} THEN ${length} END`,
  ].join(", ");
}

/** A column whose values the console never shows: its own password hashes, sealed credentials and token hashes. */
export const hiddenExpressions = `'text', CAST('hidden' AS BLOB), NULL`;

/** Columns of the control plane that hold secrets or their hashes. */
const HIDDEN = new Set([
  "users.password_hash",
  "sessions.id_hash",
  "api_tokens.token_hash",
  "connections.secret",
  "download_tickets.id_hash",
  "download_tickets.session",
  "settings.value",
]);

interface TableOf {
  connection: Pick<Connection, "address">;
  name: string;
}

/** Also in a restored copy of the control plane. */
export const isHidden = ({ connection, name }: TableOf, column: string): boolean => HIDDEN.has(`${name}.${column}`) && isConsoleFile(connection.address);

/** A sort's cursor would carry a hidden value, a filter would let it be guessed. @throws AppError INVALID */
export function assertShown(table: TableOf, entries: readonly { column: string }[]): void {
  const hidden = entries.find(({ column }) => isHidden(table, column));
  if (!hidden) return;
  throw new AppError("INVALID", `${hidden.column} holds secrets of the console: nothing is sorted or filtered by it`, { fix: "Choose another column." });
}

export function selectCells(columns: readonly { name: string }[], table: TableOf, prefix: number | null = LIMITS.cellPrefix): string {
  return columns.map((column) => (isHidden(table, column.name) ? hiddenExpressions : cellExpressions(quoteIdentifier(column.name), prefix))).join(", ");
}

/** How values of a declared type look. The declaration only hints: each cell carries its own storage class. */
export function familyOf(declaredType: string): z.infer<typeof ColumnFamily> {
  const type = declaredType.toUpperCase();
  if (type === "") return "other";
  if (type.includes("BOOL")) return "boolean";
  if (/INT|REAL|FLOA|DOUB|NUM|DEC/.test(type)) return "number";
  if (type.includes("BLOB")) return "bytes";
  if (type.includes("JSON")) return "json";
  if (/DATE|TIME/.test(type)) return "time";
  return "text";
}
