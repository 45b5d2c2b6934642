"use client";
import { skipToken, useInfiniteQuery } from "@tanstack/react-query";
import { useQueryStates } from "nuqs";
import { useMemo, useState } from "react";
import { createPortal } from "react-dom";
import { GridSkeleton } from "@/components/data-grid/grid-skeleton";
import { type GridPreferences, noPreferences } from "@/components/data-grid/grid-types";
import { later } from "@/components/later";
import { QueryError } from "@/components/query-error";
import { Kbd } from "@/components/ui/kbd";
import { Button } from "@/components/ui/button";
import { EmptyState } from "@/components/ui/states";
import { formatCount, formatElapsed } from "@/lib/format";
import { copyRow } from "@/sql/copy-row";
import { type SqlEngine, tableHref } from "@/sql/table-address";
import { tableState } from "@/sql/table-state";
import type { Cell, Column, TableSummary } from "@/sql/tables.schema";
import { trpc } from "@/trpc/client";

const DataGrid = later(() => import("@/components/data-grid/data-grid").then((module) => module.DataGrid), { loading: () => <GridSkeleton /> });
const RowInspector = later(() => import("@/components/data-grid/row-inspector").then((module) => module.RowInspector));
const ColumnChooser = later(() => import("@/components/data-grid/column-chooser").then((module) => module.ColumnChooser));

interface TableDataProps {
  engine: SqlEngine;
  connection: string;
  table: TableSummary;
}

/** Rows of one table, page by page as one scrolls; filters, order and the open row are in the URL. */
export function TableData({ engine, connection, table }: TableDataProps) {
  const [{ filters, sort, row }, setState] = useQueryStates(tableState, { history: "replace" });
  const [preferences, setPreferences, version] = usePreferences(`${engine}/${connection}/${table.schema}.${table.name}`);
  const pages = useRows({ engine, connection, table, filters: JSON.stringify(filters), sort: JSON.stringify(sort) });
  const loaded = pages.data?.pages ?? [];
  const first = loaded[0];
  const rows = useMemo(() => (pages.data?.pages ?? []).flatMap((page) => page.rows), [pages.data]);
  const keys = useMemo(() => (pages.data?.pages ?? []).flatMap((page) => page.keys), [pages.data]);
  const selected = row === null ? -1 : keys.indexOf(row);
  const select = (index: number | null) => void setState({ row: index === null ? null : (keys[index] ?? null) });
  const failed = pages.error && !first;

  return (
    <div className="flex min-h-0 grow">
      <div className="flex min-h-0 min-w-0 grow flex-col">
        <DataGrid
          key={version}
          label={`Rows of ${table.name}`}
          columns={first?.columns ?? []}
          rows={rows}
          rowCount={pages.hasNextPage ? null : rows.length}
          loading={pages.isPending}
          loadingMore={pages.isFetchingNextPage}
          hasMore={pages.hasNextPage}
          onLoadMore={() => void pages.fetchNextPage()}
          selected={selected < 0 ? null : selected}
          onSelect={select}
          sort={sort}
          onSortChange={(next) => void setState({ sort: next, row: null })}
          filters={filters}
          onFiltersChange={(next) => void setState({ filters: next, row: null })}
          preferences={preferences}
          onPreferencesChange={setPreferences}
          body={
            failed ? (
              <QueryError
                error={pages.error}
                onRetry={() => void pages.refetch()}
                retrying={pages.isFetching}
                actions={filters.length > 0 ? <Button onClick={() => void setState({ filters: [] })}>Clear filters</Button> : null}
              />
            ) : first && rows.length === 0 ? (
              <NoRows table={table} filtered={filters.length} onClear={() => void setState({ filters: [] })} />
            ) : undefined
          }
          foot={
            first ? (
              <Foot
                count={rows.length}
                elapsedMs={loaded.at(-1)?.elapsedMs ?? 0}
                pagedBy={first.pagedBy}
                more={pages.hasNextPage}
                error={first ? pages.error : null}
                onRetry={() => void pages.fetchNextPage()}
              />
            ) : (
              <span>&nbsp;</span>
            )
          }
        />
        {first ? (
          <ColumnsPortal>
            <ColumnChooser columns={first.columns} preferences={preferences} onPreferencesChange={(next) => setPreferences(next, true)} />
          </ColumnsPortal>
        ) : null}
      </div>
      {first && selected >= 0 && rows[selected] && row !== null ? (
        <div className="flex w-75 shrink-0 border-l border-line max-lg:absolute max-lg:inset-y-0 max-lg:right-0 max-lg:z-20 max-lg:w-full max-lg:max-w-90 max-lg:shadow-float">
          <OpenRow
            key={row}
            engine={engine}
            connection={connection}
            table={table}
            columns={first.columns}
            row={rows[selected]}
            rowKey={row}
            onClose={() => select(null)}
            onPrevious={selected > 0 ? () => select(selected - 1) : undefined}
            onNext={selected < rows.length - 1 ? () => select(selected + 1) : undefined}
          />
        </div>
      ) : null}
    </div>
  );
}

