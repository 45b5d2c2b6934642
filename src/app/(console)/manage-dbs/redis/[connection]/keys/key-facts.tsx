"use client";
import { type ReactNode, useEffect } from "react";
import { useNow } from "@/components/ui/relative-time";
import { formatBytes, formatCount, formatDuration, formatExact } from "@/lib/format";
import type { RouterOutputs } from "@/trpc/client";

type KeyDetail = RouterOutputs["redis"]["keys"]["get"];

const LENGTH_WORDS: Record<string, string> = { hash: "Fields", list: "Items", set: "Members", zset: "Members", stream: "Entries" };

/** What is known of the key as a whole, in one line. */
export function KeyFacts({ detail, onExpired }: { detail: KeyDetail; onExpired: () => void }) {
  const { length, type, memoryBytes, encoding, idleSeconds, frequency } = detail;
  return (
    <dl className="flex shrink-0 flex-wrap gap-y-2 border-b border-line px-4 pt-1 pb-3 md:px-5">
      <Fact name="Expires in">
        <Expiry key={detail.expiresAt} expiresAt={detail.expiresAt} ttlMs={detail.ttlMs} onExpired={onExpired} />
      </Fact>
      {memoryBytes === null ? null : <Fact name="Memory">{formatBytes(memoryBytes)}</Fact>}
      {encoding === null ? null : <Fact name="Encoding">{encoding}</Fact>}
      {length === null ? null : <Fact name={LENGTH_WORDS[type] ?? "Length"}>{LENGTH_WORDS[type] ? formatCount(length) : formatBytes(length)}</Fact>}
      {idleSeconds === null ? null : <Fact name="Idle">{formatDuration(idleSeconds)}</Fact>}
      {frequency === null ? null : <Fact name="Frequency">{formatCount(frequency)} of 255</Fact>}
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="border-l border-line px-5 first:border-l-0 first:pl-0">
      <dt className="text-12 text-fg-2">{name}</dt>
      <dd className="text-14 font-medium">{children}</dd>
    </div>
  );
}

/** Counts down by the page's clock; the server's own count is taken again with every refresh. */
function Expiry({ expiresAt, ttlMs, onExpired }: { expiresAt: string | null; ttlMs: number | null; onExpired: () => void }) {
  const now = useNow();
  const end = expiresAt === null ? Number.NaN : new Date(expiresAt).getTime();
  const left = now === null || Number.isNaN(end) ? (ttlMs ?? 0) : end - now.getTime();
  const isOver = expiresAt !== null && left <= 0;
  useEffect(() => {
    if (isOver) onExpired();
    // Once, when it is over.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [isOver]);
  if (expiresAt === null) return <span className="text-fg-2">never</span>;
  return (
    <time dateTime={expiresAt} title={formatExact(expiresAt) || expiresAt}>
      {isOver ? "over" : formatDuration(left / 1000)}
    </time>
  );
}
