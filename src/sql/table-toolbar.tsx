"use client";
import { Download } from "lucide-react";
import { parseAsString, useQueryState } from "nuqs";
import { useState } from "react";
import type { ReadableError } from "@/components/query-error";
import { ShellCrumbs } from "@/components/shell/app-shell";
import { IconButton, TextButton } from "@/components/ui/button";
import { Menu } from "@/components/ui/menu";
import { Segmented } from "@/components/ui/segmented";
import { useToast } from "@/components/ui/toast";
import { fetchFile } from "@/lib/fetch-file";
import { formatCount } from "@/lib/format";
import type { SqlEngine } from "@/sql/table-address";
import type { TableSummary } from "@/sql/tables.schema";
import { trpc } from "@/trpc/client";

interface TableToolbarProps {
  engine: SqlEngine;
  connection: string;
  table: TableSummary;
  view: "data" | "schema";
  onView: (view: "data" | "schema") => void;
  mayExport: boolean;
}

/** Name, count (an estimate until asked), data or schema, export of what the filters leave. */
export function TableToolbar({ engine, connection, table, view, onView, mayExport }: TableToolbarProps) {
  const full = engine === "sqlite" ? table.name : `${table.schema}.${table.name}`;
  return (
    <div className="flex min-h-11 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-surface px-4 py-1.5">
      <ShellCrumbs crumbs={[{ label: full }]} />
      <h1 className="min-w-0 truncate text-14 font-semibold">{full}</h1>
      <RowCount engine={engine} connection={connection} table={table} />
      <span className="ml-auto flex items-center gap-2">
        <Segmented
          label="Show"
          name="view"
          value={view}
          onChange={onView}
          options={[
            { value: "data", label: "Data" },
            { value: "schema", label: "Schema" },
          ]}
        />
        <span id="table-columns" />
        {mayExport ? <ExportMenu engine={engine} connection={connection} table={table} /> : null}
      </span>
    </div>
  );
}

function RowCount({ engine, connection, table }: Pick<TableToolbarProps, "engine" | "connection" | "table">) {
  const [filters] = useQueryState("filters", parseAsString);
  const [asked, setAsked] = useState<string | null>(null);
  const filtered = filters !== null && filters !== "[]";
  const wanted = asked === (filters ?? "");
  const count = trpc[engine].tables.count.useQuery(
    { connection, schema: table.schema, name: table.name, ...(filters ? { filters } : {}) },
    { enabled: wanted, staleTime: Number.POSITIVE_INFINITY, trpc: { abortOnUnmount: true } },
  );
  const utilities = trpc.useUtils();
  if (wanted && count.isFetching) {
    return (
      <span className="flex items-center gap-2 text-12 text-fg-2">
        counting
        <TextButton
          onClick={() => {
            void utilities[engine].tables.count.cancel();
            setAsked(null);
          }}
        >
          Stop
        </TextButton>
      </span>
    );
  }
  if (wanted && count.data) {
    const words = count.data.exact ? `${formatCount(count.data.count)} rows` : "too many to count in time";
    return (
      <span className="text-12 text-fg-2">
        {words}
        {filtered ? " match" : ""}
      </span>
    );
  }
  return (
    <span className="flex items-center gap-2 text-12 text-fg-2">
      {filtered ? "filtered" : table.rowsEstimate === null ? "rows not known" : `${formatCount(table.rowsEstimate, { estimated: !table.rowsExact })} rows`}
      <TextButton onClick={() => setAsked(filters ?? "")}>Count exactly</TextButton>
    </span>
  );
}

const FORMATS = [
  { format: "csv", label: "CSV" },
  { format: "csv-spreadsheet", label: "CSV for spreadsheets, formulas as text" },
  { format: "sql", label: "SQL" },
  { format: "jsonl", label: "JSON lines" },
] as const;

function ExportMenu({ engine, connection, table }: Pick<TableToolbarProps, "engine" | "connection" | "table">) {
  const [filters] = useQueryState("filters", parseAsString);
  const toast = useToast();
  const utilities = trpc.useUtils();
  const exportAs = async (format: (typeof FORMATS)[number]["format"]) => {
    try {
      fetchFile(
        await utilities.client[engine].tables.export.query({ connection, schema: table.schema, name: table.name, format, ...(filters ? { filters } : {}) }),
      );
      toast({ title: `Exporting ${table.name}`, detail: "The browser saves it; a download that breaks is not whole." });
    } catch (error) {
      const { message, data } = error as ReadableError;
      toast({ title: message, detail: data?.fix, tone: "red" });
    }
  };
  return (
    <Menu
      align="end"
      trigger={
        <IconButton label={`Export ${table.name}`} outline>
          <Download aria-hidden />
        </IconButton>
      }
      items={[
        { heading: filters && filters !== "[]" ? "Export the filtered rows" : "Export all rows" },
        ...FORMATS.map(({ format, label }) => ({ label, onSelect: () => void exportAs(format) })),
      ]}
    />
  );
}