function useRows({ engine, connection, table, filters, sort }: TableDataProps & { filters: string; sort: string }) {
  const utilities = trpc.useUtils();
  const input = { connection, schema: table.schema, name: table.name, filters, sort, limit: 100 };
  return useInfiniteQuery({
    queryKey: [engine, "tables", "rows", input],
    queryFn:
      typeof window === "undefined"
        ? skipToken
        : ({ pageParam, signal }) => utilities.client[engine].tables.rows.query({ ...input, ...(pageParam ? { after: pageParam } : {}) }, { signal }),
    initialPageParam: "",
    getNextPageParam: (last) => last.nextCursor,
    staleTime: 10_000,
  });
}

/** The chooser stands in the toolbar, its state lives here. */
function ColumnsPortal({ children }: { children: React.ReactNode }) {
  const place = typeof document === "undefined" ? null : document.querySelector("#table-columns");
  return place ? createPortal(children, place) : null;
}

function NoRows({ table, filtered, onClear }: { table: TableSummary; filtered: number; onClear: () => void }) {
  if (filtered === 0) return <EmptyState title="This table has no rows" />;
  return (
    <EmptyState title={`No row matches the ${filtered === 1 ? "filter" : `${filtered} filters`}`} action={<Button onClick={onClear}>Clear filters</Button>}>
      {table.rowsEstimate === null ? null : `The table has about ${formatCount(table.rowsEstimate)} rows without ${filtered === 1 ? "it" : "them"}.`}
    </EmptyState>
  );
}

interface FootProps {
  count: number;
  elapsedMs: number;
  pagedBy: string | null;
  more: boolean;
  error: { message: string } | null;
  onRetry: () => void;
}

function Foot({ count, elapsedMs, pagedBy, more, error, onRetry }: FootProps) {
  return (
    <>
      <span>
        {count === 0 ? "No rows" : `Rows 1 to ${formatCount(count)}`}
        {more || count === 0 ? "" : ", all"}
      </span>
      <span>{formatElapsed(elapsedMs)}</span>
      <span>{pagedBy === null ? "only the first rows: nothing to page by" : `pages by ${pagedBy}`}</span>
      {error ? (
        <button type="button" className="font-medium text-red-text" onClick={onRetry}>
          {error.message}, try again
        </button>
      ) : null}
      <span className="ml-auto hidden items-center gap-1.5 lg:flex">
        <Kbd>j</Kbd>
        <Kbd>k</Kbd> move <Kbd>Enter</Kbd> open
      </span>
    </>
  );
}

interface OpenRowProps extends TableDataProps {
  columns: Column[];
  row: Cell[];
  rowKey: string;
  onClose: () => void;
  onPrevious: (() => void) | undefined;
  onNext: (() => void) | undefined;
}

function OpenRow({ engine, connection, table, columns, row, rowKey, onClose, onPrevious, onNext }: OpenRowProps) {
  const utilities = trpc.useUtils();
  const whole = async (column: string): Promise<Cell> =>
    (await utilities.client[engine].tables.cell.query({ connection, schema: table.schema, name: table.name, key: rowKey, column })).cell;
  const keyText = columns.flatMap((column, index) => (column.keyPosition ? [row[index]?.text ?? "NULL"] : [])).join(", ");
  return (
    <RowInspector
      title={`${table.name} ${keyText}`.trim()}
      columns={columns}
      row={row}
      onClose={onClose}
      onPrevious={onPrevious}
      onNext={onNext}
      copyAs={async (format) =>
        copyRow({
          format,
          table,
          columns,
          cells: await Promise.all(row.map((cell, index) => (cell?.length === undefined ? Promise.resolve(cell) : whole(columns[index]?.name ?? "")))),
        })
      }
      onLoadWhole={(column) => whole(column.name)}
      hrefOf={(column, cell) => {
        if (!column.references || cell === null) return null;
        const filter = JSON.stringify([{ column: column.references.column, operator: "=", values: [cell.text] }]);
        return `${tableHref(engine, connection, { schema: column.references.schema, name: column.references.table })}${column.references.column ? `&filters=${encodeURIComponent(filter)}` : ""}`;
      }}
    />
  );
}

/** Widths, order, pins and hidden columns, kept in this browser per table. `version` changes when the grid must take them anew. */
function usePreferences(table: string): [GridPreferences, (next: GridPreferences, retake?: boolean) => void, number] {
  const key = `grid:${table}`;
  const [version, setVersion] = useState(0);
  const [preferences, setPreferences] = useState<GridPreferences>(() => {
    if (typeof window === "undefined") return noPreferences;
    try {
      return { ...noPreferences, ...(JSON.parse(window.localStorage.getItem(key) ?? "{}") as Partial<GridPreferences>) };
    } catch {
      return noPreferences;
    }
  });
  const store = (next: GridPreferences, retake = false) => {
    setPreferences(next);
    if (retake) setVersion((before) => before + 1);
    try {
      window.localStorage.setItem(key, JSON.stringify(next));
    } catch {
      // A full or forbidden storage only means that the widths are not remembered.
    }
  };
  return [preferences, store, version];
}
