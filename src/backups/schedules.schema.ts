/** Wire forms of schedules. Times ISO 8601 UTC. */
import { z } from "zod";
import { Failure } from "@/backups/backups.schema";

export const ScheduleTimes = z.object({
  /** Five fields. */
  cron: z.string().min(1).max(100),
  timeZone: z.string().min(1).max(60).default("UTC"),
});

export const ScheduleFields = ScheduleTimes.extend({
  /** Absent: a new one. */
  id: z.string().min(1).max(40).optional(),
  kind: z.enum(["backup", "drill"]),
  /** Of a backup schedule: what it made stays while it is among its last so many good ones, or younger than so many days. Null: no such rule. */
  keepLast: z.number().int().min(1).max(1_000).nullable().default(null),
  keepDays: z.number().int().min(1).max(3_660).nullable().default(null),
  enabled: z.boolean().default(true),
  /** Of a backup schedule: one of the formats its engine lets choose. Null: what the engine takes by itself. */
  format: z.string().max(50).nullable().default(null),
});
export type ScheduleFields = z.infer<typeof ScheduleFields>;

export const Schedule = z.object({
  id: z.string(),
  connectionId: z.string(),
  kind: z.enum(["backup", "drill"]),
  cron: z.string(),
  timeZone: z.string(),
  keepLast: z.number().nullable(),
  keepDays: z.number().nullable(),
  enabled: z.boolean(),
  format: z.string().nullable(),
  createdBy: z.string(),
  createdAt: z.string(),
  lastRunAt: z.string().nullable(),
  lastJobId: z.string().nullable(),
  lastJobState: z.enum(["queued", "running", "succeeded", "failed", "cancelled"]).nullable(),
  /** Why the last run could not even start; its job says the rest. */
  lastError: Failure.nullable(),
  nextRunAt: z.string().nullable(),
  /** The next three. */
  nextRuns: z.array(z.string()),
});
export type Schedule = z.infer<typeof Schedule>;
