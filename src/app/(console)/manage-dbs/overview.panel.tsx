"use client";
import { BadgeCheck, CircleDashed, Info, ShieldAlert, Star, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { BackUpButton } from "@/backups/back-up-button";
import { backupHref } from "@/backups/backup-href";
import { lastGood, lastProved } from "@/backups/own-backups";
import { timelineOf } from "@/backups/timeline-of";
import { QueryError } from "@/components/query-error";
import { Badge, CountBadge, StateBadge } from "@/components/ui/badge";
import { BarList } from "@/components/ui/bar-list";
import { TextLink } from "@/components/ui/button";
import { KeyValueList } from "@/components/ui/key-value-list";
import { ListRow, Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { Segmented } from "@/components/ui/segmented";
import { OverviewSkeleton } from "@/components/overview-skeleton";
import { StatTile } from "@/components/ui/stat-tile";
import { EmptyState } from "@/components/ui/states";
import { TimelineStrip } from "@/components/ui/timeline";
import { ENGINES, type EngineId } from "@/engines";
import { capitalised, formatBytes, formatCount } from "@/lib/format";
import { PASSIVE, type RouterOutputs, trpc } from "@/trpc/client";

type Overview = RouterOutputs["sqlite"]["overview"];
type Backup = RouterOutputs["sqlite"]["backups"]["list"]["backups"][number];

const REFRESH_MS = 15_000;

export function OverviewPanel({ engine, connection, mayBackUp }: { engine: EngineId; connection: string; mayBackUp: boolean }) {
  const overview = trpc[engine].overview.useQuery({ connection }, { refetchInterval: REFRESH_MS, ...PASSIVE });
  if (overview.error && !overview.data)
    return <QueryError className="grow" error={overview.error} onRetry={() => void overview.refetch()} retrying={overview.isFetching} />;
  if (!overview.data) return <OverviewSkeleton />;
  const { facts, tiles, info } = overview.data;
  return (
    <div className="grid gap-4 p-4 max-md:p-3 lg:grid-cols-[376px_minmax(0,1fr)]">
      <div className="flex min-w-0 flex-col gap-4">
        <Panel>
          <PanelHead title="Server" end={<ServerHealth latencyMs={info.latencyMs} stale={overview.error !== null} />} />
          <PanelBody className="py-2">
            <KeyValueList items={facts.map((fact) => ({ ...fact, badge: fact.badge ? <FactBadge {...fact.badge} /> : undefined }))} />
          </PanelBody>
        </Panel>
        <SafetyPanel engine={engine} connection={connection} mayBackUp={mayBackUp} />
      </div>
      <div className="flex min-w-0 flex-col gap-4">
        <div className="grid gap-4 sm:grid-cols-2 xl:grid-cols-4">
          {tiles.map((tile) => (
            <StatTile key={tile.id} label={tile.label} value={tile.value} unit={tile.unit} note={tile.note} series={tile.series} />
          ))}
        </div>
        <LargestPanel engine={engine} connection={connection} overview={overview.data} />
        <WarningsPanel overview={overview.data} />
      </div>
    </div>
  );
}

function ServerHealth({ latencyMs, stale }: { latencyMs: number; stale: boolean }) {
  return (
    <span className="flex items-center gap-2 text-13">
      <span aria-hidden className={`size-2 rounded-full ${stale ? "bg-red" : "bg-green"}`} />
      <span className="font-medium">{stale ? "Lost" : "Healthy"}</span>
      <span className="text-fg-2">{latencyMs < 10 ? latencyMs.toFixed(1) : Math.round(latencyMs)} ms</span>
    </span>
  );
}

function FactBadge({ text, tone }: { text: string; tone: "ok" | "warn" | "plain" }) {
  return tone === "ok" ? <StateBadge state="fits">{text}</StateBadge> : <Badge tone={tone === "warn" ? "amber" : "plain"}>{text}</Badge>;
}

function SafetyPanel({ engine, connection, mayBackUp }: { engine: EngineId; connection: string; mayBackUp: boolean }) {
  const query = trpc[engine].backups.list.useQuery({ connection, limit: 100 }, { refetchInterval: REFRESH_MS, ...PASSIVE });
  const backups = query.data?.backups ?? [];
  const good = lastGood(backups);
  const href = `/manage-dbs/${engine}/${encodeURIComponent(connection)}/backups`;
  return (
    <Panel>
      <PanelHead title="Safety" end={<TextLink href={href}>All backups</TextLink>} />
      <ul>
        <LastGood
          backup={good}
          engine={engine}
          mayBackUp={mayBackUp}
          connection={connection}
          unknown={query.data ? null : query.error ? query.error.message : "looking"}
        />
        {query.data ? <LastProof backups={backups} /> : null}
      </ul>
      {query.data ? (
        <div className="border-t border-line-soft px-4 py-3">
          <TimelineStrip backups={timelineOf(backups)} now={new Date(query.dataUpdatedAt).toISOString()} size="overview" />
        </div>
      ) : null}
    </Panel>
  );
}

/** The newest proof of all of them, however old its backup is. */
function LastProof({ backups }: { backups: readonly Backup[] }) {
  const proved = lastProved(backups);
  if (!proved)
    return <ListRow icon={<Star className="text-fg-3" aria-hidden />} title="Never proved" detail="a backup is proved when it was restored and compared" />;
  return (
    <ListRow
      icon={<Star className="fill-gold text-gold" aria-hidden />}
      title="Last proof"
      detail="restored aside, compared, dropped"
      end={
        <TextLink href={backupHref(proved)}>
          <RelativeTime time={proved.provedAt} />
        </TextLink>
      }
    />
  );
}

function LastGood({
  backup,
  engine,
  connection,
  mayBackUp,
  unknown,
}: {
  backup: Backup | undefined;
  engine: EngineId;
  connection: string;
  mayBackUp: boolean;
  /** Why nothing can be said of it; null where it can. */
  unknown: string | null;
}) {
  if (unknown !== null) return <ListRow icon={<CircleDashed className="text-fg-3" aria-hidden />} title="Last good backup" detail={unknown} />;
  if (!backup) {
    return (
      <ListRow
        icon={<CircleDashed className="text-amber" aria-hidden />}
        title="No good backup yet"
        detail="nothing could be brought back"
        end={mayBackUp ? <BackUpButton engine={engine} connection={connection} size="sm" /> : null}
      />
    );
  }
  const word = ENGINES[engine].itemWord;
  return (
    <ListRow
      icon={<BadgeCheck className="text-green" aria-hidden />}
      title={
        <>
          Last good backup <RelativeTime time={backup.startedAt} />
        </>
      }
      detail={`${formatBytes(backup.bytes ?? 0)} · ${backup.consistency ?? ""} · ${formatCount(backup.itemCount ?? 0)} ${word.many}`}
      end={<StateBadge state="verified" />}
    />
  );
}

function LargestPanel({ engine, connection, overview }: { engine: EngineId; connection: string; overview: Overview }) {
  const [by, setBy] = useState<"bytes" | "count">("bytes");
  const section = ENGINES[engine].sections[1]?.segment ?? "";
  const { objectWord, itemWord } = ENGINES[engine];
  return (
    <Panel>
      <PanelHead
        title="Largest objects"
        note={`${overview.largest.length} of ${formatCount(overview.info.holds.count, { estimated: overview.info.holds.estimated })} ${overview.info.holds.word}`}
        end={
          <Segmented
            label="Measure"
            name="largest"
            value={by}
            onChange={setBy}
            options={[
              { value: "bytes", label: "Size" },
              { value: "count", label: capitalised(itemWord.many) },
            ]}
          />
        }
      />
      {overview.largest.length === 0 ? (
        <EmptyState title={`There are no ${objectWord.many} here yet`} />
      ) : (
        <PanelBody className="py-2.5">
          <BarList
            label={`Largest ${objectWord.many}`}
            items={overview.largest.toSorted((a, b) => (b[by] ?? -1) - (a[by] ?? -1))}
            by={by}
            hrefOf={(item) => `/manage-dbs/${engine}/${encodeURIComponent(connection)}/${section}?${objectQuery(engine, item)}`}
          />
        </PanelBody>
      )}
    </Panel>
  );
}

/** How an object is named in its section's URL. */
function objectQuery(engine: EngineId, item: { group: string | null; name: string }): string {
  const words = new URLSearchParams();
  if (ENGINES[engine].objectWord.one === "table") {
    words.set("table", item.name);
    if (item.group) words.set("schema", item.group);
  } else if (ENGINES[engine].objectWord.one === "collection") words.set("collection", item.name);
  else words.set("db", (item.group ?? item.name).replace(/^db/, ""));
  return words.toString();
}

const LEVEL = {
  danger: <ShieldAlert className="text-red" aria-hidden />,
  warn: <TriangleAlert className="text-amber" aria-hidden />,
  info: <Info className="text-fg-2" aria-hidden />,
};

function WarningsPanel({ overview }: { overview: Overview }) {
  const { warnings } = overview;
  return (
    <Panel>
      <PanelHead
        title="Warnings"
        badge={<CountBadge>{warnings.length}</CountBadge>}
        end={
          <span className="text-12 text-fg-3">
            checked <RelativeTime time={overview.checkedAt} />
          </span>
        }
      />
      {warnings.length === 0 ? <p className="px-4 py-4 text-13 text-fg-2">Nothing that needs you.</p> : null}
      <ul>
        {warnings.map((warning) => (
          <ListRow
            key={warning.title}
            icon={LEVEL[warning.level]}
            title={warning.title}
            detail={
              <>
                {warning.detail}
                {/[.!?]$/.test(warning.detail) ? "" : "."} {warning.fix}
              </>
            }
          />
        ))}
      </ul>
    </Panel>
  );
}
