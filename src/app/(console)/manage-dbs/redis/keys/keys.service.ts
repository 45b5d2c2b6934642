import "server-only";
import { AppError, throwIfCancelled } from "@/server/errors";
import type { CallContext, Connection } from "@/server/connection";
import { LIMITS } from "@/server/limits";
import { redisClient, type CommandLine, type RedisClient } from "../redis.client";
import { addressedBytes, showBytes, toWire } from "../redis.codec";
import { redisError } from "../redis.errors";
import { asBuffers, asList, asNumber, asText, numberOrNull, type Reply } from "../redis.reply";
import type { KeyAddress } from "../redis.schema";
import { countsFrequency, databaseCounts, parseInfo, speaks, type ServerFacts } from "../redis.server-facts";
import type { DeletedKey, KeyPage, KeySummary, ListKeysInput, PopularKeys, PopularKeysInput } from "./keys.schema";

const SCANNED_PER_PAGE_MAX = 10_000;
const SCAN_TIME_MAX_MS = 100;
const POPULAR_SAMPLE_KEYS = 2_000;
const NAME_BYTES_MAX = 65_536;
/** Elements that MEMORY USAGE looks at per key: an estimate for big collections. */
const MEMORY_SAMPLES = 5;

/** One page of keys by a bounded number of SCAN steps. Never KEYS. @throws NOT_FOUND when there is no such logical database. */
export async function listKeys(connection: Connection, input: ListKeysInput, { signal }: CallContext = {}): Promise<KeyPage> {
  const startedAt = performance.now();
  const client = redisClient(connection, input.db);
  const pattern = addressedBytes(input.pattern, input.patternEncoding);
  const scan = isGlob(pattern) ? await scanPage(client, { ...input, pattern, signal }) : await lookUp(client, pattern);
  throwIfCancelled(signal);
  const [counts, found] = await Promise.all([countKeys(client), describeKeys(client, scan.names)]);
  return {
    keys: found.filter((key) => key.type !== "none" && (input.type === undefined || key.type === input.type)),
    cursor: scan.cursor,
    scanned: Math.min(scan.scanned, Math.max(counts.keysEstimate, scan.names.length)),
    ...counts,
    elapsedMs: Math.round(performance.now() - startedAt),
  };
}

/** The keys used most (LFU) or last (all other policies), out of a bounded sample; says which and out of how many. */
export async function popularKeys(connection: Connection, input: PopularKeysInput, { signal }: CallContext = {}): Promise<PopularKeys> {
  const client = redisClient(connection, input.db);
  const facts = await client.facts();
  const byFrequency = countsFrequency(facts);
  const scan = await scanPage(client, { pattern: Buffer.from("*"), count: POPULAR_SAMPLE_KEYS, signal });
  const replies = await client.run(scan.names.map((name): CommandLine => ["OBJECT", byFrequency ? "FREQ" : "IDLETIME", name]));
  const ranked = scan.names
    .map((name, index) => ({ name, use: numberOrNull(replies[index]) }))
    .filter((key): key is { name: Buffer; use: number } => key.use !== null)
    .sort((a, b) => (byFrequency ? b.use - a.use : a.use - b.use))
    .slice(0, input.count);
  const firstError = replies.find((reply) => reply instanceof Error);
  if (ranked.length === 0 && firstError !== undefined) throw redisError(firstError, { address: client.address, doing: "ask how keys are used" });
  const described = await describeKeys(
    client,
    ranked.map((key) => key.name),
  );
  return {
    by: byFrequency ? "frequency" : "idle",
    evictionPolicy: facts.evictionPolicy,
    sampled: scan.names.length,
    keysEstimate: asNumber(await client.send("DBSIZE")),
    keys: described.map((key, index) => ({ ...key, ...usage(byFrequency, ranked[index]?.use ?? null) })).filter((key) => key.type !== "none"),
  };
}

function usage(byFrequency: boolean, use: number | null): { frequency: number | null; idleSeconds: number | null } {
  return byFrequency ? { frequency: use, idleSeconds: null } : { frequency: null, idleSeconds: use };
}

/** Removes one key, freeing its memory aside (UNLINK). @throws NOT_FOUND when it is not there. */
export async function deleteKey(connection: Connection, input: KeyAddress): Promise<DeletedKey> {
  const client = redisClient(connection, input.db);
  const key = addressedBytes(input.key, input.encoding);
  const [type, removed] = await client.transaction([
    ["TYPE", key],
    ["UNLINK", key],
  ]);
  if (removed instanceof Error) throw redisError(removed, { address: client.address, doing: `delete ${showBytes(key)}` });
  if (asNumber(removed) === 0)
    throw new AppError("NOT_FOUND", `There is no key ${showBytes(key)} in db${input.db}`, { fix: "It may have expired or been deleted; load the list again." });
  return { deleted: true, type: asText(type) };
}

