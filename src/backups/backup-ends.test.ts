/** Jobs that cannot even begin, or whose end cannot be written: nothing stays "running", locked, or said to be what it is not. */
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { sql } from "kysely";
import { afterAll, afterEach, expect, test } from "vitest";
import type { BackupEngine } from "@/backups/engine";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import { failureOf } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { createBackup } = await import("@/backups/backups.service");
const { startRestore } = await import("@/backups/restores.service");
const { cancelJob, startJob, stopJobs } = await import("@/backups/jobs");
const { artefactPath, storeDir } = await import("@/backups/store");
const { controlPlane } = await import("@/server/control-plane/database");

const TMPDIR = process.env["TMPDIR"];
const setTmpdir = (path: string | undefined) => {
  if (path === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = path;
};
afterEach(() => setTmpdir(TMPDIR));
afterAll(() => shop.remove());

const backUp = (engine: BackupEngine = shop.engine) => createBackup({ connection: shop.connection, engine, user: shop.user });
const restore = (backup: BackupRow, target: string, addConnection: () => Promise<string> = async () => "main", engine: BackupEngine = shop.engine) =>
  startRestore({ backup, connection: shop.connection, engine, target: { name: target }, user: shop.user, addConnection });
const name = () => `copy-${randomUUID()}.sqlite`;

test("a backup whose temporary directory cannot be made is refused, says where, and leaves no row", async () => {
  setTmpdir("/nowhere/at/all");
  await expect(backUp()).rejects.toMatchObject({ message: expect.stringContaining("/nowhere/at/all") as string });
  expect(await controlPlane().selectFrom("backups").select("id").where("state", "=", "running").execute()).toEqual([]);
  expect(await controlPlane().selectFrom("jobs").select("id").where("ended_at", "is", null).execute()).toEqual([]);
});

test("a restore whose temporary directory cannot be made leaves its target free for the next try", async () => {
  const backup = await shop.complete();
  const target = name();
  setTmpdir("/nowhere/at/all");
  await expect(restore(backup, target)).rejects.toThrow("/nowhere/at/all");
  setTmpdir(TMPDIR);
  expect((await shop.ended((await restore(backup, target)).jobId)).state).toBe("succeeded");
});

test("a backup whose store cannot be made has failed", async () => {
  const kept = `${storeDir()}.kept`;
  if (existsSync(storeDir())) renameSync(storeDir(), kept);
  writeFileSync(storeDir(), "not a directory");
  try {
    const { jobId, backupId } = await backUp();
    expect((await shop.ended(jobId)).state).toBe("failed");
    expect(await shop.backup(backupId)).toMatchObject({ state: "failed", manifest: null });
  } finally {
    rmSync(storeDir());
    if (existsSync(kept)) renameSync(kept, storeDir());
  }
});

test("a restore that stands is not called failed because its connection cannot be registered", async () => {
  const target = name();
  const { jobId } = await restore(await shop.complete(), target, () => Promise.reject(new Error("no free name")));
  const job = await shop.ended(jobId);
  expect(job).toMatchObject({ state: "succeeded", error: null });
  expect(existsSync(join(dirname(shop.file), target))).toBe(true);
  expect(JSON.parse(job.outcome ?? "{}")).toMatchObject({ openConnection: null });
  expect((await shop.lines(jobId)).join("\n")).toContain("no free name");
});

test("a backup that a restore finds altered is no longer good", async () => {
  const backup = await shop.complete();
  const path = artefactPath(backup.file_name);
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(path, bytes);
  expect((await shop.ended((await restore(backup, name())).jobId)).state).toBe("failed");
  expect(await shop.backup(backup.id)).toMatchObject({ state: "failed", verified_at: null });
});

test("a restore that leaves something behind says so, also to who cancelled it", async () => {
  const engine: BackupEngine = {
    ...shop.engine,
    async stage(...args) {
      const staged = await shop.engine.stage(...args);
      const { jobId } = args[3];
      void cancelJob(jobId);
      return { ...staged, discard: () => staged.discard().then(() => Promise.reject(new Error("db7 is unreachable"))) };
    },
  };
  const job = await shop.ended((await restore(await shop.complete(), name(), undefined, engine)).jobId);
  expect(job.state).toBe("failed");
  expect(failureOf(job).message).toContain("db7 is unreachable");
});

test("at the next start no backup is left as running, also one whose job had ended without it", async () => {
  const { id } = await shop.complete();
  await controlPlane().updateTable("backups").set({ state: "running" }).where("id", "=", id).execute();
  const { sweepAfterCrash } = await import("@/backups/sweep");
  await sweepAfterCrash(() => shop.engine);
  expect(await shop.backup(id)).toMatchObject({ state: "failed" });
});

test("a finished job stays what it was when its audit row cannot be written", async () => {
  const connection = shop.connection;
  await sql`CREATE TRIGGER audit_full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END`.execute(controlPlane());
  try {
    const { jobId } = await startJob({ kind: "verify", connection, user: shop.user, request: {} }, async () => ({ done: true }));
    expect(await shop.ended(jobId)).toMatchObject({ state: "succeeded", error: null });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await shop.job(jobId)).toMatchObject({ state: "succeeded", error: null });
  } finally {
    await sql`DROP TRIGGER audit_full`.execute(controlPlane());
  }
});

test("a job that the console's stop ended does not blame a person", async () => {
  const connection = shop.connection;
  const { jobId } = await startJob(
    { kind: "verify", connection, user: shop.user, request: {} },
    ({ signal }) => new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("stopped")))),
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  await stopJobs(2_000);
  const job = await shop.ended(jobId);
  expect(job.state).toBe("cancelled");
  expect(failureOf(job).message).toBe("The console is stopping");
});
