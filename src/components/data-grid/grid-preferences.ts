import type { GridPreferences } from "@/components/data-grid/grid-types";

export interface ColumnArrangement {
  /** Every column, in order. */
  order: string[];
  hidden: Record<string, boolean>;
  pinned: string[];
}

/** Fits stored preferences to the columns a table has now. `fallbackPinned` is what stays at the left when nobody chose. */
export function arrangeColumns(ids: readonly string[], preferences: GridPreferences, fallbackPinned: readonly string[]): ColumnArrangement {
  const known = new Set(ids);
  const first = preferences.order.filter((id) => known.has(id));
  const placed = new Set(first);
  const order = [...first, ...ids.filter((id) => !placed.has(id))];
  const hidden = preferences.hidden.filter((id) => known.has(id));
  // A table with every column hidden shows nothing to bring them back with.
  const allHidden = hidden.length >= ids.length;
  return {
    order,
    hidden: allHidden ? {} : Object.fromEntries(hidden.map((id) => [id, false])),
    pinned: (preferences.pinned ?? fallbackPinned).filter((id) => known.has(id)),
  };
}

/** Moves a column to the place of another one. */
export function moveColumn(order: readonly string[], id: string, before: string): string[] {
  if (id === before) return [...order];
  const from = order.indexOf(id);
  const to = order.indexOf(before);
  if (from < 0 || to < 0) return [...order];
  const rest = order.filter((entry) => entry !== id);
  rest.splice(to, 0, id);
  return rest;
}
