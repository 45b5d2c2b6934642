/**
 * Snapshots of other versions: TEST_REDIS_SERVERS holds the paths of redis-server and valkey-server binaries, separated by
 * colons. Without it only the tests' own server is tried. Uses no command newer than Redis 5 unless the server has it.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Artefact } from "@/backups/engine";
import { testServers } from "@/test/servers";
import { redisBackup } from "./redis.backup";
import { readRecords } from "./redis.backup-source";
import { closeAll, redisClient } from "./redis.client";
import { DUMP_FOOTER_BYTES, isSoundDump } from "./redis.dump";
import { testDir, testJob, writeSnapshotArtefact } from "./redis.test-artefact";
import { walkBytes } from "./redis.test-rdb";
import { startRedis, type TestRedis } from "./redis.test-server";

const binaries = (process.env["TEST_REDIS_SERVERS"] ?? testServers.redisServer).split(":");
const BINARY = Buffer.from([0x00, 0xff, 0x0d, 0x0a]);
const FAR_AWAY_MS = 4_102_444_800_123;

/** Types in their small and their large forms. */
async function fill(driver: Redis): Promise<void> {
  await driver.set(BINARY, BINARY);
  await driver.pexpireat(BINARY, FAR_AWAY_MS);
  await driver.set("number", "-12345");
  await driver.set("packed", "abc".repeat(1_000));
  const many = Array.from({ length: 600 }, (_, index) => `member-${index}`);
  for (const [name, members] of [
    ["small", ["a", "b"]],
    ["large", many],
  ] as const) {
    await driver.rpush(`${name}-list`, ...members, "x".repeat(name === "large" ? 20_000 : 1));
    await driver.sadd(`${name}-set`, ...members);
    await driver.hset(`${name}-hash`, Object.fromEntries(members.map((member) => [member, "v"])));
    await driver.zadd(`${name}-zset`, ...members.flatMap((member, index) => [index / 3, member]));
  }
  await driver.sadd("numbers", 1, 2, 3);
  for (let index = 1; index <= 150; index++) await driver.xadd("stream", `${index}-1`, "f", `${index}`);
  await driver.xgroup("CREATE", "stream", "g", "0");
  await driver.xreadgroup("GROUP", "g", "alice", "COUNT", 2, "STREAMS", "stream", ">");
  await driver.lpush("doomed", "x");
}

/** @returns whether the server has expiries of single fields */
async function fillFields(driver: Redis): Promise<boolean> {
  await driver.hset("sessions", "a", "1", "b", "2");
  await driver.hset("many-sessions", Object.fromEntries(Array.from({ length: 600 }, (_, index) => [`f${index}`, "v"])));
  const expire = (key: string, field: string) => driver.call("HPEXPIREAT", key, FAR_AWAY_MS, "FIELDS", 1, field);
  return expire("sessions", "a").then(
    () => expire("many-sessions", "f7").then(() => true),
    () => false,
  );
}

async function expectDumps(artefact: Artefact, server: TestRedis): Promise<number> {
  let keys = 0;
  const drivers = new Map<number, Redis>();
  for await (const records of readRecords(artefact)) {
    for (const { db, key, dump } of records) {
      const driver = drivers.get(db) ?? server.driver(db);
      drivers.set(db, driver);
      const theirs = (await driver.dumpBuffer(key)) ?? Buffer.alloc(0);
      expect(theirs.subarray(0, -DUMP_FOOTER_BYTES).equals(dump.subarray(0, -DUMP_FOOTER_BYTES)), key.toString("latin1")).toBe(true);
      expect(isSoundDump(dump)).toBe(true);
      keys += 1;
    }
  }
  return keys;
}

/** By how many milliseconds the expiry in db 5 is away from the one in db 0, less the time that passed between the two questions (PEXPIRETIME is of Redis 7). */
async function expiryDifference(server: TestRedis, key: Buffer): Promise<number> {
  const asked = performance.now();
  const difference = Math.abs((await server.driver().pttl(key)) - (await server.driver(5).pttl(key)));
  return difference - (performance.now() - asked);
}

