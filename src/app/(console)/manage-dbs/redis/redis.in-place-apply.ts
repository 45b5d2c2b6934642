import "server-only";
/** Makes live databases hold exactly what a backup holds, key by key: what is not in it goes first, which makes room, then each key is replaced. */
import { setTimeout as delay } from "node:timers/promises";
import type { Artefact } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { compareDatabase } from "./redis.backup-compare";
import type { BackupRecord } from "./redis.backup-format";
import { assertTaken } from "./redis.backup-destination";
import { countType, type TypeCounts } from "./redis.backup-read";
import { endsKey, isPortableRecord, recordEnd, recordType, type AnyRecord } from "./redis.backup-record";
import { assertShort, restoreCommand, sendGroups } from "./redis.backup-send";
import { readKeyRecords } from "./redis.backup-source";
import { readObjectName } from "./redis.backup-target";
import type { CommandLine, RedisClient } from "./redis.client";
import { errorWord, redisError } from "./redis.errors";
import type { PortableRecord } from "./redis.portable-format";
import { assertDone, PortableCommands } from "./redis.portable-send";
import { asBuffers, asList, asText, type Reply } from "./redis.reply";
import { KEY_SET_MAX, KeySet } from "./redis.seen-keys";
import { infoNumber, type ServerFacts } from "./redis.server-facts";
import { atPoint } from "./redis.swap-points";

/** A backup and which part of it goes in. */
export interface Source {
  artefact: Artefact;
  /** Logical databases that come to hold what the backup holds of them, also when that is nothing. */
  databases: number[];
  /** By the server's clock: what had expired then is left out. */
  nowMs: bigint;
}

/** What a first reading of a source tells. */
export interface Survey {
  /** Of what goes in. */
  counts: TypeCounts;
  expired: TypeCounts;
  /** Names of the first part of the keys that go in, by database; let go when the others are removed. */
  names: Names;
  parts: number;
}

type Names = Map<number, KeySet>;

interface Reading {
  signal?: AbortSignal | undefined;
  onBytes?: ((bytes: number) => void) | undefined;
}

/** Reads a backup once, before anything is touched. @throws LIMIT_EXCEEDED for a key that is longer than the server takes */
export async function surveySource(source: Source, limit: { bulkBytesMax: number | null; address: string }, reading: Reading = {}): Promise<Survey> {
  const parts = Math.max(1, Math.ceil(manifestKeys(source) / KEY_SET_MAX));
  const survey: Survey = { counts: new Map(), expired: new Map(), names: emptyNames(source, { part: 0, parts }), parts };
  for await (const records of ownRecords(source, reading)) {
    assertShort(records, limit);
    for (const record of records.filter(endsKey)) {
      const isLeft = isLive(source, record);
      countType(isLeft ? survey.counts : survey.expired, record.db, recordType(record));
      if (isLeft) survey.names.get(record.db)?.add(record.key);
    }
  }
  return survey;
}

/** Reads it once. @throws LIMIT_EXCEEDED for a key that the server gave, and would not take back */
export async function assertSendable(source: Source, limit: { bulkBytesMax: number | null; address: string }, reading: Reading): Promise<void> {
  if (limit.bulkBytesMax === null) return;
  for await (const records of ownRecords(source, reading)) assertShort(records, limit);
}

function manifestKeys({ artefact, databases }: Source): number {
  return artefact.manifest.objects.reduce((sum, { name, count }) => sum + (databases.includes(readObjectName(name)?.db ?? -1) ? (count ?? 0) : 0), 0);
}

function emptyNames({ databases }: Source, part: { part: number; parts: number }): Names {
  return new Map(databases.map((db) => [db, new KeySet(part)]));
}

async function* ownRecords({ artefact, databases }: Source, reading: Reading): AsyncGenerator<AnyRecord[]> {
  for await (const records of readKeyRecords(artefact, reading)) {
    const own = records.filter(({ db }) => databases.includes(db));
    if (own.length > 0) yield own;
  }
}

function isLive({ nowMs }: Source, record: AnyRecord): boolean {
  const end = recordEnd(record);
  return end === null || BigInt(end) > nowMs;
}

export interface Replacing {
  connection: Connection;
  source: Source;
  survey: Survey;
  /** Of each database. */
  clients: Map<number, RedisClient>;
  /** Safe inside key names. */
  jobId: string;
  onKeys?: (keys: number) => void;
}

