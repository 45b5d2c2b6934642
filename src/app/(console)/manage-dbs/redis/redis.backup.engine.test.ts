import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Redis } from "ioredis";
import { beforeEach, describe, expect, it } from "vitest";
import { ManifestContent, RestorePlan, Verification, type Artefact, type Staged } from "@/backups/engine";
import { redisBackup } from "./redis.backup";
import { MARKERS } from "./redis.backup-marker";
import { readBackup } from "./redis.backup-read";
import { closeAll } from "./redis.client";
import { artefactAt, testJob, writeArtefact, type TestDir } from "./redis.test-artefact";
import { awkwardKeys, contentsOf } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";
import { startServers } from "./redis.test-suite";

let source: TestRedis;
let target: TestRedis;
let dir: TestDir;
startServers((started) => ({ source, target, dir } = started));

async function restoreInto(artefact: Artefact, name: string, server = target): Promise<{ staged: Staged; place: string }> {
  const staged = await redisBackup.stage(artefact, server.connection, { name }, testJob());
  return { staged, ...(await staged.keep()) };
}

describe("a backup of everything", () => {
  it("comes back with equal payloads and expiries", async () => {
    await awkwardKeys(source.driver());
    const artefact = await writeArtefact(source.connection, join(dir.path, "all.jsonl.gz"));
    ManifestContent.parse(artefact.manifest);
    expect(artefact.manifest).toMatchObject({ format: "redis-scan", consistency: "fuzzy", source: "db0", skipped: [] });
    expect(Object.fromEntries(artefact.manifest.objects.map((object) => [object.name, object.count]))).toEqual({
      "db0 hash": 2,
      "db0 list": 1,
      "db0 set": 2,
      "db0 stream": 2,
      "db0 string": 6,
      "db0 zset": 1,
    });
    const verification = Verification.parse(await redisBackup.verify(artefact, testJob()));
    expect(verification.objects).toEqual(artefact.manifest.objects.map(({ name, count }) => ({ name, count })));
    const plan = RestorePlan.parse(await redisBackup.plan(artefact, target.connection, { name: "5" }, {}));
    expect(plan.checks.filter((check) => check.result === "fail")).toEqual([]);
    expect(plan.target).toBe("db0 into db5");
    expect(plan.bytesNeeded).toBeGreaterThan(1_000_000);
    const { staged, place } = await restoreInto(artefact, "5");
    expect(place).toBe(`db5 of 127.0.0.1:${target.port}`);
    expect(staged.objects.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(artefact.manifest.objects.map(({ name, count }) => ({ name, count })));
    expect(staged.skipped).toEqual([]);
    expect(await contentsOf(target.driver(5))).toEqual(await contentsOf(source.driver()));
    for await (const records of readBackup(artefact)) {
      for (const { key, dump } of records) expect((await source.driver().dumpBuffer(key))?.equals(dump), key.toString("latin1")).toBe(true);
    }
    expect(await target.driver(5).xpending("stream", "g1")).toEqual(await source.driver().xpending("stream", "g1"));
    expect((await target.driver(5).call("XINFO", "STREAM", "empty-stream")) as unknown[]).toEqual(
      await source.driver().call("XINFO", "STREAM", "empty-stream"),
    );
  });

  it("is gzip that any tool reads, one line a key", async () => {
    await source.driver().mset("a", "1", "b", "2");
    const artefact = await writeArtefact(source.connection, join(dir.path, "plain.jsonl.gz"));
    const lines = gunzipSync(await readFile(artefact.path))
      .toString()
      .split("\n");
    expect(lines).toHaveLength(5);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ format: "foundry-redis-scan", version: 1, mode: "fuzzy", databases: { "0": 2 } });
    const record = JSON.parse(lines[1] ?? "") as { db: number; k: string; d: string; i: number };
    expect(Object.keys(record)).toEqual(["db", "k", "d", "i"]);
    expect(["a", "b"]).toContain(Buffer.from(record.k, "base64").toString());
    expect(JSON.parse(lines[3] ?? "")).toMatchObject({ footer: 1, keys: 2, counts: { "0": { string: 2 } }, vanished: 0 });
  });

  it("of an empty server is whole too", async () => {
    const artefact = await writeArtefact(source.connection, join(dir.path, "empty.jsonl.gz"));
    expect(artefact.manifest.objects).toEqual([]);
    expect((await redisBackup.verify(artefact, testJob())).objects).toEqual([]);
    const { staged } = await restoreInto(artefact, "2");
    expect(staged.objects).toEqual([]);
    expect(await target.driver(2).dbsize()).toBe(0);
  });

  it("twice over gives equal manifests", async () => {
    await awkwardKeys(source.driver());
    const first = await writeArtefact(source.connection, join(dir.path, "first.jsonl.gz"));
    await restoreInto(first, "0");
    const second = await writeArtefact(target.connection, join(dir.path, "second.jsonl.gz"));
    expect(second.manifest.objects.map(({ name, count }) => ({ name, count }))).toEqual(first.manifest.objects.map(({ name, count }) => ({ name, count })));
  });

  it("keeps idle times, and frequencies under an LFU policy", async () => {
    const driver = source.driver();
    await driver.restore("idle", 0, await dumpOf(driver, "x"), "IDLETIME", 5_000);
    const idle = await writeArtefact(source.connection, join(dir.path, "idle.jsonl.gz"));
    await restoreInto(idle, "1");
    expect(Number(await target.driver(1).object("IDLETIME", "idle"))).toBeGreaterThanOrEqual(5_000);
    for (const server of [source, target]) await server.driver().config("SET", "maxmemory-policy", "allkeys-lfu");
    try {
      closeAll();
      await driver.flushall();
      await driver.restore("hot", 0, await dumpOf(driver, "x"), "FREQ", 200);
      const frequency = await writeArtefact(source.connection, join(dir.path, "frequency.jsonl.gz"));
      await restoreInto(frequency, "3");
      expect(Number(await target.driver(3).object("FREQ", "hot"))).toBeGreaterThanOrEqual(199);
    } finally {
      for (const server of [source, target]) await server.driver().config("SET", "maxmemory-policy", "noeviction");
    }
  });

  it("keeps an expiry beyond 2^53 to the millisecond", async () => {
    await source.driver().set("forever", "x");
    await source.driver().call("PEXPIREAT", "forever", "9007199254740993");
    const artefact = await writeArtefact(source.connection, join(dir.path, "forever.jsonl.gz"));
    await restoreInto(artefact, "1");
    expect(gunzipSync(await readFile(artefact.path)).toString()).toContain('"e":9007199254740993,');
    const again = await writeArtefact(target.connection, join(dir.path, "forever-again.jsonl.gz"));
    expect(gunzipSync(await readFile(again.path)).toString()).toContain('"e":9007199254740993,');
  });

  it("holds the libraries of functions, and a restore loads those that the server lacks", async () => {
    await source.driver().call("FUNCTION", "LOAD", "#!lua name=shop\nredis.register_function('price', function() return 1 end)");
    await source.driver().set("a", "1");
    const artefact = await writeArtefact(source.connection, join(dir.path, "functions.jsonl.gz"));
    expect(artefact.manifest.details["libraries"]).toEqual(["shop"]);
    const plan = await redisBackup.plan(artefact, target.connection, { name: "1" }, {});
    expect(plan.checks.find((check) => check.title === "Functions")).toMatchObject({ result: "pass", detail: expect.stringContaining("shop will be loaded") });
    await restoreInto(artefact, "1");
    expect(await target.driver().call("FCALL", "price", 0)).toBe(1);
    const known = await redisBackup.plan(artefact, target.connection, { name: "1" }, {});
    expect(known.checks.find((check) => check.title === "Functions")).toMatchObject({ result: "pass" });
    for (const server of [source, target]) await server.driver().call("FUNCTION", "FLUSH");
  });
});

