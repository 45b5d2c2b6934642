import type { GridColumn } from "@/components/data-grid/grid-types";

/** A column where it stands. */
export interface LaidColumn {
  id: string;
  column: GridColumn;
  /** Place of its cell in a row of data. */
  index: number;
  /** Place on screen from 1, for aria-colindex. */
  position: number;
  width: number;
  /** Distance from the left edge when it stays there, else null. */
  pinnedAt: number | null;
  lastPinned: boolean;
}

export interface GridLayout {
  pinned: readonly LaidColumn[];
  /** Only those in sight. */
  center: readonly LaidColumn[];
  /** Room for those that are not. */
  padLeft: number;
  padRight: number;
  width: number;
  columnCount: number;
}

export const gridSizes = { head: 46, filters: 34, row: 32, numbers: 40 } as const;
