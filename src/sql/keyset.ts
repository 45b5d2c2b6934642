/**
 * Paging by key for both SQL engines: the order, the condition that continues after a row, and the opaque cursor that carries
 * that row. Knows no dialect: parameters are written by the caller, and where NULLs sort is said by the caller.
 */
import { z } from "zod";
import { AppError } from "@/server/errors";
import type { QuotedIdentifier } from "@/sql/identifiers";

export type ComparisonSign = "<" | "<=" | "=" | ">=" | ">";

export interface OrderColumn {
  /** The column's name as the catalog has it; part of the cursor, so that a cursor fits only its own order. */
  name: string;
  /** What is compared and sorted: the quoted column, or an expression of constant text ("ctid", "rowid"). */
  expression: QuotedIdentifier | "ctid" | "xmin" | "rowid" | "_rowid_" | "oid";
  direction: "asc" | "desc";
  nullable: boolean;
  /** Writes an operator of the column's type so that it cannot mean another: `OPERATOR(pg_catalog.>)`. Absent: the bare sign. */
  operator?: (sign: ComparisonSign) => string;
  /** Comparison with NULL where IS NULL means something else: a composite of NULLs in PostgreSQL. */
  nullTest?: { is: string; isNot: string };
}

/** How the engine sorts NULL by itself: PostgreSQL as the largest value, SQLite as the smallest. Following it lets indexes serve the order. */
export type NullOrder = "largest" | "smallest";

/** One value of a key. `storage` is SQLite's storage class (blob text is hexadecimal); PostgreSQL leaves it out. */
export const KeyValue = z
  .object({ text: z.string(), storage: z.enum(["integer", "real", "text", "blob"]).optional() })
  .strict()
  .nullable();
export type KeyValue = z.infer<typeof KeyValue>;

/** Registers a value and returns its placeholder: `$3::text::int8`, `?`. `column` is the index in the order. */
export type WriteParameter = (value: NonNullable<KeyValue>, column: number) => string;

/** `"a" DESC NULLS LAST, "id" ASC`, without ORDER BY. */
export function orderBy(order: readonly OrderColumn[], nulls: NullOrder): string {
  return order
    .map((column) => {
      const words = `${column.expression} ${column.direction.toUpperCase()}`;
      return column.nullable ? `${words} NULLS ${nullsComeLast(column, nulls) ? "LAST" : "FIRST"}` : words;
    })
    .join(", ");
}

/**
 * The conditions that select the rows after `values`: run them one after the other, each with the same ORDER BY, until the page is full.
 * There are at most two: rows with a value in the first column, then those where it is NULL. Apart, each is one range of an index;
 * joined by OR they would read the index from its start.
 */
export function keysetConditions(options: {
  order: readonly OrderColumn[];
  values: readonly KeyValue[];
  nulls: NullOrder;
}): ((parameter: WriteParameter) => string)[] {
  const { order, values, nulls } = options;
  const first = order[0];
  if (!first || values.length !== order.length) throw staleCursor();
  for (const [index, column] of order.entries()) if (values[index] === null && !column.nullable) throw staleCursor();

  const conditions: ((parameter: WriteParameter) => string)[] = [];
  if (isPlainRange(order)) {
    conditions.push((parameter) => rowComparison(order, values, parameter));
  } else if (values[0] === null) {
    conditions.push((parameter) => continueAfterNull({ order, values, nulls, parameter }));
  } else {
    conditions.push((parameter) => {
      const bound = `${first.expression} ${sign(first, first.direction === "asc" ? ">=" : "<=")} ${written(values, 0, parameter)}`;
      return order.length === 1
        ? strictlyAfter({ order, values, nulls, parameter, index: 0, first: true })
        : `${bound} AND ${after({ order, values, nulls, parameter, index: 0, first: true })}`;
    });
  }
  if (first.nullable && nullsComeLast(first, nulls) && values[0] !== null) conditions.push(() => isNull(first));
  if (first.nullable && !nullsComeLast(first, nulls) && values[0] === null) conditions.push(() => isNotNull(first));
  return conditions;
}

const nullsComeLast = (column: OrderColumn, nulls: NullOrder): boolean => (column.direction === "asc") === (nulls === "largest");