/**
 * @param mayEmpty everything may be taken away first when the server is full: only of what is put back, which had room
 * @returns how many keys the server removed meanwhile to make room
 * @throws whatever is in the way, with the databases half replaced
 */
export async function replaceKeys(replacing: Replacing, { mayEmpty }: { mayEmpty: boolean }): Promise<number> {
  const { clients } = replacing;
  const [first] = clients.values();
  if (!first) return 0;
  const start = await first.info();
  await removeOthers(replacing);
  await untilFreed(first);
  try {
    await sendAll(replacing);
  } catch (error) {
    if (!mayEmpty || !(error instanceof AppError) || error.code !== "LIMIT_EXCEEDED") throw error;
    // What is half replaced may need more than either state: the state that is put back had room.
    for (const client of clients.values()) await unlinkEach(client, () => true);
    await untilFreed(first);
    await sendAll(replacing);
  }
  await untilWritten(first);
  const end = await first.info();
  if (end.get("run_id") !== start.get("run_id"))
    throw new AppError("CONFLICT", `${first.address} was restarted while keys were replaced`, { fix: "Try again when it runs." });
  return (infoNumber(end, "evicted_keys") ?? 0) - (infoNumber(start, "evicted_keys") ?? 0);
}

/** What was answered is in the server's file then, and a crash of it loses nothing of that. */
async function untilWritten(client: RedisClient): Promise<void> {
  const until = performance.now() + WRITTEN_WITHIN_MS;
  while ((infoNumber(await client.info(), "aof_buffer_length") ?? 0) > 0 && performance.now() < until) await delay(20);
}

const WRITTEN_WITHIN_MS = 10_000;
const FREED_WITHIN_MS = 20_000;

/** UNLINK frees memory in the background. */
async function untilFreed(client: RedisClient): Promise<void> {
  const until = performance.now() + FREED_WITHIN_MS;
  while ((infoNumber(await client.info(), "lazyfree_pending_objects") ?? 0) > 0 && performance.now() < until) await delay(20);
}

async function removeOthers({ source, survey, clients }: Replacing): Promise<void> {
  for (let part = 0; part < survey.parts; part++) {
    const names = part === 0 ? survey.names : await namesOf(source, { part, parts: survey.parts });
    for (const [db, client] of clients) {
      const own = names.get(db);
      if (own) await unlinkEach(client, (key) => own.lacks(key));
    }
    names.clear();
  }
}

async function namesOf(source: Source, part: { part: number; parts: number }): Promise<Names> {
  const names = emptyNames(source, part);
  for await (const records of ownRecords(source, {}))
    for (const record of records) if (endsKey(record) && isLive(source, record)) names.get(record.db)?.add(record.key);
  return names;
}

const SCAN_COUNT = 500;

async function unlinkEach(client: RedisClient, isOther: (key: Buffer) => boolean): Promise<void> {
  let cursor = "0";
  do {
    const [next, page] = asList(await client.send("SCAN", cursor, "COUNT", SCAN_COUNT));
    const others = asBuffers(page).filter(isOther);
    if (others.length > 0) await client.send("UNLINK", ...others);
    await atPoint("others removed");
    cursor = asText(next);
  } while (cursor !== "0");
}

/** The next group is read while the one before is under way; both are bounded in bytes and number. */
async function sendAll({ source, clients, jobId, onKeys }: Replacing): Promise<void> {
  const senders = new Map([...clients].map(([db, client]) => [db, new Sender(client, jobId)]));
  let underWay: Promise<void> = Promise.resolve();
  let keys = 0;
  try {
    for await (const records of ownRecords(source, {})) {
      for (const [db, ofDatabase] of Map.groupBy(records, (record) => record.db)) {
        const live = ofDatabase.filter((record) => isLive(source, record)).map((record) => ({ record }));
        for (const group of sendGroups(live)) {
          await underWay;
          onKeys?.(keys);
          keys += group.filter(({ record }) => endsKey(record)).length;
          underWay = senders.get(db)?.send(group.map(({ record }) => record)) ?? underWay;
          underWay.catch(() => undefined);
        }
      }
    }
  } finally {
    // Also when reading failed: nothing may come into effect after this.
    await underWay;
  }
  onKeys?.(keys);
}

class Sender {
  readonly #client: RedisClient;
  readonly #jobId: string;
  readonly #portable = new PortableCommands();

