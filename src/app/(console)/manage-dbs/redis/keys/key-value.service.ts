import "server-only";
import { AppError, throwIfCancelled } from "@/server/errors";
import type { CallContext, Connection } from "@/server/connection";
import { redisClient, type CommandLine, type RedisClient } from "../redis.client";
import { addressedBytes, showBytes, toWire } from "../redis.codec";
import { redisError } from "../redis.errors";
import { asList, asNumber, asText, numberOrNull, type Reply } from "../redis.reply";
import type { KeyAddress } from "../redis.schema";
import { countsFrequency, speaks, type ServerFacts } from "../redis.server-facts";
import { isoTime, type PageRequest, type ValuePage } from "./key-value.page";
import { readHashPage, readListPage, readSetPage, readSortedSetPage, readStringPage } from "./key-value.pages";
import { readStreamPage } from "./key-value.stream";
import type { GetKeyInput, KeyDetail } from "./keys.schema";

const PAGE_BYTES_AIM = 8 * 1024 * 1024;
const NAME_BYTES_MAX = 65_536;

const LENGTH_COMMANDS: Record<string, string> = { string: "STRLEN", list: "LLEN", hash: "HLEN", set: "SCARD", zset: "ZCARD", stream: "XLEN" };

const PAGES: Record<string, (request: PageRequest) => Promise<ValuePage>> = {
  string: readStringPage,
  list: readListPage,
  hash: readHashPage,
  set: readSetPage,
  zset: readSortedSetPage,
  stream: readStreamPage,
};

/** One key with a page of its value. @throws NOT_FOUND when it is not there, CONFLICT when its type changed while it was read. */
export async function getKey(connection: Connection, input: GetKeyInput, { signal }: CallContext = {}): Promise<KeyDetail> {
  const client = redisClient(connection, input.db);
  const key = addressedBytes(input.key, input.encoding);
  const facts = await client.facts();
  const type = await typeOf(client, key, input);
  const { length, ...about } = await describe(client, { facts, key, type });
  throwIfCancelled(signal);
  const count = pageCount({ wanted: input.count, memoryBytes: about.memoryBytes, length });
  const readPage = PAGES[type] ?? readNothing;
  const page = await readPage({
    client,
    facts,
    key,
    cursor: input.cursor,
    match: input.match,
    count,
    length: length ?? 0,
    memoryBytes: about.memoryBytes,
    signal,
  });
  return { name: toWire(key, { prefixBytes: NAME_BYTES_MAX }), type, ...about, length, value: page.value, nextCursor: page.nextCursor };
}

/** @throws NOT_FOUND */
export async function typeOf(client: RedisClient, key: Buffer, { db }: Pick<KeyAddress, "db">): Promise<string> {
  const type = asText(await client.send("TYPE", key));
  if (type === "none")
    throw new AppError("NOT_FOUND", `There is no key ${showBytes(key)} in db${db}`, { fix: "It may have expired or been deleted; load the list again." });
  return type;
}

type About = Pick<KeyDetail, "encoding" | "ttlMs" | "expiresAt" | "memoryBytes" | "idleSeconds" | "frequency" | "length">;

async function describe(client: RedisClient, { facts, key, type }: { facts: ServerFacts; key: Buffer; type: string }): Promise<About> {
  const lengthCommand = LENGTH_COMMANDS[type];
  const byFrequency = countsFrequency(facts);
  const commands: CommandLine[] = [
    ["OBJECT", byFrequency ? "FREQ" : "IDLETIME", key],
    ["OBJECT", "ENCODING", key],
    ["PTTL", key],
    ["TIME"],
    ["MEMORY", "USAGE", key, "SAMPLES", 5],
    ...(speaks(facts, 7) ? ([["PEXPIRETIME", key]] as CommandLine[]) : []),
    ...(lengthCommand === undefined ? [] : ([[lengthCommand, key]] as CommandLine[])),
  ];
  const replies = await client.run(commands);
  const [use, encoding, ttl, time, memory] = replies;
  const length = lengthCommand === undefined ? null : replies.at(-1);
  if (length instanceof Error) throw redisError(length, { address: client.address, doing: `read ${showBytes(key)}` });
  const ttlMs = positiveOrNull(ttl);
  const expiresAtMs = speaks(facts, 7) ? positiveOrNull(replies[5]) : ttlMs === null ? null : serverTimeMs(time) + ttlMs;
  return {
    encoding: Buffer.isBuffer(encoding) ? asText(encoding) : null,
    ttlMs,
    expiresAt: isoTime(expiresAtMs),
    memoryBytes: numberOrNull(memory),
    idleSeconds: byFrequency ? null : numberOrNull(use),
    frequency: byFrequency ? numberOrNull(use) : null,
    length: length === null || length === undefined ? null : asNumber(length),
  };
}

/** As many elements as together stay near 8 MiB, going by the average. */
function pageCount({ wanted, memoryBytes, length }: { wanted: number; memoryBytes: number | null; length: number | null }): number {
  if (memoryBytes === null || length === null || length === 0) return wanted;
  return Math.max(1, Math.min(wanted, Math.floor(PAGE_BYTES_AIM / (memoryBytes / length))));
}

async function readNothing({ client, key, memoryBytes }: PageRequest): Promise<ValuePage> {
  // The dump is asked for its length only: not worth making the server write a big one.
  if (memoryBytes === null || memoryBytes > PAGE_BYTES_AIM) return { value: { kind: "other", dumpBytes: null }, nextCursor: null };
  const dump = await client.send("DUMP", key);
  return { value: { kind: "other", dumpBytes: Buffer.isBuffer(dump) ? dump.length : null }, nextCursor: null };
}

function serverTimeMs(time: Reply | undefined): number {
  const [seconds, micros] = asList(time);
  return asNumber(seconds) * 1000 + Math.floor(asNumber(micros) / 1000);
}

function positiveOrNull(reply: Reply | undefined): number | null {
  const value = numberOrNull(reply);
  return value === null || value < 0 ? null : value;
}
