"use client";

import { useSyncExternalStore } from "react";
import { formatExact, formatMoment, formatRelative, formatUtc } from "@/lib/format";

/** One clock for the whole page; it stands still while nobody looks. */
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let currentTime = 0;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, 5_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
    currentTime = 0;
  };
}

function tick(): void {
  currentTime = Date.now();
  for (const listener of listeners) listener();
}

function readTime(): number {
  if (currentTime === 0) currentTime = Date.now();
  return currentTime;
}

/** The time now, refreshed every five seconds; null on the server and during hydration. */
export function useNow(): Date | null {
  const now = useSyncExternalStore(subscribe, readTime, () => 0);
  return now === 0 ? null : new Date(now);
}

/** The clock here is up to five seconds late: what has just happened is "now", and not "in 4 s". */
function notBefore(now: Date, iso: string): Date {
  const ahead = Date.parse(iso) - now.getTime();
  return ahead > 0 && ahead < 6_000 ? new Date(iso) : now;
}

export interface RelativeTimeProps {
  /** ISO 8601. */
  time: string | Date;
  /** "relative" says "6 h ago", "moment" says "Today 03:12", "exact" is the local time to the second. */
  show?: "relative" | "moment" | "exact";
  /** Words stand before it: "today 03:12". */
  inSentence?: boolean;
  className?: string;
}

/** A time in the reader's words. The server writes UTC, the browser refines it after mounting, the exact time is on hover. */
export function RelativeTime({ time, show = "relative", inSentence = false, className }: RelativeTimeProps) {
  const now = useNow();
  const iso = typeof time === "string" ? time : time.toISOString();
  const text =
    now === null
      ? formatUtc(iso)
      : show === "relative"
        ? formatRelative(iso, notBefore(now, iso))
        : show === "moment"
          ? formatMoment(iso, now)
          : formatExact(iso);
  return (
    <time dateTime={iso} title={now === null ? formatUtc(iso) : formatExact(iso)} className={className}>
      {inSentence ? text.replace(/^(Today|Yesterday)/, (day) => day.toLowerCase()) : text}
    </time>
  );
}
