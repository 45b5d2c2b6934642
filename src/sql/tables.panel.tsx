"use client";
import { Eye, Table2 } from "lucide-react";
import { parseAsString, parseAsStringLiteral, useQueryState } from "nuqs";
import { later } from "@/components/later";
import { ObjectList } from "@/components/object-list";
import { QueryError } from "@/components/query-error";
import { GridSkeleton } from "@/components/data-grid/grid-skeleton";
import { EmptyState } from "@/components/ui/states";
import { type SqlEngine, tableHref, tableId } from "@/sql/table-address";
import { TableToolbar } from "@/sql/table-toolbar";
import type { TableSummary } from "@/sql/tables.schema";
import { trpc } from "@/trpc/client";

const loading = () => <GridSkeleton />;
const TableData = later(() => import("@/sql/table-data").then((module) => module.TableData), { loading });
const TableSchemaView = later(() => import("@/sql/table-schema-view").then((module) => module.TableSchemaView), { loading });

interface TablesPanelProps {
  engine: SqlEngine;
  connection: string;
  mayExport: boolean;
}

const VIEWS = ["data", "schema"] as const;

/** Tables at the left, rows or schema of the chosen one beside it. Everything chosen is in the URL. */
export function TablesPanel({ engine, connection, mayExport }: TablesPanelProps) {
  const [name] = useQueryState("table", parseAsString);
  const [schema] = useQueryState("schema", parseAsString);
  const [view, setView] = useQueryState("view", parseAsStringLiteral(VIEWS).withDefault("data"));
  const list = trpc[engine].tables.list.useQuery({ connection }, { staleTime: 30_000 });
  if (list.error && !list.data) return <QueryError className="grow" error={list.error} onRetry={() => void list.refetch()} retrying={list.isFetching} />;
  if (!list.data)
    return (
      <div className="min-h-0 grow">
        <GridSkeleton />
      </div>
    );
  const table = chosen(list.data.tables, name, schema);

  return (
    <div className="flex min-h-0 grow max-md:flex-col">
      <ObjectList
        word="tables"
        objects={inOrder(list.data.tables).map((entry) => ({
          id: tableId(entry),
          group: entry.schema,
          name: entry.name,
          href: tableHref(engine, connection, entry),
          icon: entry.kind.includes("view") ? <Eye /> : <Table2 />,
          count: entry.rowsEstimate,
          countEstimated: !entry.rowsExact,
          bytes: entry.bytes,
          kind: entry.kind.includes("view") ? "view" : undefined,
        }))}
        active={table ? tableId(table) : null}
        totalBytes={list.data.totalBytes}
      />
      <div className="flex min-h-0 min-w-0 grow flex-col">
        {table ? (
          <>
            <TableToolbar
              key={`toolbar ${tableId(table)}`}
              engine={engine}
              connection={connection}
              table={table}
              view={view}
              onView={(next) => void setView(next)}
              mayExport={mayExport}
            />
            {view === "data" ? (
              <TableData key={`rows ${tableId(table)}`} engine={engine} connection={connection} table={table} />
            ) : (
              <TableSchemaView engine={engine} connection={connection} table={table} />
            )}
          </>
        ) : (
          <EmptyState
            className="grow"
            icon={<Table2 aria-hidden />}
            title={name ? `There is no table named ${name}` : list.data.tables.length === 0 ? "This database holds no table" : "Choose a table"}
          >
            {name ? "It may have been dropped or renamed." : "The list at the left has sizes and estimated rows."}
          </EmptyState>
        )}
      </div>
    </div>
  );
}

/** What most people look for stands first. */
function inOrder(tables: readonly TableSummary[]): TableSummary[] {
  return tables.toSorted((a, b) => Number(b.schema === "public") - Number(a.schema === "public"));
}

/** The table of the URL; without one the largest, so that the page never opens empty. */
function chosen(tables: readonly TableSummary[], name: string | null, schema: string | null): TableSummary | undefined {
  if (name !== null) return tables.find((table) => table.name === name && (schema === null || table.schema === schema));
  return tables.toSorted((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0))[0];
}
