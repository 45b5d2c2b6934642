import "server-only";
import type { Artefact, JobContext } from "@/backups/engine";
import { formatCount } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import type { BackupRecord } from "./redis.backup-format";
import type { Claim } from "./redis.backup-marker";
import { isSent } from "./redis.backup-remove";
import { readRecords } from "./redis.backup-source";
import { closeOnCancel, openJobClient, type CommandLine, type RedisClient } from "./redis.client";
import { showBytes } from "./redis.codec";
import { DUMP_FOOTER_BYTES, dumpType } from "./redis.dump";
import { elementsDigest } from "./redis.dump-elements";
import { redisError } from "./redis.errors";
import { asNumber, asText, type Reply } from "./redis.reply";
import { speaks } from "./redis.server-facts";
import { serverTimeMs, timeMs } from "./redis.time";

const GROUP_BYTES = 4 * 1024 * 1024;
const GROUP_KEYS = 250;
/** A server before 7.0 only says how long a key has still to live: the moment of asking is not known to the millisecond. */
export const REMAINING_SLACK_MS = 20n;

export interface StagedPlace {
  db: number;
  claim: Claim;
}

interface Tally {
  /** Payload byte for byte. */
  equal: number;
  /** Laid out otherwise by the server, elements equal. */
  byElements: number;
  /** Neither: only type and expiry. */
  byType: number;
  expired: number;
}

interface Place {
  client: RedisClient;
  claim: Claim;
  /** PEXPIRETIME exists. */
  saysExpiry: boolean;
}

/** What is compared with what. */
export interface Comparison {
  artefact: Artefact;
  connection: Connection;
  context: JobContext;
}

/**
 * Opens what is staged, lets `compare` look at every key of the backup, and makes sure that there are no others.
 * @param open what comparing one database needs
 * @param compare places by the backup's number of the database; answers how many keys it looked at
 */
export async function comparePlaces<P>(
  { artefact, connection, context }: Comparison,
  staged: StagedPlace[],
  { open, compare }: { open: (client: RedisClient, staged: StagedPlace) => Promise<P>; compare: (places: Map<number, P>) => Promise<number> },
): Promise<void> {
  context.progress({ phase: "Compare values", bytesTotal: artefact.bytes, bytesDone: 0, itemsDone: 0 });
  using closing = new DisposableStack();
  const clients: RedisClient[] = [];
  const places = new Map<number, P>();
  for (const one of staged) {
    const client = closing.use(openJobClient(connection, one.db));
    closing.use(closeOnCancel(client, context.signal));
    clients.push(client);
    places.set(one.claim.from, await open(client, one));
  }
  let compared: number;
  try {
    compared = await compare(places);
  } catch (error) {
    throwIfCancelled(context.signal);
    throw error;
  }
  await assertNothingMore(clients, compared);
}

/**
 * Compares every key of a staged copy with the backup: value and expiry. Both sides are read in groups of bounded size, the
 * next one from the file while the server answers the one before.
 * @throws CONFLICT naming the first key that differs
 */
export async function compareStaged(comparison: Comparison, staged: StagedPlace[]): Promise<{ method: string }> {
  const { artefact, context } = comparison;
  const tally: Tally = { equal: 0, byElements: 0, byType: 0, expired: 0 };
  const compared = () => tally.equal + tally.byElements + tally.byType + tally.expired;
  await comparePlaces<Place>(comparison, staged, {
    open: async (client, { claim }) => ({ client, claim, saysExpiry: speaks(await client.facts(), 7) }),
    async compare(places) {
      let underWay: Promise<void> = Promise.resolve();
      for await (const { place, group } of sentGroups(artefact, { places, context })) {
        await underWay;
        context.progress({ itemsDone: compared() });
        underWay = compareGroup(place, { group, tally });
        underWay.catch(() => undefined);
      }
      await underWay;
      return compared();
    },
  });
  return { method: methodWords(tally) };
}

/** Keys of the backup were all looked at: there must be no others than the markers. Expired ones may still be counted. */
async function assertNothingMore(clients: RedisClient[], compared: number): Promise<void> {
  let found = 0;
  for (const client of clients) found += asNumber(await client.send("DBSIZE"));
  const more = found - clients.length - compared;
  const [client] = clients;
  if (more <= 0 || !client) return;
  throw new AppError("CONFLICT", `The restored copy holds ${formatCount(more)} ${more === 1 ? "key" : "keys"} more than the backup`, {
    fix: `Make sure nobody else writes to it on ${client.address}, then try again.`,
  });
}

