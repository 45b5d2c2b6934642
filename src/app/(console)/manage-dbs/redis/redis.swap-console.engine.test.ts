/** The console's whole way with a real server: backup, restore in the place of live data, undo, redo, drop, and a restore that fails. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Connection } from "@/server/connection";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import { temporaryControlPlane } from "@/test/control-plane";
import { POINTS } from "./redis.swap-points";
import { awkwardKeys, contentsOf } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";
import { filledDatabases } from "./redis.test-swap";

const server: TestRedis = await startRedis();
const plane = await temporaryControlPlane({ REDIS_ADMIN_URL: server.url });
const { engineServers } = await import("@/trpc/engine-servers");
const { getConnection } = await import("@/server/connections");
const { createBackup } = await import("@/backups/backups.service");
const { startRestore } = await import("@/backups/restores.service");
const { startDrop, startUndo, swapOf } = await import("@/backups/swaps.service");
const { findBackup } = await import("@/server/control-plane/backups.repo");
const { findJob } = await import("@/server/control-plane/jobs.repo");

const engine = engineServers.redis.backup;
const user = { id: "test", name: "Test" };
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

beforeAll(async () => {
  connection = await getConnection("redis", "main");
  await awkwardKeys(server.driver());
  restored = await contentsOf(server.driver());
  const { jobId, backupId } = await createBackup({ connection, engine, user });
  const { state } = await ended(jobId);
  const row = await findBackup(backupId);
  if (!row || state !== "succeeded") throw new Error("no backup");
  backup = row;
});
beforeEach(async () => {
  await server.driver().flushall();
  await server.driver().mset("live", "1", "counter", "2");
  before = await contentsOf(server.driver());
});
afterAll(async () => {
  await engineServers.redis.close();
  await server.stop();
  await plane.remove();
});

const restore = async () => {
  const addConnection = () => Promise.reject(new Error("needs none"));
  const { jobId } = await startRestore({ backup, connection, engine, target: { name: "0", replace: true }, user, addConnection });
  return ended(jobId);
};
const change = async (start: typeof startUndo, id: string) => {
  const row = await swapOf(connection.id, id);
  return ended((await start({ row, connection, engine, user })).jobId);
};

test("a restore is undone, done again, and what it kept is dropped", async () => {
  const job = await restore();
  expect({ state: job.state, error: job.error }).toEqual({ state: "succeeded", error: null });
  expect(JSON.parse(job.outcome ?? "{}")).toMatchObject({ word: "restored", restoreId: job.id });
  expect(await contentsOf(server.driver())).toEqual(restored);
  expect(await change(startUndo, job.id)).toMatchObject({ state: "succeeded" });
  expect(await contentsOf(server.driver())).toEqual(before);
  expect(await swapOf(connection.id, job.id)).toMatchObject({ state: "undone" });
  expect(await change(startUndo, job.id)).toMatchObject({ state: "succeeded" });
  expect(await contentsOf(server.driver())).toEqual(restored);
  expect(await change(startDrop, job.id)).toMatchObject({ state: "succeeded" });
  expect(await swapOf(connection.id, job.id)).toMatchObject({ state: "dropped", record: "{}" });
  expect(await filledDatabases(server)).toEqual({ databases: [0], markers: 0 });
});

test("a swap that fails is taken back: failed, nothing changed", async () => {
  for (const point of ["journaled", "watched", "exchanged"]) {
    POINTS.reached = async (name) => {
      if (name !== point) return;
      POINTS.reached = null;
      throw new Error("broken");
    };
    const job = await restore();
    POINTS.reached = null;
    expect(job.state, point).toBe("failed");
    expect(await contentsOf(server.driver()), point).toEqual(before);
    expect(await filledDatabases(server), point).toEqual({ databases: [0], markers: 0 });
    expect(await swapOf(connection.id, job.id)).toMatchObject({ state: "dropped", error: null });
  }
});

test("a portable backup is made when it is asked for, and replaces live data like any other", async () => {
  const { jobId, backupId } = await createBackup({ connection, engine, user, format: "redis-portable" });
  expect(await ended(jobId)).toMatchObject({ state: "succeeded", error: null });
  const row = await findBackup(backupId);
  expect(row).toMatchObject({ format: "redis-portable", consistency: "fuzzy", file_name: expect.stringMatching(/\.portable\.jsonl\.gz$/) });
  expect(row?.verified_how).toContain("every line");
  if (!row) return;
  await server.driver().set("later", "1");
  const addConnection = () => Promise.reject(new Error("needs none"));
  const started = await startRestore({ backup: row, connection, engine, target: { name: "0", replace: true }, user, addConnection });
  expect(await ended(started.jobId)).toMatchObject({ state: "succeeded", error: null });
  expect(await contentsOf(server.driver())).toEqual(before);
  expect(await change(startUndo, started.jobId)).toMatchObject({ state: "succeeded" });
  expect(await server.driver().exists("later")).toBe(1);
  await change(startDrop, started.jobId);
  await expect(createBackup({ connection, engine, user, format: "redis-rdb" })).rejects.toMatchObject({
    code: "INVALID",
    fix: expect.stringContaining("redis-portable"),
  });
});
