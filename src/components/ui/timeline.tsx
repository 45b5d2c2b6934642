"use client";

import Link from "next/link";
import { classNames } from "@/components/ui/class-names";
import { useNow } from "@/components/ui/relative-time";
import { formatDay, formatMoment } from "@/lib/format";
import { type TimelineBackup, type TimelineDay, type TimelineState, dayState, timelineDays } from "@/lib/timeline";

export interface TimelineProps {
  backups: readonly TimelineBackup[];
  /** The server's time with the data, ISO 8601: what the first render goes by. */
  now: string;
  hrefOf?: (backup: TimelineBackup) => string;
}

interface Days {
  days: TimelineDay<TimelineBackup>[];
  now: Date;
  timeZone: string | undefined;
}

/** Before hydration days are those of UTC, afterwards those of the reader. */
function useDays(backups: readonly TimelineBackup[], serverNow: string): Days {
  const clock = useNow();
  const now = clock ?? new Date(serverNow);
  const timeZone = clock ? undefined : "UTC";
  return { days: timelineDays(backups, { now, timeZone }), now, timeZone };
}

const star = "M8 0.9l2.2 4.6 5 .7-3.6 3.5.9 5L8 12.3l-4.5 2.4.9-5L.8 6.2l5-.7z";

/** Each state has its own shape, not only its colour. `size` is that of a dot; the others follow. */
export function TimelineMark({ state, size = 10 }: { state: TimelineState; size?: number }) {
  const box = state === "proved" ? size * 1.6 : size;
  return (
    <svg width={box} height={box} viewBox="0 0 16 16" aria-hidden="true" className="block shrink-0 overflow-visible">
      {state === "proved" ? <path d={star} className="fill-gold" /> : null}
      {state === "verified" ? <circle cx="8" cy="8" r="8" className="fill-green" /> : null}
      {state === "complete" ? <circle cx="8" cy="8" r="8" className="fill-grey-dot" /> : null}
      {state === "failed" ? <path d="M1.5 1.5l13 13m0-13l-13 13" fill="none" strokeWidth="3.4" strokeLinecap="round" className="stroke-red" /> : null}
      {state === "running" ? <circle cx="8" cy="8" r="6.4" fill="none" strokeWidth="3.2" className="stroke-accent" /> : null}
    </svg>
  );
}

export function TimelineLegend() {
  return (
    <ul className="flex flex-wrap gap-x-2.5 gap-y-1 text-12 text-fg-2 md:gap-x-4">
      {(["proved", "verified", "complete", "failed", "running"] as const).map((state) => (
        <li key={state} className="flex items-center gap-1.5">
          <TimelineMark state={state} size={8} />
          {state}
        </li>
      ))}
    </ul>
  );
}

const stackMax = 4;

/** One column a day, oldest left; several a day stack upwards. */
export function BackupTimeline({ backups, now, hrefOf }: TimelineProps) {
  const { days, now: time, timeZone } = useDays(backups, now);
  const first = days[0];
  return (
    <div>
      <ol aria-label="Backups of the last 30 days" className="grid grid-cols-[repeat(30,minmax(0,1fr))]">
        {days.map((day) => (
          <li key={day.date} className="flex flex-col">
            <div
              className={classNames(
                "flex min-h-[52px] grow flex-col-reverse items-center border-b border-line pb-0.5 md:min-h-16",
                day.today ? "rounded-t-md bg-accent-soft" : day.weekend && "bg-sunken",
              )}
            >
              {day.backups.slice(-stackMax).map((backup) => (
                <Mark
                  key={backup.id}
                  state={backup.state}
                  words={`${formatMoment(backup.startedAt, time, timeZone)}, ${backup.state}`}
                  href={hrefOf?.(backup)}
                />
              ))}
              {day.backups.length === 0 ? <span className="sr-only">no backup</span> : null}
            </div>
            <p className={classNames("hidden h-7 pt-1 text-center text-11 leading-3 md:block", day.today ? "font-medium text-accent-text" : "text-fg-3")}>
              {day.day}
              <span className="block">{day.today ? "today" : day.month}</span>
            </p>
          </li>
        ))}
      </ol>
      <p aria-hidden="true" className="flex justify-between pt-1 text-11 text-fg-3 md:hidden">
        <span>{first ? formatDay(`${first.date}T12:00:00Z`, "UTC").replace(/ \d+$/, "") : ""}</span>
        <span className="font-medium text-accent-text">today</span>
      </p>
    </div>
  );
}

function Mark({ state, words, href }: { state: TimelineState; words: string; href: string | undefined }) {
  const inside = (
    <>
      <TimelineMark state={state} />
      <span className="sr-only">{words}</span>
    </>
  );
  // 24 px high, so that each of a stack can be hit.
  const box = "flex h-6 w-full shrink-0 items-center justify-center";
  return href ? (
    <Link href={href} title={words} className={box}>
      {inside}
    </Link>
  ) : (
    <span title={words} className={box}>
      {inside}
    </span>
  );
}

export interface TimelineStripProps extends TimelineProps {
  size?: "card" | "overview";
}

/** One mark a day in a line: cards and overviews. */
export function TimelineStrip({ backups, now, size = "card" }: TimelineStripProps) {
  const { days } = useDays(backups, now);
  const counts = days
    .flatMap((day) => day.backups)
    .reduce<Partial<Record<TimelineState, number>>>((all, { state }) => ({ ...all, [state]: (all[state] ?? 0) + 1 }), {});
  const words = Object.entries(counts).map(([state, count]) => `${count} ${state}`);
  return (
    <div role="img" aria-label={`30 days of backups: ${words.length > 0 ? words.join(", ") : "none"}`} className="flex h-3 items-center justify-between">
      {days.map((day) => {
        const state = dayState(day.backups);
        return (
          <span key={day.date} title={`${day.day} ${state ?? "none"}`} className="flex w-2 justify-center">
            {state === null ? <span className="size-0.5 rounded-full bg-line-strong" /> : <TimelineMark state={state} size={size === "card" ? 5 : 7} />}
          </span>
        );
      })}
    </div>
  );
}
