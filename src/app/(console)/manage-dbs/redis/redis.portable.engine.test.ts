/** The portable format: typed values, restored by plain commands, to every version and fork. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { ManifestContent, Peek, RestorePlan, type Artefact, type Staged } from "@/backups/engine";
import { redisBackup } from "./redis.backup";
import { closeAll } from "./redis.client";
import { PORTABLE_FORMAT } from "./redis.portable-format";
import { refusesAltered, sealLines } from "./redis.test-altered";
import { artefactAt, testJob, writeArtefact, writePortableArtefact, writeSnapshotArtefact, type TestDir } from "./redis.test-artefact";
import { awkwardKeys, BINARY, streamOf, valuesOf } from "./redis.test-seed";
import type { TestRedis } from "./redis.test-server";
import { startServers } from "./redis.test-suite";
import { replaceLive } from "./redis.test-swap";

const SLOW = { timeout: 240_000 };

let source: TestRedis;
let target: TestRedis;
let dir: TestDir;
startServers((started) => ({ source, target, dir } = started));

const countsOf = ({ objects }: Pick<ManifestContent, "objects">) => objects.map(({ name, count }) => ({ name, count }));
const pathOf = (name: string) => join(dir.path, `${name}.portable.jsonl.gz`);
const linesOf = async ({ path }: Artefact) =>
  gunzipSync(await readFile(path))
    .toString("latin1")
    .trimEnd()
    .split("\n");

async function restoreInto(artefact: Artefact, name: string): Promise<Staged> {
  const staged = await redisBackup.stage(artefact, target.connection, { name }, testJob());
  await staged.keep();
  return staged;
}

/** Keys that come in several parts. */
async function bigKeys(driver: Redis): Promise<void> {
  const many = Array.from({ length: 1_500 }, (_, index) => `element ${index} ${"x".repeat(40)}`);
  await driver.set("big string", Buffer.concat([Buffer.alloc(600_000, "ü"), BINARY, Buffer.alloc(600_001, 0xfe)]));
  await driver.rpush("big list", ...many, BINARY, "");
  await driver.sadd("big set", ...many, BINARY);
  await driver.hset("big hash", ...many.flatMap((field) => [field, "value"]), BINARY, BINARY);
  await driver.zadd("big zset", ...many.flatMap((member, index) => [index / 3, member]));
  const pipeline = driver.pipeline();
  for (let index = 1; index <= 1_500; index++) pipeline.xadd("big stream", `${index}-1`, "f", "x".repeat(50));
  await pipeline.exec();
  await driver.xgroup("CREATE", "big stream", "g", "0");
  await driver.xreadgroup("GROUP", "g", "alice", "COUNT", 1_250, "STREAMS", "big stream", ">");
  await driver.pexpire("big hash", 86_400_000);
}

