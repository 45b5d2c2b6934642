import "server-only";
import { formatBytes } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import type { BackupRecord } from "./redis.backup-format";
import { claimCommand, type Claim } from "./redis.backup-marker";
import { redisClient, type CommandLine, type RedisClient } from "./redis.client";
import { showBytes } from "./redis.codec";
import { errorWord, redisError } from "./redis.errors";
import { asRecord, asText } from "./redis.reply";
import { atPoint } from "./redis.swap-points";

const GROUP_BYTES = 4 * 1024 * 1024;
const GROUP_KEYS = 500;

/** A record with its place among the backup's records of the same logical database, from 0. */
export interface PlacedRecord {
  record: BackupRecord;
  position: number;
}

/** One logical database being restored. */
export interface Destination {
  client: RedisClient;
  /** Kept in step with what was sent. */
  claim: Claim;
  /** Keys that were there before ours: not ours, whatever happens. */
  foreign: Set<string>;
}

interface SendOptions {
  /** The longest value the server takes (proto-max-bulk-len): it ends the connection of who sends a longer one. Null when it does not say. */
  bulkBytesMax: number | null;
  onTaken: (records: BackupRecord[]) => void;
}

/** Bytes of the longest value a server takes; null where it does not say. */
export async function readBulkLimit(connection: Connection): Promise<number | null> {
  const [config] = await redisClient(connection).run([["CONFIG", "GET", "proto-max-bulk-len"]]);
  const bytes = Array.isArray(config) ? Number(asText(asRecord(config).get("proto-max-bulk-len") ?? "")) : 0;
  return bytes > 0 ? bytes : null;
}

/** Sends RESTOREs in groups bounded by bytes and number; the next group is read while the one before is under way. */
export async function sendRestores(batches: AsyncIterable<{ destination: Destination; records: PlacedRecord[] }>, options: SendOptions): Promise<void> {
  let underWay: Promise<void> = Promise.resolve();
  try {
    for await (const { destination, records } of batches) {
      for (const group of groups(records)) {
        await underWay;
        underWay = sendGroup(destination, group, options);
        underWay.catch(() => undefined);
      }
    }
  } finally {
    // Also when reading failed: what is under way must be known before it can be undone.
    await underWay;
  }
}

function* groups(records: PlacedRecord[]): Generator<PlacedRecord[]> {
  let group: PlacedRecord[] = [];
  let bytes = 0;
  for (const placed of records) {
    group.push(placed);
    bytes += placed.record.dump.length + placed.record.key.length;
    if (bytes < GROUP_BYTES && group.length < GROUP_KEYS) continue;
    yield group;
    group = [];
    bytes = 0;
  }
  if (group.length > 0) yield group;
}

async function sendGroup(destination: Destination, group: PlacedRecord[], { onTaken, bulkBytesMax }: SendOptions): Promise<void> {
  const { client, claim, foreign } = destination;
  const tooLong = group.find(({ record }) => bulkBytesMax !== null && Math.max(record.dump.length, record.key.length) > bulkBytesMax);
  if (tooLong) {
    throw new AppError(
      "LIMIT_EXCEEDED",
      `The key ${showBytes(tooLong.record.key)} is longer than ${client.address} takes (${formatBytes(bulkBytesMax ?? 0)})`,
      {
        fix: "Raise proto-max-bulk-len in the server's configuration, or leave the key out.",
      },
    );
  }
  claim.reached = (group.at(-1)?.position ?? -1) + 1;
  const [, ...replies] = await client.run([claimCommand(claim), ...group.map(({ record }) => restoreCommand(record))]);
  onTaken(group.flatMap(({ record }, index) => (replies[index] instanceof Error ? [] : [record])));
  const failures = group.flatMap(({ record }, index) => {
    const reply = replies[index];
    return reply instanceof Error ? [{ record, error: reply }] : [];
  });
  for (const { record, error } of failures) if (errorWord(error) === "BUSYKEY") foreign.add(record.key.toString("latin1"));
  const first = failures[0];
  await atPoint("sent");
  if (!first) return;
  if (errorWord(first.error) === "BUSYKEY") {
    throw new AppError("CONFLICT", `The key ${showBytes(first.record.key)} appeared in the target while it was restored`, {
      fix: "Choose a logical database that nobody writes to.",
    });
  }
  throw redisError(first.error, { address: client.address, doing: `restore the key ${showBytes(first.record.key)}` });
}

/** Without REPLACE: an existing key is never touched. The expiry is absolute, so time spent between does not lengthen it. */
function restoreCommand({ key, dump, expiresAtMs, idleSeconds, frequency }: BackupRecord): CommandLine {
  const use: CommandLine[number][] = frequency !== null ? ["FREQ", frequency] : idleSeconds !== null ? ["IDLETIME", idleSeconds] : [];
  return ["RESTORE", key, expiresAtMs ?? 0, dump, "ABSTTL", ...use];
}
