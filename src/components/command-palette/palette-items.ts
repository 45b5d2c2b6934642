import type { ReactNode } from "react";
import type { EngineId } from "@/engines";

export interface PaletteItem {
  id: string;
  /** "Go to", "Backups", "Actions": groups stand in the order they first come. */
  group: string;
  label: string;
  /** Dimmer text after the label. */
  detail?: string;
  engine?: EngineId;
  /** A sign where no engine's mark stands. */
  icon?: ReactNode;
  /** Words it is also found by. */
  keywords?: readonly string[];
  /** Right end: a connection's name, badges. */
  end?: ReactNode;
  /** Keys that do the same, one after the other. */
  keys?: readonly string[];
  mono?: boolean;
  href?: string;
  onSelect?: () => void;
}

export interface PaletteGroup {
  name: string;
  items: PaletteItem[];
}

const shownPerGroup = 8;

/**
 * Items that have every word of the query, those that begin with it first. Without a query the first of each group.
 * `found` comes from the server and is not filtered again.
 */
export function paletteGroups(items: readonly PaletteItem[], found: readonly PaletteItem[], query: string): PaletteGroup[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = items.flatMap((item) => {
    const rank = rankOf(item, words);
    return rank === null ? [] : [{ item, rank }];
  });
  const known = new Set<string>();
  const groups = new Map<string, PaletteItem[]>();
  for (const item of [...found, ...matching.toSorted((a, b) => a.rank - b.rank).map((entry) => entry.item)]) {
    if (known.has(item.id)) continue;
    known.add(item.id);
    const list = groups.get(item.group);
    if (list) list.push(item);
    else groups.set(item.group, [item]);
  }
  return [...groups].map(([name, all]) => ({ name, items: all.slice(0, shownPerGroup) }));
}

function rankOf(item: PaletteItem, words: readonly string[]): number | null {
  const label = item.label.toLowerCase();
  const text = [label, item.detail ?? "", ...(item.keywords ?? [])].join(" ").toLowerCase();
  if (!words.every((word) => text.includes(word))) return null;
  const [first = ""] = words;
  if (label.startsWith(first)) return 0;
  if (label.split(/[\s.:_/-]/).some((part) => part.startsWith(first))) return 1;
  return label.includes(first) ? 2 : 3;
}

/** The label cut at what was looked for. */
export function highlight(label: string, query: string): { text: string; hit: boolean }[] {
  const words = query.split(/\s+/).filter(Boolean);
  if (words.length === 0) return [{ text: label, hit: false }];
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join("|")})`, "giu");
  return label
    .split(pattern)
    .map((text, index) => ({ text, hit: index % 2 === 1 }))
    .filter(({ text }) => text !== "");
}
