import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { ManifestContent, RestorePlan, Verification, type Artefact, type Staged } from "@/backups/engine";
import { redisBackup } from "./redis.backup";
import { MARKERS } from "./redis.backup-marker";
import { readRecords } from "./redis.backup-source";
import { closeAll } from "./redis.client";
import { DUMP_FOOTER_BYTES, isSoundDump } from "./redis.dump";
import { describeRdb } from "./redis.rdb-file";
import { alteredArtefact, testJob, writeSnapshotArtefact, type TestDir } from "./redis.test-artefact";
import { walkBytes } from "./redis.test-rdb";
import { awkwardKeys, contentsOf } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";
import { startServers } from "./redis.test-suite";
import { replaceLive } from "./redis.test-swap";

let source: TestRedis;
let target: TestRedis;
let dir: TestDir;
startServers((started) => ({ source, target, dir } = started));

const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
const countsOf = ({ objects }: Pick<ManifestContent, "objects">) => objects.map(({ name, count }) => ({ name, count })).toSorted(byName);

async function restoreInto(artefact: Artefact, name: string): Promise<Staged> {
  const staged = await redisBackup.stage(artefact, target.connection, { name }, testJob());
  await staged.keep();
  return staged;
}

/** Every value in the file is what DUMP gives, but for the version in its footer. */
async function expectDumps(artefact: Artefact, server: TestRedis): Promise<number> {
  let keys = 0;
  for await (const records of readRecords(artefact)) {
    for (const { db, key, dump } of records) {
      const theirs = (await driverOf(server, db).dumpBuffer(key)) ?? Buffer.alloc(0);
      expect(theirs.subarray(0, -DUMP_FOOTER_BYTES).equals(dump.subarray(0, -DUMP_FOOTER_BYTES)), key.toString("latin1")).toBe(true);
      expect(isSoundDump(dump)).toBe(true);
      keys += 1;
    }
  }
  return keys;
}

const drivers = new Map<string, Redis>();
function driverOf(server: TestRedis, db: number): Redis {
  const name = `${server.port} ${db}`;
  const driver = drivers.get(name) ?? server.driver(db);
  drivers.set(name, driver);
  return driver;
}

const SETTINGS: Record<string, string[]> = {
  "as it streams it": [],
  "from its disk": ["repl-diskless-sync", "no"],
  "without compression": ["rdbcompression", "no"],
  "with use by recency": ["maxmemory-policy", "allkeys-lru"],
  "with use by frequency": ["maxmemory-policy", "volatile-lfu"],
  "with small encodings off": [
    "hash-max-listpack-entries",
    "0",
    "zset-max-listpack-entries",
    "0",
    "set-max-intset-entries",
    "0",
    "list-max-listpack-size",
    "1",
  ],
};

/** On both servers: what DUMP gives depends on it. @returns what puts it back */
async function configure(settings: string[]): Promise<() => Promise<void>> {
  const apply = async (values: string[]) => {
    for (const server of [source, target])
      for (let at = 0; at < values.length; at += 2) await server.driver().config("SET", values[at] ?? "", values[at + 1] ?? "");
  };
  const before: string[] = [];
  for (let at = 0; at < settings.length; at += 2) before.push(...(await source.driver().config("GET", settings[at] ?? "")));
  await apply(settings);
  return () => apply(before);
}

