/** Which backups retention takes away, as a pure function: the service only carries it out. */

export interface Kept {
  id: string;
  state: "running" | "complete" | "failed";
  /** ISO 8601. */
  startedAt: string;
  /** Complete, read back whole, and its file lies in the store with all of its bytes. */
  isGood: boolean;
  provedAt: string | null;
  scheduleId: string | null;
}

export interface Retention {
  scheduleId: string;
  /** The newest good ones of the schedule that stay, whatever their age. */
  keepLast: number | null;
  /** Younger ones stay. */
  keepDays: number | null;
  failedDays: number;
}

const DAY_MS = 86_400_000;

/**
 * The backups of a schedule to remove. A good one stays while it is among the last `keepLast` or younger than `keepDays`; without both
 * rules nothing goes. Only good ones count, so that failed nights never push good ones out. A failed one goes after `failedDays`, once a
 * good one is newer. The last good and the last proved backup of the connection stay always, and so does all that no schedule made.
 * Days are counted up to the good backup before the newest, and not up to what the clock says now: after a clock that jumped ahead, or a
 * long pause, the first run takes nothing away that would have stayed the run before.
 * @param all every backup of the connection, in any order
 */
export function toRemove(all: readonly Kept[], retention: Retention, now: Date): string[] {
  const { scheduleId, keepLast, keepDays, failedDays } = retention;
  const newestFirst = all.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt) || b.id.localeCompare(a.id));
  const good = newestFirst.filter((backup) => backup.isGood);
  const untouchable = new Set([good[0]?.id, good.find((backup) => backup.provedAt !== null)?.id]);
  const own = newestFirst.filter((backup) => backup.scheduleId === scheduleId);
  const ownGood = own.filter((backup) => backup.isGood);
  const before = ownGood[1];
  const upTo = before ? Math.min(now.getTime(), Date.parse(before.startedAt)) : now.getTime();
  const isYoung = (backup: Kept, days: number) => Date.parse(backup.startedAt) > upTo - days * DAY_MS;
  const outdated =
    keepLast === null && keepDays === null
      ? []
      : ownGood.filter((backup, rank) => !(keepLast !== null && rank < keepLast) && !(keepDays !== null && isYoung(backup, keepDays)));
  const newestGood = good[0];
  const failed = own.filter(
    (backup) => backup.state === "failed" && !isYoung(backup, failedDays) && newestGood !== undefined && newestGood.startedAt > backup.startedAt,
  );
  return [...outdated, ...failed].map((backup) => backup.id).filter((id) => !untouchable.has(id));
}
