"use client";
import { Plus } from "lucide-react";
import { ButtonLink, TextLink } from "@/components/ui/button";
import { CountBadge } from "@/components/ui/badge";
import { Note } from "@/components/ui/note";
import { PageBody, PageHeader } from "@/components/ui/page-header";
import { Panel, PanelHead } from "@/components/ui/panel";
import { QueryError, type ReadableError } from "@/components/query-error";
import { PASSIVE, trpc } from "@/trpc/client";
import { AttentionList, attentionOf } from "./home-attention";
import { DatabaseCard } from "./home-card";
import { DatabaseRows } from "./home-rows";
import { RecentJobs } from "./home-jobs";

const REFRESH_MS = 15_000;

/** Where am I, is it healthy, when was the last good backup: one look. */
export function HomePanel({ mayAdminister }: { mayAdminister: boolean }) {
  const list = trpc.connections.list.useQuery({});
  const backups = trpc.backups.list.useQuery({ limit: 500, sinceDays: 30 }, { refetchInterval: REFRESH_MS, ...PASSIVE });
  const items = trpc.backups.attention.useQuery(undefined, { refetchInterval: REFRESH_MS, ...PASSIVE });
  const connections = (list.data?.connections ?? []).filter((entry) => entry.source !== "built-in");
  const overviews = trpc.useQueries((t) =>
    connections.map((entry) => t[entry.engine].overview({ connection: entry.name }, { refetchInterval: REFRESH_MS, staleTime: REFRESH_MS, ...PASSIVE })),
  );
  if (list.error && !list.data) return <QueryError className="grow" error={list.error} onRetry={() => void list.refetch()} />;
  const states = connections.map((connection, index) => ({
    connection,
    overview: overviews[index]?.data,
    error: overviews[index]?.error ?? null,
    backups: backups.data?.backups.filter((backup) => backup.connectionId === connection.id),
  }));
  const healthy = states.filter((entry) => entry.overview && !entry.error).length;
  const attention = attentionOf(states, items.data?.items ?? []);
  const main = states.filter((entry) => entry.connection.source === "environment");
  const others = states.filter((entry) => entry.connection.source !== "environment");
  const now = new Date(backups.dataUpdatedAt).toISOString();

  return (
    <PageBody>
      <PageHeader
        title="Home"
        note={overviews.some((query) => query.isPending) ? `${connections.length} databases` : `${connections.length} databases, ${healthy} connected`}
        end={
          mayAdminister ? (
            <ButtonLink href="/settings/connections">
              <Plus aria-hidden />
              Add connection
            </ButtonLink>
          ) : null
        }
      />
      <div className="hidden gap-4 sm:grid sm:grid-cols-2 xl:grid-cols-4">
        {main.map((entry) => (
          <DatabaseCard key={entry.connection.id} {...entry} now={now} />
        ))}
      </div>
      <DatabaseRows className="sm:hidden" title="Databases" states={states} />
      {others.length > 0 ? <DatabaseRows className="max-sm:hidden" title="More connections" states={others} /> : null}
      <div className="grid gap-4 xl:grid-cols-[minmax(0,5fr)_minmax(0,4fr)]">
        <Panel>
          <PanelHead title="Needs attention" badge={<CountBadge>{attention.length}</CountBadge>} />
          <ErrorLine error={backups.error ?? items.error} />
          <AttentionList
            entries={attention}
            checking={[backups, items, ...overviews].some((query) => query.isPending)}
            isKnown={backups.data !== undefined && items.data !== undefined}
          />
        </Panel>
        <Panel>
          <PanelHead title="Recent jobs" end={<TextLink href="/jobs">All jobs</TextLink>} />
          <RecentJobs />
        </Panel>
      </div>
    </PageBody>
  );
}

/** What is not asked is not fine: the list below says less than there may be. */
function ErrorLine({ error }: { error: ReadableError | null }) {
  if (!error) return null;
  return (
    <div className="px-4 pt-3 pb-1">
      <Note tone="amber" role="alert" title="What backups need could not be asked.">
        {[error.message, error.data?.fix].filter(Boolean).join(". ")}
      </Note>
    </div>
  );
}