describe("a snapshot of everything", () => {
  it.each(Object.entries(SETTINGS))("%s comes back with equal payloads and expiries", async (_name, settings) => {
    const driver = source.driver();
    const undo = await configure(settings);
    try {
      await awkwardKeys(driver);
      await driver.set("a key with a long, long, long, long, long, long, long name that is packed", "x".repeat(5_000));
      const artefact = await writeSnapshotArtefact(source.connection, join(dir.path, "all.rdb"));
      ManifestContent.parse(artefact.manifest);
      expect(artefact.manifest).toMatchObject({ format: "redis-rdb", consistency: "snapshot", source: "db0", skipped: [], server: { product: "Redis" } });
      expect(artefact.manifest.details).toMatchObject({ rdbVersion: 10, hasChecksum: true, databases: { "0": 15 }, expiring: { "0": 2 } });
      expect(Verification.parse(await redisBackup.verify(artefact, testJob())).objects.toSorted(byName)).toEqual(countsOf(artefact.manifest));
      expect(redisBackup.readBackWhileWriting?.(artefact.manifest)?.objects.toSorted(byName)).toEqual(countsOf(artefact.manifest));
      expect(await expectDumps(artefact, source)).toBe(await driver.dbsize());
      const plan = RestorePlan.parse(await redisBackup.plan(artefact, target.connection, { name: "5" }, {}));
      expect(plan.checks.filter((check) => check.result !== "pass")).toEqual([]);
      expect(plan.bytesNeeded).toBeGreaterThan(1_000_000);
      const staged = await restoreInto(artefact, "5");
      expect(countsOf({ objects: staged.objects } as ManifestContent)).toEqual(countsOf(artefact.manifest));
      expect(staged.skipped).toEqual([]);
      expect(await contentsOf(target.driver(5))).toEqual(await contentsOf(driver));
      expect(await target.driver(5).xpending("stream", "g1")).toEqual(await driver.xpending("stream", "g1"));
      // Byte by byte it is the same walk.
      const bytes = await readFile(artefact.path);
      expect(walkBytes(bytes.subarray(0), 7)).toEqual(walkBytes(bytes));
    } finally {
      await undo();
    }
  });

  it("twice over gives equal manifests", async () => {
    await awkwardKeys(source.driver());
    const first = await writeSnapshotArtefact(source.connection, join(dir.path, "first.rdb"));
    await restoreInto(first, "0");
    const second = await writeSnapshotArtefact(target.connection, join(dir.path, "second.rdb"));
    expect(countsOf(second.manifest)).toEqual(countsOf(first.manifest));
    expect(second.manifest.details["encodings"]).toEqual(first.manifest.details["encodings"]);
  });

  it("keeps idle times and frequencies", async () => {
    for (const [policy, option, value] of [
      ["allkeys-lru", "IDLETIME", 5_000],
      ["allkeys-lfu", "FREQ", 200],
    ] as const) {
      const undo = await configure(["maxmemory-policy", policy]);
      try {
        const driver = source.driver();
        await driver.flushall();
        await driver.set("dumped", "x");
        await driver.call("RESTORE", "used", 0, (await driver.dumpBuffer("dumped")) ?? "", option, value);
        const place = option === "FREQ" ? 3 : 4;
        await restoreInto(await writeSnapshotArtefact(source.connection, join(dir.path, "use.rdb")), String(place));
        expect(Number(await target.driver(place).call("OBJECT", option, "used")), option).toBeGreaterThanOrEqual(value - 1);
      } finally {
        await undo();
        closeAll();
      }
    }
  });

  it("of an empty server is whole too", async () => {
    const artefact = await writeSnapshotArtefact(source.connection, join(dir.path, "empty.rdb"));
    expect(artefact.manifest).toMatchObject({ objects: [], source: "all logical databases, empty" });
    expect((await redisBackup.verify(artefact, testJob())).objects).toEqual([]);
    expect((await restoreInto(artefact, "2")).objects).toEqual([]);
  });

  it("holds all logical databases and puts them where the pairs say", async () => {
    await source.driver(0).mset("a", "zero", "b", "zero");
    await source.driver(3).rpush("l", "three");
    await source.driver(15).set("a", "fifteen");
    const artefact = await writeSnapshotArtefact(source.connection, join(dir.path, "several.rdb"));
    expect(artefact.manifest).toMatchObject({ source: "db0, db3, db15" });
    const staged = await restoreInto(artefact, "0:5,3:0,15:15");
    expect(staged.skipped).toEqual([]);
    expect(await target.driver(5).mget("a", "b")).toEqual(["zero", "zero"]);
    expect(await target.driver(0).lrange("l", 0, -1)).toEqual(["three"]);
    expect(await target.driver(15).get("a")).toBe("fifteen");
  });

  it("leaves out a database that stands aside for an undo, though it is in the file", async () => {
    await source.driver().set("live", "1");
    await source.driver(9).mset("old", "1", MARKERS.before, "{}");
    const artefact = await writeSnapshotArtefact(source.connection, join(dir.path, "aside.rdb"));
    expect(countsOf(artefact.manifest)).toEqual([{ name: "db0 string", count: 1 }]);
    expect(artefact.manifest.skipped).toMatchObject([{ name: "db9" }]);
    const staged = await restoreInto(artefact, "3");
    expect(staged.skipped).toEqual([]);
    expect(await target.driver(3).keys("*")).toEqual(["live"]);
  });

  it("is what redis-server loads by itself", async () => {
    await awkwardKeys(source.driver());
    await writeSnapshotArtefact(source.connection, join(dir.path, "alone.rdb"));
    const alone = await startRedis(["--dbfilename", "alone.rdb", "--dir", dir.path]);
    try {
      expect(await contentsOf(alone.driver())).toEqual(await contentsOf(source.driver()));
    } finally {
      await alone.stop();
    }
  });

  it("without a checksum is taken and says so", async () => {
    const unchecked = await startRedis(["--rdbchecksum", "no"]);
    try {
      await unchecked.driver().set("a", "1");
      const artefact = await writeSnapshotArtefact(unchecked.connection, join(dir.path, "unchecked.rdb"));
      expect(artefact.manifest.details["hasChecksum"]).toBe(false);
      expect((await redisBackup.verify(artefact, testJob())).method).toContain("no CRC64");
      expect((await restoreInto(artefact, "1")).objects).toEqual([{ name: "db0 string", count: 1 }]);
    } finally {
      await unchecked.stop();
    }
  });
});

