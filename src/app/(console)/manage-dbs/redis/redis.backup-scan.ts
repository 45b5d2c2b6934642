import "server-only";
import { throwIfCancelled } from "@/server/errors";
import type { BackupRecord } from "./redis.backup-format";
import type { CommandLine, RedisClient } from "./redis.client";
import { redisError } from "./redis.errors";
import { asBuffers, asList, asText, numberOrNull, type Reply } from "./redis.reply";
import { SeenKeys } from "./redis.seen-keys";
import { countsFrequency, speaks, type ServerFacts } from "./redis.server-facts";
import { timeMs } from "./redis.time";

const SCAN_COUNT = 500;
/** What is asked for at once, by the server's own estimate: its output and our memory stay near twice this. */
const GROUP_BYTES = 4 * 1024 * 1024;
const GROUP_KEYS = 250;
const TRANSACTION_BYTES = 64 * 1024;
const TRANSACTION_KEYS = 50;
/** Where the server gives no estimate. */
const UNKNOWN_KEY_BYTES = 512 * 1024;

export interface ScannedRecords {
  records: BackupRecord[];
  /** Keys that were gone when they were to be read. */
  vanished: number;
  /** Null where the server gives no estimate. */
  memoryBytes: number | null;
}

interface Scan {
  client: RedisClient;
  facts: ServerFacts;
  db: number;
  signal: AbortSignal;
}

/**
 * Every key of a logical database once. A key's payload, expiry and use are read in one transaction, so they belong together.
 * The next group is under way while the caller writes the one before; what is under way is bounded in bytes, because sizes
 * are asked for first: a pipeline of unknown values could fill the server's output buffers.
 */
export async function* scanRecords(scan: Scan): AsyncGenerator<ScannedRecords> {
  let underWay: Promise<ScannedRecords> | null = null;
  for await (const group of sizedGroups(scan)) {
    throwIfCancelled(scan.signal);
    const next = readGroup(scan, group);
    // Its failure is met when it is awaited, also if the one before fails first.
    next.catch(() => undefined);
    if (underWay) yield await underWay;
    underWay = next;
  }
  if (underWay) yield await underWay;
}

interface SizedKey {
  key: Buffer;
  memoryBytes: number | null;
}

async function* sizedGroups(scan: Scan): AsyncGenerator<SizedKey[]> {
  let group: SizedKey[] = [];
  let bytes = 0;
  for await (const names of freshNames(scan)) {
    for (const sized of await askSizes(scan.client, names)) {
      group.push(sized);
      bytes += sized.memoryBytes ?? UNKNOWN_KEY_BYTES;
      if (bytes < GROUP_BYTES && group.length < GROUP_KEYS) continue;
      yield group;
      group = [];
      bytes = 0;
    }
  }
  if (group.length > 0) yield group;
}

/** Names of all keys of a logical database, each once. */
export async function* freshNames({ client, signal }: Pick<Scan, "client" | "signal">): AsyncGenerator<Buffer[]> {
  const seen = new SeenKeys();
  let cursor = "0";
  do {
    throwIfCancelled(signal);
    const [next, page] = asList(await client.send("SCAN", cursor, "COUNT", SCAN_COUNT));
    yield asBuffers(page).filter((name) => seen.add(name));
    cursor = asText(next);
  } while (cursor !== "0");
}

async function askSizes(client: RedisClient, names: Buffer[]): Promise<SizedKey[]> {
  const replies = await client.run(names.map((name): CommandLine => ["MEMORY", "USAGE", name, "SAMPLES", 5]));
  return names.map((key, index) => ({ key, memoryBytes: numberOrNull(replies[index]) }));
}

async function readGroup(scan: Scan, group: SizedKey[]): Promise<ScannedRecords> {
  const { client, facts, db } = scan;
  const commands = readCommands(facts);
  const transactions = [...transactionsOf(group)];
  const executed = await client.transactions(transactions.map((keys) => keys.flatMap(commands.of)));
  const records: BackupRecord[] = [];
  for (const [at, keys] of transactions.entries()) {
    for (const [index, key] of keys.entries()) {
      const replies = executed[at]?.slice(index * commands.count, (index + 1) * commands.count) ?? [];
      const record = readRecord({ db, key, facts, replies, address: client.address });
      if (record) records.push(record);
    }
  }
  const sizes = group.map(({ memoryBytes }) => memoryBytes);
  return {
    records,
    vanished: group.length - records.length,
    memoryBytes: sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0),
  };
}

/** Small keys share a transaction, which saves commands; together they keep the server no longer than one bigger key. */
function* transactionsOf(group: SizedKey[]): Generator<Buffer[]> {
  let keys: Buffer[] = [];
  let bytes = 0;
  for (const { key, memoryBytes } of group) {
    const size = memoryBytes ?? UNKNOWN_KEY_BYTES;
    if (keys.length > 0 && (bytes + size > TRANSACTION_BYTES || keys.length >= TRANSACTION_KEYS)) {
      yield keys;
      keys = [];
      bytes = 0;
    }
    keys.push(key);
    bytes += size;
  }
  if (keys.length > 0) yield keys;
}

/** The use comes first: DUMP counts as an access and would reset it (servers from 7.2 on are told not to count ours). */
function readCommands(facts: ServerFacts): { count: number; of: (key: Buffer) => CommandLine[] } {
  const use = countsFrequency(facts) ? "FREQ" : "IDLETIME";
  if (speaks(facts, 7))
    return {
      count: 3,
      of: (key) => [
        ["OBJECT", use, key],
        ["DUMP", key],
        ["PEXPIRETIME", key],
      ],
    };
  return { count: 4, of: (key) => [["OBJECT", use, key], ["DUMP", key], ["PTTL", key], ["TIME"]] };
}

function readRecord({
  db,
  key,
  facts,
  replies,
  address,
}: {
  db: number;
  key: Buffer;
  facts: ServerFacts;
  replies: Reply[];
  address: string;
}): BackupRecord | null {
  const [use, dump, expiry, time] = replies;
  if (dump instanceof Error) throw redisError(dump, { address, doing: "read a key for the backup" });
  if (expiry instanceof Error) throw redisError(expiry, { address, doing: "read a key's expiry for the backup" });
  if (!Buffer.isBuffer(dump)) return null;
  const usage = use === null || use === undefined || use instanceof Error ? null : asText(use);
  const byFrequency = countsFrequency(facts);
  return { db, key, dump, expiresAtMs: expiryDigits(expiry, time), idleSeconds: byFrequency ? null : usage, frequency: byFrequency ? usage : null };
}

/** Digits, because an expiry may be beyond what a number holds exactly. With `time` (before 7.0) the first is the time left. */
function expiryDigits(expiry: Reply | undefined, time: Reply | undefined): string | null {
  const ms = BigInt(asText(expiry));
  if (ms < 0n) return null;
  if (time === undefined) return ms.toString();
  return (timeMs(time) + ms).toString();
}
