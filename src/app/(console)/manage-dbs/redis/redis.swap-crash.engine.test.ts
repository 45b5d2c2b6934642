/**
 * The console, or the server, dies at every point of a restore that replaces live data, of its undo, of the redo and of the drop.
 * Afterwards what is live is exactly old or exactly new, settle says which, undo works, and nothing is left behind.
 */
import { once } from "node:events";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Artefact, Swap } from "@/backups/engine";
import { redisBackup } from "./redis.backup";
import { MARKERS } from "./redis.backup-marker";
import { closeAll } from "./redis.client";
import { POINTS } from "./redis.swap-points";
import { testDir, testJob, writeArtefact } from "./redis.test-artefact";
import { BINARY } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";

const DATABASES = [0, 3];
const FAR_AWAY_MS = 4_102_444_800_123;

let server: TestRedis;
let dir: Awaited<ReturnType<typeof testDir>>;
let artefact: Artefact;
let before: string;
let restored: string;
beforeAll(async () => {
  [server, dir] = await Promise.all([startRedis(["--appendonly", "yes", "--appendfsync", "everysec"]), testDir()]);
  const source = await startRedis();
  await fill(source, "backed up", 700);
  artefact = await writeArtefact(source.connection, join(dir.path, "crash.jsonl.gz"));
  restored = await allContents(source);
  await source.stop();
});
afterAll(() => Promise.all([server.stop(), dir.remove()]));
afterEach(() => {
  POINTS.reached = null;
  closeAll();
});

async function fill(target: TestRedis, value: string, keys: number): Promise<void> {
  using driver = driverOf(target);
  for (const db of DATABASES) {
    const pipeline = driver.redis.pipeline();
    pipeline.select(db);
    for (let index = 0; index < keys; index++) pipeline.set(`key:${index}`, `${value} ${index}`, "PXAT", FAR_AWAY_MS + index);
    pipeline.rpush("list", value, BINARY);
    pipeline.set(BINARY, value);
    await pipeline.exec();
  }
}

/** Closed at once: a driver that waits for a dead server would slow the others down. */
function driverOf(target: TestRedis): Disposable & { redis: Redis } {
  const redis = new Redis({ port: target.port, protocol: 2, maxRetriesPerRequest: 1 });
  redis.on("error", () => undefined);
  return { redis, [Symbol.dispose]: () => redis.disconnect() };
}

const DIGEST = `
  local all = {}
  for _, key in ipairs(redis.call("KEYS", "*")) do
    if string.sub(key, 1, 16) ~= "foundry-console:" then
      table.insert(all, redis.sha1hex(key .. redis.call("DUMP", key) .. redis.call("PEXPIRETIME", key)))
    end
  end
  table.sort(all)
  return #all .. " keys " .. redis.sha1hex(table.concat(all))`;

/** Keys, payloads and expiries of the live databases. */
async function allContents(target: TestRedis): Promise<string> {
  using driver = driverOf(target);
  const contents: unknown[] = [];
  for (const db of DATABASES) {
    await driver.redis.select(db);
    contents.push(await driver.redis.eval(DIGEST, 0));
  }
  return contents.join(", ");
}

/** Only the live databases hold anything, and no marker. */
async function assertClean(): Promise<void> {
  using driver = driverOf(server);
  const filled = [...(await driver.redis.info("keyspace")).matchAll(/^db(\d+):/gm)].map(([, db]) => Number(db));
  expect(filled).toEqual(DATABASES);
  await assertNoMarkerLive();
}

async function assertNoMarkerLive(): Promise<void> {
  using driver = driverOf(server);
  for (const db of DATABASES) {
    await driver.redis.select(db);
    expect(await driver.redis.exists(...Object.values(MARKERS))).toBe(0);
  }
}

/** What the console knows of a restore: its job, and the row in its journal. */
interface Console {
  swap: Swap;
  state: "staging" | "swapping" | "restored" | "exchanging" | "undone" | "dropping";
}

/** Restore, undo, redo, drop, as the console does it. */
async function runAll(row: Console): Promise<void> {
  const { connection } = server;
  const context = testJob(row.swap.jobId);
  const journal = async (record: Swap["record"]) => {
    row.swap.record = JSON.parse(JSON.stringify(record)) as Swap["record"];
    if (row.state === "staging") row.state = "swapping";
  };
  const staged = await redisBackup.stage(artefact, connection, { name: "0", replace: true }, context);
  await staged.swap?.(journal);
  row.state = "restored";
  for (const next of ["undone", "restored"] as const) {
    row.state = "exchanging";
    await redisBackup.exchange?.(connection, row.swap, { journal, context });
    row.state = next;
  }
  row.state = "dropping";
  await redisBackup.dropKept?.(connection, row.swap, context);
}

