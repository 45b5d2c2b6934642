"use client";

import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useCallback, useEffect, useId, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { FilterCell } from "@/components/data-grid/grid-filter-cell";
import { HeadCell } from "@/components/data-grid/grid-head-cell";
import { type GridLayout, gridSizes } from "@/components/data-grid/grid-layout";
import { GridBodyRow, cellId } from "@/components/data-grid/grid-row";
import { GridSkeleton } from "@/components/data-grid/grid-skeleton";
import { type GridCell, type GridColumn, type GridFilter, type GridPreferences, type GridRow, type GridSort, noPreferences } from "@/components/data-grid/grid-types";
import { useColumns } from "@/components/data-grid/use-columns";
import { useGridKeys } from "@/components/data-grid/use-grid-keys";
import { keyName } from "@/components/shell/shortcuts";
import { Skeleton } from "@/components/ui/skeleton";

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
  const mounted = useSyncExternalStore(nothing, () => true, () => false);
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

const loadAhead = 40;
const noSort: readonly GridSort[] = [];
const noFilters: readonly GridFilter[] = [];

function Grid(props: DataGridProps) {
  const { label, columns, rows, rowCount = null, loading = false, loadingMore = false, hasMore = false, onLoadMore, selected = null, onSelect, onEdit, staged, body } = props;
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
  const rowList = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => gridSizes.row,
    overscan: 12,
    scrollPaddingStart: headHeight,
    scrollPaddingEnd: gridSizes.row,
  });
  const columnList = useVirtualizer({
    horizontal: true,
    count: center.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => center[index]?.width ?? 100,
    overscan: 4,
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

  const rowItems = rowList.getVirtualItems();
  const lastRow = rowItems.at(-1)?.index ?? -1;
  useEffect(() => {
    if (hasMore && !loadingMore && !loading && rows.length > 0 && lastRow >= rows.length - loadAhead) onLoadMore?.();
  }, [hasMore, loadingMore, loading, rows.length, lastRow, onLoadMore]);

  const scrollTo = useCallback(
    (row: number, position: number): void => {
      rowList.scrollToIndex(row);
      const index = position - pinned.length - 1;
      if (index >= 0) columnList.scrollToIndex(index);
    },
    [rowList, columnList, pinned.length],
  );
  const keys = useGridKeys({ rows, columns: [...pinned, ...center], selected, onSelect, onEdit, scrollTo, focusFilter: () => focusFirstFilter(box.current) });
  const { cursor, press, open } = keys;
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
                <FilterCell
                  key={laid.id}
                  laid={laid}
                  filter={filters.find((entry) => entry.column === laid.column.name)}
                  onChange={(next) => onFiltersChange([...filters.filter((entry) => entry.column !== laid.column.name), ...(next ? [next] : [])])}
                />
              ),
            )}
          </div>
        ) : null}
      </div>
      {body === undefined ? (
        loading && rows.length === 0 ? (
          <GridSkeleton head={false} columns={Math.max(3, Math.min(columns.length, 8))} />
        ) : (
          <div role="rowgroup" style={{ height: rowList.getTotalSize() + (loadingMore ? 3 * gridSizes.row : 0), width: layout.width }} className="relative min-w-full shrink-0">
            {rowItems.map((item) => (
              <GridBodyRow
                key={item.key}
                gridId={gridId}
                index={item.index}
                top={item.start}
                row={rows[item.index] ?? []}
                layout={layout}
                selected={item.index === selected}
                cursor={cursor?.row === item.index ? cursor.position : 0}
                numbered={numbered}
                staged={staged}
                onPress={press}
                onOpen={open}
              />
            ))}
            {loadingMore ? <MoreRows top={rowList.getTotalSize()} /> : null}
          </div>
        )
      ) : (
        <div className="sticky left-0 flex min-h-0 w-full grow flex-col justify-center">{body}</div>
      )}
    </div>
  );
}

function NumberHead({ height }: { height: "head" | "filters" }) {
  return (
    <span role="columnheader" aria-label="Row number" style={{ width: gridSizes.numbers }} className="sticky left-0 z-3 flex shrink-0 items-center justify-end border-r border-line bg-sunken pr-2 text-12 text-fg-3">
      {height === "head" ? "#" : ""}
    </span>
  );
}

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

function focusFirstFilter(box: HTMLElement | null): void {
  box?.querySelector<HTMLElement>("[data-filter]")?.focus();
}
