/** What needs a person is found by who may see it, and is gone when it is over. */
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { User } from "@/server/control-plane/users.repo";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { startDrill } = await import("@/backups/drills.service");
const { startJob } = await import("@/backups/jobs");
const { controlPlane } = await import("@/server/control-plane/database");
const { putGrant } = await import("@/server/control-plane/grants.repo");
const { insertSchedule, updateSchedule } = await import("@/server/control-plane/schedules.repo");
const { journalSwap } = await import("@/server/control-plane/swaps.repo");
const { addPerson, principalOf } = await import("@/test/people");
const { createCaller } = await import("@/trpc/root");

afterAll(() => shop.remove());

let admin: User;
let other: User;
beforeEach(async () => {
  [admin, other] = [await addPerson("admin"), await addPerson("admin")];
  for (const table of ["schedules", "swaps", "approvals"] as const) await controlPlane().deleteFrom(table).execute();
  await controlPlane().updateTable("backups").set({ drill_failed_at: null, drill_error: null }).execute();
});

const as = (user: User) => createCaller({ principal: principalOf(user), requestId: "test", address: "::1" });
const items = async (user = admin) => (await as(user).backups.attention()).items;

const now = new Date().toISOString();
const schedule = (more: object = {}) =>
  insertSchedule({
    id: "s1",
    connection_id: "sqlite/main",
    kind: "backup",
    cron: "30 2 * * *",
    time_zone: "UTC",
    enabled: 1,
    created_by: "x",
    created_by_name: "X",
    created_at: now,
    next_run_at: now,
    ...more,
  });
const ran = async (work: () => Promise<Record<string, unknown>>) => {
  const { jobId } = await startJob({ kind: "backup", connection: shop.connection, user: shop.user, request: {} }, work);
  await shop.ended(jobId);
  return jobId;
};
const failure = JSON.stringify({ code: "UNREACHABLE", message: "the server is away", fix: null, detail: null });

describe("a schedule", () => {
  test("whose last run failed, until one goes well", async () => {
    const failed = await ran(() => Promise.reject(new Error("broken")));
    await schedule({ last_job_id: failed });
    expect(await items()).toMatchObject([{ kind: "schedule", level: "danger", jobId: failed, title: "The last scheduled backup failed" }]);
    await updateSchedule("s1", { last_job_id: await ran(async () => ({})) });
    expect(await items()).toEqual([]);
  });

  test("that could not even start, and not one that is switched off", async () => {
    await schedule({ last_error: failure });
    expect(await items()).toMatchObject([{ kind: "schedule", detail: "the server is away" }]);
    await updateSchedule("s1", { enabled: 0 });
    expect(await items()).toEqual([]);
  });

  test("whose time has passed without a run", async () => {
    await schedule({ next_run_at: new Date(Date.now() - 3_600_000).toISOString() });
    expect(await items()).toMatchObject([{ kind: "schedule", title: "A scheduled backup is overdue" }]);
  });
});

test("a failed drill, until a later one of the connection goes well", async () => {
  const backup = await shop.complete();
  const drill = async (isEqual: boolean) => {
    const engine: typeof shop.engine = {
      ...shop.engine,
      async stage(...args) {
        const compareContent = () => (isEqual ? Promise.resolve({ method: "all" }) : Promise.reject(new Error("rows differ")));
        return { ...(await shop.engine.stage(...args)), compareContent };
      },
    };
    const target = isEqual ? await shop.complete() : backup;
    await shop.ended((await startDrill({ backup: target, connection: shop.connection, engine, user: shop.user })).jobId);
  };
  await drill(false);
  expect(await items()).toMatchObject([{ kind: "drill", backupId: backup.id, level: "danger" }]);
  await drill(true);
  expect(await items()).toEqual([]);
});

test("a swap whose end is not known", async () => {
  const swap = { id: "0123456789ab", connection_id: "sqlite/main", backup_id: "b", target: "bookshop.sqlite", record: "{}", user_id: "u", user_name: "U" };
  await journalSwap({ ...swap, state: "swapping", boot_id: "another boot", created_at: now, changed_at: now, kept_until: now });
  expect(await items()).toMatchObject([{ kind: "swap", level: "danger", title: expect.stringContaining("bookshop.sqlite") as string }]);
});

test("what waits for a second person is shown to who may give the word, after what failed", async () => {
  const backup = await shop.complete();
  await schedule({ last_error: failure });
  await as(admin).sqlite.approvals.require({ required: true });
  await as(admin).sqlite.backups.restore({ id: backup.id, target: "bookshop.sqlite", replace: true, confirm: "bookshop.sqlite" });
  const viewer = await addPerson("viewer");
  expect((await items(other)).map(({ kind }) => kind)).toEqual(["schedule", "approval"]);
  expect((await items(admin)).map(({ kind }) => kind)).toEqual(["schedule"]);
  expect((await items(viewer)).map(({ kind }) => kind)).toEqual(["schedule"]);
  await putGrant({ userId: other.id, connectionId: "sqlite/main", role: "none" });
  expect(await items(other)).toEqual([]);
});