async function* sentGroups(
  artefact: Artefact,
  { places, context }: { places: Map<number, Place>; context: JobContext },
): AsyncGenerator<{ place: Place; group: BackupRecord[] }> {
  for await (const records of readRecords(artefact, { signal: context.signal, onBytes: (bytesDone) => context.progress({ bytesDone }) })) {
    for (const [db, ofDatabase] of Map.groupBy(records, (record) => record.db)) {
      const place = places.get(db);
      if (place) for (const group of groups(ofDatabase.filter((record) => isSent(record, place.claim)))) yield { place, group };
    }
  }
}

function* groups(records: BackupRecord[]): Generator<BackupRecord[]> {
  let group: BackupRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    if (group.length > 0 && (bytes + record.dump.length > GROUP_BYTES || group.length >= GROUP_KEYS)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(record);
    bytes += record.dump.length;
  }
  if (group.length > 0) yield group;
}

async function compareGroup({ client, saysExpiry }: Place, { group, tally }: { group: BackupRecord[]; tally: Tally }): Promise<void> {
  const commands = group.flatMap(({ key }): CommandLine[] =>
    saysExpiry
      ? [
          ["DUMP", key],
          ["PEXPIRETIME", key],
        ]
      : [["DUMP", key], ["PTTL", key], ["TIME"]],
  );
  const replies = await client.run(commands);
  const each = saysExpiry ? 2 : 3;
  for (const [index, record] of group.entries()) {
    const [dump, expiry, time] = replies.slice(index * each, (index + 1) * each);
    const failed = [dump, expiry].find((reply) => reply instanceof Error);
    if (failed !== undefined) throw redisError(failed, { address: client.address, doing: "read a restored key" });
    if (!Buffer.isBuffer(dump)) {
      if (record.expiresAtMs === null || BigInt(record.expiresAtMs) > (await serverTimeMs(client))) throw different(client, record, "is missing");
      tally.expired += 1;
      continue;
    }
    if (!isExpiryEqual(record, { expiry, time })) throw different(client, record, "expires at another time");
    const isEqual = withoutFooter(dump).equals(withoutFooter(record.dump));
    tally[isEqual ? "equal" : howAlike(client, { record, dump, nowMs: await serverTimeMs(client) })] += 1;
  }
}

function isExpiryEqual({ expiresAtMs }: BackupRecord, { expiry, time }: { expiry: Reply | undefined; time: Reply | undefined }): boolean {
  const ms = BigInt(asText(expiry));
  if (ms < 0n || expiresAtMs === null) return ms < 0n && expiresAtMs === null;
  if (time === undefined) return ms === BigInt(expiresAtMs);
  const difference = timeMs(time) + ms - BigInt(expiresAtMs);
  return difference < REMAINING_SLACK_MS && difference > -REMAINING_SLACK_MS;
}

const STREAM_BYTES = new Set<number | undefined>([15, 19, 21]);

function howAlike(client: RedisClient, { record, dump, nowMs }: { record: BackupRecord; dump: Buffer; nowMs: bigint }): "byElements" | "byType" {
  if (dumpType(dump) !== dumpType(record.dump)) throw different(client, record, `is a ${dumpType(dump)} instead of a ${dumpType(record.dump)}`);
  const digest = elementsDigest(record.dump, nowMs);
  const restored = digest === null ? null : elementsDigest(dump, nowMs);
  if (digest === null || restored === null) {
    // A stream of one form has one layout, so this is another value.
    if (dump[0] === record.dump[0] && STREAM_BYTES.has(dump[0])) throw different(client, record, "has another value");
    return "byType";
  }
  if (digest !== restored) throw different(client, record, "has another value");
  return "byElements";
}

/** The last bytes are the version of the server that made it, and a checksum of that too. */
function withoutFooter(dump: Buffer): Buffer {
  return dump.subarray(0, Math.max(0, dump.length - DUMP_FOOTER_BYTES));
}

export function different(client: RedisClient, { key, db }: Pick<BackupRecord, "key" | "db">, how: string): AppError {
  return new AppError("CONFLICT", `The restored copy is not the backup: ${showBytes(key)} of db${db} ${how}`, {
    fix: `Make sure nobody else writes to the copy on ${client.address}, then try again.`,
  });
}

function methodWords({ equal, byElements, byType, expired }: Tally): string {
  const parts = [`DUMP payload and expiry of ${formatCount(equal)} keys byte for byte`];
  if (byElements > 0) parts.push(`${formatCount(byElements)} that the server lays out otherwise by a SHA-256 of each element`);
  if (byType > 0) parts.push(`${formatCount(byType)} that it writes in another form by type and expiry alone`);
  if (expired > 0) parts.push(`${formatCount(expired)} expired meanwhile`);
  return parts.join(", ");
}
