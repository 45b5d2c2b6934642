/** The console's whole way where databases cannot be exchanged, and what breaks off in the middle: the live state is put back. */
import { existsSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Connection } from "@/server/connection";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import { temporaryControlPlane } from "@/test/control-plane";
import { POINTS } from "./redis.swap-points";
import { contentsOf, populate } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";

const server: TestRedis = await startRedis(["--databases", "1", "--appendonly", "yes", "--appendfsync", "always"]);
const plane = await temporaryControlPlane({ REDIS_ADMIN_URL: server.url });
const { engineServers } = await import("@/trpc/engine-servers");
const { getConnection } = await import("@/server/connections");
const { createBackup } = await import("@/backups/backups.service");
const { startRestore } = await import("@/backups/restores.service");
const { settleAfterCrash, startDrop, startUndo, swapOf, tendSwaps } = await import("@/backups/swaps.service");
const { cancelJob } = await import("@/backups/jobs");
const { findBackup } = await import("@/server/control-plane/backups.repo");
const { findJob, listLines } = await import("@/server/control-plane/jobs.repo");

const engine = engineServers.redis.backup;
const user = { id: "test", name: "Test" };
const keptDir = join(plane.directory, "kept");
const kept = () => (existsSync(keptDir) ? readdirSync(keptDir) : []);
let connection: Connection;
let backup: BackupRow;
let restored: Map<string, string>;
let before: Map<string, string>;

async function ended(jobId: string) {
  for (;;) {
    const row = await findJob(jobId);
    if (row && row.ended_at !== null) return row;
    await delay(20);
  }
}
const linesOf = async (jobId: string) => (await listLines(jobId, 0, 1_000)).map(({ text }) => text).join("\n");

beforeAll(async () => {
  connection = await getConnection("redis", "main");
  await populate(server.driver(), 520, 12_000);
  await server.driver().rpush("list", "restored");
  restored = await contentsOf(server.driver());
  const { jobId, backupId } = await createBackup({ connection, engine, user });
  const { state } = await ended(jobId);
  const row = await findBackup(backupId);
  if (!row || state !== "succeeded") throw new Error("no backup");
  backup = row;
});
beforeEach(async () => {
  await server.driver().flushall();
  await populate(server.driver(), 300);
  await server.driver().mset("live", "1", "list", "2");
  before = await contentsOf(server.driver());
});
afterEach(async () => {
  POINTS.reached = null;
  await server.driver().config("SET", "maxmemory", "0");
});
afterAll(async () => {
  await engineServers.redis.close();
  await server.stop();
  await plane.remove();
});

const startOne = async () => {
  const addConnection = () => Promise.reject(new Error("needs none"));
  return (await startRestore({ backup, connection, engine, target: { name: "0", replace: true }, user, addConnection })).jobId;
};
const restore = async () => ended(await startOne());
const change = async (start: typeof startUndo, id: string) => {
  const row = await swapOf(connection.id, id);
  return ended((await start({ row, connection, engine, user })).jobId);
};
/** Once, at the first or a later time that this point is reached. */
function atTime(point: string, act: () => unknown, times = 1): void {
  let count = 0;
  POINTS.reached = async (name) => {
    if (name === point && ++count === times) await act();
  };
}
const broken = () => {
  throw new Error("broken");
};

test("a restore is undone, done again, and what it kept is dropped", async () => {
  const job = await restore();
  expect({ state: job.state, error: job.error }).toEqual({ state: "succeeded", error: null });
  expect(await contentsOf(server.driver())).toEqual(restored);
  expect(await swapOf(connection.id, job.id)).toMatchObject({ state: "restored", kept_bytes: expect.any(Number) });
  expect(kept()).toEqual([`${job.id}.before.redis`]);
  expect(await change(startUndo, job.id)).toMatchObject({ state: "succeeded" });
  expect(await contentsOf(server.driver())).toEqual(before);
  expect(await change(startUndo, job.id)).toMatchObject({ state: "succeeded" });
  expect(await contentsOf(server.driver())).toEqual(restored);
  expect(await change(startDrop, job.id)).toMatchObject({ state: "succeeded" });
  expect(await swapOf(connection.id, job.id)).toMatchObject({ state: "dropped" });
  expect(kept()).toEqual([]);
});

