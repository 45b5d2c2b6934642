/** What the URL of a table says. Only its shape is looked at: the server checks the rest, and zod would weigh on the page. */
import { parseAsJson, parseAsString } from "nuqs";
import { operatorWords } from "@/components/data-grid/filter-text";
import type { Filter, Sort } from "@/sql/tables.schema";

export const tableState = {
  filters: parseAsJson((value) => listOf(value, isFilter)).withDefault([]),
  sort: parseAsJson((value) => listOf(value, isSort)).withDefault([]),
  /** Key of the open row. */
  row: parseAsString,
};

function listOf<T>(value: unknown, is: (entry: unknown) => entry is T): T[] | null {
  return Array.isArray(value) && value.every(is) ? value : null;
}

function isFilter(value: unknown): value is Filter {
  if (!isRecord(value)) return false;
  const { column, operator, values } = value as Partial<Record<keyof Filter, unknown>>;
  return (
    typeof column === "string" &&
    typeof operator === "string" &&
    Object.hasOwn(operatorWords, operator) &&
    Array.isArray(values) &&
    values.every((entry) => typeof entry === "string")
  );
}

function isSort(value: unknown): value is Sort {
  return isRecord(value) && typeof value["column"] === "string" && (value["direction"] === "asc" || value["direction"] === "desc");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
