import "server-only";
import { printed, type ShapeColumn, type TableShape } from "@/app/(console)/manage-dbs/postgres/tables/tables.shape";
import { AppError } from "@/server/errors";
import { quoteIdentifier } from "@/sql/identifiers";
import type { Filter } from "@/sql/tables.schema";

/** Registers a value and returns its placeholder as text: `$1::text`. */
export type TextParameter = (value: string) => string;

/** Conditions of the filters, for AND. Values only ever become parameters. Throws INVALID for what the column cannot do. */
export function filterConditions(shape: TableShape, filters: readonly Filter[], parameter: TextParameter): string[] {
  return filters.map((filter) => condition(columnNamed(shape, filter.column), filter, parameter));
}

/** Throws NOT_FOUND. */
export function columnNamed(shape: TableShape, name: string): ShapeColumn {
  const column = shape.columns.find((known) => known.name === name);
  if (!column) throw new AppError("NOT_FOUND", `The table ${shape.schema}.${shape.name} has no column ${name}`, { fix: "Reload the table." });
  return column;
}

function condition(column: ShapeColumn, filter: Filter, parameter: TextParameter): string {
  const expected = { "is null": 0, "is not null": 0, between: 2 }[filter.operator as string];
  const count = filter.values.length;
  if (expected === undefined ? count === 0 || (filter.operator !== "in" && count !== 1) : count !== expected) {
    throw new AppError("INVALID", `The filter on ${column.name} has ${count} values, which ${filter.operator} does not take`, {
      fix: "Give one value, two for between, one or more for in.",
    });
  }
  // As literal NULL comparisons these two use indexes, and mean NULL itself even for composite types.
  if (filter.operator === "is null") return `${column.quoted} IS NOT DISTINCT FROM NULL`;
  if (filter.operator === "is not null") return `${column.quoted} IS DISTINCT FROM NULL`;
  if (filter.operator === "contains") return contains(column, filter.values[0] ?? "", parameter);
  return comparison(column, filter, parameter);
}

function comparison(column: ShapeColumn, filter: Filter, parameter: TextParameter): string {
  if (column.row.order_schema === null) return textComparison(column, filter, parameter);
  const schema = quoteIdentifier(column.row.order_schema);
  const values = filter.values.map((value) => castParameter(column, value, parameter));
  const operator = (sign: string): string => `OPERATOR(${schema}.${sign})`;
  if (filter.operator === "in") return `${column.quoted} ${operator("=")} ANY (ARRAY[${values.join(", ")}])`;
  if (filter.operator === "between") return `(${column.quoted} ${operator(">=")} ${values[0]} AND ${column.quoted} ${operator("<=")} ${values[1]})`;
  return `${column.quoted} ${operator(filter.operator)} ${values[0]}`;
}

/** Types without an order (json, xml, point) are compared by what the server prints; bigger and smaller mean nothing there. */
function textComparison(column: ShapeColumn, filter: Filter, parameter: TextParameter): string {
  if (filter.operator !== "=" && filter.operator !== "<>" && filter.operator !== "in") {
    throw new AppError("INVALID", `Values of type ${column.row.type} have no order, so ${filter.operator} cannot compare them`, {
      fix: "Use =, <>, in, contains, is null or is not null.",
    });
  }
  const values = filter.values.map((value) => parameter(value));
  if (filter.operator === "in") return `${printed(column)} OPERATOR(pg_catalog.=) ANY (ARRAY[${values.join(", ")}])`;
  return `${printed(column)} OPERATOR(pg_catalog.${filter.operator}) ${values[0]}`;
}

/** The parameter as the column's own base type: read by the server, never rounded by a modifier. */
export function castParameter(column: ShapeColumn, value: string, parameter: TextParameter): string {
  return `${parameter(column.family === "bytes" ? bytesText(value) : value)}::${column.castType}`;
}

/** Cells show bytes as plain hexadecimal; the server reads them with \x before. */
const bytesText = (value: string): string => (/^([0-9a-f]{2})*$/i.test(value) ? `\\x${value}` : value);

function contains(column: ShapeColumn, value: string, parameter: TextParameter): string {
  if (column.family === "bytes") {
    return `pg_catalog.position(${column.quoted}, pg_catalog.decode(${parameter(value.replace(/^\\x/i, ""))}, 'hex')) OPERATOR(pg_catalog.>) 0`;
  }
  const pattern = `%${value.replace(/[\\%_]/g, "\\$&")}%`;
  // The database's own collation, because a nondeterministic one of the column has no LIKE.
  return `(${printed(column)}) COLLATE pg_catalog."default" OPERATOR(pg_catalog.~~*) ${parameter(pattern)}`;
}
