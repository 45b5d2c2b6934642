import "server-only";
import type { Insertable, Selectable, Updateable } from "kysely";
import { controlPlane } from "./database";
import type { SchedulesTable } from "./schema";

export type ScheduleRow = Selectable<SchedulesTable>;

export async function insertSchedule(row: Insertable<SchedulesTable>): Promise<void> {
  await controlPlane().insertInto("schedules").values(row).execute();
}

export async function updateSchedule(id: string, change: Updateable<SchedulesTable>): Promise<void> {
  await controlPlane().updateTable("schedules").set(change).where("id", "=", id).execute();
}

export function findSchedule(id: string): Promise<ScheduleRow | undefined> {
  return controlPlane().selectFrom("schedules").selectAll().where("id", "=", id).executeTakeFirst();
}

export function listSchedules(connectionIds: readonly string[]): Promise<ScheduleRow[]> {
  if (connectionIds.length === 0) return Promise.resolve([]);
  return controlPlane()
    .selectFrom("schedules")
    .selectAll()
    .where("connection_id", "in", [...connectionIds])
    .orderBy("created_at")
    .orderBy("id")
    .execute();
}

export function enabledSchedules(): Promise<ScheduleRow[]> {
  return controlPlane().selectFrom("schedules").selectAll().where("enabled", "=", 1).orderBy("next_run_at").execute();
}

export async function deleteSchedule(id: string): Promise<void> {
  await controlPlane().deleteFrom("schedules").where("id", "=", id).execute();
}