describe("a portable backup", () => {
  it("comes back with equal values, expiries and streams, small keys and big ones", SLOW, async () => {
    await awkwardKeys(source.driver());
    await bigKeys(source.driver());
    await source.driver(3).set("other", "database");
    const artefact = await writePortableArtefact(source.connection, pathOf("all"));
    ManifestContent.parse(artefact.manifest);
    expect(artefact.manifest).toMatchObject({ format: PORTABLE_FORMAT, consistency: "fuzzy", source: "db0, db3", skipped: [] });
    expect((await redisBackup.verify(artefact, testJob())).objects).toEqual(countsOf(artefact.manifest));
    const inParts = (await linesOf(artefact)).flatMap((line) => (line.includes('"more":1') ? (/"k":\{"s":"(big \w+)"/.exec(line)?.[1] ?? []) : []));
    expect(inParts.toSorted()).toEqual(["big hash", "big list", "big set", "big stream", "big string", "big zset"]);
    const plan = RestorePlan.parse(await redisBackup.plan(artefact, target.connection, { name: "0:5,3:6" }, {}));
    expect(plan.checks.filter(({ result }) => result === "fail")).toEqual([]);
    expect(plan.checks.map(({ title }) => title)).toEqual(expect.arrayContaining(["Server has the commands", "Not a snapshot"]));
    expect(plan.steps[1]?.detail).toContain("plain commands");
    const staged = await restoreInto(artefact, "0:5,3:6");
    expect(staged.skipped).toEqual([]);
    const [before, after] = [source.driver(), target.driver(5)];
    expect(await valuesOf(after)).toEqual(await valuesOf(before));
    for (const key of await before.keysBuffer("*")) expect(await after.pexpiretime(key), key.toString("latin1")).toBe(await before.pexpiretime(key));
    expect(await target.driver(6).get("other")).toBe("database");
    const stats = await target.driver().info("commandstats");
    expect(stats).not.toContain("cmdstat_restore:");
  });
});

describe("an altered portable backup", () => {
  const altered = refusesAltered({ suite: () => ({ server: source, dir }), write: writePortableArtefact, name: "altered.portable.jsonl.gz" });

  it("is refused when other lines are sealed anew, even with every checksum of the file right", async () => {
    const [header = "", first = "", second = "", ...rest] = await linesOf(altered.artefact);
    const footer = rest.pop() ?? "";
    const seal = async (lines: string[]) => artefactAt(await sealLines(lines, pathOf("sealed")), altered.artefact.manifest);
    await redisBackup.verify(await seal([header, first, second, ...rest, footer]), testJob());
    const cases: Record<string, string[]> = {
      "a line is missing": [header, second, ...rest, footer],
      "a line comes twice": [header, first, first, second, ...rest, footer],
      "two lines are exchanged": [header, second, first, ...rest, footer],
      "a value is another": [header, first.replace('"v":{"s":"', '"v":{"s":"x'), second, ...rest, footer],
      "an expiry is added": [header, first.replace(',"v":', ',"e":4102444800123,"v":'), second, ...rest, footer],
      "a type is another": [header, first.replace('"t":"string"', '"t":"list"'), second, ...rest, footer],
      "a key does not end": [header, first.replace(/}$/, ',"more":1}'), second, ...rest, footer],
      "a part has no beginning": [header, '{"v":{"s":"x"}}', second, ...rest, footer],
      "something is void that was not begun": [header, '{"void":1}', first, second, ...rest, footer],
      "the count is another": [header, first, second, ...rest, footer.replace('"keys":501', '"keys":502')],
      "the header has a field more": [header.replace("{", '{"x":1,'), first, second, ...rest, footer],
    };
    for (const [name, lines] of Object.entries(cases))
      await expect(redisBackup.verify(await seal(lines), testJob()), name).rejects.toMatchObject({ code: "INVALID" });
  });
});

