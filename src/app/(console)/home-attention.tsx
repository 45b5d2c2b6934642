"use client";
import { CalendarX, CircleX, ClockAlert, ShieldAlert, Star, TriangleAlert, Unplug, UserCheck } from "lucide-react";
import type { ReactNode } from "react";
import { TextLink } from "@/components/ui/button";
import { ListRow } from "@/components/ui/panel";
import type { AttentionItem } from "@/backups/attention.schema";
import { lastTry } from "@/backups/own-backups";
import { ENGINES, type EngineId } from "@/engines";
import { formatUtc } from "@/lib/format";
import type { DatabaseState } from "./home-card";

interface Attention {
  id: string;
  /** Worst first. */
  rank: number;
  icon: ReactNode;
  title: string;
  detail: string;
  href: string;
  action: string;
}

const nameOf = ({ connection }: DatabaseState): string => `${ENGINES[connection.engine].label} / ${connection.name}`;

/** What a person should look at, worst first: lost servers, swaps that are not settled, failed or missing backups and proofs, warnings of the engines. */
export function attentionOf(states: readonly DatabaseState[], items: readonly AttentionItem[]): Attention[] {
  return [...states.flatMap((state) => [...connectionTrouble(state), ...backupTrouble(state), ...engineTrouble(state)]), ...items.map(backupItem)].toSorted(
    (a, b) => a.rank - b.rank,
  );
}

const ITEM_SIGN: Record<AttentionItem["kind"], ReactNode> = {
  schedule: <CalendarX aria-hidden className="text-red" />,
  drill: <Star aria-hidden className="text-red" />,
  swap: <TriangleAlert aria-hidden className="text-red" />,
  approval: <UserCheck aria-hidden className="text-amber" />,
};

/** Times inside a sentence of the server, in the reader's words. */
const withTimes = (text: string): string => text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (time) => formatUtc(time));

function backupItem(item: AttentionItem): Attention {
  const engine = item.connectionId.split("/")[0] as EngineId;
  const backups = `/manage-dbs/${item.connectionId}/backups`;
  const [href, action] =
    item.kind === "approval"
      ? [backups, "Decide"]
      : item.kind === "swap"
        ? [backups, "Open restores"]
        : item.jobId !== null
          ? [`/jobs/${item.jobId}`, "Open job"]
          : item.backupId !== null
            ? [`${backups}/${encodeURIComponent(item.backupId)}`, "Open backup"]
            : [`${backups}/schedules`, "Open schedules"];
  return {
    id: item.id,
    // Somebody waits for an answer.
    rank: item.kind === "approval" ? 0 : item.level === "danger" ? 1 : 2,
    icon: ITEM_SIGN[item.kind],
    title: item.title,
    detail: [`${ENGINES[engine].label} / ${item.connectionId.slice(engine.length + 1)}`, withTimes(item.detail)].filter(Boolean).join(" · "),
    href,
    action,
  };
}

function connectionTrouble(state: DatabaseState): Attention[] {
  const { connection, error } = state;
  if (!error) return [];
  const detail = [nameOf(state), error.data?.fix].filter(Boolean).join(" · ");
  return [
    {
      id: `${connection.id} down`,
      rank: 0,
      icon: <Unplug aria-hidden className="text-red" />,
      title: error.message,
      detail,
      href: `/manage-dbs/${connection.id}`,
      action: "Open",
    },
  ];
}

function backupTrouble(state: DatabaseState): Attention[] {
  const { connection, backups } = state;
  const last = lastTry(backups);
  const href = `/manage-dbs/${connection.id}/backups`;
  if (backups === undefined || connection.missing) return [];
  if (last?.state === "failed") {
    return [
      {
        id: `${connection.id} failed`,
        rank: 1,
        icon: <CircleX aria-hidden className="text-red" />,
        title: "The last backup failed",
        detail: [nameOf(state), last.error?.message].filter(Boolean).join(" · "),
        href: `/jobs/${last.jobId}`,
        action: "Open job",
      },
    ];
  }
  if (last) return [];
  return [
    {
      id: `${connection.id} none`,
      rank: 2,
      icon: <ClockAlert aria-hidden className="text-amber" />,
      title: "No backup in 30 days",
      detail: nameOf(state),
      href,
      action: "Open backups",
    },
  ];
}

function engineTrouble(state: DatabaseState): Attention[] {
  return (state.overview?.warnings ?? [])
    .filter((warning) => warning.level !== "info")
    .map((warning) => ({
      id: `${state.connection.id} ${warning.title}`,
      rank: warning.level === "danger" ? 1 : 3,
      icon: warning.level === "danger" ? <ShieldAlert aria-hidden className="text-red" /> : <TriangleAlert aria-hidden className="text-amber" />,
      title: warning.title,
      detail: `${nameOf(state)} · ${warning.detail}`,
      href: `/manage-dbs/${state.connection.id}`,
      action: "How to fix",
    }));
}

const SHOWN = 8;

interface AttentionListProps {
  entries: readonly Attention[];
  /** Not every database has answered yet. */
  checking: boolean;
  /** What is known of the backups is here; without it nobody may say that nothing is wrong. */
  isKnown: boolean;
}

export function AttentionList({ entries, checking, isKnown }: AttentionListProps) {
  if (entries.length === 0 && !checking && !isKnown) return null;
  if (entries.length === 0) return <p className="px-4 py-4 text-fg-2">{checking ? "Looking at every database." : "Nothing needs you."}</p>;
  return (
    <>
      <ul>
        {entries.slice(0, SHOWN).map((entry) => (
          <ListRow
            key={entry.id}
            icon={entry.icon}
            title={entry.title}
            detail={entry.detail}
            end={
              <TextLink href={entry.href} aria-label={`${entry.action}: ${entry.title}, ${entry.detail}`}>
                {entry.action}
              </TextLink>
            }
          />
        ))}
      </ul>
      {entries.length > SHOWN ? <p className="px-4 py-2 text-12 text-fg-3">{entries.length - SHOWN} more</p> : null}
    </>
  );
}
