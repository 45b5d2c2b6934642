"use client";

import { type Virtualizer, useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useCallback, useEffect, useId, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { GridBody } from "@/components/data-grid/grid-body";
import { FilterCell } from "@/components/data-grid/grid-filter-cell";
import { HeadCell } from "@/components/data-grid/grid-head-cell";
import { type GridLayout, gridSizes } from "@/components/data-grid/grid-layout";
import { cellId } from "@/components/data-grid/grid-row";
import { GridSkeleton } from "@/components/data-grid/grid-skeleton";
import {
  type GridCell,
  type GridColumn,
  type GridFilter,
  type GridPreferences,
  type GridRow,
  type GridSort,
  noPreferences,
} from "@/components/data-grid/grid-types";
import { useColumns } from "@/components/data-grid/use-columns";
import { useGridKeys } from "@/components/data-grid/use-grid-keys";
import { keyName } from "@/components/shell/shortcuts";

export interface DataGridProps {
  /** "Rows of public.orders", read aloud. */
  label: string;
  columns: readonly GridColumn[];
  /** All pages so far, in order. Rows are known by their index. */
  rows: readonly GridRow[];
  /** Rows in all when that is known exactly. */
  rowCount?: number | null;
  /** The first page is not there yet. */
  loading?: boolean;
  loadingMore?: boolean;
  hasMore?: boolean;
  /** Called near the end of what is loaded. */
  onLoadMore?: () => void;
  /** The open row. */
  selected?: number | null;
  onSelect?: (row: number | null) => void;
  /** Press of `e` or a double click: edit this cell. */
  onEdit?: ((row: number, column: GridColumn) => void) | undefined;
  /** Edits not saved yet, under `stagedKey(row, column)`. */
  staged?: ReadonlyMap<string, GridCell>;
  sort?: readonly GridSort[];
  onSortChange?: (sort: GridSort[]) => void;
  filters?: readonly GridFilter[];
  /** The filter row is shown when this is given. */
  onFiltersChange?: (filters: GridFilter[]) => void;
  preferences?: GridPreferences;
  onPreferencesChange?: (preferences: GridPreferences) => void;
  /** A column of row numbers at the left: results of queries. */
  numbered?: boolean;
  /** Replaces the rows: empty, failed, not connected. The head stays. */
  body?: ReactNode;
  /** The line of 32 px below. */
  foot?: ReactNode;
}

const nothing = (): (() => void) => () => {};

/**
 * Rows and columns of any number: only what is in sight is in the page. Sizes are set by style after mounting,
 * so what the server sends is the skeleton.
 */
export function DataGrid(props: DataGridProps) {
  const mounted = useSyncExternalStore(
    nothing,
    () => true,
    () => false,
  );
  const { columns, loading = false, foot } = props;
  // Other columns are another grid: nothing of the old arrangement fits.
  const signature = JSON.stringify(columns.map(({ name, type, family, keyPosition }) => [name, type, family, keyPosition]));
  const [stable, setStable] = useState({ signature, columns });
  if (stable.signature !== signature) setStable({ signature, columns });
  const ready = mounted && columns.length > 0 && stable.signature === signature;
  return (
    <div className="flex min-h-0 min-w-0 grow flex-col">
      {ready ? <Grid key={signature} {...props} columns={stable.columns} /> : loading || !mounted ? <GridSkeleton /> : props.body}
      {foot ? <div className="flex min-h-8 shrink-0 flex-wrap items-center gap-x-4 border-t border-line bg-surface px-4 text-12 text-fg-3">{foot}</div> : null}
    </div>
  );
}

const noSort: readonly GridSort[] = [];
const noFilters: readonly GridFilter[] = [];

function Grid(props: DataGridProps) {
  const {
    label,
    columns,
    rows,
    rowCount = null,
    loading = false,
    loadingMore = false,
    hasMore = false,
    onLoadMore,
    selected = null,
    onSelect,
    onEdit,
    staged,
    body,
  } = props;
  const { sort = noSort, filters = noFilters, onFiltersChange, numbered = false } = props;
  const gridId = useId();
  const box = useRef<HTMLDivElement>(null);
  const [boxWidth, setBoxWidth] = useState(0);
  const offset = numbered ? gridSizes.numbers : 0;
  const headHeight = gridSizes.head + (onFiltersChange ? gridSizes.filters : 0);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setBoxWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const { pinned, center, actions } = useColumns({
    columns,
    rows,
    preferences: props.preferences ?? noPreferences,
    onPreferencesChange: props.onPreferencesChange,
    sort,
    onSortChange: props.onSortChange,
    offset,
    boxWidth,
  });

  const pinnedWidth = pinned.reduce((sum, { width }) => sum + width, offset);
  const rowList = useRef<Virtualizer<HTMLDivElement, Element>>(null);
  // oxlint-disable-next-line react/incompatible-library -- the React Compiler is not used, and the list is not memoized
  const columnList = useVirtualizer({
    horizontal: true,
    count: center.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => center[index]?.width ?? 100,
    overscan: 3,
    scrollMargin: pinnedWidth,
    scrollPaddingStart: pinnedWidth,
  });
  const widths = center.map(({ width }) => width).join();
  useEffect(() => columnList.measure(), [columnList, widths]);

  const columnItems = columnList.getVirtualItems();
  const firstColumn = columnItems[0];
  const lastColumn = columnItems.at(-1);
  const from = firstColumn?.index ?? 0;
  const to = lastColumn?.index ?? -1;
  const layout = useMemo<GridLayout>(() => {
    const sum = (list: typeof center): number => list.reduce((all, { width }) => all + width, 0);
    return {
      pinned,
      center: center.slice(from, to + 1),
      padLeft: sum(center.slice(0, from)),
      padRight: sum(center.slice(to + 1)),
      width: pinnedWidth + sum(center),
      columnCount: pinned.length + center.length,
    };
  }, [pinned, center, from, to, pinnedWidth]);

  const scrollTo = useCallback(
    (row: number, position: number): void => {
      rowList.current?.scrollToIndex(row);
      const index = position - pinned.length - 1;
      if (index >= 0) columnList.scrollToIndex(index);
      else columnList.scrollToOffset(0);
    },
    [columnList, pinned.length],
  );
  const keys = useGridKeys({ rows, columns: [...pinned, ...center], selected, onSelect, onEdit, scrollTo, focusFilter: () => focusFirstFilter(box.current) });
  const { cursor, press, open } = keys;
  const latest = useRef({ filters, onFiltersChange });
  useEffect(() => {
    latest.current = { filters, onFiltersChange };
  });
  const changeFilter = useCallback((column: string, next: GridFilter | null): void => {
    const others = latest.current.filters.filter((entry) => entry.column !== column);
    latest.current.onFiltersChange?.(next ? [...others, next] : others);
  }, []);
  const hasRows = rows.length > 0 && body === undefined;

  return (
    <div
      ref={box}
      role="grid"
      aria-label={label}
      aria-rowcount={rowCount === null ? -1 : rowCount + 1}
      aria-colcount={layout.columnCount}
      aria-busy={loading || loadingMore}
      aria-activedescendant={cursor && hasRows ? cellId(gridId, cursor.row, cursor.position) : undefined}
      tabIndex={0}
      data-grid
      onKeyDown={(event: KeyboardEvent) => event.target === event.currentTarget && keys.onKey(keyName(event.nativeEvent), event)}
      className="relative flex min-h-0 grow flex-col overflow-auto bg-surface outline-offset-[-2px]"
    >
      <div role="rowgroup" style={{ width: layout.width }} className="sticky top-0 z-4 min-w-full shrink-0 bg-sunken">
        <div role="row" aria-rowindex={1} className="flex h-[46px] border-b border-line bg-sunken">
          {numbered ? <NumberHead height="head" /> : null}
          {layout.pinned.map((laid) => (
            <HeadCell key={laid.id} laid={laid} sort={sort} actions={actions} />
          ))}
          <span aria-hidden="true" style={{ width: layout.padLeft }} className="shrink-0" />
          {layout.center.map((laid) => (
            <HeadCell key={laid.id} laid={laid} sort={sort} actions={actions} />
          ))}
        </div>
        {onFiltersChange ? (
          <div role="row" className="flex h-[34px] border-b border-line bg-surface">
            {numbered ? <NumberHead height="filters" /> : null}
            {[...layout.pinned, null, ...layout.center].map((laid) =>
              laid === null ? (
                <span key="pad" aria-hidden="true" style={{ width: layout.padLeft }} className="shrink-0" />
              ) : (
                <FilterCell key={laid.id} laid={laid} filter={filters.find((entry) => entry.column === laid.column.name)} onChange={changeFilter} />
              ),
            )}
          </div>
        ) : null}
      </div>
      {body === undefined ? (
        loading && rows.length === 0 ? (
          <GridSkeleton head={false} columns={Math.max(3, Math.min(columns.length, 8))} />
        ) : (
          <GridBody
            {...{ gridId, box, rowList, rows, layout, selected, cursor, numbered, staged, loadingMore, headHeight }}
            onPress={press}
            onOpen={open}
            onNearEnd={hasMore && !loadingMore && !loading ? onLoadMore : undefined}
          />
        )
      ) : (
        <div role="rowgroup" className="sticky left-0 flex min-h-0 w-full grow flex-col">
          <div role="row" className="flex min-h-0 grow flex-col">
            <div role="gridcell" aria-colspan={layout.columnCount} className="flex min-h-0 grow flex-col justify-center">
              {body}
            </div>
          </div>
        </div>
      )}
    </div>
  );
}

function NumberHead({ height }: { height: "head" | "filters" }) {
  return (
    <span
      role="columnheader"
      aria-label="Row number"
      style={{ width: gridSizes.numbers }}
      className="sticky left-0 z-3 flex shrink-0 items-center justify-end border-r border-line bg-sunken pr-2 text-12 text-fg-3"
    >
      {height === "head" ? "#" : ""}
    </span>
  );
}

function focusFirstFilter(box: HTMLElement | null): void {
  box?.querySelector<HTMLElement>("[data-filter]")?.focus();
}