async function expectNothingChanged(jobId: string): Promise<void> {
  expect(await contentsOf(server.driver())).toEqual(before);
  expect(await swapOf(connection.id, jobId)).toMatchObject({ state: "dropped", error: null });
  expect(kept()).toEqual([]);
}

test.each([
  ["journaled", 1],
  ["others removed", 1],
  ["keys replaced", 2],
  ["counted", 1],
  ["exchanged", 1],
])("what fails at %s is put back: failed, nothing changed", async (point, times) => {
  atTime(point, broken, times);
  const job = await restore();
  expect(job.state).toBe("failed");
  expect(await linesOf(job.id)).toContain("put the live state back key by key, and counted it");
  await expectNothingChanged(job.id);
});

test("what fails when the journal says that it is done is taken back by an exchange", async () => {
  atTime("done", broken);
  const job = await restore();
  expect(job.state).toBe("failed");
  await expectNothingChanged(job.id);
});

const usedMemory = async () => Number(/used_memory:(\d+)/.exec(await server.driver().info("memory"))?.[1]);

test("a server that has no room for the rest gets its state back, by giving everything else free first", async () => {
  let used = 0;
  let groups = 0;
  POINTS.reached = async (name) => {
    if (name === "journaled") used = await usedMemory();
    // What was replaced until then takes more than that; the live state and a replication backlog of 1 MB take less.
    if (name === "keys replaced" && ++groups === 1) await server.driver().config("SET", "maxmemory", String(used + 1_700_000));
  };
  const job = await restore();
  expect(job).toMatchObject({ state: "failed", error: expect.stringContaining("maxmemory") });
  await expectNothingChanged(job.id);
});

test("keys that are missing when they are counted mean that the live state is put back", async () => {
  atTime("keys replaced", () => server.driver().del("key:0", "key:1"), 2);
  const job = await restore();
  expect(job).toMatchObject({ state: "failed", error: expect.stringContaining("keys of type string instead of 520") });
  await expectNothingChanged(job.id);
});

test("a server that evicts keys meanwhile gets its state back", async () => {
  const limit = (policy: string, bytes: number) =>
    Promise.all([server.driver().config("SET", "maxmemory-policy", policy), server.driver().config("SET", "maxmemory", String(bytes))]);
  const used = await usedMemory();
  let groups = 0;
  POINTS.reached = async (name) => {
    if (name === "journaled") await limit("allkeys-random", used + 2_000_000);
    // All has been sent then.
    if (name === "keys replaced" && ++groups === 2) await limit("noeviction", 0);
  };
  const job = await restore();
  expect(job).toMatchObject({ state: "failed", error: expect.stringMatching(/removed \d+ keys to make room/) });
  await expectNothingChanged(job.id);
});

test("what others write after a key was replaced stays, and is told", async () => {
  atTime("keys replaced", () => server.driver().mset("written by others", "1", "key:0", "changed"));
  const job = await restore();
  expect(job).toMatchObject({ state: "succeeded" });
  expect(await server.driver().mget("written by others", "key:0")).toEqual(["1", expect.any(String)]);
  expect(await linesOf(job.id)).toContain("1 keys were written by others meanwhile, and stay");
  await change(startUndo, job.id);
  expect(await contentsOf(server.driver())).toEqual(before);
  await change(startDrop, job.id);
});

