/**
 * The same promises on other versions: TEST_REDIS_SERVERS holds the paths of redis-server and valkey-server binaries,
 * separated by colons. Without it only the tests' own server is tried. Uses no command newer than Redis 5.
 */
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testServers } from "@/test/servers";
import { getKey } from "./keys/key-value.service";
import { exportKeys } from "./keys/keys-export.service";
import { ExportKeysInput, GetKeyInput, ListKeysInput } from "./keys/keys.schema";
import { deleteKey, listKeys } from "./keys/keys.service";
import { redisBackup } from "./redis.backup";
import { closeAll, redisClient } from "./redis.client";
import { getOverview } from "./redis.info.service";
import { speaks } from "./redis.server-facts";
import { testDir, testJob, writeArtefact, writePortableArtefact } from "./redis.test-artefact";
import { valuesOf } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";
import { replaceLive } from "./redis.test-swap";

const binaries = (process.env["TEST_REDIS_SERVERS"] ?? testServers.redisServer).split(":");
const binary = Buffer.from([0x00, 0xff, 0x0d, 0x0a]);
const farAway = 4_102_444_800_123;

async function fill(driver: Redis): Promise<void> {
  await driver.set(binary, binary);
  await driver.pexpireat(binary, farAway);
  await driver.rpush("list", "a", binary);
  await driver.sadd("set", "9007199254740993", "b");
  await driver.hset("hash", "f", "v");
  await driver.hset("long-hash", Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`f${index}`, "x"])));
  await driver.zadd("zset", "-inf", "low", "0.1", "tenth", "+inf", "x".repeat(100));
  for (let index = 1; index <= 150; index++) await driver.xadd("stream", `${index}-1`, "f", `${index}`);
  await driver.xgroup("CREATE", "stream", "g", "0");
  await driver.xreadgroup("GROUP", "g", "alice", "COUNT", 2, "STREAMS", "stream", ">");
}

