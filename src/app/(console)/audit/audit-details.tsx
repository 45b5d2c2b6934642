"use client";

import { JsonCode } from "@/components/json-tree/json-code";
import { CopyButton } from "@/components/ui/copy-button";
import { KeyValueList } from "@/components/ui/key-value-list";
import { useNow } from "@/components/ui/relative-time";
import { ENGINES, isEngineId } from "@/engines";
import { OUTCOME_WORDS } from "@/lib/audit-words";
import { formatCount, formatExact } from "@/lib/format";
import type { Entry } from "./audit-table";

/** All of a row: who exactly, what was asked, how it ended, and its place in the chain. */
export function AuditDetails({ entry }: { entry: Entry }) {
  const zone = useNow() === null ? "UTC" : undefined;
  return (
    <div className="grid gap-x-8 gap-y-4 px-4 pt-1 pb-4 md:pl-10 lg:grid-cols-[minmax(0,5fr)_minmax(0,5fr)_minmax(0,3fr)]">
      <KeyValueList
        items={[
          { label: "When", value: formatExact(entry.at, zone), note: entry.completedAt ? `ended after ${lasted(entry)} ms` : undefined },
          { label: "Who", value: entry.actorName, note: whoIn(entry) },
          { label: OUTCOME_LABELS[entry.outcome], value: entry.detail || OUTCOME_WORDS[entry.outcome] },
          { label: "Target", value: entry.target || "none", mono: true },
          { label: "Request", value: entry.requestId, mono: true, badge: <CopyButton text={entry.requestId} label="Copy the request id" size="xs" /> },
        ]}
      />
      <div className="min-w-0">
        <h3 className="py-1 text-fg-3">Input</h3>
        <JsonCode text={entry.input} label="Input of the call" />
      </div>
      <div className="min-w-0">
        <h3 className="py-1 text-fg-3">Chain</h3>
        <dl className="grid grid-cols-[3.5rem_1fr] items-center gap-y-0.5 font-mono text-12">
          <dt className="text-fg-3">row</dt>
          <dd>
            {formatCount(entry.seq)}
            {entry.completedBySeq === null ? null : <span className="text-fg-3"> ended in {formatCount(entry.completedBySeq)}</span>}
          </dd>
          <Hash name="before" hash={entry.previousHash} />
          <Hash name="this" hash={entry.hash} />
        </dl>
      </div>
    </div>
  );
}

const OUTCOME_LABELS: Record<Entry["outcome"], string> = { started: "Running", allowed: "Outcome", refused: "Refused", failed: "Failed" };

function Hash({ name, hash }: { name: string; hash: string }) {
  return (
    <>
      <dt className="text-fg-3">{name}</dt>
      <dd className="flex items-center gap-1">
        <span title={hash}>
          {hash.slice(0, 4)} {hash.slice(4, 8)} {hash.slice(8, 12)} … {hash.slice(-2)}
        </span>
        <CopyButton text={hash} label={`Copy the hash ${name}`} size="xs" />
      </dd>
    </>
  );
}

const lasted = (entry: Entry): number => Math.max(0, Date.parse(entry.completedAt ?? entry.at) - Date.parse(entry.at));

function whoIn({ role, connectionId, session, address }: Entry): string {
  const [engine = "", name = ""] = connectionId?.split("/") ?? [];
  const place = isEngineId(engine) ? ` on ${ENGINES[engine].label} / ${name}` : "";
  return [role ? `${role}${place}` : null, session?.startsWith("token ") ? session : session && `session ${session}`, address].filter(Boolean).join(", ");
}
