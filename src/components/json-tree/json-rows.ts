import { type BsonValue, bsonValue } from "@/lib/extended-json";
import type { JsonNode } from "@/lib/json-tree";

/** Children of one container that are drawn before "N more" must be pressed. */
export const childrenAtFirst = 100;

export interface JsonRow {
  /** Unique path from the root: "$.0.name". */
  id: string;
  level: number;
  /** Name of a field, index of an item, null for the root. */
  key: string | null;
  /** False for an index. */
  named: boolean;
  node: JsonNode;
  bson: BsonValue | null;
  /** Null when there is nothing to unfold. */
  expanded: boolean | null;
  position: number;
  siblings: number;
}

export interface MoreRow {
  id: string;
  level: number;
  /** The container whose rest is left out. */
  container: string;
  left: number;
}

export type TreeRow = JsonRow | MoreRow;

export interface TreeState {
  /** Paths whose state differs from what `openLevels` says. */
  toggled: ReadonlySet<string>;
  /** How many children of a container are shown, where more than at first. */
  shown: ReadonlyMap<string, number>;
  /** Levels that stand open without a press; 1 opens the root. */
  openLevels: number;
  bson: boolean;
}

/** The rows to draw, from top to bottom: only what is unfolded, so a huge document costs what is seen of it. */
export function jsonRows(root: JsonNode, state: TreeState): TreeRow[] {
  const rows: TreeRow[] = [];
  const visit = (node: JsonNode, place: { id: string; level: number; key: string | null; named: boolean; position: number; siblings: number }): void => {
    const bson = state.bson ? bsonValue(node) : null;
    const children = bson ? 0 : childCount(node);
    const open = place.level < state.openLevels !== state.toggled.has(place.id);
    rows.push({ ...place, node, bson, expanded: children > 0 ? open : null });
    if (children === 0 || !open) return;
    const limit = state.shown.get(place.id) ?? childrenAtFirst;
    const below = { level: place.level + 1, siblings: children };
    if (node.kind === "object") {
      node.entries
        .slice(0, limit)
        .forEach(({ key, value }, index) => visit(value, { ...below, id: `${place.id}.${index}`, key, named: true, position: index + 1 }));
    } else if (node.kind === "array") {
      node.items
        .slice(0, limit)
        .forEach((item, index) => visit(item, { ...below, id: `${place.id}.${index}`, key: String(index), named: false, position: index + 1 }));
    }
    if (children > limit) rows.push({ id: `${place.id}.more`, level: place.level + 1, container: place.id, left: children - limit });
  };
  visit(root, { id: "$", level: 0, key: null, named: false, position: 1, siblings: 1 });
  return rows;
}

export function childCount(node: JsonNode): number {
  return node.kind === "object" ? node.entries.length : node.kind === "array" ? node.items.length : 0;
}

const previewKeys = 6;

/** What stands for a folded container: "{ name, born, tax_id }", "[ 4 items ]". */
export function previewOf(node: JsonNode): string {
  if (node.kind === "array") return node.items.length === 0 ? "[]" : `[ ${node.items.length} ${node.items.length === 1 ? "item" : "items"} ]`;
  if (node.kind !== "object") return "";
  if (node.entries.length === 0) return "{}";
  const names = node.entries.slice(0, previewKeys).map(({ key }) => (key.length > 24 ? `${key.slice(0, 24)}…` : key));
  return `{ ${names.join(", ")}${node.entries.length > previewKeys ? ", …" : ""} }`;
}