describe.each(binaries)("a snapshot of %s", (path) => {
  let server: TestRedis;
  let dir: Awaited<ReturnType<typeof testDir>>;
  beforeAll(async () => {
    [server, dir] = await Promise.all([startRedis([], path), testDir()]);
    await fill(server.driver());
    await fillFields(server.driver(7));
  });
  afterAll(() => Promise.all([server.stop(), dir.remove()]));
  afterEach(async () => {
    await Promise.all([5, 6].map((db) => server.driver(db).flushdb()));
    closeAll();
  });

  it.each(["yes", "no"])("holds what DUMP gives and comes back, streamed without a disk: %s", async (isDiskless) => {
    await server.driver().config("SET", "repl-diskless-sync", isDiskless);
    const artefact = await writeSnapshotArtefact(server.connection, join(dir.path, "all.rdb"));
    const { product, version } = await redisClient(server.connection).facts();
    expect(artefact.manifest).toMatchObject({ format: "redis-rdb", consistency: "snapshot", server: { product, version } });
    const counts = artefact.manifest.objects.map(({ name, count }) => ({ name, count }));
    expect((await redisBackup.verify(artefact, testJob())).objects).toEqual(counts);
    expect(await expectDumps(artefact, server)).toBe((await server.driver().dbsize()) + (await server.driver(7).dbsize()));
    const bytes = await readFile(artefact.path);
    expect(walkBytes(bytes, 7)).toEqual(walkBytes(bytes));
    expect(bytes.toString("latin1", 0, 9)).toMatch(product === "Valkey" && Number.parseInt(version) >= 9 ? /^VALKEY080$/ : /^REDIS00(09|1[0-2])$/);
    const plan = await redisBackup.plan(artefact, server.connection, { name: "0:5,7:6" }, {});
    expect(plan.checks.filter((check) => check.result === "fail")).toEqual([]);
    const staged = await redisBackup.stage(artefact, server.connection, { name: "0:5,7:6" }, testJob());
    expect(staged.objects.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(counts.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
    expect(await server.driver(5).lrange("large-list", 0, -1)).toEqual(await server.driver().lrange("large-list", 0, -1));
    expect(await server.driver(5).xpending("stream", "g")).toEqual(await server.driver().xpending("stream", "g"));
    expect(await expiryDifference(server, BINARY)).toBeLessThanOrEqual(2);
    await staged.discard();
  });
});

const pairs = binaries.flatMap((from) => binaries.filter((to) => to !== from).map((to): [string, string] => [from, to]));
describe.each(pairs)("a snapshot of %s", (from, to) => {
  it(`goes to ${to}, or the plan says by name what cannot`, async () => {
    const [source, target, dir] = await Promise.all([startRedis([], from), startRedis([], to), testDir()]);
    try {
      await fill(source.driver());
      const hasFields = await fillFields(source.driver(7));
      const artefact = await writeSnapshotArtefact(source.connection, join(dir.path, "all.rdb"));
      for (const db of [0, 7]) {
        const plan = await redisBackup.plan(artefact, target.connection, { name: `${db}:5` }, {});
        const values = plan.checks.find((check) => check.title === "Server holds these values");
        const staging = redisBackup.stage(artefact, target.connection, { name: `${db}:5` }, testJob());
        if (values?.result === "pass") {
          await (await staging).keep();
          const restored = target.driver(5);
          expect(await restored.dbsize()).toBe(await source.driver(db).dbsize());
          if (db === 0) expect(await restored.hgetall("large-hash")).toEqual(await source.driver().hgetall("large-hash"));
          if (db === 7 && hasFields) expect(await restored.call("HPEXPIRETIME", "many-sessions", "FIELDS", 2, "f7", "f8")).toEqual([FAR_AWAY_MS, -1]);
        } else {
          expect(values?.detail).toMatch(/\d+ keys? (is|are) .*which (Redis|Valkey) \d+\.\d+\.\d+ cannot hold/);
          await expect(staging, values?.detail).rejects.toMatchObject({ code: "UNSUPPORTED" });
          expect(await target.driver(5).dbsize()).toBe(0);
        }
        await target.driver(5).flushdb();
      }
    } finally {
      await Promise.all([source.stop(), target.stop(), dir.remove()]);
    }
  });
});