describe("a portable backup, besides,", () => {
  it("is JSON lines that any tool reads", async () => {
    const driver = source.driver();
    await driver.set("text", 'ü\u2028\u0000"');
    await driver.set(BINARY, BINARY, "PXAT", 4_102_444_800_123);
    await driver.zadd("zset", "0.1", "tenth", "-inf", "low");
    await driver.hset("hash", "f", "v");
    const lines = await linesOf(await writePortableArtefact(source.connection, pathOf("plain")));
    expect(lines.every((line) => /^[\x20-\x7e]*$/.test(line))).toBe(true);
    const all = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(all[0]).toMatchObject({ format: "foundry-redis-portable", version: 1, mode: "fuzzy", databases: { "0": 4 } });
    expect(all.slice(1, -1)).toEqual(
      expect.arrayContaining([
        { db: 0, k: { s: "text" }, t: "string", v: { s: 'ü\u2028\u0000"' } },
        { db: 0, k: { b: BINARY.toString("base64") }, t: "string", e: 4_102_444_800_123, v: { b: BINARY.toString("base64") } },
        {
          db: 0,
          k: { s: "zset" },
          t: "zset",
          v: [
            [{ s: "low" }, "-inf"],
            [{ s: "tenth" }, "0.1"],
          ],
        },
        { db: 0, k: { s: "hash" }, t: "hash", v: [[{ s: "f" }, { s: "v" }]] },
      ]),
    );
    expect(all.at(-1)).toMatchObject({ footer: 1, keys: 4, counts: { "0": { string: 2, zset: 1, hash: 1 } }, vanished: 0 });
  });

  it("twice over gives equal manifests", async () => {
    await awkwardKeys(source.driver());
    const first = await writePortableArtefact(source.connection, pathOf("first"));
    await restoreInto(first, "0");
    const second = await writePortableArtefact(target.connection, pathOf("second"));
    expect(countsOf(second.manifest)).toEqual(countsOf(first.manifest));
    const keyLines = async (artefact: Artefact) => (await linesOf(artefact)).slice(1, -1).filter((line) => !line.includes('"pending":[[')).length;
    expect(await keyLines(second)).toBe(await keyLines(first));
  });

  it("is looked into, described when another console wrote it, and restored in part", SLOW, async () => {
    await awkwardKeys(source.driver());
    await bigKeys(source.driver());
    const artefact = await writePortableArtefact(source.connection, pathOf("inside"));
    const peek = async (object: string) => Peek.parse(await redisBackup.peek(artefact, object, { limit: 10 }));
    expect((await peek("db0 hash")).rows).toEqual(expect.arrayContaining([["hash", "hash", null, expect.any(String), expect.stringContaining("f: v")]]));
    expect((await peek("db0 stream")).rows.map(([key]) => key).toSorted()).toEqual(["big stream", "empty-stream", "stream"]);
    expect((await peek("db0 string")).rows.find(([key]) => key === "big string")?.[4]?.length).toBeLessThanOrEqual(501);
    await expect(peek("db9 hash")).rejects.toMatchObject({ code: "NOT_FOUND" });
    const described = ManifestContent.parse(await redisBackup.describe(artefact, testJob()));
    expect(described).toEqual(artefact.manifest);
    const staged = await redisBackup.stage(artefact, target.connection, { name: "5", objects: ["db0 list", "db0 zset"] }, testJob());
    await staged.keep();
    expect((await target.driver(5).keys("*")).toSorted()).toEqual(["big list", "big zset", "list", "zset"]);
  });

  it("is compared value by value, and what differs is named", SLOW, async () => {
    await awkwardKeys(source.driver());
    await bigKeys(source.driver());
    const artefact = await writePortableArtefact(source.connection, pathOf("compared"));
    const keys = artefact.manifest.objects.reduce((sum, { count }) => sum + (count ?? 0), 0);
    const alter: Record<string, (driver: Redis) => Promise<unknown>> = {
      "big hash": (driver) => driver.hset("big hash", "element 1499", "other"),
      "big list": (driver) => driver.lset("big list", 1_321, "other"),
      "big string": (driver) => driver.setrange("big string", 1_100_000, "x"),
      "big stream": (driver) => driver.xack("big stream", "g", "7-1"),
      set: (driver) => driver.sadd("set", "more"),
      counter: (driver) => driver.expire("counter", 1_000),
      soon: (driver) => driver.persist("soon"),
      hash: (driver) => driver.del("hash"),
    };
    const staged = await redisBackup.stage(artefact, target.connection, { name: "5" }, testJob());
    expect(await staged.compareContent()).toEqual({ method: `SHA-256 of each element, and the expiry, of ${keys} keys` });
    await target.driver(5).set("one more", "1");
    await expect(staged.compareContent()).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("1 key more") });
    await staged.discard();
    await target.driver(5).flushdb();
    for (const [name, change] of Object.entries(alter)) {
      const copy = await redisBackup.stage(artefact, target.connection, { name: "5" }, testJob());
      await change(target.driver(5));
      await expect(copy.compareContent(), name).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining(`"${name}" of db0`) });
      await copy.discard();
      await target.driver(5).flushdb();
    }
  });

  it("replaces live data, undone and dropped", async () => {
    const driver = source.driver();
    await awkwardKeys(driver);
    const before = await valuesOf(driver);
    const artefact = await writePortableArtefact(source.connection, pathOf("swap"));
    await driver.del("hash", "stream");
    await driver.set("later", "1");
    const changed = await valuesOf(driver);
    const restore = await replaceLive(source.connection, artefact);
    expect(await valuesOf(driver)).toEqual(before);
    await restore.exchange();
    expect(await valuesOf(driver)).toEqual(changed);
    await restore.drop();
    expect(await source.driver(restore.spares[0]).dbsize()).toBe(0);
  });

  it("leaves out and counts what expired since, and keeps every other expiry", async () => {
    const driver = source.driver();
    await driver.set("gone", "1", "PX", 100);
    await driver.rpush("stays", "a");
    await driver.pexpireat("stays", 4_102_444_800_123);
    await driver.set("forever", "x");
    await driver.call("PEXPIREAT", "forever", "9007199254740993");
    const artefact = await writePortableArtefact(source.connection, pathOf("expired"));
    await expect.poll(() => driver.exists("gone")).toBe(0);
    const staged = await restoreInto(artefact, "1");
    expect(staged.skipped).toEqual([{ name: "db0 string", count: 1, reason: "expired since the backup" }]);
    expect(await target.driver(1).pexpiretime("stays")).toBe(4_102_444_800_123);
    const again = await writePortableArtefact(target.connection, pathOf("expired-again"));
    expect((await linesOf(again)).find((line) => line.includes("forever"))).toContain('"e":9007199254740993,');
  });

  it("names function libraries, which it does not carry", async () => {
    await source.driver().call("FUNCTION", "LOAD", "#!lua name=shop\nredis.register_function('price', function() return 1 end)");
    try {
      await source.driver().set("a", "1");
      const artefact = await writePortableArtefact(source.connection, pathOf("functions"));
      expect(artefact.manifest.skipped).toEqual([{ name: "functions", reason: expect.stringContaining("shop") }]);
      const plan = await redisBackup.plan(artefact, target.connection, { name: "1" }, {});
      expect(plan.checks).toContainEqual(expect.objectContaining({ result: "warn", title: "Functions", detail: expect.stringContaining("shop") }));
    } finally {
      await source.driver().call("FUNCTION", "FLUSH");
    }
  });
});