describe("a snapshot in the place of live data", () => {
  it("is compared, swapped in, undone and looked into like any other backup", async () => {
    const live = target.driver();
    await awkwardKeys(live);
    await live.call("FUNCTION", "LOAD", "#!lua name=kept\nredis.register_function('kept', function() return 1 end)");
    const artefact = await writeSnapshotArtefact(target.connection, join(dir.path, "replace.rdb"));
    const backedUp = await contentsOf(live);
    await live.flushdb();
    await live.set("only live", "1");
    await live.call("FUNCTION", "FLUSH");
    const staged = await redisBackup.stage(artefact, target.connection, { name: "0", replace: true }, testJob());
    expect(staged.skipped).toEqual([]);
    expect((await staged.compareContent?.())?.method).toContain("byte for byte");
    await staged.discard();
    const restore = await replaceLive(target.connection, artefact);
    expect(await contentsOf(live)).toEqual(backedUp);
    expect(await live.call("FCALL", "kept", 0)).toBe(1);
    await restore.exchange();
    expect(await live.call("FUNCTION", "LIST")).toEqual([]);
    expect(await live.keys("*")).toEqual(["only live"]);
    await restore.drop();
    const peeked = await redisBackup.peek?.(artefact, "db0 stream", { limit: 1 });
    expect(peeked).toMatchObject({ rows: [[expect.stringMatching(/stream/), "stream", null, expect.anything(), expect.anything()]], hasMore: true });
    expect((await redisBackup.peek?.(artefact, "functions", { limit: 5 }))?.rows).toEqual([["kept", expect.stringContaining("register_function")]]);
  });

  it("may be only the objects that were chosen", async () => {
    await awkwardKeys(source.driver());
    const artefact = await writeSnapshotArtefact(source.connection, join(dir.path, "chosen.rdb"));
    const staged = await redisBackup.stage(artefact, target.connection, { name: "2", objects: ["db0 hash", "db0 list"] }, testJob());
    await staged.keep();
    expect(staged.objects.toSorted(byName)).toEqual([
      { name: "db0 hash", count: 2 },
      { name: "db0 list", count: 1 },
    ]);
    expect((await target.driver(2).keys("*")).toSorted()).toEqual(["big-hash", "hash", "list"]);
  });

  it("that a crash interrupted is swept by reading the file alone", async () => {
    await awkwardKeys(source.driver());
    const artefact = await writeSnapshotArtefact(source.connection, join(dir.path, "crash.rdb"));
    await redisBackup.stage(artefact, target.connection, { name: "0:5" }, testJob("abc123"));
    await target.driver(5).set("somebody else's", "1");
    closeAll();
    await redisBackup.sweep(target.connection, { jobId: "abc123", target: "0:5" });
    expect(await target.driver(5).keys("*")).toEqual(["somebody else's"]);
  });
});

