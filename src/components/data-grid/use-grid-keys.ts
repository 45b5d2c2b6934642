"use client";

import { type SyntheticEvent, useCallback, useEffect, useRef, useState } from "react";
import type { LaidColumn } from "@/components/data-grid/grid-layout";
import type { GridColumn, GridRow } from "@/components/data-grid/grid-types";

export interface GridCursor {
  row: number;
  /** Place of the column on screen, from 1. */
  position: number;
}

export interface UseGridKeysOptions {
  rows: readonly GridRow[];
  /** In the order of the screen. */
  columns: readonly LaidColumn[];
  selected: number | null;
  onSelect: ((row: number | null) => void) | undefined;
  onEdit: ((row: number, column: GridColumn) => void) | undefined;
  scrollTo: (row: number, position: number) => void;
  focusFilter: () => void;
}

const pageRows = 16;

/** The keyboard's cursor: j k and arrows move, Enter opens, e edits, / filters, Ctrl C copies the cell. An open row follows the cursor. */
export function useGridKeys(options: UseGridKeysOptions) {
  const [cursor, setCursor] = useState<GridCursor | null>(null);
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });

  const press = useCallback((row: number, position: number): void => {
    setCursor({ row, position });
    latest.current.onSelect?.(row);
  }, []);

  const open = useCallback((row: number, position: number): void => {
    const { columns, onEdit } = latest.current;
    const column = columns[position - 1]?.column;
    if (column) onEdit?.(row, column);
  }, []);

  function move(rowBy: number, columnBy: number): void {
    const { rows, columns, selected, onSelect, scrollTo } = latest.current;
    if (rows.length === 0) return;
    const from = cursor ?? { row: selected ?? -1, position: 1 };
    const row = Math.min(rows.length - 1, Math.max(0, from.row + (from.row < 0 ? 1 : rowBy)));
    const position = Math.min(columns.length, Math.max(1, from.position + columnBy));
    setCursor({ row, position });
    scrollTo(row, position);
    if (selected !== null && row !== selected) onSelect?.(row);
  }

  function onKey(key: string, event: SyntheticEvent): void {
    const run = keys()[key];
    if (!run) return;
    event.preventDefault();
    run();
  }

  function keys(): Record<string, (() => void) | undefined> {
    const { rows, selected, onSelect, onEdit } = latest.current;
    const down = (): void => move(1, 0);
    const up = (): void => move(-1, 0);
    const value = cursor ? rows[cursor.row]?.[latest.current.columns[cursor.position - 1]?.index ?? -1] : undefined;
    return {
      j: down,
      ArrowDown: down,
      k: up,
      ArrowUp: up,
      ArrowRight: () => move(0, 1),
      ArrowLeft: () => move(0, -1),
      PageDown: () => move(pageRows, 0),
      PageUp: () => move(-pageRows, 0),
      Home: () => move(0, -latest.current.columns.length),
      End: () => move(0, latest.current.columns.length),
      "Control+Home": () => move(-rows.length, 0),
      "Control+End": () => move(rows.length, 0),
      Enter: cursor ? () => onSelect?.(cursor.row) : undefined,
      " ": cursor ? () => onSelect?.(cursor.row) : undefined,
      Escape: selected === null ? undefined : () => onSelect?.(null),
      e: cursor && onEdit ? () => open(cursor.row, cursor.position) : undefined,
      "/": latest.current.focusFilter,
      // A value of NULL has no text to copy.
      "Control+c": value && !window.getSelection()?.toString() ? () => void navigator.clipboard.writeText(value.text) : undefined,
    };
  }

  return { cursor, press, open, onKey };
}
