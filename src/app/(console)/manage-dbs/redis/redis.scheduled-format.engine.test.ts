/** A schedule asks for a format as a person does, and keeps to it until it is changed. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ScheduleFields } from "@/backups/schedules.schema";
import type { Connection } from "@/server/connection";
import { temporaryControlPlane } from "@/test/control-plane";
import { startRedis, type TestRedis } from "./redis.test-server";

const server: TestRedis = await startRedis();
const plane = await temporaryControlPlane({ REDIS_ADMIN_URL: server.url });
const { engineServers } = await import("@/trpc/engine-servers");
const { getConnection } = await import("@/server/connections");
const { runDueSchedules, saveSchedule, schedulesOf } = await import("@/backups/schedules.service");
const { listBackups } = await import("@/server/control-plane/backups.repo");
const { findJob } = await import("@/server/control-plane/jobs.repo");
const { findSchedule, updateSchedule } = await import("@/server/control-plane/schedules.repo");

const user = { id: "test", name: "Test" };
let connection: Connection;
beforeAll(async () => {
  connection = await getConnection("redis", "main");
  await server.driver().set("a", "1");
});
afterAll(async () => {
  await engineServers.redis.close();
  await server.stop();
  await plane.remove();
});

const save = (fields: object) => saveSchedule(connection, ScheduleFields.parse({ kind: "backup", cron: "30 2 * * *", ...fields }), user);

/** Runs its slot, and answers the format of the backup that came of it. */
async function formatMade(id: string, slot: string): Promise<string | null | undefined> {
  await updateSchedule(id, { next_run_at: slot });
  await runDueSchedules(() => engineServers.redis.backup);
  const jobId = (await findSchedule(id))?.last_job_id ?? "";
  for (;;) {
    const job = await findJob(jobId);
    if (job && job.ended_at !== null) {
      expect(job).toMatchObject({ state: "succeeded", error: null });
      break;
    }
    await delay(20);
  }
  return (await listBackups({ connectionIds: [connection.id], limit: 10 })).find((row) => row.job_id === jobId)?.format;
}

test("a schedule makes portable backups when it is told to, and others again when it is changed", async () => {
  const { id } = await save({ format: "redis-portable" });
  expect(await schedulesOf(connection.id)).toMatchObject([{ id, format: "redis-portable" }]);
  expect(await formatMade(id, "2026-01-01T02:30:00.000Z")).toBe("redis-portable");
  await save({ id, cron: "30 3 * * *" });
  expect(await schedulesOf(connection.id)).toMatchObject([{ id, format: null }]);
  expect(await formatMade(id, "2026-01-02T03:30:00.000Z")).toBe("redis-rdb");
});

test("a format that cannot be asked for is refused when the schedule is saved", async () => {
  await expect(save({ format: "redis-rdb" })).rejects.toMatchObject({ code: "INVALID", fix: expect.stringContaining("redis-portable") });
  await expect(save({ kind: "drill", format: "redis-portable" })).rejects.toMatchObject({ code: "INVALID", message: expect.stringContaining("drill") });
});
