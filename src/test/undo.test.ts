/** F18, F20: an undo that is asked for twice is one undo, and a cancel that comes when the swap is done says what is live. */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeEach, expect, test } from "vitest";
import type { BackupEngine } from "@/backups/engine";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import { failureOf } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { cancelJob } = await import("@/backups/jobs");
const { buildConnection } = await import("@/server/connections");
const { createBackup } = await import("@/backups/backups.service");
const { startRestore } = await import("@/backups/restores.service");
const { startDrop, startUndo, swapOf } = await import("@/backups/swaps.service");

afterAll(() => shop.remove());

const { connection, user } = shop;
const TARGET = "bookshop.sqlite";
const inside = <T>(work: (db: Database.Database) => T): T => {
  const db = new Database(shop.file);
  try {
    return work(db);
  } finally {
    db.close();
  }
};
const live = () => inside((db) => db.prepare("SELECT title FROM books WHERE id = 1").pluck().get());

let backup: BackupRow;
let before: unknown;
beforeEach(async () => {
  backup = await shop.complete();
  before = live();
  inside((db) => db.exec("UPDATE books SET title = title || ' changed' WHERE id = 1"));
});

const replace = (engine: BackupEngine = shop.engine) =>
  startRestore({ backup, connection, engine, target: { name: TARGET, replace: true }, user, addConnection: async () => "main" });
async function replaced(): Promise<string> {
  const { jobId } = await replace();
  expect(await shop.ended(jobId)).toMatchObject({ state: "succeeded", error: null });
  expect(live()).toBe(before);
  return jobId;
}
const undo = async (id: string, idempotencyKey?: string) =>
  startUndo({ row: await swapOf(connection.id, id), connection, engine: shop.engine, user, idempotencyKey });
async function drop(id: string): Promise<void> {
  const { jobId } = await startDrop({ row: await swapOf(connection.id, id), connection, engine: shop.engine, user });
  expect((await shop.ended(jobId)).state).toBe("succeeded");
}

test("an undo that is asked for twice at one moment is done once, and the second says so", async () => {
  const id = await replaced();
  const both = await Promise.all([undo(id), undo(id)]);
  const rows = await Promise.all(both.map(({ jobId }) => shop.ended(jobId)));
  expect(live()).toBe(`${String(before)} changed`);
  expect(rows.map(({ state }) => state).toSorted()).toEqual(["failed", "succeeded"]);
  expect(failureOf(rows.find(({ state }) => state === "failed") ?? { error: null })).toMatchObject({
    code: "CONFLICT",
    message: "This restore was undone meanwhile",
  });
  expect(await swapOf(connection.id, id)).toMatchObject({ state: "undone", error: null });
  await drop(id);
});

test("a repeated request with the same key answers its own job, also when the undo is over", async () => {
  const id = await replaced();
  const [first, second] = await Promise.all([undo(id, "double-click"), undo(id, "double-click")]);
  expect(second).toEqual(first);
  expect((await shop.ended(first.jobId)).state).toBe("succeeded");
  expect(await undo(id, "double-click")).toEqual(first);
  expect(live()).toBe(`${String(before)} changed`);
  await drop(id);
});

test("what is kept is neither exchanged nor dropped through a connection that opens another database since", async () => {
  const id = await replaced();
  const url = join(shop.folder, "another.sqlite");
  copyFileSync(shop.file, url);
  const other = buildConnection({ ...connection, url, address: url });
  const kept = shop.beside();
  const row = await swapOf(connection.id, id);
  const change = { row, connection: other, engine: shop.engine, user };
  const refused = { code: "CONFLICT", message: `The restore replaced ${shop.file}, and main opens another database now`, detail: url };
  await expect(startUndo(change)).rejects.toMatchObject(refused);
  await expect(startDrop(change)).rejects.toMatchObject(refused);
  expect(shop.beside()).toEqual(kept);
  expect(await swapOf(connection.id, id)).toEqual(row);
  expect((await shop.ended((await undo(id)).jobId)).state).toBe("succeeded");
  await drop(id);
});

test("a restore that is cancelled when its swap is done stands, says so, and can be undone", async () => {
  const late: BackupEngine = {
    ...shop.engine,
    async stage(...args) {
      const staged = await shop.engine.stage(...args);
      return {
        ...staged,
        async swap(journal) {
          const swapped = await staged.swap?.(journal);
          await cancelJob(args[3].jobId);
          if (!swapped) throw new Error("this engine does not swap");
          return swapped;
        },
      };
    },
  };
  const { jobId } = await replace(late);
  const row = await shop.ended(jobId);
  expect(row).toMatchObject({ state: "succeeded", error: null });
  expect(JSON.parse(row.outcome ?? "{}")).toMatchObject({ word: "restored", restoreId: jobId });
  expect(live()).toBe(before);
  expect((await shop.ended((await undo(jobId)).jobId)).state).toBe("succeeded");
  expect(live()).toBe(`${String(before)} changed`);
  await drop(jobId);
});

test("a restore that is cancelled before its swap leaves what is live, and nothing to undo", async () => {
  const soon: BackupEngine = {
    ...shop.engine,
    async stage(...args) {
      const staged = await shop.engine.stage(...args);
      await cancelJob(args[3].jobId);
      return staged;
    },
  };
  const { jobId } = await replace(soon);
  expect((await shop.ended(jobId)).state).toBe("cancelled");
  expect(live()).toBe(`${String(before)} changed`);
  await expect(swapOf(connection.id, jobId)).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test.for(["before its first byte", "when it is read back and only its name is missing"] as const)(
  "a backup that is cancelled %s leaves nothing",
  async (when) => {
    const stored = shop.stored();
    const cancelling: BackupEngine = {
      ...shop.engine,
      async write(from, sink, context) {
        if (when === "before its first byte") await cancelJob(context.jobId);
        return shop.engine.write(from, sink, context);
      },
      async verify(artefact, context) {
        const verification = await shop.engine.verify(artefact, context);
        await cancelJob(context.jobId);
        return verification;
      },
    };
    const { jobId, backupId } = await createBackup({ connection, engine: cancelling, user });
    expect((await shop.ended(jobId)).state).toBe("cancelled");
    expect(await shop.backup(backupId)).toMatchObject({ state: "failed", manifest: null, verified_at: null });
    expect(shop.stored()).toEqual(stored);
  },
);
