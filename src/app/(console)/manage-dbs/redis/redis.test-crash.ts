/**
 * The console, or the server, dies at every point of a restore that replaces live data, of its undo, of the redo and of the drop.
 * Afterwards what is live is exactly old or exactly new, settle says which, undo works, and nothing is left behind.
 */
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Artefact, Swap } from "@/backups/engine";
import { redisBackup } from "./redis.backup";
import { MARKERS } from "./redis.backup-marker";
import { closeAll } from "./redis.client";
import { POINTS } from "./redis.swap-points";
import { testDir, testJob, writeArtefact } from "./redis.test-artefact";
import { killedConsole, newRow, recover, runAll, type SwapRow } from "./redis.test-console";
import { BINARY } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";

const DATABASES = [0, 3];
const FAR_AWAY_MS = 4_102_444_800_123;

let server: TestRedis;
let dir: Awaited<ReturnType<typeof testDir>>;
let artefact: Artefact;
let before: string;
let restored: string;
let nothingKept: () => boolean;
/** One of the ways to replace live data. */
export interface CrashWay {
  serverArgs: string[];
  /** Numbers of points at which a console of its own kills itself. */
  childPoints: number[];
  /** Nothing of any restore lies in the console's data directory. */
  nothingKept: () => boolean;
}

/** Declares the tests. */
export function testCrashes(way: CrashWay): void {
  nothingKept = way.nothingKept;
  // "everysec" may lose what was answered while a sync runs, and falls back to an older state: redis.swap-server tests that.
  beforeAll(async () => {
    [server, dir] = await Promise.all([startRedis(["--appendonly", "yes", "--appendfsync", "always", ...way.serverArgs]), testDir()]);
    const source = await startRedis();
    // The first database takes two groups of records.
    await fill(source, "backed up", [520, 30]);
    artefact = await writeArtefact(source.connection, join(dir.path, "crash.jsonl.gz"));
    await source.driver().call("FUNCTION", "LOAD", libraryOf("live", "live"));
    restored = await allContents(source);
    await source.stop();
  });
  afterAll(() => Promise.all([server.stop(), dir.remove()]));
  afterEach(() => {
    POINTS.reached = null;
    closeAll();
  });

  describe("when it dies", () => {
    it("the console at any point: settled, undone, dropped", async () => {
      const names = await allPoints();
      const log: string[] = [];
      expect(names.length).toBeGreaterThanOrEqual(20);
      for (const [point, name] of names.entries()) {
        const row = await startOver();
        // It stands still for ever: nothing after this point happens any more.
        await new Promise<void>((resolve) => {
          let count = 0;
          POINTS.reached = () => (count++ === point ? new Promise(() => resolve()) : Promise.resolve());
          runAll({ connection: server.connection, artefact, row }).catch(() => resolve());
        });
        POINTS.reached = null;
        log.push(`${point} ${name} (${row.state}): ${await assertWholeAfter(row)}`);
      }
      process.stdout.write(`the console died at ${log.length} points:\n${log.join("\n")}\n`);
    });

    it("the server at any point, with appendonly: settled, undone, dropped", async () => {
      const names = await allPoints();
      const log: string[] = [];
      expect(names.length).toBeGreaterThanOrEqual(20);
      for (const [point, name] of names.entries()) {
        const row = await startOver();
        let count = 0;
        POINTS.reached = async () => {
          if (count++ !== point) return;
          server.process.kill("SIGKILL");
          if (server.process.exitCode === null && server.process.signalCode === null) await once(server.process, "exit");
        };
        await runAll({ connection: server.connection, artefact, row }).catch(() => undefined);
        POINTS.reached = null;
        await server.restart();
        log.push(`${point} ${name} (${row.state}): ${await assertWholeAfter(row)}`);
      }
      process.stdout.write(`the server died at ${log.length} points:\n${log.join("\n")}\n`);
    });

    it("the server at random moments, perhaps in the middle of a transaction", async () => {
      const start = performance.now();
      await runAll({ connection: server.connection, artefact, row: await startOver() });
      const lastsMs = performance.now() - start;
      const lives = new Set<string>();
      for (let attempt = 0; attempt < 8; attempt++) {
        const row = await startOver();
        const moment = delay(((attempt + Math.random()) / 8) * lastsMs).then(() => server.process.kill("SIGKILL"));
        await runAll({ connection: server.connection, artefact, row }).catch(() => undefined);
        await moment;
        await server.restart();
        lives.add(await assertWholeAfter(row));
      }
      expect(lives.size).toBeGreaterThan(0);
    });

    it("a console of its own by SIGKILL: settled, undone, dropped", async () => {
      const names = await allPoints();
      const log: string[] = [];
      for (const point of way.childPoints) {
        const row = await startOver();
        const journal = join(dir.path, `journal-${point}`);
        await killedConsole({ url: server.url, path: artefact.path, manifest: artefact.manifest, row, journal, dieAt: point });
        const left = existsSync(journal) ? (JSON.parse(readFileSync(journal, "utf8")) as SwapRow) : row;
        log.push(`${point} ${names[point]} (${left.state}): ${await assertWholeAfter(left)}`);
      }
      expect(log).toHaveLength(way.childPoints.length);
      process.stdout.write(`a console of its own died at ${log.length} points:\n${log.join("\n")}\n`);
    });
  });
}

