import "server-only";
import type { Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { notThere } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { COLUMNS, KEY, RELATION, type ColumnRow, type RelationKind, type RelationRow } from "@/app/(console)/manage-dbs/postgres/tables/tables.catalog";
import { quoteIdentifier, quoteQualified, type QuotedIdentifier } from "@/sql/identifiers";
import type { OrderColumn } from "@/sql/keyset";
import type { Column, TableName, TableSummary } from "@/sql/tables.schema";

/** How a column's value becomes text on the server without loss. */
export type TextForm = "plain" | "text" | "bytes" | "output";

export interface ShapeColumn {
  name: string;
  quoted: QuotedIdentifier;
  row: ColumnRow;
  family: Column["family"];
  /** Schema and name of the base type, without modifier: casting a filter's value must not round or cut it. */
  castType: QuotedIdentifier;
  form: TextForm;
  keyPosition: number | null;
}

/** What is known of a table before its rows are read. */
export interface TableShape {
  schema: string;
  name: string;
  quoted: QuotedIdentifier;
  kind: TableSummary["kind"];
  relation: RelationRow;
  columns: ShapeColumn[];
  /** The columns that tell rows apart, as an ascending order; null when only ctid does, or nothing. */
  key: { order: OrderColumn[]; words: "primary key" | "unique index" } | null;
  /** Rows have a ctid of their own: one heap, no children. */
  hasCtid: boolean;
  /** Reading may run functions of people (views, row security), which may count on the role's own search_path. */
  runsCode: boolean;
}

const KINDS: Record<RelationKind, TableSummary["kind"]> = { r: "table", v: "view", m: "materialized view", p: "partitioned table", f: "foreign table" };
export const kindOf = (relkind: RelationKind): TableSummary["kind"] => KINDS[relkind];

/** Reads a table's shape from the catalog. The schema is `public` where none is given. Throws NOT_FOUND. */
export async function readShape(session: Session, table: TableName): Promise<TableShape> {
  const schema = table.schema ?? "public";
  const [relation] = await session.all(RELATION, [schema, table.name]);
  if (!relation) throw notThere(`table ${schema}.${table.name}`);
  const rows = await session.all(COLUMNS, [relation.oid]);
  const keyRows = await session.all(KEY, [relation.oid]);
  const columns = rows.map((row) => shapeColumn(row, keyRows.find((key) => key.primary && key.column === row.name)?.position ?? null));
  const keyColumns = keyRows.map((key) => columns.find((column) => column.name === key.column));
  // The key of a parent table does not hold for the rows of tables that inherit from it.
  const usable = keyColumns.length > 0 && keyColumns.every((column) => column !== undefined) && !(relation.relkind === "r" && relation.has_children);
  return {
    schema,
    name: table.name,
    quoted: quoteQualified({ schema, name: table.name }),
    kind: KINDS[relation.relkind],
    relation,
    columns,
    key: usable ? { order: keyColumns.map((column) => orderColumn(column, "asc")), words: keyRows[0]?.primary ? "primary key" : "unique index" } : null,
    hasCtid: (relation.relkind === "r" || relation.relkind === "m") && !relation.has_children,
    runsCode: relation.relkind === "v" || relation.row_security,
  };
}

function shapeColumn(row: ColumnRow, keyPosition: number | null): ShapeColumn {
  return {
    name: row.name,
    quoted: quoteIdentifier(row.name),
    row,
    family: familyOf(row),
    castType: quoteQualified({ schema: row.base_schema, name: row.base_name }),
    form: textForm(row),
    keyPosition,
  };
}

/** The column as part of an order; its operators are those its type is sorted by. */
export function orderColumn(column: ShapeColumn, direction: "asc" | "desc"): OrderColumn {
  const schema = quoteIdentifier(column.row.order_schema ?? "pg_catalog");
  return {
    name: column.name,
    expression: column.quoted,
    direction,
    nullable: !column.row.not_null,
    operator: (sign) => `OPERATOR(${schema}.${sign})`,
    nullTest: { is: "IS NOT DISTINCT FROM NULL", isNot: "IS DISTINCT FROM NULL" },
  };
}

const builtIn = (row: ColumnRow): string | null => (row.base_schema === "pg_catalog" ? row.base_name : null);

function familyOf(row: ColumnRow): Column["family"] {
  const name = builtIn(row);
  if (name === "bytea") return "bytes";
  if (name === "json" || name === "jsonb") return "json";
  if (name === "bool") return "boolean";
  if (name && ["int2", "int4", "int8", "float4", "float8", "numeric", "oid", "money"].includes(name)) return "number";
  if (name && ["date", "time", "timetz", "timestamp", "timestamptz", "interval"].includes(name)) return "time";
  if (row.category === "S" || row.category === "E" || name === "uuid" || name === "xml") return "text";
  return "other";
}

/**
 * `plain`: short in any case, the server prints it. `text`: a cast to text is exactly what the server prints. `bytes`: hexadecimal.
 * `output`: long, and its cast to text may differ from what the server prints (char(n), inet): concat() prints.
 */
function textForm(row: ColumnRow): TextForm {
  const name = builtIn(row);
  if (row.base_length > 0) return "plain";
  if (name === "bytea") return "bytes";
  if ((name === "varchar" || name === "bpchar") && row.type_modifier >= 4 && row.type_modifier <= 260) return "plain";
  if (name === "numeric" && row.type_modifier >= 4) return "plain";
  if (name && ["inet", "cidr", "macaddr"].includes(name)) return "plain";
  if (name && ["text", "varchar", "json", "jsonb", "xml"].includes(name)) return "text";
  return "output";
}

/** The value as the server prints it, as an expression of type text; NULL stays NULL. */
export function printed(column: ShapeColumn): string {
  if (column.form === "text") return `${column.quoted}::pg_catalog.text`;
  // IS DISTINCT FROM NULL, because a composite of NULLs IS NULL without being NULL.
  return `CASE WHEN ${column.quoted} IS DISTINCT FROM NULL THEN pg_catalog.concat(${column.quoted}) END`;
}

const SHORT_TYPES: readonly [RegExp, string][] = [
  [/^bigint/, "int8"],
  [/^integer/, "int4"],
  [/^smallint/, "int2"],
  [/^double precision/, "float8"],
  [/^real/, "float4"],
  [/^boolean/, "bool"],
  [/^character varying/, "varchar"],
  [/^character/, "char"],
  [/^bit varying/, "varbit"],
  [/^timestamp(\(\d\))? with time zone/, "timestamptz$1"],
  [/^timestamp(\(\d\))? without time zone/, "timestamp$1"],
  [/^time(\(\d\))? with time zone/, "timetz$1"],
  [/^time(\(\d\))? without time zone/, "time$1"],
];

/** The catalog's long type names as people write them: "timestamp(3) with time zone" is "timestamptz(3)". */
export function shortType(type: string): string {
  for (const [long, short] of SHORT_TYPES)
    if (long.test(type)) return type.replace(long, (_match, modifier: string | undefined) => short.replace("$1", typeof modifier === "string" ? modifier : ""));
  return type;
}

/** The wire form of a column. */
export function wireColumn(column: ShapeColumn): Column {
  const { row } = column;
  return {
    name: row.name,
    type: shortType(row.type),
    family: column.family,
    nullable: !row.not_null,
    default: row.generated === "" ? row.default_expression : null,
    generated: generatedWords(row),
    keyPosition: column.keyPosition,
    references:
      row.references_table === null ? null : { schema: row.references_schema ?? "", table: row.references_table, column: row.references_column ?? "" },
    comment: row.comment,
  };
}

function generatedWords(row: ColumnRow): string | null {
  if (row.identity === "a") return "identity, always";
  if (row.identity === "d") return "identity, by default";
  return row.generated === "" ? null : row.default_expression;
}
