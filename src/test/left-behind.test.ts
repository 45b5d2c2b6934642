/** What a restore leaves aside because its server cannot be asked is cleared when it can, and nothing else is. */
import { existsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { BackupEngine } from "@/backups/engine";
import { AppError } from "@/server/errors";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { startDrill } = await import("@/backups/drills.service");
const { sweepLeftBehind } = await import("@/backups/left-behind.service");
const { startRestore } = await import("@/backups/restores.service");
const { sweepAfterCrash } = await import("@/backups/sweep");
const { insertJob, updateJob } = await import("@/server/control-plane/jobs.repo");
const { settingsOf } = await import("@/server/control-plane/settings.repo");
const { journalSwap } = await import("@/server/control-plane/swaps.repo");

afterAll(() => shop.remove());

const notes = () => settingsOf("left behind|");
const away = new AppError("UNREACHABLE", "the server is away");
/** Its server goes away after the copy stands aside. */
const cutOff: BackupEngine = {
  ...shop.engine,
  async stage(...args) {
    const staged = await shop.engine.stage(...args);
    return { ...staged, objects: [], compareContent: () => Promise.reject(away), discard: () => Promise.reject(away) };
  },
  sweep: () => Promise.reject(away),
};

test.for(["restore", "drill"] as const)("a %s whose server went away is cleared when it is back", async (kind) => {
  const backup = await shop.complete();
  const before = shop.beside();
  const request = { backup, connection: shop.connection, engine: cutOff, user: shop.user };
  const { jobId } =
    kind === "drill" ? await startDrill(request) : await startRestore({ ...request, target: { name: "cut-off.sqlite" }, addConnection: async () => "x" });
  expect((await shop.ended(jobId)).state).toBe("failed");
  expect(shop.beside().length).toBe(before.length + 1);
  await sweepLeftBehind(() => cutOff);
  expect(await notes()).toHaveLength(1);
  await sweepLeftBehind(() => shop.engine);
  expect(shop.beside()).toEqual(before);
  expect(await notes()).toEqual([]);
  expect((await shop.lines(jobId)).at(-1)).toContain("nothing of it is left");
});

test("a crash of both is cleared when the server comes after the console", async () => {
  const id = "0000000000aa";
  await insertJob({ id, bootId: "another boot", kind: "restore", connection: shop.connection, user: shop.user, request: { target: "late.sqlite" } });
  await updateJob(id, { state: "running" });
  const left = join(dirname(shop.file), `late.sqlite.restore-${id}`);
  writeFileSync(left, "half a copy");
  await sweepAfterCrash(() => cutOff);
  expect((await shop.job(id)).state).toBe("failed");
  await sweepLeftBehind(() => shop.engine);
  expect(existsSync(left)).toBe(false);
});

test("a restore that has a journal is left to it", async () => {
  const id = "0000000000bb";
  const now = new Date().toISOString();
  const swap = { connection_id: "sqlite/main", backup_id: "b", target: "bookshop.sqlite", record: "{}", user_id: "u", user_name: "U", boot_id: "x" };
  await journalSwap({ ...swap, id, state: "restored", created_at: now, changed_at: now, kept_until: now });
  const { noteLeftBehind } = await import("@/backups/left-behind.service");
  await noteLeftBehind({ jobId: id, connectionId: "sqlite/main", target: "bookshop.sqlite" });
  let swept = 0;
  await sweepLeftBehind(() => ({ ...shop.engine, sweep: async () => void (swept += 1) }));
  expect(swept).toBe(0);
  expect(await notes()).toEqual([]);
});