async function fill(target: TestRedis, value: string, keys: [number, number]): Promise<void> {
  using driver = driverOf(target);
  for (const [at, db] of DATABASES.entries()) {
    const pipeline = driver.redis.pipeline();
    pipeline.select(db);
    for (let index = 0; index < (keys[at] ?? 0); index++) pipeline.set(`key:${index}`, `${value} ${index}`, "PXAT", FAR_AWAY_MS + index);
    pipeline.rpush("list", value, BINARY);
    pipeline.set(BINARY, value);
    await pipeline.exec();
  }
  await driver.redis.call("FUNCTION", "FLUSH");
  for (const name of ["shop", value.replace(" ", "_")]) await driver.redis.call("FUNCTION", "LOAD", libraryOf(name, value));
}

const libraryOf = (name: string, answer: string): string => `#!lua name=${name}\nredis.register_function('${name}', function() return '${answer}' end)`;

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

/** Keys, payloads and expiries of the live databases, and the functions: those of the backup, and what else was live. */
async function allContents(target: TestRedis): Promise<string> {
  using driver = driverOf(target);
  const contents: unknown[] = [];
  for (const db of DATABASES) {
    await driver.redis.select(db);
    contents.push(await driver.redis.eval(DIGEST, 0));
  }
  const libraries = (await driver.redis.call("FUNCTION", "LIST", "WITHCODE")) as string[][];
  contents.push(...libraries.map((library) => library.at(-1)).toSorted());
  return contents.join(", ");
}

/** Only the live databases hold anything, and no marker. */
async function assertClean(): Promise<void> {
  using driver = driverOf(server);
  const filled = [...(await driver.redis.info("keyspace")).matchAll(/^db(\d+):/gm)].map(([, db]) => Number(db));
  expect(filled).toEqual(DATABASES);
  expect(nothingKept()).toBe(true);
  await assertNoMarkerLive();
}

async function assertNoMarkerLive(): Promise<void> {
  using driver = driverOf(server);
  for (const db of DATABASES) {
    await driver.redis.select(db);
    expect(await driver.redis.exists(...Object.values(MARKERS))).toBe(0);
  }
}

async function assertWholeAfter(row: SwapRow): Promise<"restored" | "before"> {
  const { connection } = server;
  const context = testJob(row.swap.jobId);
  const { live, isKept } = await recover(connection, row);
  await assertNoMarkerLive();
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

async function startOver(): Promise<SwapRow> {
  closeAll();
  using driver = driverOf(server);
  await driver.redis.flushall();
  await fill(server, "live", [40, 40]);
  before = await allContents(server);
  return newRow();
}

/** The names of all points in order. */
async function allPoints(): Promise<string[]> {
  const names: string[] = [];
  POINTS.reached = async (name) => void names.push(name);
  await runAll({ connection: server.connection, artefact, row: await startOver() });
  POINTS.reached = null;
  return names;
}