/** One direction and no NULLs: the engines' row comparison says it in one index condition. */
const isPlainRange = (order: readonly OrderColumn[]): boolean =>
  order.every((column) => !column.nullable && column.direction === order[0]?.direction && sign(column, ">") === sign(order[0], ">"));

const sign = (column: OrderColumn, plain: ComparisonSign): string => column.operator?.(plain) ?? plain;

const isNull = (column: OrderColumn): string => `${column.expression} ${column.nullTest?.is ?? "IS NULL"}`;
const isNotNull = (column: OrderColumn): string => `${column.expression} ${column.nullTest?.isNot ?? "IS NOT NULL"}`;

function written(values: readonly KeyValue[], index: number, parameter: WriteParameter): string {
  const value = values[index];
  if (value === null || value === undefined) throw staleCursor();
  return parameter(value, index);
}

function rowComparison(order: readonly OrderColumn[], values: readonly KeyValue[], parameter: WriteParameter): string {
  const beyond = order.map((column) => sign(column, column.direction === "asc" ? ">" : "<"))[0];
  const left = order.map((column) => column.expression).join(", ");
  const right = order.map((_, index) => written(values, index, parameter)).join(", ");
  return order.length === 1 ? `${left} ${beyond} ${right}` : `(${left}) ${beyond} (${right})`;
}

interface Step {
  order: readonly OrderColumn[];
  values: readonly KeyValue[];
  nulls: NullOrder;
  parameter: WriteParameter;
  index: number;
  /** The first column's NULLs are a condition of their own. */
  first: boolean;
}

function continueAfterNull(options: Omit<Step, "index" | "first">): string {
  const first = options.order[0];
  if (!first) throw staleCursor();
  if (options.order.length === 1) return "1 = 0";
  return `${isNull(first)} AND ${after({ ...options, index: 1, first: false })}`;
}

/** (c > v OR (c = v AND rest)), from column `index` on. */
function after(step: Step): string {
  const column = step.order[step.index];
  if (!column) throw staleCursor();
  const strict = strictlyAfter(step);
  if (step.index === step.order.length - 1) return strict;
  const equal =
    step.values[step.index] === null ? isNull(column) : `${column.expression} ${sign(column, "=")} ${written(step.values, step.index, step.parameter)}`;
  return `(${strict} OR (${equal} AND ${after({ ...step, index: step.index + 1, first: false })}))`;
}

function strictlyAfter(step: Step): string {
  const column = step.order[step.index];
  if (!column) throw staleCursor();
  const last = nullsComeLast(column, step.nulls);
  if (step.values[step.index] === null) return last ? "1 = 0" : isNotNull(column);
  const beyond = `${column.expression} ${sign(column, column.direction === "asc" ? ">" : "<")} ${written(step.values, step.index, step.parameter)}`;
  return column.nullable && last && !step.first ? `(${beyond} OR ${isNull(column)})` : beyond;
}

const CursorContent = z.object({ v: z.literal(1), o: z.array(z.string().max(300)).max(40), k: z.array(KeyValue).max(40) }).strict();

/** An opaque text that carries the values of `order` in one row: the cursor of a page, or the key of a row. */
export function encodeCursor(order: readonly OrderColumn[], values: readonly KeyValue[]): string {
  return Buffer.from(JSON.stringify({ v: 1, o: signature(order), k: values }), "utf8").toString("base64url");
}

/** Reads what `encodeCursor` wrote. Throws INVALID for anything else, and for a cursor of another order or table shape. */
export function decodeCursor(order: readonly OrderColumn[], cursor: string): KeyValue[] {
  let content;
  try {
    content = CursorContent.parse(JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")));
  } catch (error) {
    throw staleCursor(error);
  }
  const expected = signature(order);
  if (content.k.length !== expected.length || content.o.length !== expected.length || content.o.some((part, index) => part !== expected[index]))
    throw staleCursor();
  return content.k;
}

const signature = (order: readonly OrderColumn[]): string[] => order.map((column) => `${column.direction === "asc" ? "+" : "-"}${column.name}`);

function staleCursor(cause?: unknown): AppError {
  return new AppError("INVALID", "This place in the table belongs to another order of its rows", { fix: "Start again from the first page.", cause });
}
