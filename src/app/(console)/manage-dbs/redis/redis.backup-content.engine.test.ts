/** What is in a backup: compared with a staged copy, looked into, recognised when another console wrote it, restored in part. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { ManifestContent, Peek, type Artefact, type Staged } from "@/backups/engine";
import { testServers } from "@/test/servers";
import { redisBackup } from "./redis.backup";
import { closeAll } from "./redis.client";
import { testJob, writeArtefact, writeSnapshotArtefact, type TestDir } from "./redis.test-artefact";
import { awkwardKeys, BINARY, contentsOf, FAR_AWAY_MS } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";
import { startServers } from "./redis.test-suite";
import { filledDatabases } from "./redis.test-swap";

/** TEST_REDIS_SERVERS names more servers, oldest first, as in redis.versions. */
const binaries = (process.env["TEST_REDIS_SERVERS"] ?? testServers.redisServer).split(":");

let source: TestRedis;
let target: TestRedis;
let dir: TestDir;
startServers((started) => ({ source, target, dir } = started));

const drill = (artefact: Artefact, server = target): Promise<Staged> => redisBackup.stage(artefact, server.connection, { name: "0", replace: true }, testJob());
const writers = { "key by key": writeArtefact, "a snapshot": writeSnapshotArtefact };

describe.each(Object.entries(writers))("a staged copy of a backup, %s,", (name, write) => {
  it("is compared value by value", async () => {
    await awkwardKeys(source.driver());
    await source.driver(3).sadd("big set", ...Array.from({ length: 1_000 }, (_, index) => `member ${index}`));
    const artefact = await write(source.connection, join(dir.path, `compared ${name}`));
    const staged = await drill(artefact);
    const compared = await staged.compareContent?.();
    expect(compared?.method).toMatch(
      /^DUMP payload and expiry of 1\d keys byte for byte, [1-3] that the server lays out otherwise by a SHA-256 of each element$/,
    );
    await staged.discard();
    expect(await target.driver().info("keyspace")).not.toContain("db");
  });

  it("is left when the comparison is cancelled", async () => {
    const pipeline = source.driver().pipeline();
    for (let index = 0; index < 3_000; index++) pipeline.set(`k${index}`, "v");
    await pipeline.exec();
    const artefact = await write(source.connection, join(dir.path, `cancelled ${name}`));
    const job = testJob();
    const staged = await redisBackup.stage(artefact, target.connection, { name: "0", replace: true }, job);
    job.onProgress = ({ phase, itemsDone }) => void (phase === "Compare values" && (itemsDone ?? 0) > 0 && job.controller.abort());
    await expect(staged.compareContent?.()).rejects.toMatchObject({ code: "CANCELLED" });
    await staged.discard();
    expect((await filledDatabases(target)).databases).toEqual([]);
  });

  it("that differs is named", async () => {
    await awkwardKeys(source.driver());
    const artefact = await write(source.connection, join(dir.path, `differs ${name}`));
    const changes: Record<string, [(driver: Redis) => Promise<unknown>, string]> = {
      "a value": [(driver) => driver.set("megabyte", "x", "KEEPTTL"), '"megabyte" of db0 has another value'],
      "an element": [(driver) => driver.hset("big-hash", "f1999", "other"), '"big-hash" of db0 has another value'],
      "one element of a small hash": [(driver) => driver.hset("hash", "f", "w"), '"hash" of db0 has another value'],
      "a stream": [(driver) => driver.xadd("stream", "60-1", "f", "v"), '"stream" of db0 has another value'],
      "an order": [async (driver) => driver.lset("list", 0, "z"), '"list" of db0 has another value'],
      "a type": [async (driver) => driver.del("zset").then(() => driver.set("zset", "1")), '"zset" of db0 is a string instead of a zset'],
      "an expiry": [(driver) => driver.pexpireat(BINARY, FAR_AWAY_MS + 1), "expires at another time"],
      "an expiry that is gone": [(driver) => driver.persist("soon"), '"soon" of db0 expires at another time'],
      "a key that is gone": [(driver) => driver.del(""), '"" of db0 is missing'],
      "a key too many": [(driver) => driver.set("more", "1"), "holds 1 key more"],
    };
    for (const [what, [change, words]] of Object.entries(changes)) {
      const staged = await drill(artefact);
      const { databases } = await filledDatabases(target);
      const copy = target.driver(databases[0]);
      await change(copy);
      await expect(staged.compareContent?.(), what).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining(words) });
      await copy.flushdb();
    }
  });
});

