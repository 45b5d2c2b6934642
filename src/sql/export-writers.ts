/**
 * Rows as text, for exports: CSV, SQL INSERT and JSON lines. Values come in as the server's own text (null is SQL NULL)
 * and go out unchanged; what is not valid in the format is quoted or escaped, never altered.
 */
import { quoteIdentifier, textLiteral, type QuotedIdentifier } from "@/sql/identifiers";

export interface CsvOptions {
  /**
   * Puts an apostrophe before text that a spreadsheet would run as a formula (= + - @ tab CR first; plain numbers stay).
   * Off by default: it changes values, and an export must be able to come back as it was.
   */
  spreadsheetSafe?: boolean;
}

/** One CSV record with its line feed. NULL is an empty field, the empty text is `""`: PostgreSQL's COPY reads both back. */
export function csvRecord(values: readonly (string | null)[], options: CsvOptions = {}): string {
  let record = "";
  for (const [index, value] of values.entries()) {
    if (index > 0) record += ",";
    if (value !== null) record += csvField(options.spreadsheetSafe ? defused(value) : value);
  }
  return `${record}\n`;
}

/** `\.` alone on a line would end a COPY, so it is quoted too. */
function csvField(value: string): string {
  if (value === "" || value === "\\." || /[",\r\n]/.test(value)) return `"${value.replaceAll('"', '""')}"`;
  return value;
}

function defused(value: string): string {
  return /^[=+\-@\t\r]/.test(value) && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? `'${value}` : value;
}

const STATEMENT_ROWS = 100;
const STATEMENT_CHARACTERS = 64 * 1024;

export interface InsertOptions {
  table: QuotedIdentifier;
  columns: readonly string[];
  /** One value as SQL: `NULL`, `42`, `'text'`, `X'00ff'`. */
  literal(value: string | null, column: number): string;
  /** Between the columns and VALUES: "OVERRIDING SYSTEM VALUE". */
  overriding?: string;
}

/** Collects rows into INSERT statements of many rows. `add` returns finished statements (mostly nothing), `end` the last one. */
export function insertWriter(options: InsertOptions): { add(values: readonly (string | null)[]): string; end(): string } {
  const columns = options.columns.map(quoteIdentifier).join(", ");
  const overriding = options.overriding ? ` ${options.overriding}` : "";
  const head = options.columns.length === 0 ? "" : `INSERT INTO ${options.table} (${columns})${overriding} VALUES`;
  let rows = 0;
  let open = "";

  const finish = (): string => {
    if (rows === 0) return "";
    const statement = `${open};\n`;
    rows = 0;
    open = "";
    return statement;
  };
  return {
    add(values) {
      if (head === "") return `INSERT INTO ${options.table} DEFAULT VALUES;\n`;
      let tuple = "";
      for (const [index, value] of values.entries()) tuple += `${index === 0 ? "" : ", "}${options.literal(value, index)}`;
      open += rows === 0 ? `${head}\n  (${tuple})` : `,\n  (${tuple})`;
      rows += 1;
      return rows >= STATEMENT_ROWS || open.length >= STATEMENT_CHARACTERS ? finish() : "";
    },
    end: finish,
  };
}

/** Text as a literal, NULL as the keyword: the `literal` for values that need no type of their own. */
export function textOrNull(value: string | null): string {
  return value === null ? "NULL" : textLiteral(value);
}

/** How a value is written in JSON: `number` with its exact digits, `json` as it is, `boolean` from t/true/1. What does not fit becomes a string. */
export type JsonKind = "number" | "boolean" | "json" | "text";

/** Writes rows as one JSON object a line, keys in column order. */
export function jsonLinesWriter(columns: readonly { name: string; kind: JsonKind }[]): (values: readonly (string | null)[]) => string {
  const keys = columns.map((column, index) => `${index === 0 ? "" : ","}${JSON.stringify(column.name)}:`);
  const kinds = columns.map((column) => column.kind);
  return (values) => {
    let line = "{";
    for (const [index, key] of keys.entries()) line += key + jsonValue(values[index] ?? null, kinds[index] ?? "text");
    return `${line}}\n`;
  };
}

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

export function jsonValue(value: string | null, kind: JsonKind): string {
  if (value === null) return "null";
  if (kind === "number" && JSON_NUMBER.test(value)) return value;
  if (kind === "boolean" && (value === "t" || value === "true" || value === "1")) return "true";
  if (kind === "boolean" && (value === "f" || value === "false" || value === "0")) return "false";
  // Valid JSON holds line breaks only between its tokens: a space there says the same.
  if (kind === "json") return /[\r\n]/.test(value) ? value.replace(/[\r\n]+/g, " ") : value;
  return JSON.stringify(value);
}

const CHUNK_CHARACTERS = 64 * 1024;

/** Gathers pieces of text into UTF-8 chunks of about 64 KiB. Errors of the source pass through: a failed export does not end, it throws. */
export async function* encodeChunks(pieces: AsyncIterable<string> | Iterable<string>): AsyncGenerator<Uint8Array> {
  let gathered = "";
  for await (const piece of pieces) {
    gathered += piece;
    if (gathered.length < CHUNK_CHARACTERS) continue;
    // A surrogate pair may be split over two pieces; its first half waits for the second.
    const cut = /[\ud800-\udbff]$/.test(gathered.slice(-1)) ? gathered.length - 1 : gathered.length;
    yield Buffer.from(gathered.slice(0, cut), "utf8");
    gathered = gathered.slice(cut);
  }
  if (gathered !== "") yield Buffer.from(gathered, "utf8");
}
