import "server-only";
import { formatBytes } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import type { BackupRecord } from "./redis.backup-format";
import { isPortableRecord, longestOf, recordSize, type AnyRecord } from "./redis.backup-record";
import { assertTaken, type Destination, type PlacedRecord, type SendOptions } from "./redis.backup-destination";
import { claimCommand } from "./redis.backup-marker";
import { redisClient, type CommandLine } from "./redis.client";
import { showBytes } from "./redis.codec";
import { errorWord } from "./redis.errors";
import type { PortableRecord } from "./redis.portable-format";
import { PortableSender } from "./redis.portable-send";
import { asRecord, asText } from "./redis.reply";
import { atPoint } from "./redis.swap-points";

const GROUP_BYTES = 4 * 1024 * 1024;
const GROUP_KEYS = 500;

/** Bytes of the longest value a server takes; null where it does not say. */
export async function readBulkLimit(connection: Connection): Promise<number | null> {
  const [config] = await redisClient(connection).run([["CONFIG", "GET", "proto-max-bulk-len"]]);
  const bytes = Array.isArray(config) ? Number(asText(asRecord(config).get("proto-max-bulk-len") ?? "")) : 0;
  return bytes > 0 ? bytes : null;
}

/** Sends keys in groups bounded by bytes and number; the next group is read while the one before is under way. */
export async function sendRestores(batches: AsyncIterable<{ destination: Destination; records: PlacedRecord[] }>, options: SendOptions): Promise<void> {
  const portable = new PortableSender();
  let underWay: Promise<void> = Promise.resolve();
  try {
    for await (const { destination, records } of batches) {
      for (const group of sendGroups(records)) {
        await underWay;
        assertShort(
          group.map(({ record }) => record),
          { ...options, address: destination.client.address },
        );
        underWay = isPortableGroup(group) ? portable.sendGroup(destination, group, options) : sendGroup(destination, group.filter(isDumped), options);
        underWay.catch(() => undefined);
      }
    }
  } finally {
    // Also when reading failed: what is under way must be known before it can be undone.
    await underWay;
  }
}

/** Records to be sent together. */
export function* sendGroups<P extends { record: AnyRecord }>(records: P[]): Generator<P[]> {
  let group: P[] = [];
  let bytes = 0;
  for (const placed of records) {
    group.push(placed);
    bytes += recordSize(placed.record);
    if (bytes < GROUP_BYTES && group.length < GROUP_KEYS) continue;
    yield group;
    group = [];
    bytes = 0;
  }
  if (group.length > 0) yield group;
}

function isPortableGroup(group: PlacedRecord[]): group is PlacedRecord<PortableRecord>[] {
  return group.every(({ record }) => isPortableRecord(record));
}

function isDumped(placed: PlacedRecord): placed is PlacedRecord<BackupRecord> {
  return !isPortableRecord(placed.record);
}

/** @throws LIMIT_EXCEEDED naming a key that the server would end the connection for */
export function assertShort(records: AnyRecord[], { bulkBytesMax, address }: Pick<SendOptions, "bulkBytesMax"> & { address: string }): void {
  const tooLong = records.find((record) => bulkBytesMax !== null && longestOf(record) > bulkBytesMax);
  if (!tooLong) return;
  throw new AppError("LIMIT_EXCEEDED", `The key ${showBytes(tooLong.key)} is longer than ${address} takes (${formatBytes(bulkBytesMax ?? 0)})`, {
    fix: "Raise proto-max-bulk-len in the server's configuration, or leave the key out.",
  });
}

async function sendGroup(destination: Destination, group: PlacedRecord<BackupRecord>[], { onTaken }: SendOptions): Promise<void> {
  const { client, claim, foreign } = destination;
  claim.reached = (group.at(-1)?.position ?? -1) + 1;
  const [, ...replies] = await client.run([claimCommand(claim), ...group.map(({ record }) => restoreCommand(record))]);
  onTaken(group.flatMap(({ record }, index) => (replies[index] instanceof Error ? [] : [record])));
  const failures = group.flatMap(({ record }, index) => {
    const reply = replies[index];
    return reply instanceof Error ? [{ record, reply }] : [];
  });
  for (const { record, reply } of failures) if (errorWord(reply) === "BUSYKEY") foreign.add(record.key.toString("latin1"));
  await atPoint("sent");
  if (failures[0]) assertTaken(client, failures[0]);
}

/** Without REPLACE, an existing key is never touched. The expiry is absolute, so time spent between does not lengthen it. */
export function restoreCommand({ key, dump, expiresAtMs, idleSeconds, frequency }: BackupRecord): CommandLine {
  const use: CommandLine[number][] = frequency !== null ? ["FREQ", frequency] : idleSeconds !== null ? ["IDLETIME", idleSeconds] : [];
  return ["RESTORE", key, expiresAtMs ?? 0, dump, "ABSTTL", ...use];
}
