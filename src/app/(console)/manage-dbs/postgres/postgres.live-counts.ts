import "server-only";
import { countRelations, type DumpRelation } from "@/app/(console)/manage-dbs/postgres/postgres.backup-objects";
import type { Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { LIMITS } from "@/server/limits";

/** Rows that are live now; null for what holds none of its own, or what nobody can tell. */
export interface LiveCounts {
  byName: ReadonlyMap<string, number | null>;
  total: number | null;
  isExact: boolean;
}

/** Counted where that takes no longer than LIMITS.exactCountTimeoutMs in all, else the planner's estimates, which a table has once it was analysed. */
export async function liveCounts(session: Session, relations: readonly DumpRelation[]): Promise<LiveCounts> {
  return countsOf(relations, await countInTime(session, relations));
}

/** What the planner knows. */
export const estimates = (relations: readonly DumpRelation[]): LiveCounts => countsOf(relations, null);

function countsOf(relations: readonly DumpRelation[], counted: ReadonlyMap<string, number> | null): LiveCounts {
  const byName = new Map(relations.map((relation) => [relation.name, relation.countFrom === null ? null : (counted?.get(relation.name) ?? relation.estimate)]));
  const rows = relations.filter((relation) => relation.countFrom !== null).map((relation) => byName.get(relation.name) ?? null);
  return { byName, total: rows.includes(null) ? null : rows.reduce<number>((sum, count) => sum + (count ?? 0), 0), isExact: counted !== null };
}

/** Null when it takes too long, or the role may not read everything. */
async function countInTime(session: Session, relations: readonly DumpRelation[]): Promise<ReadonlyMap<string, number> | null> {
  const until = performance.now() + LIMITS.exactCountTimeoutMs;
  await session.run(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = ${LIMITS.exactCountTimeoutMs}`);
  try {
    const counts = await countRelations(session, relations, () => {
      if (performance.now() > until) throw new Error("counting takes too long");
    });
    await session.run("COMMIT");
    return counts;
  } catch {
    await session.run("ROLLBACK");
    return null;
  }
}