describe("XINFO is equal after a restore", () => {
  /** Groups, pending and deleted entries, also pending ones that were deleted or trimmed away, and streams that are empty. */
  async function streams(driver: Redis): Promise<string[]> {
    for (let index = 1; index <= 60; index++) await driver.xadd("stream", `${index}-1`, "f", `${index}`, "f", "again");
    await driver.xgroup("CREATE", "stream", "g1", "0");
    await driver.xgroup("CREATE", "stream", "g2", "20-1");
    await driver.xgroup("CREATE", "stream", "nobody", "$");
    await driver.xgroup("CREATECONSUMER", "stream", "g1", "idle");
    await driver.xreadgroup("GROUP", "g1", "alice", "COUNT", 12, "STREAMS", "stream", ">");
    await driver.xreadgroup("GROUP", "g1", "bob", "COUNT", 5, "STREAMS", "stream", ">");
    await driver.xreadgroup("GROUP", "g2", "alice", "COUNT", 15, "STREAMS", "stream", ">");
    await driver.xack("stream", "g1", "2-1", "5-1");
    await driver.xclaim("stream", "g1", "bob", 0, "3-1");
    await driver.xdel("stream", "10-1", "25-1", "60-1");
    await driver.xtrim("stream", "MAXLEN", 50);
    await driver.xadd("trimmed", "1-1", "f", "v");
    await driver.xgroup("CREATE", "trimmed", "g", "0");
    await driver.xreadgroup("GROUP", "g", "alice", "STREAMS", "trimmed", ">");
    await driver.xtrim("trimmed", "MAXLEN", 0);
    await driver.xadd("empty", "7-7", "f", "v");
    await driver.xdel("empty", "7-7");
    await driver.xgroup("CREATE", "made", "g", "0", "MKSTREAM");
    return ["stream", "trimmed", "empty", "made"];
  }

  it.each(Object.entries({ "key by key": writeArtefact, "a snapshot": writeSnapshotArtefact, portable: writePortableArtefact }))("%s", async (name, write) => {
    const names = await streams(source.driver());
    const artefact = await write(source.connection, join(dir.path, `streams ${name}`));
    const staged = await redisBackup.stage(artefact, target.connection, { name: "5" }, testJob());
    await staged.compareContent();
    await staged.keep();
    for (const stream of names) expect(await streamOf(target.driver(5), stream), stream).toEqual(await streamOf(source.driver(), stream));
    // When each was last delivered goes along: no consumer takes what another works on.
    const idle = async (driver: Redis) => (await driver.xpending("stream", "g1", "-", "+", 100)).map((one) => Number((one as unknown[])[2]));
    const [ours, theirs] = [await idle(target.driver(5)), await idle(source.driver())];
    for (const [index, ms] of ours.entries()) expect(Math.abs(ms - (theirs[index] ?? 0))).toBeLessThan(5_000);
  });
});

