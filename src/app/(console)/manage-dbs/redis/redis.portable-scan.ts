import "server-only";
import { throwIfCancelled } from "@/server/errors";
import type { CommandLine, RedisClient } from "./redis.client";
import { showBytes } from "./redis.codec";
import { CORE_TYPES } from "./redis.dump";
import type { Element } from "./redis.dump-elements";
import { errorWord, redisError } from "./redis.errors";
import { endOf, longestBytes, type Named, type PortableRecord } from "./redis.portable-format";
import { ChangedMeanwhile } from "./redis.portable-ask";
import { chunksOf, elementsOf, WHOLE_COMMANDS, withFieldExpiries, type Chunk } from "./redis.portable-values";
import { asText, numberOrNull, type Reply } from "./redis.reply";
import { speaks, type ServerFacts } from "./redis.server-facts";
import { timeMs } from "./redis.time";

/** Values up to this size are read whole, many in one write. */
const SMALL_BYTES_MAX = 64 * 1024;
const GROUP_BYTES = 4 * 1024 * 1024;
const GROUP_KEYS = 250;
const TRANSACTION_BYTES = 64 * 1024;
const TRANSACTION_KEYS = 50;
/** A big key that changes while it is read is read again so often; then its parts are taken as they come. */
const ATTEMPTS = 4;
/** One field or member longer than this would make a line that is hard to read again anywhere. */
export const VALUE_BYTES_MAX = 64 * 1024 * 1024;
const NAMES_MAX = 20;

/** What else is to be said of what was read. */
export interface PortableTally {
  vanished: number;
  torn: Named;
  fieldExpiries: Named;
  /** By type, or by reason. */
  leftOut: Map<string, Named & { reason: string }>;
  /** Null where the server gives no estimate. */
  memoryBytes: number | null;
}

export interface PortableScan {
  client: RedisClient;
  facts: ServerFacts;
  /** HPEXPIRETIME exists. */
  hasFieldExpiries: boolean;
  db: number;
  signal: AbortSignal;
  tally: PortableTally;
}

export interface SizedKey {
  key: Buffer;
  type: string;
  /** Estimate; null where the server does not say. */
  memoryBytes: number | null;
}

export const newTally = (): PortableTally => ({
  vanished: 0,
  torn: { count: 0, names: [] },
  fieldExpiries: { count: 0, names: [] },
  leftOut: new Map(),
  memoryBytes: 0,
});

/** @throws FORBIDDEN where the user may not ask: expiries would be lost unseen */
export async function askFieldExpiries(client: RedisClient): Promise<boolean> {
  const [reply] = await client.run([["HPEXPIRETIME", "foundry-console:none", "FIELDS", 1, "x"]]);
  if (!(reply instanceof Error)) return true;
  if (/unknown command/i.test(reply.message)) return false;
  throw redisError(reply, { address: client.address, doing: "read when fields of hashes expire" });
}

/**
 * The named keys, small ones whole and big ones in parts. A small key is read in one transaction. A big one is watched: when it changes
 * meanwhile what came of it is void, and it is read again.
 */
export async function* readKeys(scan: PortableScan, names: Buffer[]): AsyncGenerator<PortableRecord[]> {
  const keys = await describeKeys(scan, names);
  const small = keys.filter((key) => isSmall(key));
  for (const group of groups(small, { bytes: GROUP_BYTES, keys: GROUP_KEYS })) {
    throwIfCancelled(scan.signal);
    const { records, changed } = await readSmall(scan, group);
    yield records;
    for (const key of changed) yield* readBig(scan, key);
  }
  for (const key of keys.filter((one) => !isSmall(one))) yield* readBig(scan, key);
}

function isSmall({ type, memoryBytes }: SizedKey): boolean {
  return type in WHOLE_COMMANDS && memoryBytes !== null && memoryBytes <= SMALL_BYTES_MAX;
}

async function describeKeys({ client, tally }: PortableScan, names: Buffer[]): Promise<SizedKey[]> {
  const replies = await client.run(
    names.flatMap((name): CommandLine[] => [
      ["TYPE", name],
      ["MEMORY", "USAGE", name, "SAMPLES", 5],
    ]),
  );
  return names.flatMap((key, index): SizedKey[] => {
    const [type, memory] = replies.slice(index * 2, index * 2 + 2);
    if (type instanceof Error) throw redisError(type, { address: client.address, doing: "read a key for the backup" });
    const memoryBytes = numberOrNull(memory);
    tally.memoryBytes = tally.memoryBytes === null || memoryBytes === null ? null : tally.memoryBytes + memoryBytes;
    if (asText(type) !== "none") return [{ key, type: asText(type), memoryBytes }];
    tally.vanished += 1;
    return [];
  });
}

