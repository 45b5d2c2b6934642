/** Schedules: one run a slot, also after restarts; retention after each; what could not run is written down. */
import { rmSync } from "node:fs";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { BackupEngine } from "@/backups/engine";
import { AppError } from "@/server/errors";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { nextRun, nextRuns } = await import("@/backups/cron");
const { removeSchedule, runDueSchedules, saveSchedule, schedulesOf } = await import("@/backups/schedules.service");
const { artefactPath } = await import("@/backups/store");
const { controlPlane } = await import("@/server/control-plane/database");
const { findSchedule, updateSchedule } = await import("@/server/control-plane/schedules.repo");
const { ScheduleFields } = await import("@/backups/schedules.schema");

afterAll(() => shop.remove());
beforeEach(async () => {
  await controlPlane().deleteFrom("schedules").execute();
});

const save = (fields: object) => saveSchedule(shop.connection, ScheduleFields.parse({ kind: "backup", cron: "30 2 * * *", ...fields }), shop.user);
const codeOf = (work: () => unknown): Promise<string> =>
  Promise.resolve()
    .then(work)
    .then(
      () => "ok",
      (error: unknown) => (error instanceof AppError ? error.code : String(error)),
    );
const jobs = () => controlPlane().selectFrom("jobs").selectAll().where("user_id", "=", "system").orderBy("created_at").execute();
const tick = (now: Date, engine: BackupEngine = shop.engine) => runDueSchedules(() => engine, now);
const at = (text: string) => new Date(text);
/** The row, as if it had been waiting for this slot. */
async function dueAt(id: string, slot: string): Promise<void> {
  await updateSchedule(id, { next_run_at: slot });
}
async function rowOf(id: string) {
  const row = await findSchedule(id);
  if (!row) throw new Error("no such schedule");
  return row;
}
async function lastJob(id: string) {
  return shop.ended((await rowOf(id)).last_job_id ?? "");
}

describe("when", () => {
  test("is read in its time zone, also when the clock changes", () => {
    const berlin = { cron: "30 2 * * *", timeZone: "Europe/Berlin" };
    expect(nextRuns(berlin, { from: at("2026-10-24T00:00:00Z"), count: 3 }).map((run) => run.toISOString())).toEqual([
      "2026-10-24T00:30:00.000Z",
      "2026-10-25T00:30:00.000Z",
      "2026-10-26T01:30:00.000Z",
    ]);
    // Half past two is not there that night: once all the same.
    expect(nextRuns(berlin, { from: at("2027-03-27T12:00:00Z"), count: 2 }).map((run) => run.toISOString())).toEqual([
      "2027-03-28T01:00:00.000Z",
      "2027-03-29T00:30:00.000Z",
    ]);
    expect(nextRun({ cron: "0 0 30 2 *", timeZone: "UTC" }, new Date())).toBeNull();
  });

  test.for(["", "a b c d e", "61 * * * *", "* * * * * *", "@daily", "0 0 30 2 *", "* * * * *", "0,1 3 * * *"])("%s is refused in words", async (cron) => {
    expect(await codeOf(() => nextRuns({ cron, timeZone: "UTC" }, { count: 1 }))).toBe("INVALID");
  });

  test("a time zone that is none is refused", async () => {
    expect(await codeOf(() => save({ timeZone: "Mars/Base" }))).toBe("INVALID");
  });
});

