import "server-only";
import { sql } from "kysely";
import type { AuditRow } from "@/server/audit-chain";
import type { AuditFilters } from "@/server/audit-filters";
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

/** Newest first. @param options.before the `nextBefore` of the page before */
export async function listAudit(filters: AuditFilters, options: { before?: number | undefined; limit?: number | undefined } = {}): Promise<AuditPage> {
  const limit = Math.min(options.limit ?? LIMITS.pageRows, LIMITS.pageRowsMax);
  const rows = await filtered(filters, options.before)
    .selectAll("started")
    .select((column) => [
      column.fn.coalesce("completed.outcome", "started.outcome").as("outcome"),
      column.fn.coalesce("completed.detail", "started.detail").as("detail"),
      "completed.seq as completedBySeq",
      "completed.at as completedAt",
    ])
    .orderBy("started.seq", "desc")
    .limit(limit + 1)
    .execute();
  const entries = rows.slice(0, limit).map(({ completes: _completes, ...entry }) => entry);
  return { entries, nextBefore: rows.length > limit ? (entries.at(-1)?.seq ?? null) : null };
}

/** How many entries match, counted up to `max` and no further. */
export async function countAudit(filters: AuditFilters, max = 10_000): Promise<{ count: number; more: boolean }> {
  const matching = filtered(filters, undefined)
    .select("started.seq")
    .limit(max + 1);
  const { count } = await controlPlane()
    .selectFrom(matching.as("matching"))
    .select((column) => column.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  return { count: Math.min(count, max), more: count > max };
}

function filtered(filters: AuditFilters, before: number | undefined) {
  let query = controlPlane()
    .selectFrom("audit as started")
    .leftJoin("audit as completed", "completed.completes", "started.seq")
    .where("started.completes", "is", null);
  if (before !== undefined) query = query.where("started.seq", "<", before);
  if (filters.from) query = query.where("started.at", ">=", filters.from);
  if (filters.to) query = query.where("started.at", "<", filters.to);
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
