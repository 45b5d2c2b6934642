"use client";
import { Braces, Download, PanelRight, Table2 } from "lucide-react";
import { useQueryStates } from "nuqs";
import { useState } from "react";
import { Badge } from "@/components/ui/badge";
import { IconButton, TextButton } from "@/components/ui/button";
import { Menu } from "@/components/ui/menu";
import { Segmented } from "@/components/ui/segmented";
import { formatBytes, formatCounted } from "@/lib/format";
import { trpc } from "@/trpc/client";
import type { CollectionSummary } from "./collections.panel";
import { collectionsState, findInput, type CollectionAddress } from "./collections.state";
import { useExport } from "./use-export";

interface CollectionToolbarProps {
  address: CollectionAddress;
  summary: CollectionSummary;
  mayExport: boolean;
}

const WORDS = { one: "document", many: "documents" };

/** Name, count (an estimate until asked), what is shown of the collection and how, export of what the filter leaves. */
export function CollectionToolbar({ address, summary, mayExport }: CollectionToolbarProps) {
  const [{ view, as, beside, filter }, setState] = useQueryStates(collectionsState.parsers);
  return (
    <div className="flex min-h-11 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-surface px-4 py-1.5">
      <h1 className="min-w-0 truncate text-14 font-semibold" title={summary.bytes === null ? summary.name : `${summary.name}, ${formatBytes(summary.bytes)}`}>
        {summary.name}
      </h1>
      {summary.viewOn ? <Badge>view of {summary.viewOn}</Badge> : summary.kind === "timeseries" ? <Badge>time series</Badge> : null}
      <DocumentCount key={filter} address={address} summary={summary} filter={filter} />
      <span className="ml-auto flex flex-wrap items-center gap-2">
        <Segmented
          label="Show"
          name="view"
          value={view}
          onChange={(next) => void setState({ view: next }, { history: "push" })}
          options={[
            { value: "documents", label: "Documents" },
            { value: "schema", label: "Schema" },
            { value: "indexes", label: "Indexes" },
          ]}
        />
        {view === "documents" ? (
          <>
            <Segmented
              label="Documents as"
              name="as"
              value={as}
              onChange={(next) => void setState({ as: next, document: null })}
              options={[
                { value: "table", label: <Table2 aria-hidden />, name: "Table" },
                { value: "tree", label: <Braces aria-hidden />, name: "Tree" },
              ]}
            />
            <IconButton
              label={beside ? "Hide the schema" : "Show the schema beside"}
              size="sm"
              aria-pressed={beside}
              className="max-lg:hidden"
              onClick={() => void setState({ beside: !beside })}
            >
              <PanelRight aria-hidden />
            </IconButton>
          </>
        ) : null}
        {mayExport ? <ExportMenu address={address} filter={filter} /> : null}
      </span>
    </div>
  );
}

function DocumentCount({ address, summary, filter }: { address: CollectionAddress; summary: CollectionSummary; filter: string }) {
  const [wanted, setWanted] = useState(false);
  const utilities = trpc.useUtils();
  const input = { ...address, ...findInput({ filter, sort: "", projection: "" }) };
  const filtered = filter.trim() !== "" && filter.replace(/\s/g, "") !== "{}";
  const count = trpc.mongodb.collections.count.useQuery(input, { enabled: wanted, staleTime: Number.POSITIVE_INFINITY, trpc: { abortOnUnmount: true } });
  const stop = (): void => {
    setWanted(false);
    void utilities.mongodb.collections.count.cancel(input);
  };
  if (wanted && count.isFetching) {
    return (
      <span role="status" className="flex items-center gap-2 text-12 text-fg-2">
        counting
        <TextButton onClick={stop}>Stop</TextButton>
      </span>
    );
  }
  if (wanted && count.data) {
    const { count: found, exact } = count.data;
    const words = exact && found !== null ? formatCounted(found, WORDS) : "too many to count in time";
    return (
      <span role="status" className="text-12 text-fg-2">
        {words}
        {filtered && exact ? " match" : ""}
      </span>
    );
  }
  return (
    <span className="flex items-center gap-2 text-12 text-fg-2">
      {wanted && count.error ? (
        <span className="text-red-text">{count.error.message}</span>
      ) : filtered ? (
        "filtered"
      ) : summary.count === null ? (
        "documents not known"
      ) : (
        formatCounted(summary.count, WORDS, { estimated: true })
      )}
      <TextButton onClick={() => (wanted ? void count.refetch() : setWanted(true))}>Count exactly</TextButton>
    </span>
  );
}

function ExportMenu({ address, filter }: { address: CollectionAddress; filter: string }) {
  const run = useExport(address);
  const filtered = filter.trim() !== "";
  const input = findInput({ filter, sort: "", projection: "" });
  return (
    <Menu
      align="end"
      trigger={
        <IconButton label="Export" outline>
          <Download aria-hidden />
        </IconButton>
      }
      items={[
        { heading: filtered ? "Export the documents that match" : "Export all documents" },
        { label: "Canonical EJSON", hint: "every type kept", onSelect: () => void run({ ...input, format: "canonical" }) },
        { label: "Relaxed EJSON", hint: "easier to read", onSelect: () => void run({ ...input, format: "relaxed" }) },
      ]}
    />
  );
}
