/** Restores whose swap broke off: put back once at a time, never beside a job of their server, and never over what a later restore put there. */
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, beforeEach, expect, test } from "vitest";
import type { BackupEngine } from "@/backups/engine";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import { AppError } from "@/server/errors";
import { failureOf, gate } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { startJob } = await import("@/backups/jobs");
const { startRestore } = await import("@/backups/restores.service");
const { startDrop, startUndo, swapOf, tendSwaps } = await import("@/backups/swaps.service");

afterAll(() => shop.remove());

const { connection, user } = shop;
const inside = <T>(work: (db: Database.Database) => T): T => {
  const db = new Database(shop.file);
  try {
    return work(db);
  } finally {
    db.close();
  }
};
const write = (title: string) => inside((db) => db.prepare("UPDATE books SET title = ? WHERE id = 1").run(title));
const live = () => inside((db) => db.prepare("SELECT title FROM books WHERE id = 1").pluck().get());

let backup: BackupRow;
beforeEach(async () => {
  write("of the backup");
  backup = await shop.complete();
  write("live");
});

const away = (code: "UNREACHABLE" | "CONFLICT" = "UNREACHABLE") => Promise.reject(new AppError(code, "it cannot be told"));
/** An engine whose swap breaks off after its journal, and that cannot tell what became of it. */
const broken: BackupEngine = {
  ...shop.engine,
  async stage(...args) {
    const staged = await shop.engine.stage(...args);
    return {
      ...staged,
      async swap(journal) {
        await staged.swap?.(journal);
        throw new Error("the server went away");
      },
    };
  },
  settle: () => away(),
};
const replace = async (engine: BackupEngine) => {
  const { jobId } = await startRestore({
    backup,
    connection,
    engine,
    target: { name: "bookshop.sqlite", replace: true },
    user,
    addConnection: async () => "main",
  });
  return shop.ended(jobId);
};
async function brokenOff(): Promise<string> {
  const { id } = await replace(broken);
  expect(await swapOf(connection.id, id)).toMatchObject({ state: "swapping", error: expect.stringContaining("UNREACHABLE") as string });
  return id;
}
async function drop(id: string): Promise<void> {
  const { jobId } = await startDrop({ row: await swapOf(connection.id, id), connection, engine: shop.engine, user });
  expect((await shop.ended(jobId)).state).toBe("succeeded");
}

test("a put-back that takes longer than a minute is not begun a second time", async () => {
  const id = await brokenOff();
  const { opened, open } = gate();
  let begun = 0;
  const slow: BackupEngine = {
    ...shop.engine,
    async settle(...args) {
      begun += 1;
      await opened;
      return shop.engine.settle(...args);
    },
  };
  const ticks = [tendSwaps(() => slow)];
  for (let waited = 0; begun === 0 && waited < 5_000; waited += 10) await delay(10);
  // The later ones end at once: others are tended meanwhile.
  await tendSwaps(() => slow);
  await tendSwaps(() => slow);
  expect(begun).toBe(1);
  open();
  await Promise.all(ticks);
  expect(begun).toBe(1);
  expect(await swapOf(connection.id, id)).toMatchObject({ state: "restored", error: null });
  await drop(id);
});

test("a put-back waits for the job that its server has, and does nothing when that has settled it", async () => {
  const id = await brokenOff();
  const { opened, open } = gate();
  const job = await startJob({ kind: "verify", connection, user, request: {} }, () => opened.then(() => ({})));
  let begun = 0;
  const engine: BackupEngine = { ...shop.engine, settle: (...args) => ((begun += 1), shop.engine.settle(...args)) };
  const tick = tendSwaps(() => engine);
  await delay(50);
  expect(begun).toBe(0);
  open();
  await shop.ended(job.jobId);
  await tick;
  expect(begun).toBe(1);
  await drop(id);
});

test("a later restore settles what an earlier one left open before it touches anything", async () => {
  const first = await brokenOff();
  const second = await replace(shop.engine);
  expect(second).toMatchObject({ state: "succeeded", error: null });
  expect(await swapOf(connection.id, first)).toMatchObject({ state: "restored", error: null });
  write("written since");
  await tendSwaps(() => shop.engine);
  expect(live()).toBe("written since");
  await drop(second.id);
  await drop(first);
});

test("a later restore and an undo are refused while it cannot be told what became of the earlier one", async () => {
  const kept = await replace(shop.engine);
  const first = await brokenOff();
  const before = live();
  const beside = shop.beside();
  const gone: BackupEngine = { ...shop.engine, settle: () => away() };
  const second = await replace(gone);
  expect(second.state).toBe("failed");
  expect(failureOf(second)).toMatchObject({ code: "UNREACHABLE", message: expect.stringContaining("is not known yet: it cannot be told") as string });
  await expect(startUndo({ row: await swapOf(connection.id, kept.id), connection, engine: gone, user })).rejects.toMatchObject({ code: "CONFLICT" });
  expect(live()).toBe(before);
  expect(shop.beside()).toEqual(beside);
  await tendSwaps(() => shop.engine);
  await drop(first);
  await drop(kept.id);
});

test("one that can never be settled keeps nobody from restoring, and is never put back over that", async () => {
  const first = await brokenOff();
  const stuck: BackupEngine = { ...shop.engine, settle: () => away("CONFLICT") };
  const second = await replace(stuck);
  expect(second).toMatchObject({ state: "succeeded", error: null });
  expect((await shop.lines(second.id)).join("\n")).toContain("whose end could not be found out, is replaced by this one");
  expect(await swapOf(connection.id, first)).toMatchObject({ state: "undone", error: null });
  write("written since");
  await tendSwaps(() => shop.engine);
  expect(live()).toBe("written since");
  await drop(second.id);
  await drop(first);
});
