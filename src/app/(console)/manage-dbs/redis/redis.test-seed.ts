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
  await addStream(driver, 50, BINARY);
  await driver.xgroup("CREATE", "stream", "g1", "0");
  await driver.xgroup("CREATE", "stream", "g2", "$");
  await driver.xreadgroup("GROUP", "g1", "alice", "COUNT", 3, "STREAMS", "stream", ">");
  await addEmptyStream(driver, "empty-stream", "7-7");
}

/** "stream": entries with a field that comes twice, the last one deleted. */
export async function addStream(driver: Redis, entries: number, value: string | Buffer): Promise<void> {
  for (let index = 1; index <= entries; index++) await driver.xadd("stream", `${index}-1`, "f", `${index}`, "f", value);
  await driver.xdel("stream", `${entries}-1`);
}

export async function addEmptyStream(driver: Redis, name: string, lastId: string): Promise<void> {
  await driver.xadd(name, lastId, "f", "v");
  await driver.xdel(name, lastId);
}

/** Strings of so many random bytes, which pack badly. */
export async function populate(driver: Redis, keys: number, bytes = 128): Promise<void> {
  for (let from = 0; from < keys; from += 5_000) {
    const pipeline = driver.pipeline();
    for (let index = from; index < Math.min(keys, from + 5_000); index++) pipeline.set(`key:${index}`, `${Math.random()}`.repeat(bytes / 16));
    await pipeline.exec();
  }
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

/** The same by what plain commands answer, whatever the version and however the server lays it out. Uses nothing newer than Redis 5. */
export async function valuesOf(driver: Redis): Promise<Map<string, unknown>> {
  const all = new Map<string, unknown>();
  for (const key of await driver.keysBuffer("*")) {
    if (key.toString("latin1").startsWith("foundry-console:")) continue;
    const type = await driver.type(key);
    // Only whether it expires: when, an older server does not say.
    all.set(key.toString("hex"), { type, expires: (await driver.pttl(key)) >= 0, value: await plainValue(driver, key, type) });
  }
  return all;
}

async function plainValue(driver: Redis, key: Buffer, type: string): Promise<unknown> {
  switch (type) {
    case "string":
      return shortened((await driver.getBuffer(key)) ?? Buffer.alloc(0));
    case "list":
      return (await driver.lrangeBuffer(key, 0, -1)).map(shortened);
    case "set":
      return (await driver.smembersBuffer(key)).map(shortened).toSorted();
    case "hash":
      return (await pairsOf(driver, key)).map(shortened).toSorted();
    case "zset":
      // Older servers say 0.10000000000000001, and servers from 7.0 on forget the sign of zero.
      return ((await driver.callBuffer("ZRANGE", key, "0", "-1", "WITHSCORES")) as Buffer[]).map((part, index) =>
        index % 2 === 0 ? shortened(part) : scoreOf(part),
      );
    default:
      return streamOf(driver, key);
  }
}

const shortened = (bytes: Buffer): string => (bytes.length > 100 ? createHash("sha256").update(bytes).digest("hex") : bytes.toString("hex"));

function scoreOf(score: Buffer): number {
  const text = score.toString();
  return text.endsWith("inf") ? (text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY) : Number(text) + 0;
}

/** XINFO, all entries and all that is pending; what tells how long ago something was is left out. */
export async function streamOf(driver: Redis, key: Buffer | string): Promise<unknown> {
  const moving = ["idle", "inactive", "radix-tree-keys", "radix-tree-nodes"];
  const groups = (await driver.call("XINFO", "GROUPS", key)) as unknown[][];
  const names = groups.map((group) => String(group[1]));
  return {
    stream: withoutNames(await driver.call("XINFO", "STREAM", key), moving),
    groups: groups.map((group) => withoutNames(group, moving)),
    consumers: await Promise.all(
      names.map(async (name) => ((await driver.call("XINFO", "CONSUMERS", key, name)) as unknown[]).map((one) => withoutNames(one, moving))),
    ),
    entries: await driver.xrange(key, "-", "+"),
    pending: await Promise.all(
      names.map(async (name) => (await driver.xpending(key, name, "-", "+", 10_000)).map((one) => (one as unknown[]).toSpliced(2, 1))),
    ),
  };
}

/** A flat list of names and values as an object. */
function withoutNames(reply: unknown, names: string[]): Record<string, unknown> {
  const flat = reply as unknown[];
  const record: Record<string, unknown> = {};
  for (let index = 0; index + 1 < flat.length; index += 2) if (!names.includes(String(flat[index]))) record[String(flat[index])] = flat[index + 1];
  return record;
}
