"use client";

import { useQueryStates } from "nuqs";
import { useMemo, useState } from "react";
import { later } from "@/components/later";
import { QueryError } from "@/components/query-error";
import { LoadMore } from "@/components/ui/load-more";
import { PageBody, PageHeader } from "@/components/ui/page-header";
import { Panel, PanelFoot } from "@/components/ui/panel";
import { TableSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import { formatCount } from "@/lib/format";
import { trpc } from "@/trpc/client";
import { type AuditState, auditParsers, filtersOf } from "./audit.state";

/** Its place is kept, so that nothing moves when it comes. */
const AuditFilterBar = later(() => import("./audit-filter-bar").then((module) => module.AuditFilterBar), {
  loading: () => <div className="h-8" />,
});
const AuditTable = later(() => import("./audit-table").then((module) => module.AuditTable), { loading: () => <TableSkeleton columns={7} /> });
const ChainControls = later(() => import("./chain-controls").then((module) => module.ChainControls));

export function AuditPanel() {
  const [state, setState] = useQueryStates(auditParsers);
  const [openedAt] = useState(() => new Date());
  // The open row is no filter: opening one asks for nothing.
  const key = JSON.stringify({ ...state, row: null });
  const filters = useMemo(() => filtersOf(JSON.parse(key) as AuditState, openedAt), [key, openedAt]);
  const summary = trpc.audit.summary.useQuery(filters, { placeholderData: (before) => before });
  const list = trpc.audit.list.useInfiniteQuery(filters, { getNextPageParam: (page) => page.nextCursor, placeholderData: (before) => before });
  const entries = useMemo(() => list.data?.pages.flatMap((page) => page.entries) ?? [], [list.data]);
  const filtered = Object.keys(filters).length > 0;

  return (
    <PageBody>
      <PageHeader
        title="Audit"
        note={summary.data ? `${formatCount(summary.data.rows)} rows, none can be changed` : undefined}
        end={<ChainControls filters={filters} rows={summary.data?.rows ?? 0} verification={summary.data?.verification ?? null} />}
      />
      <AuditFilterBar state={state} onChange={(change) => void setState({ ...change, row: null }, { history: "push" })}>
        {summary.data ? `${formatCount(entries.length)} of ${formatCount(summary.data.matching)}${summary.data.more ? " or more" : ""}` : null}
      </AuditFilterBar>
      <Panel>
        {list.error && entries.length === 0 ? <QueryError error={list.error} onRetry={() => void list.refetch()} retrying={list.isFetching} /> : null}
        {list.isPending ? <TableSkeleton columns={7} rows={14} label="Loading the log" /> : null}
        {list.data && entries.length === 0 ? (
          <EmptyState title={filtered ? "No row matches" : "Nothing has happened yet"}>
            {filtered ? "Take a filter away to see more." : "Sign-ins, queries, exports, downloads, changes and denials are written here."}
          </EmptyState>
        ) : null}
        {entries.length > 0 ? (
          <>
            <AuditTable entries={entries} open={state.row} onOpen={(row) => void setState({ row })} />
            <LoadMore hasMore={list.hasNextPage} loading={list.isFetchingNextPage} onLoad={() => void list.fetchNextPage()} what="older rows" automatic />
            <PanelFoot className="justify-end">{list.hasNextPage ? "older rows load as you scroll" : "this is the oldest row"}</PanelFoot>
          </>
        ) : null}
      </Panel>
    </PageBody>
  );
}
