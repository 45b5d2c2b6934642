/** The filter row speaks a few signs: `>= 100`, `<> draft`, `1..5`, `in a, b`, `has gift`, `null`, `not null`. Plain text means what fits the column. */
import type { FilterOperator, GridFamily, GridFilter } from "@/components/data-grid/grid-types";

export const operatorsOf: Record<GridFamily, readonly FilterOperator[]> = {
  number: ["=", "<>", "<", "<=", ">", ">=", "between", "in", "is null", "is not null"],
  text: ["contains", "=", "<>", "in", "<", ">", "is null", "is not null"],
  bytes: ["=", "<>", "is null", "is not null"],
  json: ["contains", "=", "is null", "is not null"],
  time: [">=", "<", "between", "=", "is null", "is not null"],
  boolean: ["=", "is null", "is not null"],
  other: ["=", "<>", "contains", "in", "is null", "is not null"],
};

/** Shown in the empty field: what plain text will mean. */
export const hintOf: Record<GridFamily, string> = { number: "=", text: "has", bytes: "is", json: "has", time: "from", boolean: "is", other: "=" };

export const operatorWords: Record<FilterOperator, string> = {
  "=": "is",
  "<>": "is not",
  "<": "less than",
  "<=": "at most",
  ">": "more than",
  ">=": "at least",
  in: "one of",
  contains: "contains",
  between: "from, to",
  "is null": "is NULL",
  "is not null": "is not NULL",
};

/** How many values an operator takes. */
export function valuesWanted(operator: FilterOperator): "none" | "one" | "two" | "many" {
  if (operator === "is null" || operator === "is not null") return "none";
  if (operator === "between") return "two";
  return operator === "in" ? "many" : "one";
}

const leading: readonly FilterOperator[] = ["<>", "<=", ">=", "=", "<", ">"];

/** Null for an empty text. A leading sign the column does not know is part of the value. */
export function parseFilterText(text: string, family: GridFamily): Omit<GridFilter, "column"> | null {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  const allowed = operatorsOf[family];
  const lower = trimmed.toLowerCase();
  if (lower === "null" || lower === "is null") return { operator: "is null", values: [] };
  if (lower === "not null" || lower === "is not null" || lower === "!null") return { operator: "is not null", values: [] };
  if (trimmed.startsWith("!=") && allowed.includes("<>")) return { operator: "<>", values: [trimmed.slice(2).trim()] };
  const sign = leading.find((operator) => trimmed.startsWith(operator));
  if (sign && allowed.includes(sign)) return { operator: sign, values: [unquote(trimmed.slice(sign.length).trim())] };
  if (/^in\s/i.test(trimmed) && allowed.includes("in")) return { operator: "in", values: splitList(trimmed.slice(3)) };
  if (/^has\s/i.test(trimmed) && allowed.includes("contains")) return { operator: "contains", values: [unquote(trimmed.slice(4).trim())] };
  const range = /^(\S.*?)\s*\.\.\s*(\S.*)$/.exec(trimmed);
  if (range?.[1] !== undefined && range[2] !== undefined && allowed.includes("between")) return { operator: "between", values: [range[1], range[2]] };
  return { operator: allowed[0] ?? "=", values: [unquote(trimmed)] };
}

/** What `parseFilterText` reads as this filter. */
export function filterText({ operator, values }: Omit<GridFilter, "column">): string {
  switch (operator) {
    case "is null":
      return "null";
    case "is not null":
      return "not null";
    case "between":
      return values.join(" .. ");
    case "in":
      return `in ${values.map((value) => (/[,"]|^\s|\s$|^$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value)).join(", ")}`;
    case "contains":
      return `has ${quoteBlank(values[0] ?? "")}`;
    default:
      return `${operator} ${quoteBlank(values[0] ?? "")}`;
  }
}

/** `''` is the empty string, as the grid shows it; quotes around a text keep its blanks and signs. */
function unquote(text: string): string {
  if (text === "''") return "";
  return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1).replaceAll('""', '"') : text;
}

function quoteBlank(text: string): string {
  return text === "" ? "''" : /^\s|\s$|^".*"$|^''$/s.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function splitList(text: string): string[] {
  const values: string[] = [];
  for (const match of text.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*))\s*(?:,|$)/g)) {
    const [whole, quoted, plain] = match;
    if (whole === "" && match.index >= text.length && values.length > 0) break;
    const value = quoted === undefined ? (plain ?? "").trim() : quoted.replaceAll('""', '"');
    if (quoted !== undefined || value !== "") values.push(value);
  }
  return values;
}