describe("a staged copy on another server", () => {
  it("is compared by its elements, from every older one to every newer one", async () => {
    for (const [index, from] of binaries.entries()) {
      for (const to of binaries.slice(index + 1)) {
        const [older, newer] = [await startRedis([], from), await startRedis([], to)];
        try {
          const driver = older.driver();
          await driver.rpush("list", "a", "1", "2", "x".repeat(100));
          await driver.hset("hash", "f", "1", "g", "x".repeat(60));
          await driver.zadd("zset", "-inf", "low", "0.1", "tenth", "1", "one");
          await driver.sadd("set", "a", "b", "1");
          await driver.sadd("numbers", "1", "70000");
          await driver.xadd("stream", "1-1", "f", "v");
          const artefact = await writeArtefact(older.connection, join(dir.path, "older.jsonl.gz"));
          const plan = await redisBackup.plan(artefact, newer.connection, { name: "0", replace: true }, {});
          if (plan.checks.some(({ result }) => result === "fail")) continue;
          const staged = await drill(artefact, newer);
          expect((await staged.compareContent?.())?.method, `${from} to ${to}`).toMatch(/^DUMP payload and expiry of \d keys byte for byte/);
          await newer.driver(15).hset("hash", "f", "2");
          await expect(staged.compareContent?.()).rejects.toMatchObject({ message: expect.stringContaining('"hash" of db0 has another value') });
        } finally {
          closeAll();
          await Promise.all([older.stop(), newer.stop()]);
        }
      }
    }
    expect(binaries.length).toBeGreaterThan(0);
  });
});