/** What the console does at its next start. @returns what it says is live, and whether the other one is kept */
async function recover(row: Console): Promise<{ live: "restored" | "before"; isKept: boolean }> {
  const { connection } = server;
  const context = testJob(row.swap.jobId);
  if (row.state === "staging") {
    await redisBackup.sweep(connection, { jobId: row.swap.jobId, target: "0" });
    return { live: "before", isKept: false };
  }
  if (row.state === "dropping") {
    await redisBackup.dropKept?.(connection, row.swap, context);
    return { live: "restored", isKept: false };
  }
  const live = await redisBackup.settle?.(connection, row.swap, context);
  if (live === undefined) throw new Error("no settle");
  expect(await redisBackup.settle?.(connection, row.swap, context)).toBe(live);
  await assertNoMarkerLive();
  const isNothing = row.state === "swapping" && live === "before";
  if (isNothing) await redisBackup.dropKept?.(connection, row.swap, context);
  return { live, isKept: !isNothing };
}

async function assertWholeAfter(row: Console): Promise<"restored" | "before"> {
  const { connection } = server;
  const context = testJob(row.swap.jobId);
  const { live, isKept } = await recover(row);
  const contents = { restored, before };
  expect(await allContents(server), `${live} is live`).toBe(contents[live]);
  if (isKept) {
    const journal = async (record: Swap["record"]) => void (row.swap.record = record);
    const other = live === "restored" ? "before" : "restored";
    for (const next of [other, live] as const) {
      await redisBackup.exchange?.(connection, row.swap, { journal, context });
      expect(await allContents(server), `${next} is live after an exchange`).toBe(contents[next]);
    }
    await redisBackup.dropKept?.(connection, row.swap, context);
  }
  expect(await allContents(server)).toBe(contents[live]);
  await assertClean();
  return live;
}

async function startOver(): Promise<Console> {
  closeAll();
  using driver = driverOf(server);
  await driver.redis.flushall();
  await fill(server, "live", 60);
  before = await allContents(server);
  return { swap: { jobId: Math.random().toString(16).slice(2, 10), target: "0", record: {} }, state: "staging" };
}

/** The names of all points in order. */
async function allPoints(): Promise<string[]> {
  const names: string[] = [];
  POINTS.reached = async (name) => void names.push(name);
  await runAll(await startOver());
  POINTS.reached = null;
  return names;
}

/** Runs until the point of that number, where `die` happens. */
async function dieAt(row: Console, { point, die }: { point: number; die: () => Promise<void> }): Promise<void> {
  let count = 0;
  let isDead = () => undefined as void;
  const dead = new Promise<void>((resolve) => (isDead = () => resolve()));
  POINTS.reached = async () => {
    if (count++ !== point) return;
    await die();
    isDead();
  };
  await Promise.race([runAll(row).catch(() => undefined), dead]);
  // What a dead server leaves is found out by the console that goes on, too.
  POINTS.reached = null;
}

describe("when it dies", () => {
  it("the console at any point: settled, undone, dropped", async () => {
    const names = await allPoints();
    const log: string[] = [];
    expect(names.length).toBeGreaterThanOrEqual(20);
    for (const [point, name] of names.entries()) {
      const row = await startOver();
      // It stands still for ever: nothing after this point happens any more.
      let isDead = () => undefined as void;
      const dead = new Promise<void>((resolve) => (isDead = () => resolve()));
      let count = 0;
      POINTS.reached = (): Promise<void> => {
        if (count++ !== point) return Promise.resolve();
        isDead();
        return new Promise(() => undefined);
      };
      await Promise.race([runAll(row), dead]);
      POINTS.reached = null;
      const live = await assertWholeAfter(row);
      log.push(`${point} ${name} (${row.state}): ${live}`);
    }
    console.info(`the console died at ${log.length} points:\n${log.join("\n")}`);
  });

  it("the server at any point, with appendonly: settled, undone, dropped", async () => {
    const names = await allPoints();
    const log: string[] = [];
    for (const [point, name] of names.entries()) {
      const row = await startOver();
      const die = async () => {
        server.process.kill("SIGKILL");
        if (server.process.exitCode === null && server.process.signalCode === null) await once(server.process, "exit");
      };
      await dieAt(row, { point, die });
      await server.restart();
      const live = await assertWholeAfter(row);
      log.push(`${point} ${name} (${row.state}): ${live}`);
    }
    console.info(`the server died at ${log.length} points:\n${log.join("\n")}`);
  });
});
