import "server-only";
import { AppError } from "@/server/errors";
import type { BackupRecord } from "./redis.backup-format";
import type { CommandLine, RedisClient } from "./redis.client";
import { showBytes } from "./redis.codec";
import { errorWord, redisError } from "./redis.errors";

const GROUP_BYTES = 4 * 1024 * 1024;
const GROUP_KEYS = 500;

export interface RestoreBatch {
  client: RedisClient;
  records: BackupRecord[];
}

interface SendOptions {
  /** Gets the names of keys that were there before ours. */
  foreign: Set<string>;
  onTaken(records: BackupRecord[]): void;
}

/** Sends RESTOREs in groups bounded by bytes and number; the next group is read while the one before is under way. */
export async function sendRestores(batches: AsyncIterable<RestoreBatch>, options: SendOptions): Promise<void> {
  let underWay: Promise<void> = Promise.resolve();
  try {
    for await (const { client, records } of batches) {
      for (const group of groups(records)) {
        await underWay;
        underWay = sendGroup(client, group, options);
        underWay.catch(() => undefined);
      }
    }
  } finally {
    // Also when reading failed: what is under way must be known before it can be undone.
    await underWay;
  }
}

function* groups(records: BackupRecord[]): Generator<BackupRecord[]> {
  let group: BackupRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    group.push(record);
    bytes += record.dump.length + record.key.length;
    if (bytes < GROUP_BYTES && group.length < GROUP_KEYS) continue;
    yield group;
    group = [];
    bytes = 0;
  }
  if (group.length > 0) yield group;
}

async function sendGroup(client: RedisClient, records: BackupRecord[], { foreign, onTaken }: SendOptions): Promise<void> {
  const replies = await client.run(records.map(restoreCommand));
  const taken = records.filter((_, index) => !(replies[index] instanceof Error));
  onTaken(taken);
  for (const [index, reply] of replies.entries()) {
    const record = records[index];
    if (reply instanceof Error && record && errorWord(reply) === "BUSYKEY") foreign.add(`${record.db}:${record.key.toString("latin1")}`);
  }
  const failed = replies.findIndex((reply) => reply instanceof Error);
  const record = records[failed];
  if (failed < 0 || !record) return;
  const reply = replies[failed];
  if (reply instanceof Error && errorWord(reply) === "BUSYKEY") {
    throw new AppError("CONFLICT", `The key ${showBytes(record.key)} appeared in the target while it was restored`, { fix: "Choose a logical database that nobody writes to." });
  }
  throw redisError(reply, { address: client.address, doing: `restore the key ${showBytes(record.key)}` });
}

/** Without REPLACE: an existing key is never touched. The expiry is absolute, so time spent between does not lengthen it. */
function restoreCommand({ key, dump, expiresAtMs, idleSeconds, frequency }: BackupRecord): CommandLine {
  const use: CommandLine[number][] = frequency !== null ? ["FREQ", frequency] : idleSeconds !== null ? ["IDLETIME", idleSeconds] : [];
  return ["RESTORE", key, expiresAtMs ?? 0, dump, "ABSTTL", ...use];
}