function* groups(keys: SizedKey[], max: { bytes: number; keys: number }): Generator<SizedKey[]> {
  let group: SizedKey[] = [];
  let bytes = 0;
  for (const key of keys) {
    const size = key.memoryBytes ?? max.bytes;
    if (group.length > 0 && (bytes + size > max.bytes || group.length >= max.keys)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(key);
    bytes += size;
  }
  if (group.length > 0) yield group;
}

/** @returns `changed`: keys that became another thing between being described and being read */
async function readSmall(scan: PortableScan, group: SizedKey[]): Promise<{ records: PortableRecord[]; changed: SizedKey[] }> {
  const isWatched = (key: SizedKey) => scan.hasFieldExpiries && key.type === "hash";
  const records: PortableRecord[] = [];
  const changed: SizedKey[] = [];
  const plain = group.filter((key) => !isWatched(key));
  const transactions = [...groups(plain, { bytes: TRANSACTION_BYTES, keys: TRANSACTION_KEYS })];
  const executed = await scan.client.transactions(transactions.map((keys) => keys.flatMap((key) => readCommands(scan, key))));
  const each = commandCount(scan);
  for (const [at, keys] of transactions.entries()) {
    for (const [index, key] of keys.entries()) take(scan, key, { replies: executed[at]?.slice(index * each, (index + 1) * each) ?? [], records, changed });
  }
  const hashes = group.filter(isWatched);
  if (hashes.length > 0) await readHashes(scan, { hashes, records, changed });
  return { records, changed };
}

interface Taken {
  replies: Reply[];
  records: PortableRecord[];
  changed: SizedKey[];
}

function take(scan: PortableScan, { key, type, memoryBytes }: SizedKey, { replies, records, changed }: Taken): PortableRecord | null {
  const [value, expiry, time] = replies;
  if (value instanceof Error && errorWord(value) === "WRONGTYPE") {
    changed.push({ key, type, memoryBytes });
    return null;
  }
  for (const reply of [value, expiry])
    if (reply instanceof Error) throw redisError(reply, { address: scan.client.address, doing: "read a key for the backup" });
  const elements = elementsOf(type, value ?? null);
  if (elements.length === 0) {
    scan.tally.vanished += 1;
    return null;
  }
  const record = wholeRecord(scan, { key, type, elements, expiresAtMs: expiryDigits(expiry, time) });
  if (longestBytes(record) > VALUE_BYTES_MAX) {
    leaveOut(scan, { key, type, reason: TOO_LONG });
    return null;
  }
  records.push(record);
  return record;
}

function wholeRecord(scan: PortableScan, key: { key: Buffer; type: string; elements: Element[]; expiresAtMs: string | null }): PortableRecord {
  const record = { ...key, db: scan.db, stream: null, isFirst: true, isLast: true, isVoid: false };
  return { ...record, endsAtMs: endOf(record) };
}

/** Fields are known only after the hash was read, so the hashes are watched from before that until their expiries are read too. */
async function readHashes(scan: PortableScan, { hashes, records, changed }: { hashes: SizedKey[] } & Omit<Taken, "replies">): Promise<void> {
  const { client } = scan;
  const [watched, ...replies] = await client.run([["WATCH", ...hashes.map(({ key }) => key)], ...hashes.flatMap((key) => readCommands(scan, key))]);
  if (watched instanceof Error) throw redisError(watched, { address: client.address, doing: "read a key for the backup" });
  const each = commandCount(scan);
  const read: PortableRecord[] = [];
  for (const [index, key] of hashes.entries()) take(scan, key, { replies: replies.slice(index * each, (index + 1) * each), records: read, changed });
  const commands = read.map(({ key, elements }): CommandLine => ["HPEXPIRETIME", key, "FIELDS", elements.length, ...elements.map(([field]) => field ?? "")]);
  const answers = await client.run([["MULTI"], ...commands, ["EXEC"]]);
  const executed = answers.at(-1);
  if (!Array.isArray(executed)) {
    const refused = answers.find((answer) => answer instanceof Error);
    if (refused !== undefined) throw redisError(refused, { address: client.address, doing: "read when fields of hashes expire" });
    changed.push(...hashes.filter(({ key }) => read.some((record) => record.key === key)));
    return;
  }
  for (const [index, record] of read.entries()) {
    const elements = withFieldExpiries(record.elements, executed[index]);
    noteFieldExpiries(scan, record.key, elements);
    if (elements.length > 0) records.push(wholeRecord(scan, { ...record, elements }));
    else scan.tally.vanished += 1;
  }
}

const commandCount = ({ facts }: PortableScan): number => (speaks(facts, 7) ? 2 : 3);

function readCommands({ facts }: PortableScan, { key, type }: SizedKey): CommandLine[] {
  return [[...(WHOLE_COMMANDS[type]?.(key) ?? (["PING"] as CommandLine))], ...expiryCommands(facts, key)];
}

function expiryCommands(facts: ServerFacts, key: Buffer): CommandLine[] {
  return speaks(facts, 7) ? [["PEXPIRETIME", key]] : [["PTTL", key], ["TIME"]];
}

/** Digits, because an expiry may be beyond what a number holds exactly. With `time` (before 7.0) the first is the time left. */
function expiryDigits(expiry: Reply | undefined, time: Reply | undefined): string | null {
  const ms = BigInt(asText(expiry));
  if (ms < 0n) return null;
  return time === undefined ? ms.toString() : (timeMs(time) + ms).toString();
}

const TOO_LONG = "a single value longer than 64 MiB cannot be carried in a line";

/** A key in parts. */
async function* readBig(scan: PortableScan, sized: SizedKey): AsyncGenerator<PortableRecord[]> {
  for (let attempt = 1; ; attempt++) {
    const start = await beginKey(scan, sized.key);
    if (start === null) {
      scan.tally.vanished += 1;
      return;
    }
    if (!CORE_TYPES.has(start.type)) {
      await scan.client.send("UNWATCH");
      leaveOut(scan, { key: sized.key, type: start.type, reason: "a type of a module has no plain commands" });
      return;
    }
    const outcome = yield* readParts(scan, { ...sized, ...start }, attempt === ATTEMPTS);
    if (outcome === "done") return;
  }
}

type Start = Pick<PortableRecord, "type" | "expiresAtMs">;

/** Watches a key from here on. @returns null when it is gone */
async function beginKey({ client, facts }: PortableScan, key: Buffer): Promise<Start | null> {
  const replies = await client.run([["WATCH", key], ["TYPE", key], ...expiryCommands(facts, key)]);
  const refused = replies.find((reply) => reply instanceof Error);
  if (refused !== undefined) throw redisError(refused, { address: client.address, doing: "read a key for the backup" });
  const [, type, expiry, time] = replies;
  if (asText(type) !== "none") return { type: asText(type), expiresAtMs: expiryDigits(expiry, time) };
  await client.send("UNWATCH");
  return null;
}

/** The last part is held back until it is known whether the key stayed as it was. */
async function* readParts(scan: PortableScan, key: SizedKey & Start, isLastAttempt: boolean): AsyncGenerator<PortableRecord[], "done" | "again"> {
  const base = { db: scan.db, key: key.key, type: key.type, expiresAtMs: key.expiresAtMs, endsAtMs: key.expiresAtMs, isVoid: false };
  const expiring = { isNoted: false };
  let held: PortableRecord | null = null;
  let isBegun = false;
  const voided: PortableRecord = { ...base, elements: [], stream: null, isFirst: false, isLast: false, isVoid: true };
  try {
    for await (const chunk of chunksOf(scan, key)) {
      throwIfCancelled(scan.signal);
      if (held) {
        yield [held];
        isBegun = true;
      }
      held = { ...base, ...chunk, isFirst: !isBegun, isLast: false };
      if (longestBytes(held) > VALUE_BYTES_MAX) {
        await scan.client.send("UNWATCH");
        if (isBegun) yield [voided];
        leaveOut(scan, { key: key.key, type: key.type, reason: TOO_LONG });
        return "done";
      }
      if (!expiring.isNoted && chunk.elements.some((element) => key.type === "hash" && element.length > 2)) expiring.isNoted = true;
    }
  } catch (error) {
    if (!(error instanceof ChangedMeanwhile)) throw error;
    await scan.client.send("UNWATCH");
    if (isBegun) yield [voided];
    return "again";
  }
  const isSame = await stayedSame(scan.client);
  if (held === null || (!isSame && !isLastAttempt)) {
    if (isBegun) yield [voided];
    if (held === null) scan.tally.vanished += 1;
    return held === null ? "done" : "again";
  }
  if (!isSame) note(scan.tally.torn, key.key);
  if (expiring.isNoted) note(scan.tally.fieldExpiries, key.key);
  const last = { ...held, isLast: true };
  yield [{ ...last, endsAtMs: endOf(last) }];
  return "done";
}

/** An empty transaction is given up when a watched key was changed. */
async function stayedSame(client: RedisClient): Promise<boolean> {
  const replies = await client.run([["MULTI"], ["PING"], ["EXEC"]]);
  const refused = replies.find((reply) => reply instanceof Error);
  if (refused !== undefined) throw redisError(refused, { address: client.address, doing: "read a key for the backup" });
  return Array.isArray(replies.at(-1));
}

function noteFieldExpiries({ tally }: PortableScan, key: Buffer, elements: Chunk["elements"]): void {
  if (elements.some((element) => element.length > 2)) note(tally.fieldExpiries, key);
}

function leaveOut({ tally, db }: PortableScan, { key, type, reason }: { key: Buffer; type: string; reason: string }): void {
  const name = `db${db} ${type.slice(0, 40)}`;
  const known = tally.leftOut.get(name) ?? { count: 0, names: [], reason };
  tally.leftOut.set(name, known);
  note(known, key);
}

function note(named: Named, key: Buffer): void {
  named.count += 1;
  if (named.names.length < NAMES_MAX) named.names.push(showBytes(key));
}
