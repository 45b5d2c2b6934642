/** What a crash of the console leaves: said truthfully, and cleared; never somebody else's. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { childIdentity } = await import("@/backups/children");
const { sweepAfterCrash } = await import("@/backups/sweep");
const { artefactPath } = await import("@/backups/store");
const { insertJob, updateJob } = await import("@/server/control-plane/jobs.repo");
const { insertBackup } = await import("@/server/control-plane/backups.repo");
const { controlPlane } = await import("@/server/control-plane/database");

const children: ChildProcess[] = [];
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await shop.remove();
});

const sweep = () => sweepAfterCrash(() => shop.engine);

/** A process that would outlive us, as pg_dump would. */
async function longRunning(): Promise<{ pid: number; alive(): boolean }> {
  const child = spawn("sleep", ["600"], { stdio: "ignore", detached: true });
  children.push(child);
  await delay(20);
  const pid = child.pid ?? 0;
  return { pid, alive: () => child.exitCode === null && child.signalCode === null };
}

let serial = 0;
/** A job as another process of the console left it. */
async function leftJob(job: {
  kind: "backup" | "restore" | "verify";
  state: "queued" | "running";
  request?: Record<string, unknown>;
  children?: unknown[];
}): Promise<string> {
  const id = (serial += 1).toString(16).padStart(12, "0");
  await insertJob({ id, bootId: "another boot", kind: job.kind, connection: shop.connection, user: shop.user, request: job.request ?? {} });
  await updateJob(id, { state: job.state, children: JSON.stringify(job.children ?? []) });
  return id;
}

async function leftBackup(jobId: string): Promise<{ id: string; fileName: string }> {
  const id = `sq-main-crashed-${jobId}`;
  const fileName = `${id}.sqlite`;
  await insertBackup({
    id,
    connection_id: "sqlite/main",
    engine: "sqlite",
    environment: "development",
    state: "running",
    job_id: jobId,
    file_name: fileName,
    created_by: "test",
    created_by_name: "Test",
    started_at: new Date().toISOString(),
  });
  return { id, fileName };
}

test("a backup that ran: failed, its partial file gone, its child ended; a complete one is as it was", async () => {
  const good = await shop.complete();
  const before = shop.stored();
  const child = await longRunning();
  const jobId = await leftJob({ kind: "backup", state: "running", children: [childIdentity(child.pid)] });
  const { id, fileName } = await leftBackup(jobId);
  writeFileSync(`${artefactPath(fileName)}.partial`, "half a database");
  writeFileSync(`${artefactPath(fileName)}.manifest.json.partial`, "{");
  const scratch = mkdtempSync(join(tmpdir(), `foundry-job-${jobId}-`));
  writeFileSync(join(scratch, "pgpass"), "127.0.0.1:5432:*:who:secret", { mode: 0o600 });

  expect(await sweep()).toBe(1);

  await delay(50);
  expect(child.alive()).toBe(false);
  expect(existsSync(scratch), "the private directory, with a password file in it").toBe(false);
  expect(await shop.job(jobId)).toMatchObject({ state: "failed" });
  expect((await shop.job(jobId)).ended_at).not.toBeNull();
  expect(JSON.parse((await shop.job(jobId)).error ?? "{}")).toMatchObject({ message: "The console stopped while this ran" });
  expect(await shop.backup(id)).toMatchObject({ state: "failed", manifest: null });
  expect(shop.stored()).toEqual(before);
  expect(await shop.backup(good.id)).toEqual(good);
  expect((await shop.lines(jobId)).join("\n")).toContain(String(child.pid));
  expect(await sweep()).toBe(0);
});

test("a crash between the file's name and the catalogue leaves no file that nothing vouches for", async () => {
  const before = shop.stored();
  const jobId = await leftJob({ kind: "backup", state: "running" });
  const { id, fileName } = await leftBackup(jobId);
  writeFileSync(artefactPath(fileName), "a whole database");
  writeFileSync(`${artefactPath(fileName)}.manifest.json`, "{}");
  await sweep();
  expect(await shop.backup(id)).toMatchObject({ state: "failed" });
  expect(shop.stored()).toEqual(before);
});

test("a process that took the number of a dead child is left alone", async () => {
  const stranger = await longRunning();
  const identity = childIdentity(stranger.pid);
  await leftJob({
    kind: "backup",
    state: "running",
    children: [
      { pid: stranger.pid, startTicks: String(Number(identity?.startTicks) - 1) },
      { pid: 2 ** 22 - 3, startTicks: "1" },
    ],
  });
  await sweep();
  await delay(50);
  expect(stranger.alive()).toBe(true);
});

test("a job that only waited is failed too", async () => {
  const jobId = await leftJob({ kind: "verify", state: "queued" });
  await sweep();
  expect(await shop.job(jobId)).toMatchObject({ state: "failed" });
});

test("a restore that ran: what lies aside is cleared, what has a name of its own is not", async () => {
  const jobId = await leftJob({ kind: "restore", state: "running", request: { backupId: "x", target: "swept.sqlite" } });
  const aside = join(dirname(shop.file), `swept.sqlite.restore-${jobId}`);
  const others = [join(dirname(shop.file), "swept.sqlite.restore-ffffffffffff"), join(dirname(shop.file), "swept.sqlite")];
  for (const path of [aside, ...others]) writeFileSync(path, "x");
  await sweep();
  expect(existsSync(aside)).toBe(false);
  for (const path of others) expect(existsSync(path), path).toBe(true);
  expect(await shop.job(jobId)).toMatchObject({ state: "failed" });
});

test("a restore that cannot be cleared says so and keeps nothing else from being swept", async () => {
  const gone = await leftJob({ kind: "restore", state: "running", request: { target: "a" } });
  await controlPlane().updateTable("jobs").set({ connection_id: "sqlite/removed" }).where("id", "=", gone).execute();
  const after = await leftJob({ kind: "backup", state: "running" });
  expect(await sweep()).toBe(2);
  expect(JSON.parse((await shop.job(gone)).error ?? "{}")).toMatchObject({ detail: expect.stringContaining("could not be cleared") as string });
  expect(await shop.job(after)).toMatchObject({ state: "failed" });
});

test("jobs of this very process are not touched", async () => {
  const { runner } = await import("@/backups/jobs");
  await insertJob({ id: "0123456789ab", bootId: runner().bootId, kind: "backup", connection: shop.connection, user: shop.user, request: {} });
  await sweep();
  expect(await shop.job("0123456789ab")).toMatchObject({ state: "queued" });
});
