"use client";

import { type Virtualizer, useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useEffect, useImperativeHandle } from "react";
import { type GridLayout, gridSizes } from "@/components/data-grid/grid-layout";
import { GridBodyRow } from "@/components/data-grid/grid-row";
import type { GridCell, GridRow } from "@/components/data-grid/grid-types";
import type { GridCursor } from "@/components/data-grid/use-grid-keys";
import { Skeleton } from "@/components/ui/skeleton";

export interface GridBodyProps {
  gridId: string;
  box: RefObject<HTMLDivElement | null>;
  /** Filled with the list, so that the keyboard can scroll it. */
  rowList: RefObject<Virtualizer<HTMLDivElement, Element> | null>;
  rows: readonly GridRow[];
  layout: GridLayout;
  selected: number | null;
  cursor: GridCursor | null;
  numbered: boolean;
  staged: ReadonlyMap<string, GridCell> | undefined;
  loadingMore: boolean;
  headHeight: number;
  onPress: (row: number, position: number) => void;
  onOpen: (row: number, position: number) => void;
  /** Called when the last rows come near; absent while there is nothing to load. */
  onNearEnd: (() => void) | undefined;
}

const loadAhead = 40;

/** The rows in sight. Apart from the head, so that scrolling draws only what is new. */
export function GridBody(props: GridBodyProps) {
  const { gridId, box, rowList, rows, layout, selected, cursor, numbered, staged, loadingMore, headHeight, onPress, onOpen, onNearEnd } = props;
  // oxlint-disable-next-line react/incompatible-library -- the React Compiler is not used, and the list is not memoized
  const list = useVirtualizer<HTMLDivElement, Element>({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => gridSizes.row,
    overscan: 8,
    scrollPaddingStart: headHeight,
    scrollPaddingEnd: gridSizes.row,
  });
  useImperativeHandle(rowList, () => list, [list]);

  const items = list.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (rows.length > 0 && last >= rows.length - loadAhead) onNearEnd?.();
  }, [rows.length, last, onNearEnd]);

  return (
    <div
      role="rowgroup"
      style={{ height: list.getTotalSize() + (loadingMore ? 3 * gridSizes.row : 0), width: layout.width }}
      className="relative min-w-full shrink-0"
    >
      {items.map((item) => (
        <GridBodyRow
          key={item.key}
          gridId={gridId}
          index={item.index}
          top={item.start}
          row={rows[item.index] ?? noCells}
          layout={layout}
          selected={item.index === selected}
          cursor={cursor?.row === item.index ? cursor.position : 0}
          numbered={numbered}
          staged={staged}
          onPress={onPress}
          onOpen={onOpen}
        />
      ))}
      {loadingMore ? <MoreRows top={list.getTotalSize()} /> : null}
    </div>
  );
}

const noCells: GridRow = [];

function MoreRows({ top }: { top: number }) {
  return (
    <div role="status" aria-label="Loading more rows" style={{ transform: `translateY(${top}px)` }} className="absolute top-0 left-0 w-full">
      {[0, 1, 2].map((row) => (
        <div key={row} className="flex h-8 items-center gap-16 border-b border-line-soft px-2">
          <Skeleton className="h-2.5 w-20" />
          <Skeleton className="h-2.5 w-28" />
          <Skeleton className="h-2.5 w-24" />
          <Skeleton className="h-2.5 w-32" />
        </div>
      ))}
    </div>
  );
}