test("a cancel before the journal leaves no trace; after it, it is too late", async () => {
  atTime("copied", async () => cancelJob(await running));
  let running = startOne();
  const early = await ended(await running);
  expect(early.state).toBe("cancelled");
  expect(await contentsOf(server.driver())).toEqual(before);
  expect(kept()).toEqual([]);
  atTime("journaled", async () => cancelJob(await running));
  running = startOne();
  const late = await ended(await running);
  expect(late).toMatchObject({ state: "succeeded" });
  expect(await contentsOf(server.driver())).toEqual(restored);
  await change(startDrop, late.id);
});

test("a server that is gone keeps the console from putting back: it says so, and does it when the server is there again", async () => {
  atTime("keys replaced", () => server.process.kill("SIGKILL"), 2);
  const job = await restore();
  expect(job).toMatchObject({ state: "failed", error: expect.stringContaining("is not known yet") });
  expect(await swapOf(connection.id, job.id)).toMatchObject({ state: "swapping", error: expect.stringContaining("UNREACHABLE") });
  expect(kept()).toEqual([`${job.id}.before.redis`]);
  await server.restart();
  expect(await contentsOf(server.driver())).not.toEqual(before);
  await tendSwaps(() => engine);
  await expectNothingChanged(job.id);
});

test("putting back may break off too, and is begun again until it is done", async () => {
  let count = 0;
  POINTS.reached = async (name) => {
    if (["keys replaced", "put back"].includes(name) && ++count !== 3) broken();
  };
  const job = await restore();
  expect(job).toMatchObject({ state: "failed", error: expect.stringContaining("is not known yet") });
  await tendSwaps(() => engine);
  expect(await swapOf(connection.id, job.id)).toMatchObject({ state: "swapping", error: expect.any(String) });
  expect(kept().toSorted()).toEqual([`${job.id}.before.redis`, `${job.id}.before.redis.keys-back`]);
  POINTS.reached = null;
  await tendSwaps(() => engine);
  await expectNothingChanged(job.id);
});

test("an undo that breaks off leaves the restored state, and what was written since", async () => {
  const job = await restore();
  await server.driver().set("since", "1");
  const now = await contentsOf(server.driver());
  atTime("keys replaced", broken);
  expect(await change(startUndo, job.id)).toMatchObject({ state: "failed" });
  expect(await contentsOf(server.driver())).toEqual(now);
  expect(await swapOf(connection.id, job.id)).toMatchObject({ state: "restored" });
  expect(kept().toSorted()).toEqual([`${job.id}.before.redis`, `${job.id}.restored.redis.put-back`]);
  // What is written after it is not overwritten by looking again.
  await server.driver().set("later", "1");
  const later = await contentsOf(server.driver());
  expect(await settleAfterCrash(job.id, () => engine)).toBe("restored");
  POINTS.reached = null;
  expect(await change(startUndo, job.id)).toMatchObject({ state: "succeeded" });
  expect(await contentsOf(server.driver())).toEqual(before);
  expect(await change(startUndo, job.id)).toMatchObject({ state: "succeeded" });
  expect(await contentsOf(server.driver())).toEqual(later);
  await change(startDrop, job.id);
  expect(kept()).toEqual([]);
});

test("a safety copy that is cut or gone is not put back over anything", async () => {
  for (const spoil of [(path: string) => truncateSync(path, 10_000), (path: string) => rmSync(path)]) {
    atTime("keys replaced", () => {
      spoil(join(keptDir, kept()[0] ?? ""));
      broken();
    });
    const job = await restore();
    expect(job).toMatchObject({ state: "failed", error: expect.stringContaining("is not known yet") });
    POINTS.reached = null;
    const half = await contentsOf(server.driver());
    await tendSwaps(() => engine);
    expect(await contentsOf(server.driver())).toEqual(half);
    expect(await swapOf(connection.id, job.id)).toMatchObject({ state: "swapping", error: expect.stringMatching(/is gone|cut|end/) });
    for (const name of kept()) rmSync(join(keptDir, name));
  }
});