describe("keys that change while they are read", () => {
  it("come whole or are named: what was begun is void, and read again", SLOW, async () => {
    const driver = source.driver();
    await bigKeys(driver);
    const job = testJob();
    let isOver = false;
    const writer = source.driver();
    const writing = (async () => {
      for (let turn = 0; !isOver; turn++) {
        await writer.rpush("big list", `more ${turn}`);
        await writer.hset("big hash", "turn", turn);
      }
    })();
    try {
      const artefact = await writePortableArtefact(source.connection, pathOf("torn"), job);
      expect((await linesOf(artefact)).filter((line) => line === '{"void":1}').length).toBeGreaterThan(0);
      expect(artefact.manifest.details["torn"]).toEqual({ "0": { count: 2, names: expect.arrayContaining(['"big list"', '"big hash"']) } });
      expect(job.lines.join()).toContain("changed each time they were read");
      await redisBackup.verify(artefact, testJob());
      const plan = await redisBackup.plan(artefact, target.connection, { name: "1" }, {});
      expect(plan.checks).toContainEqual(expect.objectContaining({ result: "warn", title: "Big keys changed while they were read" }));
      const staged = await redisBackup.stage(artefact, target.connection, { name: "1" }, testJob());
      await staged.compareContent();
      await staged.keep();
      expect(await target.driver(1).dbsize()).toBe(6);
      expect(await target.driver(1).scard("big set")).toBe(1_501);
    } finally {
      isOver = true;
      await writing;
    }
  });

  it("are whole when they change only once", async () => {
    const driver = source.driver();
    await bigList(driver);
    const counted = /cmdstat_lrange:calls=(\d+)/;
    const calls = async () => Number(counted.exec(await driver.info("commandstats"))?.[1] ?? 0);
    await driver.config("RESETSTAT");
    // One element comes in front as soon as somebody has begun to read the list in parts.
    const changing = (async () => {
      while ((await calls()) < 3) continue;
      return driver.lpush("list", "first");
    })();
    const artefact = await writePortableArtefact(source.connection, pathOf("once"));
    expect(await changing).toBe(100_001);
    expect(artefact.manifest.details["torn"]).toEqual({ "0": { count: 0, names: [] } });
    await restoreInto(artefact, "1");
    expect(await target.driver(1).llen("list")).toBe(100_001);
    expect(await target.driver(1).lindex("list", 0)).toBe("first");
  });
});

async function bigList(driver: Redis): Promise<void> {
  const pipeline = driver.pipeline();
  for (let from = 0; from < 100_000; from += 10_000) pipeline.rpush("list", ...Array.from({ length: 10_000 }, (_, index) => `element ${from + index}`));
  await pipeline.exec();
}

describe("a portable restore", () => {
  it("never touches a key that is there, and removes its own", async () => {
    await awkwardKeys(source.driver());
    const pipeline = source.driver().pipeline();
    for (let index = 0; index < 5_000; index++) pipeline.rpush(`k${index}`, "ours");
    await pipeline.exec();
    const artefact = await writePortableArtefact(source.connection, pathOf("busy"));
    const job = testJob();
    const driver = target.driver(5);
    await driver.ping();
    let isWritten = false;
    job.onProgress = ({ phase }) => {
      if (phase !== "Restore keys" || isWritten) return;
      isWritten = true;
      const theirs = driver.pipeline();
      for (let index = 0; index < 5_000; index += 100) theirs.rpush(`k${index}`, "theirs");
      void theirs.exec();
    };
    await expect(redisBackup.stage(artefact, target.connection, { name: "5" }, job)).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("appeared in the target"),
    });
    expect(await driver.dbsize()).toBe(50);
    for (const key of await driver.keys("*")) expect(await driver.lrange(key, 0, -1)).toEqual(["theirs"]);
  });

  it("is cancelled, or swept after a crash, without a trace", async () => {
    await bigKeys(source.driver());
    await awkwardKeys(source.driver());
    const artefact = await writePortableArtefact(source.connection, pathOf("swept"));
    const cancelled = testJob();
    cancelled.onProgress = ({ itemsDone }) => void ((itemsDone ?? 0) > 0 && cancelled.controller.abort());
    await expect(redisBackup.stage(artefact, target.connection, { name: "5" }, cancelled)).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await target.driver(5).dbsize()).toBe(0);
    await redisBackup.stage(artefact, target.connection, { name: "5" }, testJob("abc125"));
    await target.driver(5).set("somebody else's", "1");
    closeAll();
    await redisBackup.sweep(target.connection, { jobId: "abc125", target: "5" });
    expect(await target.driver(5).keys("*")).toEqual(["somebody else's"]);
  });
});
