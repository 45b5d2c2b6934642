import "server-only";
/** When a schedule runs. The only file that knows the cron library. */
import { Cron } from "croner";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";

const MINUTE_MS = 60_000;
/** Runs that are looked at to find the shortest pause between two. */
const LOOKED_AT = 100;

export interface CronTimes {
  /** Five fields: minute, hour, day of the month, month, day of the week. */
  cron: string;
  /** IANA name; hours are those of this zone, also when its clock changes. */
  timeZone: string;
}

/** The next runs after a moment. @throws AppError INVALID for a pattern or a time zone that is none, that never comes, or comes too often */
export function nextRuns(times: CronTimes, options: { from?: Date; count: number }): Date[] {
  const { from = new Date(), count } = options;
  const runs = read(times, Math.max(count, LOOKED_AT), from);
  if (runs.length === 0) throw new AppError("INVALID", `"${times.cron}" never comes`, { fix: "Choose a day that there is." });
  const shortest = runs.slice(1).reduce((pause, run, index) => Math.min(pause, run.getTime() - (runs[index]?.getTime() ?? 0)), Infinity);
  if (shortest < LIMITS.scheduleEveryMinutesMin * MINUTE_MS)
    throw new AppError("INVALID", `"${times.cron}" comes every ${shortest / MINUTE_MS} minutes`, {
      fix: `Leave at least ${LIMITS.scheduleEveryMinutesMin} minutes between two runs.`,
    });
  return runs.slice(0, count);
}

/** The next run after a moment; null when there is none any more. */
export function nextRun(times: CronTimes, from: Date): Date | null {
  return read(times, 1, from)[0] ?? null;
}

function read({ cron, timeZone }: CronTimes, count: number, from: Date): Date[] {
  const fix = "Write five fields: minute, hour, day of the month, month, day of the week (30 2 * * * is every night at half past two).";
  if (!/^\s*(\S+\s+){4}\S+\s*$/.test(cron)) throw new AppError("INVALID", `"${cron}" has not five fields`, { fix });
  // Croner says this only when it computes, and in many words.
  if (!isTimeZone(timeZone)) throw new AppError("INVALID", `"${timeZone}" is no time zone`, { fix: "Write UTC, or a name like Europe/Berlin." });
  try {
    return new Cron(cron.trim(), { timezone: timeZone, mode: "5-part", paused: true }).nextRuns(count, from);
  } catch (cause) {
    throw new AppError("INVALID", `"${cron}" is no schedule`, {
      fix,
      detail: cause instanceof Error ? cause.message.replace(/^CronPattern: /, "") : "",
      cause,
    });
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