describe.each(binaries)("with %s", (path) => {
  let server: TestRedis;
  let dir: Awaited<ReturnType<typeof testDir>>;
  beforeAll(async () => {
    [server, dir] = await Promise.all([startRedis([], path), testDir()]);
    await fill(server.driver());
  });
  afterAll(() => Promise.all([server.stop(), dir.remove()]));
  afterEach(() => closeAll());

  it("lists, reads and describes", async () => {
    const page = await listKeys(server.connection, ListKeysInput.parse({ type: "hash" }));
    expect(page.keys.map((key) => ("text" in key.name ? key.name.text : "")).toSorted()).toEqual(["hash", "long-hash"]);
    const key = await getKey(server.connection, GetKeyInput.parse({ key: binary.toString("base64"), encoding: "base64" }));
    expect(key.expiresAt).toBe("2100-01-01T00:00:00.123Z");
    expect(key.value).toMatchObject({ kind: "string", value: { base64: binary.toString("base64") } });
    const zset = await getKey(server.connection, GetKeyInput.parse({ key: "zset" }));
    expect(zset.value.kind === "zset" && zset.value.members.map((entry) => entry.score)).toEqual([
      "-inf",
      expect.stringMatching(/^0\.1(0000000000000001)?$/),
      "inf",
    ]);
    const stream = await getKey(server.connection, GetKeyInput.parse({ key: "stream", cursor: "100-1" }));
    expect(stream.value.kind === "stream" && stream.value.entries.map((entry) => entry.id)).toEqual(
      Array.from({ length: 50 }, (_, index) => `${index + 101}-1`),
    );
    const overview = await getOverview(server.connection);
    expect(overview.tiles).toHaveLength(4);
    expect(overview.info.version).toMatch(/^\d+\.\d+\.\d+$/);
    await server.driver().set("doomed", "1");
    expect(await deleteKey(server.connection, { key: "doomed", encoding: "utf8", db: 0 })).toEqual({ deleted: true, type: "string" });
  });

  it("exports", async () => {
    let text = "";
    for await (const piece of exportKeys(server.connection, ExportKeysInput.parse({}))) text += Buffer.from(piece).toString();
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { k?: { s?: string; b?: string }; e?: number; v?: { groups: { pending: unknown[] }[] }; keys?: number });
    expect(lines.at(-1)?.keys).toBe(7);
    const expiring = lines.find((line) => line.k?.b !== undefined)?.e ?? 0;
    expect(Math.abs(expiring - farAway)).toBeLessThanOrEqual(50);
    expect(lines.find((line) => line.k?.s === "stream")?.v?.groups[0]?.pending).toHaveLength(2);
  });

  it("backs up, verifies and restores", async () => {
    const artefact = await writeArtefact(server.connection, join(dir.path, "all.jsonl.gz"));
    const counts = artefact.manifest.objects.map(({ name, count }) => ({ name, count }));
    expect((await redisBackup.verify(artefact, testJob())).objects).toEqual(counts);
    const plan = await redisBackup.plan(artefact, server.connection, { name: "5" }, {});
    expect(plan.checks.filter((check) => check.result === "fail")).toEqual([]);
    const staged = await redisBackup.stage(artefact, server.connection, { name: "5" }, testJob());
    expect(staged.objects.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(counts);
    await staged.keep();
    const [before, after] = [server.driver(), server.driver(5)];
    expect(await after.getBuffer(binary)).toEqual(binary);
    expect(Math.abs((await after.pttl(binary)) - (await before.pttl(binary)))).toBeLessThan(50);
    for (const key of ["list", "set", "zset", "stream"]) expect((await after.dumpBuffer(key))?.length, key).toBe((await before.dumpBuffer(key))?.length);
    expect(await after.hgetall("long-hash")).toEqual(await before.hgetall("long-hash"));
    expect(await after.xpending("stream", "g")).toEqual(await before.xpending("stream", "g"));
  });

  it("replaces live data, undone and dropped, also when it has reached maxmemory", async () => {
    const own = await startRedis([], path);
    try {
      const driver = own.driver();
      await fill(driver);
      const artefact = await writeArtefact(own.connection, join(dir.path, "swap.jsonl.gz"));
      await driver.del("list", binary);
      await driver.set("later", "1");
      const plan = await redisBackup.plan(artefact, own.connection, { name: "0", replace: true }, {});
      expect(plan.checks.filter(({ result }) => result === "fail")).toEqual([]);
      const restore = await replaceLive(own.connection, artefact);
      expect(await driver.exists("list", binary, "later")).toBe(2);
      await driver.config("SET", "maxmemory", "1");
      await restore.exchange();
      expect(await driver.exists("list", binary, "later")).toBe(1);
      expect(await redisBackup.settle?.(own.connection, restore.swap, testJob())).toBe("before");
      await restore.exchange();
      expect(await driver.exists("list", binary, "later")).toBe(2);
      await restore.drop();
      expect(await own.driver(restore.spares[0]).dbsize()).toBe(0);
      expect(await driver.dbsize()).toBe(artefact.manifest.objects.reduce((sum, { count }) => sum + (count ?? 0), 0));
    } finally {
      await own.stop();
    }
  });

  it("keeps the expiry of single fields where the server has them", async () => {
    const driver = server.driver(7);
    await driver.hset("sessions", "a", "1", "b", "2");
    const answer: unknown = await driver.call("HPEXPIREAT", "sessions", farAway, "FIELDS", 1, "a").catch(() => null);
    const facts = await redisClient(server.connection).facts();
    if (answer === null) return expect(facts.product === "Redis" && speaks(facts, 7, 4)).toBe(false);
    const detail = await getKey(server.connection, GetKeyInput.parse({ key: "sessions", db: 7 }));
    const expiries = detail.value.kind === "hash" ? detail.value.fields.map((entry) => [entry.field, entry.expiresAt]) : [];
    expect(expiries).toEqual(
      expect.arrayContaining([
        [{ text: "a" }, "2100-01-01T00:00:00.123Z"],
        [{ text: "b" }, null],
      ]),
    );
    let text = "";
    for await (const piece of exportKeys(server.connection, ExportKeysInput.parse({ db: 7 }))) text += Buffer.from(piece).toString();
    expect(text).toContain(`[{"s":"a"},{"s":"1"},${farAway}]`);
    const artefact = await writeArtefact(server.connection, join(dir.path, "fields.jsonl.gz"));
    await (await redisBackup.stage(artefact, server.connection, { name: "7:8" }, testJob())).keep();
    expect(await server.driver(8).call("HPEXPIRETIME", "sessions", "FIELDS", 2, "a", "b")).toEqual([farAway, -1]);
  });
});

