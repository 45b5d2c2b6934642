/** Documents as a grid: the top-level fields of those that are loaded are its columns. Values are the exact text of the canonical form. */
import type { GridCell, GridColumn, GridFamily, GridRow } from "@/components/data-grid/grid-types";
import { bsonTypeOf, bsonValue } from "@/lib/extended-json";
import { base64ToBytes, bytesToHex } from "@/lib/hex";
import { parseJson, writeJson, type JsonEntry, type JsonNode } from "@/lib/json-tree";
import type { DocumentView } from "./use-documents";

export interface DocumentGrid {
  columns: GridColumn[];
  rows: GridRow[];
}

/** A field that a document does not have. A grid knows NULL and texts; nothing is neither. */
export const ABSENT: GridCell = { text: "\u00a0", storage: "text" };

const NUMBERS = new Set(["Int32", "Long", "Double", "Decimal128"]);

/** Columns in the order in which fields first appear. */
export function documentGrid(documents: readonly DocumentView[]): DocumentGrid {
  const parsed = documents.map((view) => ({ view, fields: fieldsOf(view) }));
  const types = new Map<string, Set<string>>();
  for (const { fields } of parsed) {
    for (const { key, value } of fields) {
      const seen = types.get(key) ?? new Set();
      types.set(key, seen.add(typeWord(value)));
    }
  }
  const columns = [...types].map(([name, seen]) => columnOf(name, seen));
  const rows = parsed.map(({ view, fields }) => {
    // A document may name a field twice; the grid shows the first, the tree shows both.
    const byName = new Map(fields.toReversed().map(({ key, value }) => [key, value]));
    return columns.map((column) => {
      const node = byName.get(column.name);
      return node === undefined ? ABSENT : cellOf(node, column, view);
    });
  });
  return { columns, rows };
}

export function fieldsOf(view: DocumentView): JsonEntry[] {
  const root = parseJson(view.text);
  return root.kind === "object" ? root.entries : [];
}

/** "Binary" whatever its length and subtype. */
function typeWord(node: JsonNode): string {
  const word = bsonTypeOf(node);
  return word.startsWith("Binary ") ? "Binary" : word;
}

export function columnOf(name: string, seen: ReadonlySet<string>): GridColumn {
  const words = [...seen].filter((word) => word !== "Null");
  return {
    name,
    type: words.length === 0 ? "Null" : words.length > 2 ? `${words.length} types` : words.join(" or "),
    family: familyOf(words),
    keyPosition: name === "_id" ? 1 : null,
  };
}

function familyOf(words: readonly string[]): GridFamily {
  const all = (test: (word: string) => boolean): boolean => words.length > 0 && words.every(test);
  if (all((word) => NUMBERS.has(word))) return "number";
  if (all((word) => word === "Date")) return "time";
  if (all((word) => word === "Object" || word === "Array")) return "json";
  if (all((word) => word === "Binary")) return "bytes";
  if (all((word) => word === "Boolean")) return "boolean";
  return "text";
}

/** null is BSON's null and nothing else is. */
export function cellOf(node: JsonNode, column: GridColumn, view: DocumentView): GridCell {
  if (node.kind === "null") return null;
  const length = cutLength(view, column.name);
  if (column.family === "bytes") return { text: hexOf(node), ...length };
  const bson = bsonValue(node);
  if (bson && !bson.bsonType.startsWith("Binary "))
    return { text: bson.display, ...(NUMBERS.has(bson.bsonType) && column.family === "text" ? { storage: "real" } : {}) };
  switch (node.kind) {
    case "string":
      return { text: node.text, ...length };
    case "boolean":
      return { text: String(node.value) };
    case "number":
      return { text: node.text };
    case "object":
    case "array":
      return { text: writeJson(node), ...length };
  }
}

function cutLength({ cuts }: DocumentView, field: string): { length?: number } {
  const own = cuts.find(({ path }) => path.length === 1 && path[0] === field);
  if (own && own.type !== "Object" && own.type !== "Array") return { length: own.total };
  const within = cuts.find(({ path }) => path[0] === field);
  return within ? { length: own?.bytes ?? within.bytes } : {};
}

function hexOf(node: JsonNode): string {
  const binary = node.kind === "object" ? node.entries[0]?.value : undefined;
  const base64 = binary?.kind === "object" ? binary.entries.find(({ key }) => key === "base64")?.value : undefined;
  return base64?.kind === "string" ? bytesToHex(base64ToBytes(base64.text)) : "";
}

export interface SortEntry {
  column: string;
  direction: "asc" | "desc";
}

/** What of a typed sort the heads of the grid can show; what cannot be read shows nothing. */
export function readSort(text: string): SortEntry[] {
  try {
    const quoted = text.replace(/([{,]\s*)([A-Za-z_$][\w$]*)(\s*:)/g, '$1"$2"$3');
    const root = parseJson(quoted);
    if (root.kind !== "object") return [];
    return root.entries.flatMap(({ key, value }) =>
      value.kind === "number" && (value.text === "1" || value.text === "-1") ? [{ column: key, direction: value.text === "1" ? "asc" : "desc" } as const] : [],
    );
  } catch {
    return [];
  }
}

/** Keys stand in quotes: a name may be anything. */
export function writeSort(sort: readonly SortEntry[]): string {
  return sort.length === 0 ? "" : `{ ${sort.map(({ column, direction }) => `${JSON.stringify(column)}: ${direction === "asc" ? 1 : -1}`).join(", ")} }`;
}
