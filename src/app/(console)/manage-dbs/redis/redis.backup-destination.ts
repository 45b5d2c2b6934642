import "server-only";
import { AppError } from "@/server/errors";
import type { Claim } from "./redis.backup-marker";
import type { AnyRecord } from "./redis.backup-record";
import type { RedisClient } from "./redis.client";
import { showBytes } from "./redis.codec";
import { errorWord, redisError } from "./redis.errors";
import type { Reply } from "./redis.reply";

/** A record with its place among the backup's records of the same logical database, from 0. */
export interface PlacedRecord<R extends AnyRecord = AnyRecord> {
  record: R;
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

export interface SendOptions {
  /** The longest value the server takes (proto-max-bulk-len): it ends the connection of who sends a longer one. Null when it does not say. */
  bulkBytesMax: number | null;
  onTaken: (records: AnyRecord[]) => void;
}

/** @throws what a command that restores a key answered instead of taking it */
export function assertTaken(client: RedisClient, { reply, record }: { reply: Reply | undefined; record: AnyRecord }): void {
  if (!(reply instanceof Error)) return;
  if (errorWord(reply) === "BUSYKEY") throw appeared(record);
  throw redisError(reply, { address: client.address, doing: `restore the key ${showBytes(record.key)}` });
}

export function appeared({ key }: Pick<AnyRecord, "key">): AppError {
  return new AppError("CONFLICT", `The key ${showBytes(key)} appeared in the target while it was restored`, {
    fix: "Choose a logical database that nobody writes to.",
  });
}