describe("a slot", () => {
  test("is run once, as the console, with audit rows; the next one is set", async () => {
    const { id } = await save({});
    await dueAt(id, "2026-11-20T02:30:00.000Z");
    const before = (await jobs()).length;
    await tick(at("2026-11-20T02:29:59.000Z"));
    expect((await jobs()).length).toBe(before);
    await tick(at("2026-11-20T02:30:05.000Z"));
    await tick(at("2026-11-20T02:30:10.000Z"));
    expect((await jobs()).length).toBe(before + 1);
    const job = await lastJob(id);
    expect(job).toMatchObject({ state: "succeeded", kind: "backup", user_id: "system", user_name: "the console" });
    expect(await rowOf(id)).toMatchObject({ next_run_at: "2026-11-21T02:30:00.000Z", last_error: null });
    const backup = await controlPlane().selectFrom("backups").selectAll().where("job_id", "=", job.id).executeTakeFirstOrThrow();
    expect(backup).toMatchObject({ schedule_id: id, state: "complete", created_by: "system" });
    const rows = await controlPlane().selectFrom("audit").select("outcome").where("procedure", "=", "schedule backup").where("target", "=", id).execute();
    expect(rows.map(({ outcome }) => outcome)).toEqual(["started", "allowed"]);
  });

  test("that the console stopped in the middle of is not run again", async () => {
    const { id } = await save({});
    await dueAt(id, "2026-11-20T02:30:00.000Z");
    await tick(at("2026-11-20T02:30:05.000Z"));
    const job = await lastJob(id);
    const before = (await jobs()).length;
    // The job was begun, and the row had not been told.
    await updateSchedule(id, { next_run_at: "2026-11-20T02:30:00.000Z", last_job_id: null });
    await tick(at("2026-11-20T02:30:20.000Z"));
    expect((await jobs()).length).toBe(before);
    expect((await rowOf(id)).last_job_id).toBe(job.id);
  });

  test("of many that were missed, one is run", async () => {
    const { id } = await save({ cron: "*/10 * * * *" });
    await dueAt(id, "2026-11-01T00:00:00.000Z");
    const before = (await jobs()).length;
    await tick(at("2026-11-20T02:35:00.000Z"));
    await lastJob(id);
    await tick(at("2026-11-20T02:36:00.000Z"));
    expect((await jobs()).length).toBe(before + 1);
    expect((await rowOf(id)).next_run_at).toBe("2026-11-20T02:40:00.000Z");
  });

  test("is left out while the one before it still runs, and that is written down", async () => {
    const { id } = await save({});
    await dueAt(id, "2026-11-20T02:30:00.000Z");
    let go: () => void = () => {};
    const gone = new Promise<void>((resolve) => (go = resolve));
    const slow: BackupEngine = { ...shop.engine, write: (...args) => gone.then(() => shop.engine.write(...args)) };
    await tick(at("2026-11-20T02:30:05.000Z"), slow);
    const before = (await jobs()).length;
    await tick(at("2026-11-21T02:30:05.000Z"), slow);
    expect((await jobs()).length).toBe(before);
    expect((await rowOf(id)).last_error).toContain("still under way");
    go();
    await lastJob(id);
    await tick(at("2026-11-22T02:30:05.000Z"));
    expect((await lastJob(id)).state).toBe("succeeded");
    expect((await rowOf(id)).last_error).toBeNull();
  });

  test("comes also after the clock was a year ahead for a while", async () => {
    const { id } = await save({});
    await dueAt(id, "2027-11-20T02:30:00.000Z");
    await tick(at("2026-11-20T12:00:00.000Z"));
    expect((await rowOf(id)).next_run_at).toBe("2026-11-21T02:30:00.000Z");
  });

  test("one that fails to start does not hold back the others", async () => {
    const lost = await save({});
    const fine = await save({});
    await updateSchedule(lost.id, { connection_id: "sqlite/removed", next_run_at: "2026-11-20T02:30:00.000Z" });
    await dueAt(fine.id, "2026-11-20T02:30:00.000Z");
    await tick(at("2026-11-20T02:30:05.000Z"));
    expect((await lastJob(fine.id)).state).toBe("succeeded");
    expect(await rowOf(lost.id)).toMatchObject({ enabled: 0, last_error: expect.stringContaining("removed") as string });
  });

  test("disabled ones do not run", async () => {
    const { id, nextRunAt } = await save({ enabled: false });
    expect(nextRunAt).toBeNull();
    await dueAt(id, "2026-11-20T02:30:00.000Z");
    const before = (await jobs()).length;
    await tick(at("2026-11-20T02:30:05.000Z"));
    expect((await jobs()).length).toBe(before);
  });
});

