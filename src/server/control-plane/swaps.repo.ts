import "server-only";
import type { Insertable, Selectable, Updateable } from "kysely";
import { controlPlane } from "./database";
import type { SwapsTable } from "./schema";

export type SwapRow = Selectable<SwapsTable>;

/** Writes the journal's entry; a second call for the same restore brings its record up to date. */
export async function journalSwap(row: Insertable<SwapsTable>): Promise<void> {
  await controlPlane()
    .insertInto("swaps")
    .values(row)
    .onConflict((conflict) => conflict.column("id").doUpdateSet({ record: row.record, changed_at: row.changed_at }))
    .execute();
}

/** When nothing is kept any more its record is of no use, and may be big: whole function libraries stand in it. */
export async function updateSwap(id: string, change: Updateable<SwapsTable>): Promise<void> {
  const ended = change.state === "dropped" ? { record: "{}" } : {};
  await controlPlane()
    .updateTable("swaps")
    .set({ ...change, ...ended, changed_at: new Date().toISOString() })
    .where("id", "=", id)
    .execute();
}

export function findSwap(id: string): Promise<SwapRow | undefined> {
  return controlPlane().selectFrom("swaps").selectAll().where("id", "=", id).executeTakeFirst();
}

/** Those of a connection, newest first. */
export function listSwaps(connectionId: string, limit: number): Promise<SwapRow[]> {
  return controlPlane().selectFrom("swaps").selectAll().where("connection_id", "=", connectionId).orderBy("created_at", "desc").limit(limit).execute();
}

/** The one whose undo is still possible on this place, when there is one: its names are taken until it is dropped. */
export function keptSwapOf(connectionId: string): Promise<SwapRow | undefined> {
  return controlPlane()
    .selectFrom("swaps")
    .selectAll()
    .where("connection_id", "=", connectionId)
    .where("state", "!=", "dropped")
    .orderBy("created_at", "desc")
    .executeTakeFirst();
}

/** Those under way, and those that broke off and are not settled yet. */
export function openSwaps(): Promise<SwapRow[]> {
  return controlPlane().selectFrom("swaps").selectAll().where("state", "in", ["swapping", "exchanging"]).execute();
}

/** Interrupted ones that no living job works on. */
export function unsettledSwaps(bootId: string): Promise<SwapRow[]> {
  return controlPlane()
    .selectFrom("swaps")
    .selectAll()
    .where("state", "in", ["swapping", "exchanging"])
    .where((where) => where.or([where("boot_id", "!=", bootId), where("error", "is not", null)]))
    .execute();
}

/** Those whose time for undo is over. */
export function expiredSwaps(now: string): Promise<SwapRow[]> {
  return controlPlane().selectFrom("swaps").selectAll().where("state", "in", ["restored", "undone"]).where("kept_until", "<", now).execute();
}