export interface ScanOptions {
  pattern: Buffer;
  type?: string | undefined;
  cursor?: string | undefined;
  count: number;
  signal?: AbortSignal | undefined;
}

interface Scanned {
  names: Buffer[];
  cursor: string | null;
  scanned: number;
}

/** SCAN steps until `count` are found, 10,000 were looked at, or 100 ms are over. Names are unique within the page. */
export async function scanPage(client: RedisClient, options: ScanOptions): Promise<Scanned> {
  const facts = await client.facts();
  const step = scanCommand(facts, options);
  const until = performance.now() + SCAN_TIME_MAX_MS;
  const names = new Map<string, Buffer>();
  let cursor = options.cursor ?? "0";
  let scanned = 0;
  do {
    throwIfCancelled(options.signal);
    const [next, page] = asList(await client.send(...step.from(cursor)));
    for (const name of asBuffers(page)) names.set(name.toString("latin1"), name);
    cursor = asText(next);
    scanned += step.count;
  } while (cursor !== "0" && names.size < options.count && scanned < SCANNED_PER_PAGE_MAX && performance.now() < until);
  return { names: [...names.values()], cursor: cursor === "0" ? null : cursor, scanned };
}

/** The SCAN command for a filter; the TYPE option is left out for servers before 6.0, whose keys are filtered afterwards. */
export function scanCommand(
  facts: ServerFacts,
  options: Pick<ScanOptions, "pattern" | "type" | "count">,
): { count: number; from(cursor: string): CommandLine } {
  const isFiltered = options.type !== undefined || !options.pattern.equals(Buffer.from("*"));
  const count = isFiltered ? LIMITS.redisScanCount : Math.min(options.count, LIMITS.redisScanCount);
  const match: CommandLine[number][] = options.pattern.equals(Buffer.from("*")) ? [] : ["MATCH", options.pattern];
  const type: CommandLine[number][] = options.type !== undefined && speaks(facts, 6) ? ["TYPE", options.type] : [];
  return { count, from: (cursor) => ["SCAN", cursor, ...match, "COUNT", count, ...type] };
}

async function lookUp(client: RedisClient, name: Buffer): Promise<Scanned> {
  const exists = asNumber(await client.send("EXISTS", name)) > 0;
  return { names: exists ? [name] : [], cursor: null, scanned: 1 };
}

/** Type, expiry and memory of each key, in one write. A key that is gone meanwhile has type "none". */
async function describeKeys(client: RedisClient, names: Buffer[]): Promise<KeySummary[]> {
  const replies = await client.run(
    names.flatMap((name): CommandLine[] => [
      ["TYPE", name],
      ["PTTL", name],
      ["MEMORY", "USAGE", name, "SAMPLES", MEMORY_SAMPLES],
    ]),
  );
  return names.map((name, index) => {
    const [type, ttl, memory] = replies.slice(index * 3, index * 3 + 3);
    return { name: toWire(name, { prefixBytes: NAME_BYTES_MAX }), type: typeText(type, client), ttlMs: ttlOrNull(ttl), memoryBytes: numberOrNull(memory) };
  });
}

function typeText(reply: Reply | undefined, client: RedisClient): string {
  if (reply instanceof Error) throw redisError(reply, { address: client.address, doing: "ask for the type of a key" });
  return asText(reply);
}

function ttlOrNull(reply: Reply | undefined): number | null {
  const ttl = numberOrNull(reply);
  return ttl === null || ttl < 0 ? null : ttl;
}

async function countKeys(client: RedisClient): Promise<Pick<KeyPage, "keysEstimate" | "databases" | "databasesMax">> {
  const [size, keyspace, configured] = await client.run([["DBSIZE"], ["INFO", "keyspace"], ["CONFIG", "GET", "databases"]]);
  return {
    keysEstimate: numberOrNull(size) ?? 0,
    databases: keyspace instanceof Error || keyspace === undefined ? [] : databaseCounts(parseInfo(asText(keyspace))),
    databasesMax: Array.isArray(configured) ? numberOrNull(configured[1]) : null,
  };
}

/** A name without these is one key; a backslash takes part because it escapes. */
export function isGlob(pattern: Buffer): boolean {
  return /[*?[\\]/.test(pattern.toString("latin1"));
}
