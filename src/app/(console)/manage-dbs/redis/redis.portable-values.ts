import "server-only";
import type { CommandLine, RedisClient } from "./redis.client";
import type { Element } from "./redis.dump-elements";
import { ask, ChangedMeanwhile } from "./redis.portable-ask";
import type { StreamPart } from "./redis.portable-format";
import { streamChunks } from "./redis.portable-stream";
import type { PortableScan, SizedKey } from "./redis.portable-scan";
import { asBuffer, asBuffers, asList, asNumber, asPairs, asText, type Reply } from "./redis.reply";
import { SeenKeys } from "./redis.seen-keys";

const CHUNK_BYTES = 1024 * 1024;
const CHUNK_ELEMENTS_MAX = 1_000;

/** One command for a whole value. A stream takes several. */
export const WHOLE_COMMANDS: Record<string, (key: Buffer) => CommandLine> = {
  string: (key) => ["GET", key],
  list: (key) => ["LRANGE", key, 0, -1],
  set: (key) => ["SMEMBERS", key],
  hash: (key) => ["HGETALL", key],
  zset: (key) => ["ZRANGE", key, 0, -1, "WITHSCORES"],
};

/** What such a command, or a step through the value, answers. Empty for a key that is gone. */
export function elementsOf(type: string, reply: Reply): Element[] {
  if (type === "string") return reply === null ? [] : [[asBuffer(reply)]];
  if (type === "hash") return asPairs(reply);
  if (type === "zset") return asPairs(reply).map(([member, score]) => [member, shortScore(score)]);
  return asBuffers(reply).map((element) => [element]);
}

/** The shortest text that is the same number: older servers say 0.10000000000000001. */
function shortScore(score: Buffer): Buffer {
  const text = score.toString("latin1");
  if (text.endsWith("inf")) return Buffer.from(text.startsWith("-") ? "-inf" : "inf");
  const number = Number(text);
  return Buffer.from(Object.is(number, -0) ? "-0" : String(number));
}

/** Fields with their expiry as a third part, where they have one. A field that is gone is left out. @param reply of HPEXPIRETIME */
export function withFieldExpiries(elements: Element[], reply: Reply | undefined): Element[] {
  if (reply instanceof Error) throw reply;
  const expiries = Array.isArray(reply) ? reply : [];
  return elements.flatMap(([field, value], index): Element[] => {
    const expiry = asText(expiries[index] ?? -2);
    if (expiry === "-2" || !field || !value) return [];
    return [expiry === "-1" ? [field, value] : [field, value, Buffer.from(expiry)]];
  });
}

export interface Chunk {
  elements: Element[];
  stream: StreamPart | null;
}

const LENGTHS: Record<string, string> = { string: "STRLEN", list: "LLEN", hash: "HLEN", set: "SCARD", zset: "ZCARD", stream: "XLEN" };
const STEPS: Record<string, string> = { hash: "HSCAN", set: "SSCAN", zset: "ZSCAN" };

/** A value in parts of about a megabyte. @throws ChangedMeanwhile */
export async function* chunksOf(scan: PortableScan, sized: SizedKey): AsyncGenerator<Chunk> {
  const { client } = scan;
  const { key, type } = sized;
  const length = asNumber(await ask(client, [LENGTHS[type] ?? "TYPE", key]));
  const count = chunkElements(sized, length);
  if (type === "stream") yield* streamChunks(scan, { key, count });
  else if (type === "string") yield* indexed(client, { type, length, count: CHUNK_BYTES, command: (from, to) => ["GETRANGE", key, from, to] });
  else if (type === "list") yield* indexed(client, { type, length, count, command: (from, to) => ["LRANGE", key, from, to] });
  else yield* stepped(scan, { key, type, count });
}

/** So many that they have about a megabyte, if all are of about the same size. */
function chunkElements({ memoryBytes }: SizedKey, length: number): number {
  const average = memoryBytes === null || length === 0 ? CHUNK_BYTES / 100 : memoryBytes / length;
  return Math.min(CHUNK_ELEMENTS_MAX, Math.max(1, Math.floor(CHUNK_BYTES / Math.max(1, average))));
}

interface Indexed {
  type: string;
  length: number;
  count: number;
  /** Both ends belong to it. */
  command: (from: number, to: number) => CommandLine;
}

async function* indexed(client: RedisClient, { type, length, count, command }: Indexed): AsyncGenerator<Chunk> {
  // An empty string is a value too.
  for (let from = 0; from < Math.max(1, length); from += count) {
    const elements = elementsOf(type, await ask(client, command(from, from + count - 1)));
    if (elements.length === 0) throw new ChangedMeanwhile();
    yield { elements, stream: null };
  }
}

/** Elements come at least once; those that come again, while the server resizes its table, are left out. */
async function* stepped({ client, hasFieldExpiries }: PortableScan, { key, type, count }: { key: Buffer; type: string; count: number }): AsyncGenerator<Chunk> {
  const seen = new SeenKeys();
  let cursor = "0";
  do {
    const [next, page] = asList(await ask(client, [STEPS[type] ?? "SSCAN", key, cursor, "COUNT", count]));
    const fresh = elementsOf(type, page ?? []).filter(([name]) => name !== undefined && seen.add(name));
    if (fresh.length > 0) {
      const elements = type === "hash" && hasFieldExpiries ? withFieldExpiries(fresh, await ask(client, fieldExpiries(key, fresh))) : fresh;
      if (elements.length > 0) yield { elements, stream: null };
    }
    cursor = asText(next);
  } while (cursor !== "0");
}

const fieldExpiries = (key: Buffer, elements: Element[]): CommandLine => [
  "HPEXPIRETIME",
  key,
  "FIELDS",
  elements.length,
  ...elements.flatMap(([field]) => (field ? [field] : [])),
];
