"use client";

import { ChevronDown, ChevronRight } from "lucide-react";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import { type JsonRow, type TreeRow, childrenAtFirst, jsonRows, previewOf } from "@/components/json-tree/json-rows";
import { TypeBadge } from "@/components/ui/badge";
import { classNames } from "@/components/ui/class-names";
import type { BsonTone } from "@/lib/extended-json";
import { formatCount } from "@/lib/format";
import type { JsonNode } from "@/lib/json-tree";

export interface JsonTreeProps {
  value: JsonNode;
  /** What the tree shows, read aloud. */
  label: string;
  /** Recognise Extended JSON and show the type of every value. */
  bson?: boolean;
  /** Levels that stand open at first; 1 shows the fields of the root. */
  openLevels?: number;
  /** Leave the line of the root away, as cards of documents do. */
  hideRoot?: boolean;
  className?: string;
}

const moreStep = 500;

/** A document as a tree of 24 px lines: arrows move and unfold, Enter toggles. */
export function JsonTree({ value, label, bson = false, openLevels = 1, hideRoot = false, className }: JsonTreeProps) {
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [shown, setShown] = useState<ReadonlyMap<string, number>>(new Map());
  const [focused, setFocused] = useState<string | null>(null);
  const tree = useRef<HTMLUListElement>(null);
  const rows = useMemo(() => {
    const all = jsonRows(value, { toggled, shown, openLevels, bson });
    return hideRoot && all.length > 1 ? all.slice(1) : all;
  }, [value, toggled, shown, openLevels, bson, hideRoot]);
  const current = rows.some((row) => row.id === focused) ? focused : rows[0]?.id;
  const lowest = hideRoot ? 1 : 0;

  const toggle = (id: string): void => {
    const next = new Set(toggled);
    if (!next.delete(id)) next.add(id);
    setToggled(next);
  };
  const more = (container: string): void => setShown(new Map(shown).set(container, (shown.get(container) ?? childrenAtFirst) + moreStep));
  const act = (row: TreeRow): void => {
    if ("left" in row) more(row.container);
    else if (row.expanded !== null) toggle(row.id);
  };

  function moveTo(row: TreeRow | undefined): void {
    if (!row) return;
    setFocused(row.id);
    tree.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(row.id)}"]`)?.focus();
  }

  function onKeyDown(event: KeyboardEvent): void {
    const index = rows.findIndex((row) => row.id === current);
    const row = rows[index];
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const run = keys(row, index)[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  }

  function keys(row: TreeRow, index: number): Record<string, () => void> {
    const expanded = "left" in row ? null : row.expanded;
    return {
      ArrowDown: () => moveTo(rows[index + 1]),
      ArrowUp: () => moveTo(rows[index - 1]),
      Home: () => moveTo(rows[0]),
      End: () => moveTo(rows.at(-1)),
      Enter: () => act(row),
      " ": () => act(row),
      ArrowRight: () => (expanded === false ? toggle(row.id) : moveTo(rows[index + 1])),
      ArrowLeft: () => (expanded === true ? toggle(row.id) : moveTo(rows.slice(0, index).findLast((above) => above.level < row.level))),
    };
  }

  return (
    <ul ref={tree} role="tree" aria-label={label} onKeyDown={onKeyDown} className={classNames("font-mono text-12", className)}>
      {rows.map((row) => {
        const common = { row, lowest, tabIndex: row.id === current ? 0 : -1, onFocus: () => setFocused(row.id) };
        return "left" in row ? (
          <li
            key={row.id}
            role="treeitem"
            aria-level={row.level - lowest + 1}
            aria-selected={false}
            data-row={row.id}
            tabIndex={common.tabIndex}
            onFocus={common.onFocus}
            onClick={() => more(row.container)}
            className={classNames(line, "cursor-pointer font-sans text-accent-text")}
          >
            <Indent level={row.level - lowest} />
            {formatCount(Math.min(row.left, moreStep))} of {formatCount(row.left)} more
          </li>
        ) : (
          <Line key={row.id} {...common} row={row} bson={bson} onToggle={() => act(row)} />
        );
      })}
    </ul>
  );
}

const line = "flex min-h-6 items-center gap-2 rounded-sm pr-2 hover:bg-hover";

interface LineProps {
  row: JsonRow;
  lowest: number;
  bson: boolean;
  tabIndex: number;
  onFocus: () => void;
  onToggle: () => void;
}

function Line({ row, lowest, bson, tabIndex, onFocus, onToggle }: LineProps) {
  const Chevron = row.expanded ? ChevronDown : ChevronRight;
  return (
    <li
      role="treeitem"
      aria-level={row.level - lowest + 1}
      aria-posinset={row.position}
      aria-setsize={row.siblings}
      aria-selected={false}
      aria-expanded={row.expanded ?? undefined}
      data-row={row.id}
      tabIndex={tabIndex}
      onFocus={onFocus}
      onClick={row.expanded === null ? undefined : onToggle}
      className={classNames(line, row.expanded !== null && "cursor-pointer")}
    >
      <Indent level={row.level - lowest} />
      <span className="flex w-3.5 shrink-0">{row.expanded === null ? null : <Chevron aria-hidden className="size-3.5 text-fg-2" />}</span>
      <span className="min-w-0 wrap-anywhere whitespace-pre-wrap">
        {row.key === null ? null : (
          <>
            <span className={row.named ? "font-medium text-code-key" : "text-fg-3"}>{row.key === "" ? "''" : row.key}</span>
            <span className="text-fg-3">: </span>
          </>
        )}
        <Value row={row} />
      </span>
      {bson ? <Kind row={row} /> : null}
    </li>
  );
}

/** Steps of 16 px as elements, because a width in the markup would need a style. */
function Indent({ level }: { level: number }) {
  return Array.from({ length: level }, (_, step) => <span key={step} aria-hidden="true" className="w-2 shrink-0 self-stretch" />);
}

const tones: Record<BsonTone, string> = { number: "text-code-num", string: "text-code-str", id: "text-code-fn", bytes: "text-fg-2", dim: "text-fg-3" };

const stringShown = 300;

function Value({ row }: { row: JsonRow }) {
  const [whole, setWhole] = useState(false);
  const { node, bson } = row;
  if (bson) return <span className={tones[bson.tone]}>{bson.display}</span>;
  switch (node.kind) {
    case "object":
    case "array":
      return <span className="text-fg-3">{row.expanded ? (node.kind === "array" ? `[ ${node.items.length} ]` : "{ }") : previewOf(node)}</span>;
    case "string": {
      const cut = !whole && node.text.length > stringShown;
      return (
        <>
          <span className="text-code-str">{JSON.stringify(cut ? node.text.slice(0, stringShown) : node.text)}</span>
          {cut ? (
            <button type="button" tabIndex={-1} onClick={() => setWhole(true)} className="ml-1 font-sans text-11 text-accent-text hover:underline">
              … {formatCount(node.text.length)} characters
            </button>
          ) : null}
        </>
      );
    }
    case "number":
      return <span className="text-code-num">{node.text}</span>;
    case "boolean":
      return <span className="text-code-kw">{String(node.value)}</span>;
    case "null":
      return <span className="text-fg-3">null</span>;
  }
}

const kindWords = { object: "Object", array: "Array", boolean: "Boolean", null: "Null", string: null, number: null } as const;

/** Strings have no badge: the quotes say it. */
function Kind({ row }: { row: JsonRow }) {
  const word = row.bson?.bsonType ?? kindWords[row.node.kind];
  return word ? <TypeBadge small>{word}</TypeBadge> : null;
}
