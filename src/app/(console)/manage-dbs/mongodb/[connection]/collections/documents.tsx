"use client";
import { useQueryStates } from "nuqs";
import { GridSkeleton } from "@/components/data-grid/grid-skeleton";
import { later } from "@/components/later";
import { QueryError } from "@/components/query-error";
import { Button } from "@/components/ui/button";
import { Kbd } from "@/components/ui/kbd";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import { formatCount, formatElapsed } from "@/lib/format";
import type { CollectionSummary } from "./collections.panel";
import { collectionsState, type CollectionAddress, type Find } from "./collections.state";
import { DocumentCards } from "./document-cards";
import { FindBar } from "./find-bar";
import { findErrorOf } from "./find-error";
import { SchemaColumn } from "./schema-column";
import { DOCUMENTS_HELD_MAX, useDocuments } from "./use-documents";

const DocumentsTable = later(() => import("./documents-table").then((module) => module.DocumentsTable), { loading: () => <GridSkeleton /> });

interface DocumentsProps {
  address: CollectionAddress;
  summary: CollectionSummary;
  mayExport: boolean;
}

/** Documents of one collection that a filter leaves, in order, as cards or as a table. */
export function Documents({ address, summary, mayExport }: DocumentsProps) {
  const [{ as, beside, filter, sort, projection }, setState] = useQueryStates(collectionsState.parsers);
  const find = { filter, sort, projection };
  const pages = useDocuments(address, find, as);
  const { query, documents, last } = pages;
  const refused = findErrorOf(query.error, find);
  const ask = (next: Find): void => {
    if (next.filter === filter && next.sort === sort && next.projection === projection) void query.refetch();
    else void setState({ ...next, document: null }, { history: "push" });
  };
  return (
    <div className="flex min-h-0 grow">
      <div className="flex min-h-0 min-w-0 grow flex-col">
        <FindBar
          place={{ database: address.database, collection: address.collection, as, beside: String(beside) }}
          find={find}
          onFind={ask}
          error={refused}
          busy={query.isFetching && !query.isFetchingNextPage}
        />
        {refused && !last ? (
          <EmptyState className="grow" title={`The ${refused.field} was not used`}>
            Nothing was asked of the server. What to mend stands under the field.
          </EmptyState>
        ) : query.error && !last ? (
          <QueryError className="grow" error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />
        ) : !last ? (
          as === "tree" ? (
            <LinesSkeleton lines={14} />
          ) : (
            <GridSkeleton />
          )
        ) : documents.length === 0 ? (
          <Nothing summary={summary} filtered={filter.trim() !== ""} onClear={() => ask({ ...find, filter: "" })} />
        ) : as === "tree" ? (
          <DocumentCards address={address} pages={pages} mayExport={mayExport} />
        ) : (
          <DocumentsTable address={address} pages={pages} sort={sort} onSort={(next) => ask({ ...find, sort: next })} />
        )}
        {last ? (
          <div className="flex min-h-8 shrink-0 flex-wrap items-center gap-x-4 border-t border-line bg-surface px-4 text-12 text-fg-3">
            <span role="status">{documents.length === 0 ? "No documents" : `1 to ${formatCount(documents.length)}${query.hasNextPage ? "" : ", all"}`}</span>
            <span>{formatElapsed(last.elapsedMs)}</span>
            <span>pages by {last.pagedBy}</span>
            {pages.full ? (
              <span className="text-amber-text">This page holds {formatCount(DOCUMENTS_HELD_MAX)} documents at most: narrow the filter or export.</span>
            ) : null}
            {query.error ? (
              <button type="button" className="font-medium text-red-text" onClick={() => void query.fetchNextPage()}>
                {query.error.message}, try again
              </button>
            ) : null}
            <span className="ml-auto hidden items-center gap-1.5 lg:flex">
              <Kbd>j</Kbd>
              <Kbd>k</Kbd> move <Kbd>Enter</Kbd> open
            </span>
          </div>
        ) : null}
      </div>
      {beside ? (
        <SchemaColumn
          address={address}
          onClose={() => void setState({ beside: false })}
          onOpen={() => void setState({ view: "schema" }, { history: "push" })}
        />
      ) : null}
    </div>
  );
}

function Nothing({ summary, filtered, onClear }: { summary: CollectionSummary; filtered: boolean; onClear: () => void }) {
  if (!filtered) return <EmptyState className="grow" title={`This ${summary.kind === "view" ? "view" : "collection"} holds no documents`} />;
  return (
    <EmptyState className="grow" title="No document matches the filter" action={<Button onClick={onClear}>Clear the filter</Button>}>
      {summary.count === null ? null : `The collection has about ${formatCount(summary.count)} documents without it.`}
    </EmptyState>
  );
}
