import "server-only";
/** Schedules of one connection: backups and proof drills, the same for all engines. Everybody who reads the database may see them. */
import { z } from "zod";
import { nextRuns } from "@/backups/cron";
import { Schedule, ScheduleFields, ScheduleTimes } from "@/backups/schedules.schema";
import { removeSchedule, saveSchedule, schedulesOf } from "@/backups/schedules.service";
import type { EngineId } from "@/engines";
import { engineProcedure, router } from "@/trpc/init";

export function createSchedulesRouter(engineId: EngineId) {
  const procedure = engineProcedure(engineId);
  const path = `/${engineId}/schedules` as const;
  const tags = [engineId];

  return router({
    list: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path, tags, summary: "Schedules of a connection" } })
      .output(z.object({ schedules: z.array(Schedule) }))
      .query(async ({ ctx }) => ({ schedules: await schedulesOf(ctx.connection.id) })),

    preview: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path: `${path}/preview`, tags, summary: "When a schedule would run" } })
      .input(ScheduleTimes)
      .output(z.object({ nextRuns: z.array(z.string()) }))
      .query(({ input }) => ({ nextRuns: nextRuns(input, { count: 5 }).map((run) => run.toISOString()) })),

    save: procedure
      .action("administer")
      .meta({ openapi: { method: "POST", path, tags, summary: "Make a schedule, or change one" } })
      .input(ScheduleFields)
      .output(Schedule)
      .mutation(({ ctx, input }) => saveSchedule(ctx.connection, input, { id: ctx.principal.userId, name: ctx.principal.name })),

    remove: procedure
      .action("administer")
      .meta({ openapi: { method: "POST", path: `${path}/{id}/remove`, tags, summary: "Remove a schedule; the backups it made stay" } })
      .input(z.object({ id: z.string().min(1).max(40) }))
      .output(z.object({ done: z.literal(true) }))
      .mutation(async ({ ctx, input }) => {
        await removeSchedule(ctx.connection.id, input.id);
        return { done: true as const };
      }),
  });
}