describe("several logical databases", () => {
  let artefact: Artefact;
  beforeEach(async () => {
    await source.driver(0).mset("a", "zero", "b", "zero");
    await source.driver(3).rpush("l", "three");
    await source.driver(15).set("a", "fifteen");
    artefact = await writeArtefact(source.connection, join(dir.path, "several.jsonl.gz"));
  });

  it("go where the pairs say", async () => {
    expect(artefact.manifest).toMatchObject({ source: "db0, db3, db15" });
    const plan = await redisBackup.plan(artefact, target.connection, { name: "0:5,3:0,15:15" }, {});
    expect(plan.checks.filter((check) => check.result === "fail")).toEqual([]);
    const { staged, place } = await restoreInto(artefact, "0:5,3:0,15:15");
    expect(place).toContain("db5, db0, db15");
    expect(staged.skipped).toEqual([]);
    expect(await target.driver(5).mget("a", "b")).toEqual(["zero", "zero"]);
    expect(await target.driver(0).lrange("l", 0, -1)).toEqual(["three"]);
    expect(await target.driver(15).get("a")).toBe("fifteen");
  });

  it("are left out when the target does not name them, and the plan says so", async () => {
    const plan = await redisBackup.plan(artefact, target.connection, { name: "5" }, {});
    expect(plan.checks.find((check) => check.title === "db3, db15 left out")).toMatchObject({
      result: "warn",
      detail: expect.stringContaining("0:1,3:2,15:3"),
    });
    expect(plan.objects.find((object) => object.name === "db3 list")).toMatchObject({ inBackup: 1, after: null });
    const { staged } = await restoreInto(artefact, "5");
    expect(staged.objects).toEqual([{ name: "db0 string", count: 2 }]);
    expect(staged.skipped.map(({ name, count }) => ({ name, count }))).toEqual([
      { name: "db3 list", count: 1 },
      { name: "db15 string", count: 1 },
    ]);
  });

  it("are refused where the target makes no sense", async () => {
    for (const name of ["x", "5,6", "0:5,3:5", "0:1,0:2", "7:1", "-1", "0:99999999"]) {
      await expect(redisBackup.plan(artefact, target.connection, { name }, {}), name).rejects.toMatchObject({ code: "INVALID" });
    }
    expect((await redisBackup.plan(artefact, target.connection, { name: "16" }, {})).checks).toContainEqual(
      expect.objectContaining({ result: "fail", title: "db16 exists" }),
    );
    await target.driver(5).set("live", "1");
    expect((await redisBackup.plan(artefact, target.connection, { name: "5" }, {})).checks).toContainEqual(
      expect.objectContaining({ result: "fail", title: "db5 is empty" }),
    );
    await expect(redisBackup.stage(artefact, target.connection, { name: "3:4,0:5" }, testJob())).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("not empty"),
    });
    expect(await target.driver(5).dbsize()).toBe(1);
    expect(await target.driver(4).dbsize()).toBe(0);
  });
});

