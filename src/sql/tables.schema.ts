/** Wire forms of the two SQL engines' tables, shared by SQLite and PostgreSQL: same words, same behaviour. */
import { z } from "zod";

/** A table by its exact name; never parsed, never guessed. `schema` is PostgreSQL's, "main" for SQLite. */
export const TableName = z.object({
  schema: z.string().max(255).optional(),
  name: z.string().min(1).max(255),
});
export type TableName = z.infer<typeof TableName>;

/**
 * One value. null is SQL NULL, nothing else is.
 * `text` is the server's own text (PostgreSQL) or the exact decimal / text (SQLite); bytes are lower-case hexadecimal without prefix.
 * `length` is there when `text` is only a prefix: the whole length in characters, or bytes for binary values.
 * `storage` is SQLite's storage class of this very value.
 */
export const Cell = z
  .object({
    text: z.string(),
    length: z.number().optional(),
    storage: z.enum(["integer", "real", "text", "blob"]).optional(),
  })
  .nullable();
export type Cell = z.infer<typeof Cell>;

export const TableSummary = z.object({
  schema: z.string(),
  name: z.string(),
  kind: z.enum(["table", "view", "materialized view", "partitioned table", "foreign table", "virtual table"]),
  /** Bytes with indexes and TOAST; null where unknown (views). */
  bytes: z.number().nullable(),
  /** Estimated rows; null when the server has no estimate yet. */
  rowsEstimate: z.number().nullable(),
  /** True when rowsEstimate is exact. */
  rowsExact: z.boolean(),
  comment: z.string().nullable(),
});
export type TableSummary = z.infer<typeof TableSummary>;

export const TableList = z.object({ tables: z.array(TableSummary), totalBytes: z.number().nullable() });
export type TableList = z.infer<typeof TableList>;

/** How a column's values look in the grid. */
export const ColumnFamily = z.enum(["number", "text", "bytes", "json", "time", "boolean", "other"]);

export const Column = z.object({
  name: z.string(),
  /** As the catalog prints it: "numeric(20,2)", "timestamptz", "INTEGER". Empty for an untyped SQLite column. */
  type: z.string(),
  family: ColumnFamily,
  nullable: z.boolean(),
  default: z.string().nullable(),
  /** Generated column expression or identity kind; null for a plain column. */
  generated: z.string().nullable(),
  /** Position in the primary key, from 1; null when not in it. */
  keyPosition: z.number().nullable(),
  /** The table a foreign key of this one column refers to. */
  references: z.object({ schema: z.string(), table: z.string(), column: z.string() }).nullable(),
  comment: z.string().nullable(),
});
export type Column = z.infer<typeof Column>;

export const TableSchema = z.object({
  schema: z.string(),
  name: z.string(),
  kind: TableSummary.shape.kind,
  columns: z.array(Column),
  indexes: z.array(
    z.object({
      name: z.string(),
      definition: z.string(),
      unique: z.boolean(),
      primary: z.boolean(),
      bytes: z.number().nullable(),
      /** Scans since statistics began; null where the engine does not count. */
      scans: z.number().nullable(),
    }),
  ),
  constraints: z.array(
    z.object({ name: z.string(), kind: z.enum(["primary key", "unique", "foreign key", "check", "exclusion", "not null"]), definition: z.string() }),
  ),
  triggers: z.array(z.object({ name: z.string(), definition: z.string(), enabled: z.boolean() })),
  /** Foreign keys of other tables that point here. */
  referencedBy: z.array(z.object({ schema: z.string(), table: z.string(), constraint: z.string() })),
  /** Statements that make the table as it is, in order, ending with semicolons. */
  ddl: z.string(),
});
export type TableSchema = z.infer<typeof TableSchema>;

export const FilterOperator = z.enum(["=", "<>", "<", "<=", ">", ">=", "in", "contains", "is null", "is not null", "between"]);
export const Filter = z
  .object({
    column: z.string().min(1).max(255),
    operator: FilterOperator,
    /** Text the engine parses as the column's own type. One for most, two for between, up to 100 for in, none for is null. */
    values: z.array(z.string().max(10_000)).max(100),
  })
  .strict();
export type Filter = z.infer<typeof Filter>;

export const Sort = z.object({ column: z.string().min(1).max(255), direction: z.enum(["asc", "desc"]) }).strict();
export type Sort = z.infer<typeof Sort>;

function jsonText<T extends z.ZodType>(schema: T, what: string) {
  return z
    .string()
    .max(64_000)
    .optional()
    .superRefine((text, context) => {
      if (text === undefined || text === "") return;
      try {
        const parsed = schema.safeParse(JSON.parse(text));
        if (!parsed.success) context.addIssue({ code: "custom", message: `${what}: ${z.prettifyError(parsed.error)}` });
      } catch {
        context.addIssue({ code: "custom", message: `${what} is not JSON` });
      }
    });
}

export const Filters = z.array(Filter).max(20);
export const Sorts = z.array(Sort).max(5);

/** Everything is a scalar, so the same input works as a query string. */
export const RowsInput = TableName.extend({
  /** JSON array of Filter. */
  filters: jsonText(Filters, "filters"),
  /** JSON array of Sort; the key is always added last. */
  sort: jsonText(Sorts, "sort"),
  /** Cursor of the last row of the page before, from `nextCursor`. */
  after: z.string().max(100_000).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});
export type RowsInput = z.infer<typeof RowsInput>;

export const RowsPage = z.object({
  columns: z.array(Column),
  /** One array of cells a row, in the order of `columns`. */
  rows: z.array(z.array(Cell)),
  /** Per row: the opaque key that `cell` takes; null when the row cannot be addressed (a view). */
  keys: z.array(z.string().nullable()),
  /** Null on the last page, and where the table has no key to page by. */
  nextCursor: z.string().nullable(),
  /** "primary key", "rowid", "ctid": what pages follow; null when only the first page can be had. */
  pagedBy: z.string().nullable(),
  elapsedMs: z.number(),
});
export type RowsPage = z.infer<typeof RowsPage>;

export const CountResult = z.object({ count: z.number(), exact: z.boolean(), elapsedMs: z.number() });
export type CountResult = z.infer<typeof CountResult>;

export const CellInput = TableName.extend({ key: z.string().max(100_000), column: z.string().min(1).max(255) });
/** The whole value up to LIMITS.valueBytesMax; `length` is present when even that is only a prefix. */
export const CellResult = z.object({ cell: Cell, type: z.string(), family: ColumnFamily });
export type CellResult = z.infer<typeof CellResult>;

/** "csv-spreadsheet": CSV whose cells no spreadsheet runs as a formula; it changes those cells, the other formats change nothing. */
export const ExportFormat = z.enum(["csv", "csv-spreadsheet", "sql", "jsonl"]);
export type ExportFormat = z.infer<typeof ExportFormat>;

export function parseFilters(text: string | undefined): Filter[] {
  return text ? Filters.parse(JSON.parse(text)) : [];
}
export function parseSort(text: string | undefined): Sort[] {
  return text ? Sorts.parse(JSON.parse(text)) : [];
}