describe("functions", () => {
  const shop = (answer: number) => `#!lua name=shop\nredis.register_function('price', function() return ${answer} end)`;
  async function shopArtefact(): Promise<Artefact> {
    await source.driver().call("FUNCTION", "LOAD", shop(1));
    await source.driver().set("a", "1");
    const artefact = await writeSnapshotArtefact(source.connection, join(dir.path, "functions.rdb"));
    expect(artefact.manifest.objects.at(-1)).toMatchObject({ name: "functions", kind: "functions", count: 1 });
    expect(artefact.manifest.details["libraries"]).toEqual(["shop"]);
    return artefact;
  }
  const planned = async (artefact: Artefact) =>
    (await redisBackup.plan(artefact, target.connection, { name: "1" }, {})).checks.find(({ title }) => title === "Functions");

  it("that the server lacks are loaded when the restore is kept, and only then", async () => {
    const artefact = await shopArtefact();
    expect(await planned(artefact)).toMatchObject({ result: "pass", detail: expect.stringContaining("shop will be loaded") });
    const discarded = await redisBackup.stage(artefact, target.connection, { name: "1" }, testJob());
    expect(countsOf(discarded as unknown as ManifestContent)).toEqual(countsOf(artefact.manifest));
    await discarded.discard();
    expect(await target.driver().call("FUNCTION", "LIST")).toEqual([]);
    await restoreInto(artefact, "1");
    expect(await target.driver().call("FCALL", "price", 0)).toBe(1);
    // The same code again is nothing to do.
    expect(await planned(artefact)).toMatchObject({ result: "pass", detail: expect.stringContaining("on the server already") });
  });

  it("of the same name with other code stay as they are, and that is said", async () => {
    const artefact = await shopArtefact();
    await target.driver().call("FUNCTION", "LOAD", shop(2));
    expect(await planned(artefact)).toMatchObject({ result: "warn", detail: expect.stringContaining("shop: the server has other code") });
    const staged = await restoreInto(artefact, "1");
    expect(staged.skipped).toMatchObject([{ name: "functions", count: 1 }]);
    expect(await target.driver().call("FCALL", "price", 0)).toBe(2);
  });

  it("that the server refuses fail the restore, and nothing is kept", async () => {
    const artefact = await shopArtefact();
    await target.driver().call("FUNCTION", "LOAD", shop(2).replace("name=shop", "name=other"));
    const staged = await redisBackup.stage(artefact, target.connection, { name: "1" }, testJob());
    await expect(staged.keep()).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("shop") });
    await staged.discard();
    expect(await target.driver(1).dbsize()).toBe(0);
    expect(await target.driver().call("FCALL", "price", 0)).toBe(2);
  });
});

describe("an RDB made elsewhere", () => {
  it("is described as if it had been written here", async () => {
    await awkwardKeys(source.driver());
    await saved(source.driver());
    const path = join(source.dir, "dump.rdb");
    const file = { path, bytes: (await readFile(path)).length };
    const content = ManifestContent.parse(await redisBackup.describe?.(file, testJob()));
    const ours = await writeSnapshotArtefact(source.connection, join(dir.path, "ours.rdb"));
    expect(countsOf(content)).toEqual(countsOf(ours.manifest));
    expect(content).toMatchObject({ format: "redis-rdb", server: ours.manifest.server, consistency: "snapshot" });
    const altered = await alteredArtefact({ ...ours, manifest: content }, await readFile(path));
    expect((await restoreInto(altered, "6")).skipped).toEqual([]);
    expect(await contentsOf(target.driver(6))).toEqual(await contentsOf(source.driver()));
  });

  it("is refused in words when it is something else", async () => {
    const path = join(dir.path, "foreign");
    const cases: [Buffer, RegExp][] = [
      [Buffer.from("<html>502"), /no RDB file/],
      [Buffer.alloc(0), /empty or too short/],
      [Buffer.from("REDIS0099aaaaaaaa"), /version 99 of Redis/],
      [Buffer.from("REDIS0011\xff", "latin1"), /its end is missing/],
    ];
    for (const [bytes, message] of cases) {
      await writeFile(path, bytes);
      await expect(describeRdb({ path, bytes: bytes.length }, testJob())).rejects.toMatchObject({ message: expect.stringMatching(message) });
    }
  });

  it("that an append-only file begins with is told from a dump", async () => {
    const appending = await startRedis(["--appendonly", "yes"]);
    try {
      await appending.driver().set("a", "1");
      await appending.driver().call("BGREWRITEAOF");
      const base = await findBase(appending);
      const more = Buffer.concat([base, Buffer.from("*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n")]);
      const path = join(dir.path, "appendonly.aof");
      await writeFile(path, more);
      await expect(describeRdb({ path, bytes: more.length }, testJob())).rejects.toMatchObject({
        code: "INVALID",
        message: expect.stringContaining("append-only"),
      });
    } finally {
      await appending.stop();
    }
  });
});

/** The child that made the snapshot before may not have ended yet. */
async function saved(driver: Redis): Promise<void> {
  while ((await driver.call("SAVE").catch(() => null)) === null) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function findBase(server: TestRedis): Promise<Buffer> {
  for (;;) {
    const bytes = await readFile(join(server.dir, "appendonlydir", "appendonly.aof.2.base.rdb")).catch(() => null);
    if (bytes) return bytes;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
