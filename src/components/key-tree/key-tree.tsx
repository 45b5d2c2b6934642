"use client";

import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronRight } from "lucide-react";
import { type KeyboardEvent, useId, useMemo, useRef, useState } from "react";
import { EscapedText } from "@/components/key-tree/binary-name";
import { TypeBadge } from "@/components/ui/badge";
import { classNames } from "@/components/ui/class-names";
import { formatBytes, formatCount, formatDurationShort } from "@/lib/format";
import {
  type KeyGroup,
  type KeyLeaf,
  KeyTree as KeyIndex,
  type KeyTreeMore,
  type KeyTreeRow,
  type TreeKey,
  keyText,
  keyTreeRows,
  keysAtFirst,
} from "@/lib/key-tree";

export interface KeyTreeProps {
  /** All keys found so far, in the order they came; only ever made longer. A new scan takes a new `key`. */
  keys: readonly TreeKey[];
  /** Empty for a flat list. */
  separator: string;
  label: string;
  /** The open key. */
  selected?: TreeKey["key"] | null;
  onSelect: (key: TreeKey) => void;
  className?: string;
}

const rowHeight = 28;
const moreStep = 1_000;

/** Keys by separator with the counts found so far. Only rows in sight are in the page. */
export function KeyTree({ keys, separator, label, selected, onSelect, className }: KeyTreeProps) {
  const treeId = useId();
  const box = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [shown, setShown] = useState<ReadonlyMap<string, number>>(new Map());
  const [cursor, setCursor] = useState(0);
  const index = useMemo(() => new KeyIndex(separator), [separator]);
  const rows = useMemo(() => {
    index.add(keys.slice(index.taken));
    return keyTreeRows(index.root, { open, shown });
  }, [index, keys, open, shown]);
  const selectedId = selected ? keyText(selected) : null;
  // oxlint-disable-next-line react/incompatible-library -- the React Compiler is not used, and the list is not memoized
  const list = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 16 });
  const active = Math.min(cursor, rows.length - 1);

  const fold = (id: string, expand: boolean): void => {
    const next = new Set(open);
    if (expand) next.add(id);
    else next.delete(id);
    setOpen(next);
  };
  const act = (row: KeyTreeRow | KeyTreeMore | undefined): void => {
    if (!row) return;
    if ("left" in row) setShown(new Map(shown).set(row.group, (shown.get(row.group) ?? keysAtFirst) + moreStep));
    else if (row.node.kind === "group") fold(row.node.id, !row.expanded);
    else onSelect(row.node.entry);
  };
  const moveTo = (target: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, target));
    setCursor(next);
    list.scrollToIndex(next);
  };

  function onKeyDown(event: KeyboardEvent): void {
    const row = rows[active];
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const group = "left" in row || row.node.kind === "key" ? null : row.node;
    const expanded = "left" in row ? null : row.expanded;
    const run = {
      j: () => moveTo(active + 1),
      ArrowDown: () => moveTo(active + 1),
      k: () => moveTo(active - 1),
      ArrowUp: () => moveTo(active - 1),
      PageDown: () => moveTo(active + 16),
      PageUp: () => moveTo(active - 16),
      Home: () => moveTo(0),
      End: () => moveTo(rows.length - 1),
      Enter: () => act(row),
      " ": () => act(row),
      ArrowRight: () => (group && !expanded ? fold(group.id, true) : moveTo(active + 1)),
      ArrowLeft: () => (group && expanded ? fold(group.id, false) : moveTo(rows.slice(0, active).findLastIndex((above) => above.level < row.level))),
    }[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  }

  return (
    <div className={classNames("flex min-h-0 flex-col", className)}>
      <div aria-hidden="true" className="flex h-7 shrink-0 items-center border-y border-line bg-sunken px-3 text-12 text-fg-3">
        <span className="grow">
          {separator === "" ? (
            "Key"
          ) : (
            <>
              Key, split at <span className="font-mono">{separator}</span>
            </>
          )}
        </span>
        <span className={columns.ttl}>Expires</span>
        <span className={columns.memory}>Memory</span>
        <span className={columns.type}>Type</span>
      </div>
      <div
        ref={box}
        role="tree"
        aria-label={label}
        tabIndex={0}
        aria-activedescendant={rows.length > 0 ? `${treeId}-${active}` : undefined}
        onKeyDown={onKeyDown}
        className="group/tree min-h-0 grow overflow-y-auto -outline-offset-2"
      >
        <div role="none" ref={(element) => void (element && (element.style.height = `${list.getTotalSize()}px`))} className="relative">
          {list.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            return (
              <Row
                key={item.key}
                id={`${treeId}-${item.index}`}
                row={row}
                top={item.start}
                active={item.index === active}
                selected={!("left" in row) && row.node.kind === "key" && row.node.id === selectedId}
                onPress={() => {
                  setCursor(item.index);
                  act(row);
                }}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

const columns = { ttl: "w-14 shrink-0 text-right", memory: "w-16 shrink-0 text-right", type: "w-[66px] shrink-0 pl-2 text-center" };

interface RowProps {
  id: string;
  row: KeyTreeRow | KeyTreeMore;
  top: number;
  active: boolean;
  selected: boolean;
  onPress: () => void;
}

function Row({ id, row, top, active, selected, onPress }: RowProps) {
  const expanded = "left" in row ? null : row.expanded;
  return (
    <div
      id={id}
      role="treeitem"
      aria-level={row.level + 1}
      aria-expanded={expanded ?? undefined}
      aria-selected={selected}
      style={{ transform: `translateY(${top}px)` }}
      onClick={onPress}
      className={classNames(
        "absolute top-0 left-0 flex h-7 w-full cursor-pointer items-center border-l-2 pr-3 pl-2.5 font-mono text-12",
        selected ? "border-accent bg-accent-soft text-accent-text" : "border-transparent hover:bg-hover",
        active && "group-focus-visible/tree:inset-ring-2 group-focus-visible/tree:inset-ring-accent",
      )}
    >
      {Array.from({ length: row.level }, (_, step) => (
        <span key={step} aria-hidden="true" className="w-4 shrink-0" />
      ))}
      {"left" in row ? (
        <span className="pl-[18px] font-sans text-13 text-fg-3">{formatCount(row.left)} more</span>
      ) : row.node.kind === "group" ? (
        <GroupRow group={row.node} expanded={row.expanded === true} />
      ) : (
        <KeyRow leaf={row.node} />
      )}
    </div>
  );
}

function GroupRow({ group, expanded }: { group: KeyGroup; expanded: boolean }) {
  const Chevron = expanded ? ChevronDown : ChevronRight;
  return (
    <>
      <Chevron aria-hidden className="mr-1 size-3.5 text-fg-2" />
      <span className="min-w-0 grow truncate font-medium">{group.name === "" ? <span className="text-fg-3">''</span> : <EscapedText text={group.name} />}</span>
      <span className="shrink-0 pl-2 font-sans text-12 text-fg-3">{formatCount(group.count)}</span>
    </>
  );
}

function KeyRow({ leaf }: { leaf: KeyLeaf }) {
  const { ttlSeconds, memoryBytes, type } = leaf.entry;
  return (
    <>
      <span title={leaf.id} className="min-w-0 grow truncate pl-[18px]">
        {leaf.name === "" ? <span className="text-fg-3">''</span> : <EscapedText text={leaf.name} />}
      </span>
      <span className={classNames(columns.ttl, "font-sans text-12", ttlSeconds === null ? "text-fg-3" : "text-fg-2")}>
        {ttlSeconds === undefined ? "" : ttlSeconds === null ? "none" : formatDurationShort(ttlSeconds)}
      </span>
      <span className={classNames(columns.memory, "font-sans text-12 text-fg-3")}>
        {memoryBytes === undefined || memoryBytes === null ? "" : formatBytes(memoryBytes)}
      </span>
      <span className={columns.type}>
        <TypeBadge className="w-full truncate">{type}</TypeBadge>
      </span>
    </>
  );
}
