"use client";
import { BadgeCheck, ChevronRight, ClockAlert } from "lucide-react";
import Link from "next/link";
import { lastGood } from "@/backups/own-backups";
import { EngineMark } from "@/components/engine-mark";
import { CountBadge, EnvironmentLabel } from "@/components/ui/badge";
import { HealthDot } from "@/components/ui/health-dot";
import { Panel, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { ENGINES } from "@/engines";
import { formatBytes } from "@/lib/format";
import type { DatabaseState } from "./home-card";

/** Databases as rows: on a phone, and for connections beyond the first of each engine. */
export function DatabaseRows({ title, states, className }: { title: string; states: readonly DatabaseState[]; className?: string }) {
  return (
    <Panel {...(className ? { className } : {})}>
      <PanelHead title={title} badge={<CountBadge>{states.length}</CountBadge>} />
      <ul>
        {states.map((state) => (
          <li key={state.connection.id} className="border-t border-line-soft first:border-t-0">
            <DatabaseRow {...state} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function DatabaseRow({ connection, overview, error, backups }: DatabaseState) {
  const good = lastGood(backups);
  const size = overview?.info.sizeBytes ?? overview?.info.memoryBytes ?? null;
  return (
    <Link href={`/manage-dbs/${connection.id}`} className="flex min-h-14 items-center gap-3 px-4 py-2 hover:bg-hover">
      <EngineMark engine={connection.engine} size={28} />
      <span className="min-w-0 grow">
        <span className="flex min-w-0 items-center gap-2">
          <span className="truncate font-medium">
            {ENGINES[connection.engine].label} / {connection.name}
          </span>
          <HealthDot health={error ? "down" : overview ? "ok" : "unknown"} />
        </span>
        <span className="flex items-center gap-1.5 text-12 text-fg-2">
          {error ? (
            <span className="truncate">{error.message}</span>
          ) : good ? (
            <>
              <BadgeCheck aria-hidden className="size-3.5 text-green" />
              <RelativeTime time={good.startedAt} />
            </>
          ) : backups ? (
            <>
              <ClockAlert aria-hidden className="size-3.5 text-amber" />
              no backup in 30 days
            </>
          ) : (
            "last backup not known yet"
          )}
        </span>
      </span>
      <EnvironmentLabel environment={connection.environment} />
      <span className="w-18 shrink-0 text-right font-medium max-sm:hidden">{size === null ? "" : formatBytes(size)}</span>
      <ChevronRight aria-hidden className="size-4 text-fg-3" />
    </Link>
  );
}