describe("a look inside", () => {
  it.each(Object.entries(writers))("shows keys with their type, expiry, size and the beginning of the value: %s", async (name, write) => {
    await awkwardKeys(source.driver());
    await source.driver().set("long text", "ä".repeat(3_000));
    const artefact = await write(source.connection, join(dir.path, `peek ${name}`));
    const strings = Peek.parse(await redisBackup.peek?.(artefact, "db0 string", { limit: 100 }));
    expect(strings).toMatchObject({ columns: ["key", "type", "expires", "size", "value"], hasMore: false });
    const byKey = new Map(strings.rows.map((row) => [row[0], row]));
    expect(byKey.get("counter")).toEqual(["counter", "string", null, "19 B", "9223372036854775807"]);
    expect(byKey.get("\\x00\\xff\\x0d\\x0a\\xc3(")).toEqual(["\\x00\\xff\\x0d\\x0a\\xc3(", "string", "2100-01-01T00:00:00.123Z", "6 B", "binary, 6 bytes"]);
    expect(byKey.get("")?.[4]).toBe("empty name");
    expect(byKey.get("megabyte")).toEqual(["megabyte", "string", null, "977 KiB", `${"0123456789abcdef".repeat(32).slice(0, 500)}…`]);
    expect(byKey.get("long text")?.[4]).toBe(`${"ä".repeat(500)}…`);
    const first = async (object: string) => (await redisBackup.peek?.(artefact, object, { limit: 1 }))?.rows[0]?.[4];
    expect(await first("db0 list")).toBe("a, a, binary, 6 bytes, ");
    expect(await first("db0 zset")).toMatch(/^low -inf, .*tenth 0\.1, high inf$/);
    expect(await first("db0 stream")).toMatch(/^binary, [\d,]+ bytes$/);
    expect(await redisBackup.peek?.(artefact, "db0 set", { limit: 1 })).toMatchObject({ rows: [expect.anything()], hasMore: true });
    for (const object of ["db0 nothing", "db1 string", "x"])
      await expect(redisBackup.peek?.(artefact, object, { limit: 1 })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it.each(Object.entries(writers))("reads no further than it must: %s", async (name, write) => {
    const pipeline = source.driver().pipeline();
    for (let index = 0; index < 400; index++) pipeline.set(`k${index}`, Array.from({ length: 2_500 }, () => Math.random()).join());
    await pipeline.exec();
    const artefact = await write(source.connection, join(dir.path, `early ${name}`));
    let read = 0;
    const open: Artefact["open"] = (range) => artefact.open(range).on("data", (chunk: Buffer) => (read += chunk.length));
    const peeked = await redisBackup.peek?.({ ...artefact, open }, "db0 string", { limit: 3 });
    expect(peeked).toMatchObject({ rows: [expect.anything(), expect.anything(), expect.anything()], hasMore: true });
    expect(artefact.bytes).toBeGreaterThan(6_000_000);
    expect(read).toBeLessThan(artefact.bytes / 2);
  });

  it("ends when it is cancelled", async () => {
    await source.driver().set("a", "1");
    const artefact = await writeArtefact(source.connection, join(dir.path, "cancelled"));
    await expect(redisBackup.peek?.(artefact, "db0 string", { limit: 1, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("a file that another console wrote", () => {
  it("says what it holds as that console did", async () => {
    await awkwardKeys(source.driver());
    await source.driver(3).rpush("l", "x");
    const { path, bytes, manifest } = await writeArtefact(source.connection, join(dir.path, "elsewhere"));
    const described = ManifestContent.parse(await redisBackup.describe?.({ path, bytes }, testJob()));
    expect(described).toEqual(manifest);
    const staged = await drill({ ...(await writeArtefact(source.connection, path)), manifest: described });
    await staged.discard();
  });

  it("is refused damaged, and when it is something else", async () => {
    await source.driver().set("a", "1");
    const { path } = await writeArtefact(source.connection, join(dir.path, "damaged"));
    const whole = await readFile(path);
    const flipped = Buffer.from(whole);
    flipped[whole.length >> 1] = (flipped[whole.length >> 1] ?? 0) ^ 1;
    const others = [
      flipped,
      whole.subarray(0, -1),
      Buffer.concat([whole, whole]),
      gzipSync("text"),
      Buffer.from("PGDMP\u0001"),
      Buffer.alloc(0),
      Buffer.from("REDIS"),
    ];
    for (const [index, bytes] of others.entries()) {
      const other = join(dir.path, `other ${index}`);
      await writeFile(other, bytes);
      await expect(redisBackup.describe?.({ path: other, bytes: bytes.length }, testJob()), String(index)).rejects.toMatchObject({ code: "INVALID" });
    }
  });
});

describe("chosen objects", () => {
  it.each(Object.entries(writers))("alone are restored, and are removed exactly: %s", async (name, write) => {
    await awkwardKeys(source.driver());
    await source.driver(3).rpush("three", "x");
    await source.driver(3).set("not asked for", "x");
    const artefact = await write(source.connection, join(dir.path, `chosen ${name}`));
    const wanted = { name: "0:5,3:6", objects: ["db0 hash", "db0 stream", "db3 list"] };
    const plan = await redisBackup.plan(artefact, target.connection, wanted, {});
    expect(plan.checks.filter(({ result }) => result === "fail")).toEqual([]);
    expect(plan.objects.filter(({ after }) => after !== null).map(({ name: object }) => object)).toEqual(wanted.objects);
    const all = await redisBackup.plan(artefact, target.connection, { name: "0:5,3:6" }, {});
    expect(plan.bytesNeeded ?? 0).toBeLessThan(all.bytesNeeded ?? 0);
    const staged = await redisBackup.stage(artefact, target.connection, wanted, testJob());
    expect(staged.objects.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: "db0 hash", count: 2 },
      { name: "db0 stream", count: 2 },
      { name: "db3 list", count: 1 },
    ]);
    expect(staged.skipped).toEqual([]);
    await staged.compareContent?.();
    await target.driver(5).set("counter", "somebody else's");
    await staged.discard();
    expect(await target.driver(5).keys("*")).toEqual(["counter"]);
    const job = testJob();
    await target.driver(5).del("counter");
    await (await redisBackup.stage(artefact, target.connection, wanted, job)).keep();
    const [restored, live] = [await contentsOf(target.driver(5)), await contentsOf(source.driver())];
    expect([...restored.keys()].map((key) => Buffer.from(key, "hex").toString()).toSorted()).toEqual(["big-hash", "empty-stream", "hash", "stream"]);
    for (const [key, value] of restored) expect(live.get(key)).toBe(value);
  });

  it("of one database need no pairs", async () => {
    await source.driver(0).set("a", "1");
    await source.driver(3).set("b", "1");
    const artefact = await writeArtefact(source.connection, join(dir.path, "one"));
    const staged = await redisBackup.stage(artefact, target.connection, { name: "9", objects: ["db3 string"] }, testJob());
    expect((await staged.keep()).place).toContain("db9");
    expect(await target.driver(9).get("b")).toBe("1");
  });
});