describe.each(binaries.flatMap((from) => binaries.map((to): [string, string] => [from, to])))("portable, from %s to %s", (from, to) => {
  it("a backup is restored whole, whatever the versions", { timeout: 240_000 }, async () => {
    const [source, target, dir] = await Promise.all([startRedis([], from), startRedis([], to), testDir()]);
    try {
      await fill(source.driver());
      await fillStreams(source.driver());
      const artefact = await writePortableArtefact(source.connection, join(dir.path, "all.portable.jsonl.gz"));
      const plan = await redisBackup.plan(artefact, target.connection, { name: "5" }, {});
      expect(plan.checks.filter(({ result }) => result === "fail")).toEqual([]);
      const staged = await redisBackup.stage(artefact, target.connection, { name: "5" }, testJob());
      expect((await staged.compareContent()).method).toContain("SHA-256 of each element");
      await staged.keep();
      const [before, after] = [await valuesOf(source.driver()), await valuesOf(target.driver(5))];
      // A server that does not count what was added to a stream cannot say it, so between two versions only what both say is compared.
      if (from === to) expect(after).toEqual(before);
      else expect(commonOf(after, before)).toEqual(commonOf(before, after));
    } finally {
      await Promise.all([source.stop(), target.stop(), dir.remove()]);
    }
  });

  it("fields keep their expiry, or the keys are named before anything is written", { timeout: 240_000 }, async () => {
    const [source, target, dir] = await Promise.all([startRedis([], from), startRedis([], to), testDir()]);
    try {
      const driver = source.driver();
      const many = Array.from({ length: 3_000 }, (_, index) => `field ${index}`);
      await driver.hset("sessions", "a", "1", "b", "2");
      await driver.hset("many sessions", Object.fromEntries(many.map((field) => [field, "x".repeat(30)])));
      await driver.set("other", "1");
      if (!(await expireFields(driver))) return;
      const artefact = await writePortableArtefact(source.connection, join(dir.path, "fields.portable.jsonl.gz"));
      expect(artefact.manifest.details["fieldExpiries"]).toEqual({ "0": { count: 2, names: expect.arrayContaining(['"sessions"', '"many sessions"']) } });
      const plan = await redisBackup.plan(artefact, target.connection, { name: "5" }, {});
      const stage = () => redisBackup.stage(artefact, target.connection, { name: "5" }, testJob());
      const times = (on: Redis, key: string, ...fields: string[]) => on.call("HPEXPIRETIME", key, "FIELDS", fields.length, ...fields);
      if (await expireFields(target.driver(9))) {
        const staged = await stage();
        await staged.compareContent();
        await staged.keep();
        expect(await times(target.driver(5), "sessions", "a", "b")).toEqual([farAway, -1]);
        expect(await times(target.driver(5), "many sessions", "field 7", "field 2999", "field 8")).toEqual([farAway, farAway + 1, -1]);
      } else {
        await expect(stage()).rejects.toMatchObject({ code: "UNSUPPORTED", message: expect.stringContaining('"sessions"') });
        const failed = plan.checks.filter(({ result }) => result === "fail");
        expect(failed).toEqual([expect.objectContaining({ detail: expect.stringMatching(/"sessions".*Redis 7\.4/) })]);
        expect(await target.driver(5).dbsize()).toBe(0);
        const rest = await redisBackup.plan(artefact, target.connection, { name: "5", objects: ["db0 string"] }, {});
        expect(rest.checks.filter(({ result }) => result === "fail")).toEqual([]);
      }
    } finally {
      await Promise.all([source.stop(), target.stop(), dir.remove()]);
    }
  });
});

/** @returns whether the server has expiries of single fields */
async function expireFields(driver: Redis): Promise<boolean> {
  const expire = (key: string, at: number, field: string) => driver.call("HPEXPIREAT", key, at, "FIELDS", 1, field);
  try {
    await expire("sessions", farAway, "a");
    await expire("many sessions", farAway, "field 7");
    await expire("many sessions", farAway + 1, "field 2999");
    return true;
  } catch {
    return false;
  }
}

/** Streams with pending entries that are deleted, trimmed away, or of an idle consumer. */
async function fillStreams(driver: Redis): Promise<void> {
  await driver.xdel("stream", "1-1", "77-1");
  await driver.xadd("trimmed", "1-1", "f", "v");
  await driver.xgroup("CREATE", "trimmed", "g", "0");
  await driver.xreadgroup("GROUP", "g", "alice", "STREAMS", "trimmed", ">");
  await driver.xreadgroup("GROUP", "g", "idle", "STREAMS", "trimmed", "0");
  await driver.xtrim("trimmed", "MAXLEN", 0);
  await driver.xgroup("CREATE", "made", "g", "0", "MKSTREAM");
}

/** Of every key what the other one says too. */
function commonOf(values: Map<string, unknown>, other: Map<string, unknown>): unknown {
  const common = (a: unknown, b: unknown): unknown => {
    if (Array.isArray(a)) return a.map((one: unknown, index) => common(one, Array.isArray(b) ? b[index] : undefined));
    if (typeof a !== "object" || a === null) return a;
    const there = new Set(Object.entries(b ?? {}).flatMap(([name, value]) => (value === null ? [] : [name])));
    return Object.fromEntries(
      Object.entries(a).flatMap(([name, value]) => (there.has(name) && value !== null ? [[name, common(value, (b as Record<string, unknown>)[name])]] : [])),
    );
  };
  return new Map([...values].map(([key, value]) => [key, common(value, other.get(key))]));
}

const pairs = binaries.flatMap((from) => binaries.filter((to) => to !== from).map((to): [string, string] => [from, to]));
describe.each(pairs)("from %s to %s", (from, to) => {
  it("a backup is restored, or refused before anything is written", async () => {
    const [source, target, dir] = await Promise.all([startRedis([], from), startRedis([], to), testDir()]);
    try {
      await fill(source.driver());
      const artefact = await writeArtefact(source.connection, join(dir.path, "all.jsonl.gz"));
      const plan = await redisBackup.plan(artefact, target.connection, { name: "5" }, {});
      const version = plan.checks.find((check) => check.title === "Server reads this dump version");
      const staging = redisBackup.stage(artefact, target.connection, { name: "5" }, testJob());
      if (version?.result === "pass") {
        await (await staging).keep();
        expect(await target.driver(5).dbsize()).toBe(await source.driver().dbsize());
      } else {
        await expect(staging, version?.detail).rejects.toMatchObject({ code: "UNSUPPORTED" });
        expect(await target.driver(5).dbsize()).toBe(0);
      }
    } finally {
      await Promise.all([source.stop(), target.stop(), dir.remove()]);
    }
  });
});
