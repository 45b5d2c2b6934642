/** Values read from the server's own payloads, in every form it packs them: TEST_REDIS_SERVERS names more servers, as in redis.versions. */
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testServers } from "@/test/servers";
import { dumpedStringLength, dumpElements, elementsDigest } from "./redis.dump-elements";
import { startRedis, type TestRedis } from "./redis.test-server";

const binaries = (process.env["TEST_REDIS_SERVERS"] ?? testServers.redisServer).split(":");
const NUMBERS = [0, 12, 13, 127, 128, -1, -4096, 4095, -4097, 32_767, -32_768, 8_388_607, -8_388_608, 2_147_483_647, -2_147_483_648].map(String);
const LONG = ["9007199254740993", "-9223372036854775808", "9223372036854775807"];
const STRINGS = ["", "a", "x".repeat(62), "y".repeat(63), "z".repeat(64), "u".repeat(4_095), "v".repeat(4_096), "w".repeat(20_000), "\u00ff\u0000\r\n"];
const ALL = [...NUMBERS, ...LONG, ...STRINGS];
const bytes = (text: string) => Buffer.from(text, "latin1");

describe.each(binaries)("with %s", (path) => {
  let server: TestRedis;
  let driver: Redis;
  beforeAll(async () => {
    server = await startRedis([], path);
    driver = server.driver();
  });
  afterAll(() => server.stop());

  const elementsOf = async (key: string) => {
    const dump = (await driver.dumpBuffer(key)) ?? Buffer.alloc(0);
    return [...(dumpElements(dump) ?? [])].map((parts) => parts.map((part) => part.toString("latin1")));
  };

  it("reads strings, also numbers and packed ones", async () => {
    for (const value of ALL) {
      await driver.set("string", bytes(value));
      expect(await elementsOf("string")).toEqual([[value]]);
      expect(dumpedStringLength((await driver.dumpBuffer("string")) ?? Buffer.alloc(0))).toBe(value.length);
    }
  });

  it("reads lists, small and in many nodes, with long elements", async () => {
    for (const values of [["a"], [...NUMBERS, ...LONG], ALL, Array.from({ length: 5_000 }, (_, index) => `element ${index}`)]) {
      await driver.del("list");
      await driver.rpush("list", ...values.map(bytes));
      expect(await elementsOf("list")).toEqual(values.map((value) => [value]));
    }
  });

  it("reads sets of numbers of every width, of text, and big ones", async () => {
    const sets = [["1", "-2"], ["70000", "-70000"], LONG, ["a", "1", ""], ALL, Array.from({ length: 2_000 }, (_, index) => `member ${index}`)];
    for (const values of sets) {
      await driver.del("set");
      await driver.sadd("set", ...values.map(bytes));
      expect((await elementsOf("set")).flat().toSorted()).toEqual(values.toSorted());
    }
  });

  it("reads hashes, small and big", async () => {
    for (const fields of [["f", "1"], ALL]) {
      await driver.del("hash");
      for (const field of fields) await driver.hset("hash", bytes(field), bytes(`v${field}`));
      expect((await elementsOf("hash")).toSorted()).toEqual(fields.map((field) => [field, `v${field}`]).toSorted());
    }
  });

  it("reads sorted sets, small and big, with every kind of score", async () => {
    const scores = ["-inf", "-0", "0.1", "1", "1e+22", "1.7976931348623157e+308", "5e-324", "inf"];
    for (const more of [0, 500]) {
      await driver.del("zset");
      for (const [index, score] of scores.entries()) await driver.zadd("zset", score, `m${index}`);
      for (let index = 0; index < more; index++) await driver.zadd("zset", String(index), `more ${index}`);
      const found = new Map((await elementsOf("zset")).map(([member, score]) => [member, score]));
      expect(found.size).toBe(scores.length + more);
      for (const [index, score] of scores.entries()) {
        const read = found.get(`m${index}`) ?? "";
        expect(read.includes("inf") ? read : String(Number(read)), score).toBe(score.includes("inf") ? score : String(Number(score)));
      }
    }
  });

  it("gives one digest for one value, however it is laid out", async () => {
    const fields = Array.from({ length: 1_000 }, (_, index) => [`f${index}`, `v${index}`]).flat();
    await driver.hset("one", ...fields);
    await driver.hset("other", ...fields.toReversed().flatMap((_, index, all) => (index % 2 === 0 ? [all[index + 1] ?? "", all[index] ?? ""] : [])));
    const digest = async (key: string) => elementsDigest((await driver.dumpBuffer(key)) ?? Buffer.alloc(0), 0n);
    expect(await digest("one")).toBe(await digest("other"));
    await driver.hset("other", "f500", "changed");
    expect(await digest("one")).not.toBe(await digest("other"));
    await driver.rpush("forth", "a", "b");
    await driver.rpush("back", "b", "a");
    expect(await digest("forth")).not.toBe(await digest("back"));
  });

  it("reads fields that expire, where there are such", async () => {
    await driver.del("hash");
    await driver.hset("hash", "stays", "1", "goes", "2", "also", "3");
    const given = await driver.call("HPEXPIREAT", "hash", "4102444800123", "FIELDS", "1", "goes").catch(() => null);
    if (given === null) return;
    for (const more of [0, 600]) {
      for (let index = 0; index < more; index++) await driver.hset("hash", `more ${index}`, "x".repeat(70));
      const found = (await elementsOf("hash")).map(([field, value, expiry]) => `${field} ${value} ${Number(expiry) > 0 ? expiry : "never"}`);
      expect(found).toHaveLength(3 + more);
      expect(found).toEqual(expect.arrayContaining(["stays 1 never", "goes 2 4102444800123", "also 3 never"]));
    }
  });

  it("leaves streams alone", async () => {
    await driver.xadd("stream", "1-1", "f", "v");
    expect(dumpElements((await driver.dumpBuffer("stream")) ?? Buffer.alloc(0))).toBeNull();
  });
});
