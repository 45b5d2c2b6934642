import "server-only";
/** Filters as conditions. Values are parameters; the column's affinity makes SQLite compare text "5" with the number 5. */
import { AppError } from "@/server/errors";
import { quoteIdentifier } from "@/sql/identifiers";
import type { Column, Filter } from "@/sql/tables.schema";
import type { WorkerValue } from "../sqlite.worker-protocol";

/** Adds the filter's values to `params` and answers its condition. @throws AppError INVALID */
export function filterCondition(filter: Filter, columns: readonly Column[], params: WorkerValue[]): string {
  const column = columns.find((candidate) => candidate.name === filter.column);
  if (!column) throw new AppError("INVALID", `There is no column named ${filter.column} to filter by`, { fix: "Choose a column of the table." });
  const name = quoteIdentifier(column.name);
  const value = (index: number): string => {
    const text = filter.values[index];
    if (text === undefined) throw new AppError("INVALID", `The filter on ${filter.column} needs a value`, { fix: "Type a value." });
    params.push(parameter(text, column));
    return column.family === "other" ? asTyped(params) : "?";
  };
  switch (filter.operator) {
    case "is null":
      return `${name} IS NULL`;
    case "is not null":
      return `${name} IS NOT NULL`;
    case "between":
      return `${name} BETWEEN ${value(0)} AND ${value(1)}`;
    case "in":
      if (filter.values.length === 0) throw new AppError("INVALID", `The filter on ${filter.column} needs a value`, { fix: "Type a value." });
      return `${name} IN (${filter.values.map((_, index) => value(index)).join(", ")})`;
    case "contains":
      params.push({ text: (filter.values[0] ?? "").toLowerCase() });
      return `instr(lower(CAST(${name} AS TEXT)), ?) > 0`;
    case "=":
    case "<>":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return `${name} ${filter.operator} ${value(0)}`;
  }
}

/** Hexadecimal after x' or \x means bytes; everything else is text, to which SQLite applies the column's affinity. */
function parameter(text: string, column: Column): WorkerValue {
  const hex = /^(?:x'([0-9a-f]*)'|\\x([0-9a-f]*)|0x([0-9a-f]*))$/i.exec(text);
  if (hex && column.family !== "text") {
    const digits = (hex[1] ?? hex[2] ?? hex[3] ?? "").toLowerCase();
    if (digits.length % 2 === 0) return { text: digits, storage: "blob" };
  }
  return { text };
}

/** A column without a type has no affinity to convert with: a value that reads as a number is compared as one. */
function asTyped(params: WorkerValue[]): string {
  const last = params.at(-1);
  return last && last.storage === undefined && /^-?\d+(\.\d+)?$/.test(last.text) ? "CAST(? AS NUMERIC)" : "?";
}
