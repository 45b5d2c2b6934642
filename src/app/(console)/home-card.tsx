"use client";
import { BadgeCheck, ClockAlert, Star } from "lucide-react";
import Link from "next/link";
import { lastGood, lastProved } from "@/backups/own-backups";
import { timelineOf } from "@/backups/timeline-of";
import { EngineMark } from "@/components/engine-mark";
import type { ReadableError } from "@/components/query-error";
import { EnvironmentLabel } from "@/components/ui/badge";
import { HealthDot } from "@/components/ui/health-dot";
import { Panel } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { Skeleton } from "@/components/ui/skeleton";
import { Sparkline } from "@/components/ui/sparkline";
import { TimelineStrip } from "@/components/ui/timeline";
import { ENGINES } from "@/engines";
import { formatBytes, formatCount } from "@/lib/format";
import type { RouterOutputs } from "@/trpc/client";

export interface DatabaseState {
  connection: RouterOutputs["connections"]["list"]["connections"][number];
  overview: RouterOutputs["sqlite"]["overview"] | undefined;
  error: ReadableError | null;
  backups: RouterOutputs["backups"]["list"]["backups"] | undefined;
}

/** One database: size, health, last good backup, thirty days at a glance. */
export function DatabaseCard({ connection, overview, error, backups, now }: DatabaseState & { now: string }) {
  const info = overview?.info;
  const good = lastGood(backups);
  const proved = lastProved(backups)?.provedAt ?? null;
  const size = info?.sizeBytes ?? info?.memoryBytes ?? null;
  return (
    <Panel className="flex flex-col">
      <Link href={`/manage-dbs/${connection.id}`} className="flex items-center gap-3 px-4 pt-4 pb-3 hover:bg-hover">
        <EngineMark engine={connection.engine} size={28} />
        <span className="min-w-0 grow">
          <span className="flex items-baseline gap-2">
            <span className="text-14 font-semibold">{ENGINES[connection.engine].label}</span>
            <span className="truncate text-12 text-fg-3">{info?.version}</span>
          </span>
          <span className="block truncate text-12 text-fg-2">{connection.name}</span>
        </span>
        <EnvironmentLabel environment={connection.environment} />
      </Link>
      <div className="flex min-h-16 items-end justify-between gap-3 px-4 pb-3">
        {info ? (
          <span className="min-w-0">
            <span className="block text-22 font-semibold">
              {size === null ? formatCount(info.holds.count, { estimated: info.holds.estimated }) : formatBytes(size)}
            </span>
            <span className="block text-12 text-fg-2">
              {formatCount(info.holds.count, { estimated: info.holds.estimated })} {info.holds.word}
            </span>
          </span>
        ) : error ? (
          <span className="text-13 text-fg-2">{error.message}</span>
        ) : (
          <span className="flex flex-col gap-2">
            <Skeleton className="h-6 w-24" />
            <Skeleton className="h-3 w-16" />
          </span>
        )}
        {overview?.tiles[0] && overview.tiles[0].series.length > 3 ? (
          <span className="w-26 shrink-0">
            <Sparkline series={overview.tiles[0].series} label={overview.tiles[0].label} />
          </span>
        ) : null}
      </div>
      <dl className="mt-auto grid grid-cols-[auto_auto] gap-y-1.5 border-t border-line-soft px-4 py-3 text-13">
        <dt className="text-fg-2">Health</dt>
        <dd className="flex items-center justify-end gap-2 font-medium">
          <HealthDot health={error ? "down" : info ? "ok" : "unknown"} />
          {error ? "Not connected" : info ? "Healthy" : "Checking"}
        </dd>
        <dt className="text-fg-2">Last good backup</dt>
        <dd className="flex items-center justify-end gap-2 font-medium">
          {good ? (
            <>
              <BadgeCheck aria-hidden className="size-3.5 text-green" />
              <RelativeTime time={good.startedAt} />
            </>
          ) : backups ? (
            <>
              <ClockAlert aria-hidden className="size-3.5 text-amber" />
              none in 30 days
            </>
          ) : (
            <NotKnown />
          )}
        </dd>
        <dt className="text-fg-2">Last proof</dt>
        <dd className="flex items-center justify-end gap-2 font-medium">
          {proved ? (
            <>
              <Star aria-hidden className="size-3.5 fill-gold text-gold" />
              <RelativeTime time={proved} />
            </>
          ) : backups ? (
            <>
              <Star aria-hidden className="size-3.5 text-fg-3" />
              none in 30 days
            </>
          ) : (
            <NotKnown />
          )}
        </dd>
      </dl>
      <div className="border-t border-line-soft px-4 py-3">
        <TimelineStrip backups={timelineOf(backups ?? [])} now={now} size="card" />
      </div>
    </Panel>
  );
}

/** Nobody has answered yet: that is not "none". */
const NotKnown = () => <span className="font-normal text-fg-3">not known yet</span>;