describe("retention of a schedule", () => {
  test("keeps its last ones after each run; F25: not after failed ones", async () => {
    const { id } = await save({ keepLast: 2 });
    const own = () => controlPlane().selectFrom("backups").select(["id", "state"]).where("schedule_id", "=", id).where("state", "=", "complete").execute();
    for (let night = 1; night <= 4; night += 1) {
      await dueAt(id, `2026-11-0${night}T02:30:00.000Z`);
      await tick(at(`2026-11-0${night}T02:30:05.000Z`));
      expect((await lastJob(id)).state).toBe("succeeded");
    }
    expect(await own()).toHaveLength(2);
    const broken: BackupEngine = { ...shop.engine, write: () => Promise.reject(new AppError("UNREACHABLE", "the server is away")) };
    for (let night = 10; night < 20; night += 1) {
      await dueAt(id, `2026-11-${night}T02:30:00.000Z`);
      await tick(at(`2026-11-${night}T02:30:05.000Z`), broken);
      expect((await lastJob(id)).state).toBe("failed");
    }
    expect(await own()).toHaveLength(2);
  });
});

describe("a drill schedule", () => {
  test("proves the newest good backup, and says when there is none", async () => {
    const engine: BackupEngine = {
      ...shop.engine,
      async stage(...args) {
        return { ...(await shop.engine.stage(...args)), compareContent: async () => ({ method: "every row" }) };
      },
    };
    const { id } = await save({ kind: "drill" });
    const backup = await shop.complete();
    await dueAt(id, "2026-11-20T02:30:00.000Z");
    await tick(at("2026-11-20T02:30:05.000Z"), engine);
    expect(await lastJob(id)).toMatchObject({ state: "succeeded", kind: "drill" });
    expect((await shop.backup(backup.id)).proved_at).not.toBeNull();
    for (const { file_name } of await controlPlane().selectFrom("backups").select("file_name").execute()) rmSync(artefactPath(file_name), { force: true });
    await dueAt(id, "2026-11-21T02:30:00.000Z");
    await tick(at("2026-11-21T02:30:05.000Z"), engine);
    expect((await rowOf(id)).last_error).toContain("no good backup");
  });

  test("keeps nothing itself", async () => {
    expect(await codeOf(() => save({ kind: "drill", keepLast: 3 }))).toBe("INVALID");
  });
});

test("asks for no format where there is nothing to choose", async () => {
  expect(await codeOf(() => save({ format: "redis-portable" }))).toBe("INVALID");
  expect(await save({})).toMatchObject({ format: null });
});

test("is changed, listed and removed on its own connection only; its backups stay", async () => {
  const made = await save({ keepLast: 7, keepDays: 30, timeZone: "Europe/Berlin" });
  expect(made).toMatchObject({ connectionId: "sqlite/main", keepLast: 7, keepDays: 30, enabled: true, lastJobState: null });
  expect(made.nextRuns).toHaveLength(3);
  const changed = await save({ id: made.id, cron: "0 4 * * *", keepLast: 3 });
  expect(changed).toMatchObject({ id: made.id, cron: "0 4 * * *", keepLast: 3, keepDays: null });
  expect(await schedulesOf("sqlite/main")).toEqual([changed]);
  expect(await schedulesOf("sqlite/control-plane")).toEqual([]);
  expect(await codeOf(() => removeSchedule("sqlite/control-plane", made.id))).toBe("NOT_FOUND");
  expect(await codeOf(() => saveSchedule({ ...shop.connection, id: "sqlite/other" }, ScheduleFields.parse({ ...changed, timeZone: "UTC" }), shop.user))).toBe(
    "NOT_FOUND",
  );
  await removeSchedule("sqlite/main", made.id);
  expect(await schedulesOf("sqlite/main")).toEqual([]);
});
