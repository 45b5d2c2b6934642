"use client";

import { memo } from "react";
import { CellValue } from "@/components/data-grid/grid-cell";
import type { GridLayout, LaidColumn } from "@/components/data-grid/grid-layout";
import { gridSizes } from "@/components/data-grid/grid-layout";
import type { GridCell, GridRow } from "@/components/data-grid/grid-types";
import { classNames } from "@/components/ui/class-names";

export interface GridRowProps {
  /** Id of the grid; ids of cells start with it. */
  gridId: string;
  index: number;
  top: number;
  row: GridRow;
  layout: GridLayout;
  selected: boolean;
  /** Position of the cell under the keyboard's cursor, or 0. */
  cursor: number;
  numbered: boolean;
  /** Cells with an edit that is not saved yet: what will stand there. */
  staged: ReadonlyMap<string, GridCell> | undefined;
  onPress: (index: number, position: number) => void;
  onOpen: (index: number, position: number) => void;
}

export const cellId = (gridId: string, row: number, position: number): string => `${gridId}-${row}-${position}`;

export const stagedKey = (row: number, column: string): string => `${row}:${column}`;

/** One row of 32 px, placed by the virtual list. */
export const GridBodyRow = memo(function GridBodyRow(props: GridRowProps) {
  const { index, top, layout, selected, numbered } = props;
  const background = selected ? "bg-accent-soft" : "bg-surface group-hover/row:bg-hover";
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      style={{ transform: `translateY(${top}px)`, width: layout.width }}
      className="group/row absolute top-0 left-0 flex h-8 min-w-full border-b border-line-soft"
    >
      {numbered ? (
        <span
          aria-hidden="true"
          style={{ width: gridSizes.numbers }}
          className={classNames("sticky left-0 z-1 flex shrink-0 items-center justify-end border-r border-line pr-2 text-12 text-fg-3", background)}
        >
          {index + 1}
        </span>
      ) : null}
      {layout.pinned.map((laid) => (
        <Cell key={laid.id} {...props} laid={laid} background={background} />
      ))}
      {layout.padLeft > 0 ? <span aria-hidden="true" style={{ width: layout.padLeft }} className="shrink-0" /> : null}
      {layout.center.map((laid) => (
        <Cell key={laid.id} {...props} laid={laid} background={background} />
      ))}
      <span aria-hidden="true" style={{ width: layout.padRight }} className={classNames("grow", background)} />
    </div>
  );
});

function Cell({ gridId, index, row, laid, cursor, staged, background, onPress, onOpen }: GridRowProps & { laid: LaidColumn; background: string }) {
  const { column } = laid;
  const edit = staged?.get(stagedKey(index, column.name));
  const isStaged = edit !== undefined;
  const isKey = Boolean(column.keyPosition);
  return (
    <div
      id={cellId(gridId, index, laid.position)}
      role={isKey || laid.position === 1 ? "rowheader" : "gridcell"}
      aria-colindex={laid.position}
      style={{ width: laid.width, ...(laid.pinnedAt === null ? {} : { left: laid.pinnedAt }) }}
      onClick={() => onPress(index, laid.position)}
      onDoubleClick={() => onOpen(index, laid.position)}
      className={classNames(
        "flex shrink-0 items-center overflow-hidden border-r px-2 text-13 whitespace-nowrap *:min-w-0 *:grow",
        laid.lastPinned ? "border-line" : "border-line-soft",
        laid.pinnedAt !== null && "sticky z-1",
        isKey && "font-medium",
        column.references && "text-accent-text",
        isStaged ? "bg-amber-soft inset-ring inset-ring-amber" : background,
        cursor === laid.position && "inset-ring-2 inset-ring-accent",
      )}
    >
      <CellValue cell={isStaged ? edit : (row[laid.index] ?? null)} column={column} width={laid.width} />
    </div>
  );
}
