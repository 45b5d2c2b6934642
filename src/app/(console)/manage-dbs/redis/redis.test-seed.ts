/** Keys that are hard to carry: all types, binary names and values, expiries, streams with groups. And what a database holds, to compare. */
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";

export const BINARY = Buffer.from([0x00, 0xff, 0x0d, 0x0a, 0xc3, 0x28]);
export const FAR_AWAY_MS = 4_102_444_800_123;

export async function awkwardKeys(driver: Redis): Promise<void> {
  await driver.set(BINARY, BINARY, "PXAT", FAR_AWAY_MS);
  await driver.set("", "empty name");
  await driver.set("counter", "9223372036854775807");
  await driver.set("megabyte", Buffer.alloc(1_000_000, "0123456789abcdef"));
  await driver.set("soon", "x", "EX", 86_400);
  await driver.rpush("list", "a", "a", BINARY, "");
  await driver.sadd("intset", 1, 2, "9007199254740993");
  await driver.sadd("set", BINARY, "member");
  await driver.hset("hash", "f", "v", BINARY, BINARY);
  await driver.hset("big-hash", Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`f${index}`, `v${index}`])));
  await driver.zadd("zset", "-inf", "low", "-0", "zero", "0.1", "tenth", "+inf", "high");
  await driver.pfadd("hyperloglog", "a", "b", "c");
  for (let index = 1; index <= 50; index++) await driver.xadd("stream", `${index}-1`, "f", `${index}`, "f", BINARY);
  await driver.xdel("stream", "50-1");
  await driver.xgroup("CREATE", "stream", "g1", "0");
  await driver.xgroup("CREATE", "stream", "g2", "$");
  await driver.xreadgroup("GROUP", "g1", "alice", "COUNT", 3, "STREAMS", "stream", ">");
  await driver.xadd("empty-stream", "7-7", "f", "v");
  await driver.xdel("empty-stream", "7-7");
}

/** Everything in a database that a restore has to bring back, by the name's bytes: payload and expiry. The console's markers are left out. */
export async function contentsOf(driver: Redis): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const key of await driver.keysBuffer("*")) {
    if (key.toString("latin1").startsWith("foundry-console:")) continue;
    all.set(key.toString("hex"), `${await valueOf(driver, key)} ${await driver.pexpiretime(key)}`);
  }
  return all;
}

/** A hash of the DUMP payload. Two tables lay out big sets and hashes in their own order, so these go by their sorted elements. */
async function valueOf(driver: Redis, key: Buffer): Promise<string> {
  const type = await driver.type(key);
  const elements = type === "set" ? await driver.smembersBuffer(key) : type === "hash" ? await pairsOf(driver, key) : null;
  const bytes =
    elements === null
      ? ((await driver.dumpBuffer(key)) ?? Buffer.alloc(0))
      : Buffer.from(
          elements
            .map((element) => element.toString("hex"))
            .toSorted()
            .join(),
        );
  return `${type} ${createHash("sha256").update(bytes).digest("hex")}`;
}

async function pairsOf(driver: Redis, key: Buffer): Promise<Buffer[]> {
  const [fields, values] = [await driver.hkeysBuffer(key), await driver.hvalsBuffer(key)];
  return fields.map((field, index) => Buffer.concat([field, Buffer.from("="), values[index] ?? Buffer.alloc(0)]));
}
