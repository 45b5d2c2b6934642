/** What the grid takes: plain data that the wire forms of all engines fit without being changed. */

export type GridFamily = "number" | "text" | "bytes" | "json" | "time" | "boolean" | "other";

export interface GridColumn {
  name: string;
  /** As the catalog prints it; empty when there is none. */
  type: string;
  family: GridFamily;
  /** Position in the primary key, from 1. */
  keyPosition?: number | null | undefined;
  references?: { schema: string; table: string; column: string } | null | undefined;
  nullable?: boolean | undefined;
  comment?: string | null | undefined;
}

/** null is NULL and nothing else is. Bytes are hexadecimal. `length` is there when `text` is only a beginning. */
export type GridCell = {
  text: string;
  length?: number | undefined;
  storage?: "integer" | "real" | "text" | "blob" | undefined;
} | null;

export type GridRow = readonly GridCell[];

export type FilterOperator = "=" | "<>" | "<" | "<=" | ">" | ">=" | "in" | "contains" | "is null" | "is not null" | "between";

export interface GridFilter {
  column: string;
  operator: FilterOperator;
  /** One for most, two for between, any number for in, none for is null. */
  values: string[];
}

export interface GridSort {
  column: string;
  direction: "asc" | "desc";
}

/** How somebody arranged the columns of one table. Names that no longer exist are ignored. */
export interface GridPreferences {
  widths: Record<string, number>;
  hidden: string[];
  /** Columns that stay at the left; null leaves it to the grid (the key, else the first). */
  pinned: string[] | null;
  /** All columns in their order; new ones of the table come last. */
  order: string[];
}

export const noPreferences: GridPreferences = { widths: {}, hidden: [], pinned: null, order: [] };

/** How a value is drawn: SQLite may keep any kind of value in any column, so the cell has the last word. */
export function cellFamily(cell: GridCell, column: GridColumn): GridFamily {
  switch (cell?.storage) {
    case "integer":
    case "real":
      return column.family === "time" || column.family === "boolean" ? column.family : "number";
    case "blob":
      return "bytes";
    case "text":
      return column.family === "number" || column.family === "bytes" ? "text" : column.family;
    case undefined:
      return column.family;
  }
}

/** Ids of columns: their names, with a number where a query names two alike. */
export function columnIds(columns: readonly GridColumn[]): string[] {
  const seen = new Map<string, number>();
  return columns.map(({ name }) => {
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name} #${times}`;
  });
}
