"use client";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { BinaryText } from "@/components/key-tree/binary-name";
import { TypeBadge } from "@/components/ui/badge";
import { classNames } from "@/components/ui/class-names";
import type { RedisBytes } from "../../redis.schema";
import type { ElementColumn, ElementRow } from "./element-rows";
import { bytesOf } from "./key-names";

interface ElementTableProps {
  label: string;
  columns: readonly ElementColumn[];
  rows: readonly ElementRow[];
  /** Elements in all, when known. */
  total: number | null;
  selected: string | null;
  onSelect: (id: string) => void;
  hasMore: boolean;
  loadingMore: boolean;
  onLoadMore: () => void;
}

const ROW_HEIGHT = 32;
/** Rows before the end at which the next page is asked for. */
const NEAR_END = 20;

/** Elements of a key, one a row; only those in sight are in the page. j and k move, Enter opens. */
export function ElementTable({ label, columns, rows, total, selected, onSelect, hasMore, loadingMore, onLoadMore }: ElementTableProps) {
  const gridId = useId();
  const box = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState(0);
  const list = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW_HEIGHT, overscan: 12 });
  const items = list.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  const nearEnd = hasMore && !loadingMore && rows.length > 0 && last >= rows.length - NEAR_END;
  useEffect(() => {
    if (nearEnd) onLoadMore();
    // Asked once for every number of rows.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [nearEnd, rows.length]);

  const moveTo = (target: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, target));
    setCursor(next);
    list.scrollToIndex(next);
  };
  function onKeyDown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const run = {
      j: () => moveTo(cursor + 1),
      ArrowDown: () => moveTo(cursor + 1),
      k: () => moveTo(cursor - 1),
      ArrowUp: () => moveTo(cursor - 1),
      PageDown: () => moveTo(cursor + 12),
      PageUp: () => moveTo(cursor - 12),
      Home: () => moveTo(0),
      End: () => moveTo(rows.length - 1),
      Enter: () => rows[cursor] && onSelect(rows[cursor].id),
      " ": () => rows[cursor] && onSelect(rows[cursor].id),
    }[event.key];
    if (!run) return;
    event.preventDefault();
    event.stopPropagation();
    run();
  }

  return (
    <div
      ref={box}
      role="grid"
      aria-label={label}
      aria-rowcount={total === null ? -1 : total + 1}
      aria-colcount={columns.length}
      aria-busy={loadingMore}
      aria-activedescendant={rows.length > 0 ? `${gridId}-${cursor}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      className="group/grid min-h-0 grow overflow-auto -outline-offset-2"
    >
      <div role="row" aria-rowindex={1} className="sticky top-0 z-1 flex h-8 items-center border-b border-line bg-sunken text-12 font-medium text-fg-3">
        {columns.map((column) => (
          <span
            key={column.name}
            role="columnheader"
            className={classNames(
              "flex h-8 items-center border-r border-line-soft px-3 first:pl-5 last:border-r-0 max-md:px-2 max-md:first:pl-4",
              column.className,
              column.number && "justify-end",
            )}
          >
            {column.name}
          </span>
        ))}
      </div>
      <div role="none" ref={(element) => void (element && (element.style.height = `${list.getTotalSize()}px`))} className="relative">
        {items.map((item) => {
          const row = rows[item.index];
          if (!row) return null;
          const isSelected = row.id === selected;
          return (
            <div
              key={item.key}
              id={`${gridId}-${item.index}`}
              role="row"
              aria-rowindex={item.index + 2}
              aria-selected={isSelected}
              style={{ transform: `translateY(${item.start}px)` }}
              onClick={() => {
                setCursor(item.index);
                onSelect(row.id);
              }}
              className={classNames(
                "absolute top-0 left-0 flex h-8 w-full cursor-pointer items-center border-b border-line-soft",
                isSelected ? "bg-accent-soft" : "hover:bg-hover",
                item.index === cursor && "group-focus-visible/grid:inset-ring-2 group-focus-visible/grid:inset-ring-accent",
              )}
            >
              {columns.map((column, index) => (
                <span
                  key={column.name}
                  role="gridcell"
                  className={classNames(
                    "flex h-8 items-center truncate border-r border-line-soft px-3 font-mono text-12 first:pl-5 last:border-r-0 max-md:px-2 max-md:first:pl-4",
                    column.className,
                    column.number && "justify-end",
                    index === columns.length - 1 && "font-sans text-fg-3",
                  )}
                >
                  <ElementCell cell={row.cells[index] ?? null} />
                </span>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Of a value that gets into a cell: more could not be seen there. */
const CELL_CHARACTERS = 300;
const CELL_BYTES = 64;

function ElementCell({ cell }: { cell: RedisBytes | string | null }) {
  if (cell === null) return null;
  if (typeof cell === "string")
    return (
      <span className="truncate" title={cell}>
        {cell}
      </span>
    );
  if ("base64" in cell) {
    const bytes = bytesOf(cell);
    return (
      <>
        <span className="truncate">
          <BinaryText bytes={bytes.subarray(0, CELL_BYTES)} />
          {bytes.length > CELL_BYTES ? "…" : ""}
        </span>
        <TypeBadge small className="ml-2">
          bytes
        </TypeBadge>
      </>
    );
  }
  if (cell.text === "") return <span className="text-fg-3">''</span>;
  const text = cell.text.slice(0, CELL_CHARACTERS);
  return (
    <span className="truncate [unicode-bidi:isolate]">
      {/\p{C}/u.test(text) ? <BinaryText bytes={new TextEncoder().encode(text.replace(/[\uD800-\uDBFF]$/, ""))} /> : text}
    </span>
  );
}
