/** Backups by day, for the strip of the last 30 days. */

export type TimelineState = "proved" | "verified" | "complete" | "failed" | "running";

export interface TimelineBackup {
  id: string;
  /** ISO 8601. */
  startedAt: string;
  state: TimelineState;
}

export interface TimelineDay<Backup extends TimelineBackup> {
  /** "2026-11-23" in the given zone. */
  date: string;
  day: number;
  /** "Nov", only on the first column and the first of a month. */
  month: string | null;
  weekend: boolean;
  today: boolean;
  /** Oldest first. */
  backups: Backup[];
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The date of a moment in a time zone, as "2026-11-23". */
export function dateIn(time: Date, timeZone: string | undefined): string {
  return new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", ...(timeZone ? { timeZone } : {}) }).format(time);
}

/** One column a day, oldest first, the last is today. Days are counted by the calendar, so a change of the clocks moves nothing. */
export function timelineDays<Backup extends TimelineBackup>(
  backups: readonly Backup[],
  { now, timeZone, days = 30 }: { now: Date; timeZone?: string | undefined; days?: number },
): TimelineDay<Backup>[] {
  const byDate = new Map<string, Backup[]>();
  for (const backup of backups.toSorted((a, b) => a.startedAt.localeCompare(b.startedAt))) {
    const date = dateIn(new Date(backup.startedAt), timeZone);
    const list = byDate.get(date);
    if (list) list.push(backup);
    else byDate.set(date, [backup]);
  }
  const today = dateIn(now, timeZone);
  const noon = Date.parse(`${today}T12:00:00Z`);
  return Array.from({ length: days }, (_, index) => {
    const moment = new Date(noon - (days - 1 - index) * 86_400_000);
    const date = moment.toISOString().slice(0, 10);
    const day = moment.getUTCDate();
    const weekday = moment.getUTCDay();
    return {
      date,
      day,
      month: index === 0 || day === 1 ? (months[moment.getUTCMonth()] ?? null) : null,
      weekend: weekday === 0 || weekday === 6,
      today: date === today,
      backups: byDate.get(date) ?? [],
    };
  });
}

const ranks: Record<TimelineState, number> = { running: 0, failed: 1, complete: 2, verified: 3, proved: 4 };

/** What one mark says of a whole day: a failure, though another try went well, else the best backup. */
export function dayState(backups: readonly TimelineBackup[]): TimelineState | null {
  if (backups.some((backup) => backup.state === "failed")) return "failed";
  return backups.reduce<TimelineState | null>((best, { state }) => (best === null || ranks[state] > ranks[best] ? state : best), null);
}
