import "server-only";
import { setImmediate as nextTurn } from "node:timers/promises";
import { sql } from "kysely";
import type { AuditRow } from "@/server/audit-chain";
import type { AuditFilters } from "@/lib/audit-filters";
import { controlPlane } from "@/server/control-plane/database";
import { LIMITS } from "@/server/limits";

/** A started row and its completion are one entry: outcome and detail are those of the completion. */
export interface AuditEntryView extends Omit<AuditRow, "completes"> {
  /** The row that completed this one; null while it runs, and for rows that needed none. */
  completedBySeq: number | null;
  completedAt: string | null;
}

export interface AuditPage {
  entries: AuditEntryView[];
  /** Give it as `before` to read on; null at the end. */
  nextBefore: number | null;
}

/** Rows that one statement looks at: a filter that matches nothing must not hold up the process. */
const WINDOW_ROWS = 20_000;
const COUNT_MS = 1_000;

/** Newest first. @param options.before the `nextBefore` of the page before */
export async function listAudit(filters: AuditFilters, options: { before?: number | undefined; limit?: number | undefined } = {}): Promise<AuditPage> {
  const limit = Math.min(options.limit ?? LIMITS.pageRows, LIMITS.pageRowsMax);
  const entries: AuditEntryView[] = [];
  for await (const window of windows(filters, options.before)) {
    const rows = await filtered(filters, window)
      .selectAll("started")
      .select((column) => [
        column.fn.coalesce("completed.outcome", "started.outcome").as("outcome"),
        column.fn.coalesce("completed.detail", "started.detail").as("detail"),
        "completed.seq as completedBySeq",
        "completed.at as completedAt",
      ])
      .orderBy("started.seq", "desc")
      .limit(limit + 1 - entries.length)
      .execute();
    entries.push(...rows.map(({ completes: _completes, ...entry }) => entry));
    if (entries.length > limit) break;
  }
  const page = entries.slice(0, limit);
  return { entries: page, nextBefore: entries.length > limit ? (page.at(-1)?.seq ?? null) : null };
}

/** How many entries match, counted up to `max` and for a second at most. */
export async function countAudit(filters: AuditFilters, max = 10_000): Promise<{ count: number; more: boolean }> {
  const started = performance.now();
  let count = 0;
  for await (const window of windows(filters, undefined)) {
    const counted = await filtered(filters, window)
      .select((column) => column.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    count += counted.count;
    if (count > max) return { count: max, more: true };
    if (performance.now() - started > COUNT_MS) return { count, more: window.from > 1 };
  }
  return { count, more: false };
}

interface Window {
  /** First row, included. */
  from: number;
  /** Last row, excluded. */
  before: number;
}

/** The log in slices, newest first; others get their turn between two. */
async function* windows(filters: AuditFilters, before: number | undefined): AsyncGenerator<Window> {
  const end = filters.from === undefined ? 1 : await firstSeqSince(filters.from);
  for (let top = before ?? (await newestSeq()) + 1; top > end; top -= WINDOW_ROWS) {
    yield { from: Math.max(1, top - WINDOW_ROWS), before: top };
    await nextTurn();
  }
}

/** Where a time begins in the log; a clock that was set back may have mixed its neighbours. */
async function firstSeqSince(time: string): Promise<number> {
  const first = await controlPlane().selectFrom("audit").select("seq").where("at", ">=", time).orderBy("at").limit(1).executeTakeFirst();
  return Math.max(1, (first?.seq ?? (await newestSeq())) - 1_000);
}

function filtered(filters: AuditFilters, window: Window) {
  let query = controlPlane()
    .selectFrom("audit as started")
    .leftJoin("audit as completed", "completed.completes", "started.seq")
    .where("started.seq", ">=", window.from)
    .where("started.seq", "<", window.before)
    .where("started.completes", "is", null);
  // The plus keeps SQLite on the rows of the window instead of the index of times.
  if (filters.from) query = query.where(sql`+${sql.ref("started.at")}`, ">=", filters.from);
  if (filters.to) query = query.where(sql`+${sql.ref("started.at")}`, "<", filters.to);
  if (filters.actorId) query = query.where("started.actor_id", "=", filters.actorId);
  if (filters.actions && filters.actions.length > 0) query = query.where("started.action", "in", filters.actions);
  if (filters.connectionId) query = query.where("started.connection_id", "=", filters.connectionId);
  if (filters.engine) query = query.where("started.connection_id", "like", `${filters.engine}/%`);
  if (filters.outcome) query = query.where((column) => column.fn.coalesce("completed.outcome", "started.outcome"), "=", filters.outcome);
  if (filters.search) {
    const part = `%${filters.search.replace(/[\\%_]/g, "\\$&")}%`;
    query = query.where((any) =>
      any.or((["target", "request_id", "address", "procedure"] as const).map((name) => sql<boolean>`${any.ref(`started.${name}`)} LIKE ${part} ESCAPE '\\'`)),
    );
  }
  return query;
}

/** The number of the newest row, which is also how many there are. */
export async function newestSeq(): Promise<number> {
  const newest = await controlPlane().selectFrom("audit").select("seq").orderBy("seq", "desc").limit(1).executeTakeFirst();
  return newest?.seq ?? 0;
}