  constructor(client: RedisClient, jobId: string) {
    this.#client = client;
    this.#jobId = jobId;
  }

  async send(records: AnyRecord[]): Promise<void> {
    const facts = await this.#client.facts();
    const lines = records.flatMap((record) => (isPortableRecord(record) ? this.#typed(record, facts) : [{ record, command: replaceCommand(record) }]));
    const replies = records.some(isPortableRecord) ? await this.#transaction(lines) : await this.#client.run(lines.map(({ command }) => command));
    await atPoint("keys replaced");
    for (const [index, line] of lines.entries()) assertReplaced(this.#client, { reply: replies[index], ...line });
  }

  /** Big values come in parts, so each is made under a name of its own first. */
  #typed(record: PortableRecord, facts: ServerFacts): Line[] {
    const aside = Buffer.concat([Buffer.from(`foundry-console:in-place:${this.#jobId}:`), record.key]);
    const commands = this.#portable.of({ ...record, key: aside }, facts);
    if (record.isLast && !record.isVoid) commands.push(["UNLINK", record.key], ["RENAME", aside, record.key]);
    return commands.map((command) => ({ record, command }));
  }

  /** Nobody sees a key without its value or its expiry. Refused as a whole, or done as a whole. */
  async #transaction(lines: Line[]): Promise<Reply[]> {
    const replies = await this.#client.run([["MULTI"], ...lines.map(({ command }) => command), ["EXEC"]]);
    const executed = replies.at(-1);
    if (Array.isArray(executed)) return executed;
    // EXEC is checked once more for itself: it may be refused when all before it were queued.
    const refused = replies.find((reply) => reply instanceof Error);
    if (refused !== undefined) throw redisError(refused, { address: this.#client.address, doing: "replace keys" });
    throw new AppError("CONFLICT", `${this.#client.address} did not do what it had taken, so keys are not replaced`, { fix: "Try again." });
  }
}

const replaceCommand = (record: BackupRecord): CommandLine => [...restoreCommand(record), "REPLACE"];

interface Line {
  record: AnyRecord;
  command: CommandLine;
}

function assertReplaced(client: RedisClient, { reply, record, command }: Line & { reply: Reply | undefined }): void {
  // It expired while it was made: nothing is left to be renamed.
  const isExpired = command[0] === "RENAME" && recordEnd(record) !== null && reply instanceof Error && reply.message.includes("no such key");
  if (isExpired) return;
  if (isPortableRecord(record)) assertDone(client, { reply, line: command, record });
  else assertTaken(client, { reply, record });
}

/**
 * Counts what is there now by type. Others may have written meanwhile, so more is no difference; what expires is explained.
 * @returns how many keys are there that did not come from the source
 * @throws CONFLICT when keys are missing
 */
export async function compareReplaced({ source, survey, clients }: Replacing): Promise<number> {
  let more = 0;
  for (const [db, client] of clients) {
    const sent = survey.counts.get(db) ?? new Map<string, number>();
    const { found, expired } = await compareDatabase({
      client,
      control: client,
      sent,
      marker: null,
      readExpiries: () => expiriesOf(source, db),
      isShared: true,
    });
    const sum = (counts: Map<string, number>) => [...counts.values()].reduce((total, count) => total + count, 0);
    more += Math.max(0, sum(found) + sum(expired) - sum(sent));
  }
  await atPoint("counted");
  return more;
}

async function* expiriesOf(source: Source, db: number): AsyncGenerator<{ type: string; expiresAtMs: bigint }> {
  for await (const records of ownRecords(source, {})) {
    for (const record of records) {
      const end = recordEnd(record);
      if (record.db === db && end !== null && endsKey(record) && isLive(source, record)) yield { type: recordType(record), expiresAtMs: BigInt(end) };
    }
  }
}

const WRITES_REFUSED = new Set(["OOM", "READONLY", "MISCONF", "NOREPLICAS", "NOPERM"]);

/** Commands that change nothing show whether the server would take the others. @throws what it says instead */
export async function assertTakesWrites(client: RedisClient): Promise<void> {
  const name = "foundry-console:in-place:none";
  const replies = await client.run([
    ["UNLINK", name],
    ["RESTORE", name, "x", "x", "REPLACE"],
  ]);
  for (const reply of replies)
    if (reply instanceof Error && WRITES_REFUSED.has(errorWord(reply))) throw redisError(reply, { address: client.address, doing: "replace keys" });
}
