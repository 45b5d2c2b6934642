import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { closeAll } from "../redis.client";
import { addEmptyStream, addStream } from "../redis.test-seed";
import { startRedis, type TestRedis } from "../redis.test-server";
import { exportKeys } from "./keys-export.service";
import { ExportKeysInput } from "./keys.schema";

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterEach(() =>
  server
    .driver()
    .flushall()
    .then(() => closeAll()),
);
afterAll(() => server.stop());

interface Line {
  k?: { s?: string; b?: string };
  t?: string;
  e?: number;
  v?: unknown;
  footer?: true;
  keys?: number;
  counts?: Record<string, number>;
}

async function lines(input: Partial<ExportKeysInput> = {}): Promise<Line[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of exportKeys(server.connection, ExportKeysInput.parse(input))) pieces.push(piece);
  const text = Buffer.concat(pieces).toString();
  expect(text.endsWith("\n")).toBe(true);
  return text
    .slice(0, -1)
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}
const named = (all: Line[], name: string) => all.find((line) => line.k?.s === name);

it("carries every type exactly, small and big", async () => {
  const driver = server.driver();
  const binary = Buffer.from([0x00, 0xff, 0x0d, 0x0a]);
  await driver.config("SET", "zset-max-listpack-entries", "0");
  await driver.set(binary, binary, "PXAT", 4_102_444_800_123);
  await driver.set("", "empty name");
  await driver.set("megabyte", "ü".repeat(500_000));
  await driver.set("huge", Buffer.alloc(9_000_001, 0xfe));
  await driver.rpush("list", "a", "a", binary);
  await driver.rpush("long-list", ...Array.from({ length: 5_000 }, (_, index) => `${index}`));
  await driver.sadd("set", "9007199254740993", binary);
  await driver.hset("hash", "f", "v", binary, binary, "__proto__", "kept");
  await driver.hset("big-hash", Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`f${index}`, "x".repeat(30)])));
  await driver.zadd("zset", "-inf", "low", "-0", "zero", "0.1", "tenth", "+inf", "high");
  const all = await lines();
  expect(all[0]).toMatchObject({ format: "foundry-redis-export", consistency: "fuzzy", pattern: { s: "*" } });
  const bytes = all.find((line) => line.k?.b !== undefined);
  expect(bytes).toMatchObject({ k: { b: binary.toString("base64") }, t: "string", e: 4_102_444_800_123, v: { b: binary.toString("base64") } });
  expect(named(all, "")?.v).toEqual({ s: "empty name" });
  expect(named(all, "megabyte")?.v).toEqual({ s: "ü".repeat(500_000) });
  const huge = named(all, "huge")?.v as { b: string };
  expect(Buffer.from(huge.b, "base64").equals(Buffer.alloc(9_000_001, 0xfe))).toBe(true);
  expect(named(all, "list")?.v).toEqual([{ s: "a" }, { s: "a" }, { b: binary.toString("base64") }]);
  expect(named(all, "long-list")?.v).toEqual(Array.from({ length: 5_000 }, (_, index) => ({ s: `${index}` })));
  expect(named(all, "set")?.v).toEqual(expect.arrayContaining([{ s: "9007199254740993" }, { b: binary.toString("base64") }]));
  expect(named(all, "hash")?.v).toEqual(
    expect.arrayContaining([
      [{ s: "f" }, { s: "v" }],
      [{ b: binary.toString("base64") }, { b: binary.toString("base64") }],
      [{ s: "__proto__" }, { s: "kept" }],
    ]),
  );
  expect(new Map(named(all, "big-hash")?.v as [{ s: string }, { s: string }][]).size).toBe(3_000);
  const scores = named(all, "zset")?.v as [{ s: string }, string][];
  expect(scores.map(([member, score]) => [member.s, score === "-inf" || score === "inf" || score === "-0" ? score : Number(score)]).toSorted()).toEqual([
    ["high", "inf"],
    ["low", "-inf"],
    ["tenth", 0.1],
    ["zero", "-0"],
  ]);
  expect(all.at(-1)).toMatchObject({ footer: true, keys: 10, counts: { string: 4, list: 2, set: 1, hash: 2, zset: 1 } });
});

it("carries all that a stream needs to be made again", async () => {
  const driver = server.driver();
  await addStream(driver, 250, "again");
  await driver.xgroup("CREATE", "stream", "g", "0");
  await driver.xgroup("CREATECONSUMER", "stream", "g", "idle");
  await driver.xreadgroup("GROUP", "g", "alice", "COUNT", 2, "STREAMS", "stream", ">");
  await addEmptyStream(driver, "empty", "5-5");
  const all = await lines();
  const value = named(all, "stream")?.v as { entries: unknown[]; groups: { pending: unknown[][] }[] };
  expect(value).toMatchObject({
    last: "250-1",
    added: 250,
    maxDeleted: "250-1",
    groups: [{ name: { s: "g" }, last: "2-1", read: null, consumers: [{ s: "alice" }, { s: "idle" }] }],
  });
  expect(value.entries).toHaveLength(249);
  expect(value.entries[0]).toEqual(["1-1", [{ s: "f" }, { s: "1" }, { s: "f" }, { s: "again" }]]);
  expect(value.groups[0]?.pending.map(([id, consumer, , deliveries]) => [id, consumer, deliveries])).toEqual([
    ["1-1", { s: "alice" }, 1],
    ["2-1", { s: "alice" }, 1],
  ]);
  expect(Math.abs(Number(value.groups[0]?.pending[0]?.[2]) - Date.now())).toBeLessThan(60_000);
  expect(named(all, "empty")?.v).toMatchObject({ last: "5-5", added: 1, maxDeleted: "5-5", entries: [], groups: [] });
});

it("keeps to pattern, type and logical database, and counts what it wrote", async () => {
  const driver = server.driver();
  await driver.mset("a:1", "1", "a:2", "2", "b:1", "3");
  await driver.rpush("a:list", "x");
  await server.driver(5).set("a:other", "1");
  expect((await lines({ pattern: "a:*" })).at(-1)).toMatchObject({ keys: 3, counts: { string: 2, list: 1 } });
  expect((await lines({ pattern: "a:*", type: "list" })).at(-1)).toMatchObject({ keys: 1, counts: { list: 1 } });
  expect((await lines({ pattern: "a:1" })).at(-1)).toMatchObject({ keys: 1 });
  expect((await lines({ pattern: "nothing" })).at(-1)).toMatchObject({ keys: 0, counts: {} });
  expect((await lines({ db: 5 }))[1]).toMatchObject({ db: 5, k: { s: "a:other" } });
});

it("has no footer when the server dies or the reader leaves", async () => {
  const own = await startRedis();
  try {
    const driver = own.driver();
    const pipeline = driver.pipeline();
    for (let index = 0; index < 5_000; index++) pipeline.set(`k${index}`, "x".repeat(1_000));
    await pipeline.exec();
    const pieces: string[] = [];
    const read = async () => {
      for await (const piece of exportKeys(own.connection, ExportKeysInput.parse({}))) {
        pieces.push(Buffer.from(piece).toString());
        if (pieces.length === 2) own.process.kill("SIGKILL");
      }
    };
    await expect(read()).rejects.toMatchObject({ code: "UNREACHABLE" });
    expect(pieces.join("")).not.toContain("footer");
  } finally {
    await own.stop();
  }
});