describe("a restore", () => {
  it("leaves out and counts what expired since the backup", async () => {
    await source.driver().mset("stays", "1", "also", "2");
    await source.driver().set("gone", "3", "PX", 150);
    const artefact = await writeArtefact(source.connection, join(dir.path, "expired.jsonl.gz"));
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { staged } = await restoreInto(artefact, "1");
    expect(staged.objects).toEqual([{ name: "db0 string", count: 2 }]);
    expect(staged.skipped).toEqual([{ name: "db0 string", count: 1, reason: "expired since the backup" }]);
  });

  it("explains what expires while it is restored", async () => {
    const driver = source.driver();
    const at = Date.now() + 1_500;
    const pipeline = driver.pipeline();
    for (let index = 0; index < 3_000; index++) pipeline.set(`k${index}`, "v", "PXAT", at + (index % 400));
    await pipeline.exec();
    await driver.set("stays", "1");
    const artefact = await writeArtefact(source.connection, join(dir.path, "expiring.jsonl.gz"));
    const job = testJob();
    let isHeld = false;
    // Holds the restore between sending and counting until some of its keys have expired.
    job.onProgress = ({ phase }) => {
      if (phase !== "Compare counts" || isHeld) return;
      isHeld = true;
      while (Date.now() < at + 200) continue;
    };
    const staged = await redisBackup.stage(artefact, target.connection, { name: "1" }, job);
    const found = staged.objects[0]?.count ?? 0;
    const skipped = staged.skipped.reduce((sum, entry) => sum + entry.count, 0);
    expect(found + skipped).toBe(artefact.manifest.objects[0]?.count);
    expect(skipped).toBeGreaterThan(0);
    await staged.discard();
    expect(await target.driver(1).dbsize()).toBe(0);
  });

  it("is discarded without touching what others wrote", async () => {
    await awkwardKeys(source.driver());
    const artefact = await writeArtefact(source.connection, join(dir.path, "discard.jsonl.gz"));
    const staged = await redisBackup.stage(artefact, target.connection, { name: "5" }, testJob());
    await target.driver(5).set("somebody else's", "1");
    await staged.discard();
    expect(await target.driver(5).keys("*")).toEqual(["somebody else's"]);
  });

  it("fails and removes its keys when somebody else writes the same key", async () => {
    const pipeline = source.driver().pipeline();
    for (let index = 0; index < 5_000; index++) pipeline.set(`k${index}`, "ours");
    await pipeline.exec();
    const artefact = await writeArtefact(source.connection, join(dir.path, "busy.jsonl.gz"));
    const job = testJob();
    let isWritten = false;
    const driver = target.driver(5);
    await driver.ping();
    job.onProgress = ({ phase }) => {
      if (phase !== "Restore keys" || isWritten) return;
      isWritten = true;
      const theirs = driver.pipeline();
      for (let index = 0; index < 5_000; index += 100) theirs.set(`k${index}`, "theirs");
      void theirs.exec();
    };
    await expect(redisBackup.stage(artefact, target.connection, { name: "5" }, job)).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("appeared in the target"),
    });
    const left = await driver.keys("*");
    expect(left.length).toBe(50);
    expect(new Set(await driver.mget(...left))).toEqual(new Set(["theirs"]));
  });

  it("is not kept where the server makes room by removing keys", async () => {
    const small = await startRedis(["--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru"]);
    try {
      const pipeline = source.driver().pipeline();
      for (let index = 0; index < 100; index++) pipeline.set(`k${index}`, Buffer.alloc(100_000, Math.random().toString()));
      await pipeline.exec();
      const artefact = await writeArtefact(source.connection, join(dir.path, "evicting.jsonl.gz"));
      const plan = await redisBackup.plan(artefact, small.connection, { name: "1" }, {});
      expect(plan.checks).toContainEqual(expect.objectContaining({ result: "fail", title: "Memory", detail: expect.stringContaining("remove live keys") }));
      await expect(redisBackup.stage(artefact, small.connection, { name: "1" }, testJob())).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
      expect(await small.driver(1).dbsize()).toBe(0);
      await small.driver().config("SET", "maxmemory-policy", "noeviction");
      closeAll();
      await expect(redisBackup.stage(artefact, small.connection, { name: "1" }, testJob())).rejects.toMatchObject({
        code: "LIMIT_EXCEEDED",
        detail: expect.stringContaining("OOM"),
      });
      expect(await small.driver(1).dbsize()).toBe(0);
    } finally {
      await small.stop();
    }
  });

  it("is refused by a replica", async () => {
    const replica = await startRedis(["--replicaof", "127.0.0.1", String(source.port)]);
    try {
      await source.driver().set("a", "1");
      const artefact = await writeArtefact(source.connection, join(dir.path, "replica.jsonl.gz"));
      const plan = await redisBackup.plan(artefact, replica.connection, { name: "1" }, {});
      expect(plan.checks).toContainEqual(expect.objectContaining({ result: "fail", title: "Not a replica" }));
      await expect(redisBackup.stage(artefact, replica.connection, { name: "1" }, testJob())).rejects.toMatchObject({ code: "READ_ONLY" });
    } finally {
      await replica.stop();
    }
  });

  it("that a crash interrupted is swept by its claim", async () => {
    await awkwardKeys(source.driver());
    const artefact = await writeArtefact(source.connection, join(dir.path, "crash.jsonl.gz"));
    const job = testJob("abc123");
    await redisBackup.stage(artefact, target.connection, { name: "0:5" }, job);
    await target.driver(5).set("somebody else's", "1");
    closeAll();
    await redisBackup.sweep(target.connection, { jobId: "other", target: "0:5" });
    expect(await target.driver(5).exists(MARKERS.restored)).toBe(1);
    await redisBackup.sweep(target.connection, { jobId: "abc123", target: "0:5" });
    expect(await target.driver(5).keys("*")).toEqual(["somebody else's"]);
    await redisBackup.sweep(target.connection, { jobId: "abc123", target: "0:5" });
    expect(await target.driver(5).dbsize()).toBe(1);
  });

  it("whose backup is gone says what is left where", async () => {
    await source.driver().set("a", "1");
    const artefact = await artefactAt(
      (await writeArtefact(source.connection, join(dir.path, "gone.jsonl.gz"))).path,
      (await writeArtefact(source.connection, join(dir.path, "gone.jsonl.gz"))).manifest,
    );
    await redisBackup.stage(artefact, target.connection, { name: "5" }, testJob("abc124"));
    await target
      .driver(5)
      .set(
        MARKERS.restored,
        JSON.stringify({ jobId: "abc124", artefact: "/nowhere", from: 0, types: null, live: null, nowMs: "1", reached: 1, isWhole: false }),
      );
    await expect(redisBackup.sweep(target.connection, { jobId: "abc124", target: "5" })).rejects.toMatchObject({
      code: "CONFLICT",
      message: expect.stringContaining("half restore"),
    });
    expect(await target.driver(5).exists("a")).toBe(1);
  });
});

async function dumpOf(driver: Redis, value: string): Promise<Buffer> {
  await driver.set("dumped", value);
  const dump = await driver.dumpBuffer("dumped");
  await driver.del("dumped");
  if (dump === null) throw new Error("no dump");
  return dump;
}
