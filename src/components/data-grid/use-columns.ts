"use client";

import {
  columnOrderingFeature,
  columnPinningFeature,
  columnResizingFeature,
  columnSizingFeature,
  columnVisibilityFeature,
  createColumnHelper,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { useEffect, useMemo, useRef, useState } from "react";
import { estimateWidth } from "@/components/data-grid/column-width";
import type { HeadActions } from "@/components/data-grid/grid-head-cell";
import type { LaidColumn } from "@/components/data-grid/grid-layout";
import { arrangeColumns, moveColumn } from "@/components/data-grid/grid-preferences";
import { type GridColumn, type GridPreferences, type GridRow, type GridSort, columnIds } from "@/components/data-grid/grid-types";

const features = tableFeatures({ columnSizingFeature, columnResizingFeature, columnVisibilityFeature, columnOrderingFeature, columnPinningFeature });
const helper = createColumnHelper<typeof features, GridRow>();
/** The table holds the columns only; rows are drawn straight from the pages, so a hundred thousand cost nothing here. */
const noRows: GridRow[] = [];

export const widthMin = 48;
export const widthMax = 1_200;

export interface UseColumnsOptions {
  columns: readonly GridColumn[];
  rows: readonly GridRow[];
  preferences: GridPreferences;
  onPreferencesChange: ((preferences: GridPreferences) => void) | undefined;
  sort: readonly GridSort[];
  onSortChange: ((sort: GridSort[]) => void) | undefined;
  /** Width taken at the left by row numbers. */
  offset: number;
  /** Width of the box; pinned columns may take half of it. */
  boxWidth: number;
}

export interface GridColumns {
  pinned: LaidColumn[];
  center: LaidColumn[];
  actions: HeadActions;
}

/** Order, widths, visibility and pinning of the columns. */
export function useColumns(options: UseColumnsOptions): GridColumns {
  const { columns, rows, preferences, onPreferencesChange, sort, onSortChange, offset, boxWidth } = options;
  const [sample, setSample] = useState(rows);
  if (sample.length === 0 && rows.length > 0) setSample(rows);

  const ids = useMemo(() => columnIds(columns), [columns]);
  const definitions = useMemo(
    () =>
      helper.columns(
        columns.map((column, index) =>
          helper.accessor((row) => row[index] ?? null, {
            id: ids[index] ?? column.name,
            size: estimateWidth(column, index, sample),
            minSize: widthMin,
            maxSize: widthMax,
          }),
        ),
      ),
    [columns, ids, sample],
  );
  const [initial] = useState(() => arrangeColumns(ids, preferences, defaultPinned(columns, ids)));
  const table = useTable({
    features,
    columns: definitions,
    data: noRows,
    columnResizeMode: "onChange",
    initialState: {
      columnOrder: initial.order,
      columnVisibility: initial.hidden,
      columnPinning: { start: initial.pinned, end: [] },
      columnSizing: preferences.widths,
    },
  });

  const { columnOrder, columnVisibility, columnPinning, columnSizing, columnResizing } = table.state;
  usePreferences({
    given: preferences,
    own: {
      order: columnOrder,
      hidden: Object.keys(columnVisibility).filter((id) => columnVisibility[id] === false),
      pinned: columnPinning.start,
      widths: columnSizing,
    },
    report: columnResizing.isResizingColumn === false ? onPreferencesChange : undefined,
    apply: (next) => {
      const arranged = arrangeColumns(ids, next, defaultPinned(columns, ids));
      table.setColumnOrder(arranged.order);
      table.setColumnVisibility(arranged.hidden);
      table.setColumnPinning({ start: arranged.pinned, end: [] });
      table.setColumnSizing(next.widths);
    },
  });

  const byId = useMemo(() => new Map(ids.map((id, index) => [id, index])), [ids]);
  const laid = useMemo(() => {
    const place = (id: string, width: number): Omit<LaidColumn, "position" | "pinnedAt" | "lastPinned"> | null => {
      const index = byId.get(id);
      const column = index === undefined ? undefined : columns[index];
      return index === undefined || !column ? null : { id, column, index, width };
    };
    const start = table.getStartVisibleLeafColumns().flatMap((column) => place(column.id, column.getSize()) ?? []);
    const rest = table.getCenterVisibleLeafColumns().flatMap((column) => place(column.id, column.getSize()) ?? []);
    const fits = boxWidth === 0 || start.reduce((sum, { width }) => sum + width, offset) <= boxWidth * 0.6;
    let at = offset;
    const pinned = (fits ? start : []).map((column, index, all) => {
      const pinnedAt = at;
      at += column.width;
      return { ...column, position: index + 1, pinnedAt, lastPinned: index === all.length - 1 };
    });
    const center = (fits ? rest : [...start, ...rest]).map((column, index) => ({
      ...column,
      position: pinned.length + index + 1,
      pinnedAt: null,
      lastPinned: false,
    }));
    return { pinned, center };
    // oxlint-disable-next-line react/exhaustive-deps -- the table is one object for life; what changes is its state
  }, [table, byId, columns, columnOrder, columnVisibility, columnPinning, columnSizing, definitions, boxWidth, offset]);

  const latest = useRef({ columns, rows, sort, onSortChange, laid, byId });
  useEffect(() => {
    latest.current = { columns, rows, sort, onSortChange, laid, byId };
  });
  const sortable = onSortChange !== undefined;
  const actions = useMemo<HeadActions>(() => {
    const columnOf = (id: string): GridColumn | undefined => latest.current.columns[latest.current.byId.get(id) ?? -1];
    const setWidth = (id: string, width: number): void =>
      table.setColumnSizing((old) => ({ ...old, [id]: Math.round(Math.min(widthMax, Math.max(widthMin, width))) }));
    const drop = (id: string, before: string): void => {
      if (!latest.current.byId.has(id)) return;
      table.setColumnOrder((old) => moveColumn(old, id, before));
      table.setColumnPinning((old) => {
        const target = old.start.includes(before);
        if (target && old.start.includes(id)) return { ...old, start: moveColumn(old.start, id, before) };
        if (target) return { ...old, start: old.start.flatMap((entry) => (entry === before ? [id, entry] : [entry])) };
        return { ...old, start: old.start.filter((entry) => entry !== id) };
      });
    };
    return {
      sort: sortable ? (id, how) => latest.current.onSortChange?.(nextSort(latest.current.sort, columnOf(id)?.name ?? id, how)) : null,
      hide: (id) => table.setColumnVisibility((old) => ({ ...old, [id]: false })),
      pin: (id, pinned) =>
        table.setColumnPinning((old) => ({
          ...old,
          start: pinned ? [...old.start.filter((entry) => entry !== id), id] : old.start.filter((entry) => entry !== id),
        })),
      step: (id, by) => {
        const shown = [...latest.current.laid.pinned, ...latest.current.laid.center].map((column) => column.id);
        const neighbour = shown[shown.indexOf(id) + by];
        if (neighbour) drop(id, neighbour);
      },
      drop,
      resize: setWidth,
      fit: (id) => {
        const column = columnOf(id);
        if (column) setWidth(id, estimateWidth(column, latest.current.byId.get(id) ?? 0, latest.current.rows.slice(-60)));
      },
      startResize: (id, event) =>
        table
          .getFlatHeaders()
          .find((header) => header.column.id === id)
          ?.getResizeHandler()(event),
    };
  }, [table, sortable]);
  return { ...laid, actions };
}

/** The primary key stays at the left, else the first column. */
function defaultPinned(columns: readonly GridColumn[], ids: readonly string[]): string[] {
  const keys = columns.flatMap((column, index) => (column.keyPosition ? [{ id: ids[index] ?? column.name, place: column.keyPosition }] : []));
  if (keys.length > 0)
    return keys
      .toSorted((a, b) => a.place - b.place)
      .slice(0, 2)
      .map(({ id }) => id);
  return ids.slice(0, 1);
}

/** Up, down, then none; `add` keeps the other columns. Exported for its test. */
export function nextSort(
  sort: readonly GridSort[],
  column: string,
  { direction, add }: { direction: "asc" | "desc" | "next" | "none"; add: boolean },
): GridSort[] {
  const now = sort.find((entry) => entry.column === column)?.direction;
  const wanted = direction === "next" ? (now === undefined ? "asc" : now === "asc" ? "desc" : "none") : direction;
  if (!add) return wanted === "none" ? [] : [{ column, direction: wanted }];
  if (wanted === "none") return sort.filter((entry) => entry.column !== column);
  return now === undefined ? [...sort, { column, direction: wanted }] : sort.map((entry) => (entry.column === column ? { column, direction: wanted } : entry));
}

interface UsePreferencesOptions {
  /** From the caller. */
  given: GridPreferences;
  /** As the table has them now. */
  own: GridPreferences;
  /** Absent while a column is being dragged. */
  report: ((preferences: GridPreferences) => void) | undefined;
  apply: (preferences: GridPreferences) => void;
}

/** Tells the caller what was arranged, once per change, and takes what the caller arranged elsewhere (the column chooser). */
function usePreferences({ given, own, report, apply }: UsePreferencesOptions): void {
  const ownText = JSON.stringify(own);
  const givenText = JSON.stringify(given);
  const told = useRef(ownText);
  const taken = useRef(givenText);
  const latest = useRef({ report, apply });
  useEffect(() => {
    latest.current = { report, apply };
  });

  useEffect(() => {
    if (taken.current === givenText) return;
    taken.current = givenText;
    if (told.current !== givenText) latest.current.apply(JSON.parse(givenText) as GridPreferences);
  }, [givenText]);

  const ready = report !== undefined;
  useEffect(() => {
    if (!ready || told.current === ownText) return;
    told.current = ownText;
    latest.current.report?.(JSON.parse(ownText) as GridPreferences);
  }, [ownText, ready]);
}
