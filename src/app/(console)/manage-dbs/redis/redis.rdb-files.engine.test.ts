/** F43: RDB files that real servers of every version wrote (src/test/rdb-files, with the script that made them): restored whole, or refused by name. */
import { copyFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Artefact } from "@/backups/engine";
import { redisBackup } from "./redis.backup";
import { redisClient } from "./redis.client";
import { artefactAt, testJob, type TestDir } from "./redis.test-artefact";
import { FAR_AWAY_MS } from "./redis.test-seed";
import type { TestRedis } from "./redis.test-server";
import { startServer } from "./redis.test-suite";

let target: TestRedis;
let dir: TestDir;
startServer((started) => ({ server: target, dir } = started), { flush: true });

const FILES = [
  { name: "redis-6.0", product: "Redis", version: "6.0", rdbVersion: 9, hasFunctions: false, hasFieldExpiries: false },
  { name: "redis-7.0", product: "Redis", version: "7.0", rdbVersion: 10, hasFunctions: true, hasFieldExpiries: false },
  { name: "valkey-8.1", product: "Valkey", version: "8.1", rdbVersion: 11, hasFunctions: true, hasFieldExpiries: false },
  { name: "redis-8.0", product: "Redis", version: "8.0", rdbVersion: 12, hasFunctions: true, hasFieldExpiries: true },
  { name: "valkey-9.1", product: "Valkey", version: "9.1", rdbVersion: 80, hasFunctions: true, hasFieldExpiries: true },
];

/** As an upload comes in. */
async function uploaded(name: string): Promise<Artefact> {
  const path = join(dir.path, `${name}.rdb`);
  await copyFile(join(process.cwd(), "src/test/rdb-files", `${name}.rdb`), path);
  const manifest = await redisBackup.describe({ path, bytes: (await stat(path)).size }, testJob());
  return artefactAt(path, manifest);
}

const COUNTS = { "db0 hash": 2, "db0 list": 2, "db0 set": 3, "db0 stream": 1, "db0 string": 3, "db0 zset": 2, "db3 string": 1, "db7 hash": 1 };

describe.each(FILES)("an RDB of $name", ({ name, product, version, rdbVersion, hasFunctions, hasFieldExpiries }) => {
  it("is described and read whole", async () => {
    const artefact = await uploaded(name);
    expect(artefact.manifest).toMatchObject({
      format: "redis-rdb",
      server: { product, version: expect.stringMatching(`^${version}\\.`) },
      details: { rdbVersion },
    });
    const counts = Object.fromEntries(artefact.manifest.objects.map((object) => [object.name, object.count]));
    expect(counts).toEqual({ ...COUNTS, ...(hasFunctions ? { functions: 1 } : {}) });
    expect(await redisBackup.verify(artefact, testJob())).toMatchObject({ objects: expect.arrayContaining([{ name: "db0 zset", count: 2 }]) });
  });

  it("is restored with every value, or the plan says by name what cannot be", async () => {
    const artefact = await uploaded(name);
    const { product: family, version: running } = await redisClient(target.connection).facts();
    for (const [from, to] of [
      [0, 1],
      [3, 4],
      [7, 8],
    ] as const) {
      const way = { name: `${from}:${to}` };
      const plan = await redisBackup.plan(artefact, target.connection, way, {});
      const values = plan.checks.find(({ title }) => title === "Server holds these values");
      const staging = redisBackup.stage(artefact, target.connection, way, testJob());
      if (values?.result === "fail") {
        expect(values.detail).toMatch(new RegExp(`Made by ${product} ${version}.*\\d+ keys? (is|are) .*which ${family} ${running} cannot hold`));
        await expect(staging).rejects.toMatchObject({ code: "UNSUPPORTED" });
        expect(await target.driver(to).dbsize()).toBe(0);
      } else {
        await (await staging).keep();
        await expectValues(from, to);
      }
      // Also what is refused has strings.
      if (from === 0 && values?.result === "fail") {
        await (await redisBackup.stage(artefact, target.connection, { name: "0:1", objects: ["db0 string", "db0 hash"] }, testJob())).keep();
        expect(await target.driver(1).hlen("long-hash")).toBe(600);
      }
    }
    if (hasFunctions) expect(await target.driver().call("FCALL", "price", 0)).toBe(1);
    // The tests' own server is at least of this version: what is older is never refused.
    if (rdbVersion <= 10) expect(await target.driver(1).dbsize()).toBe(13);
  });

  async function expectValues(from: number, to: number): Promise<void> {
    const driver = target.driver(to);
    if (from === 3) expect(await driver.get("other")).toBe("db3");
    if (from === 7) {
      expect(await driver.hgetall("sessions")).toEqual({ a: "1", b: "2" });
      if (hasFieldExpiries) expect(await driver.call("HPEXPIRETIME", "sessions", "FIELDS", 2, "a", "b")).toEqual([FAR_AWAY_MS, -1]);
    }
    if (from !== 0) return;
    expect(await driver.mget("number", "packed", "expiring")).toEqual(["-12345", "abc".repeat(200), "x"]);
    expect([await driver.pexpiretime("expiring"), await driver.pttl("number")]).toEqual([FAR_AWAY_MS, -1]);
    const many = Array.from({ length: 600 }, (_, index) => String(index + 1));
    expect([await driver.lrange("list", 0, -1), await driver.lrange("long-list", 0, -1)]).toEqual([["a", "b", "1"], many]);
    expect([(await driver.smembers("numbers")).toSorted(), (await driver.smembers("words")).toSorted()]).toEqual([
      ["1", "2", "3"],
      ["a", "b"],
    ]);
    expect([await driver.scard("long-set"), await driver.hgetall("hash"), await driver.hlen("long-hash")]).toEqual([600, { f: "v" }, 600]);
    expect(await driver.zrange("zset", "0", "-1", "WITHSCORES")).toEqual(["low", "-inf", "half", "0.5"]);
    expect(await driver.zrange("long-zset", "0", "-1", "WITHSCORES")).toEqual(many.flatMap((number) => [`m${number}`, number]));
    expect(await driver.xrange("stream", "-", "+")).toEqual([
      ["1-1", ["f", "v"]],
      ["2-1", ["f", "v"]],
    ]);
    expect(await driver.xpending("stream", "g")).toEqual([1, "1-1", "1-1", [["alice", "1"]]]);
  }
});
