import "server-only";
import { createReadStream } from "node:fs";
import type { Artefact, LeftBehind } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { asideDatabases, releaseDatabase, type Claim } from "./redis.backup-marker";
import { recordEnd, recordType, type AnyRecord } from "./redis.backup-record";
import { readKeyRecords } from "./redis.backup-source";
import { openJobClient, redisClient } from "./redis.client";
import { removeCopies } from "./redis.in-place-files";

const UNLINK_KEYS = 500;

interface Removal {
  artefact: Pick<Artefact, "open">;
  connection: Connection;
  db: number;
  claim: Claim;
  /** Names (latin1) of keys that were there before ours. */
  foreign: ReadonlySet<string>;
}

/** Removes exactly the keys that a restore sent, by reading the backup again, then the claim. Never a whole database: others may have written. */
export async function removeRestored({ artefact, connection, db, claim, foreign }: Removal): Promise<void> {
  using client = openJobClient(connection, db);
  let position = 0;
  for await (const records of claim.reached === 0 ? [] : readKeyRecords(artefact)) {
    const keys: Buffer[] = [];
    for (const record of records) {
      if (record.db !== claim.from) continue;
      position += 1;
      if (position <= claim.reached && isSent(record, claim) && !foreign.has(record.key.toString("latin1"))) keys.push(record.key);
    }
    for (let at = 0; at < keys.length; at += UNLINK_KEYS) await client.send("UNLINK", ...keys.slice(at, at + UNLINK_KEYS));
    if (position >= claim.reached) break;
  }
  await releaseDatabase(client, claim.jobId);
}

/** Whether a record of the claim's database is one that is sent: asked for, and not expired when the restore began. */
export function isSent(record: AnyRecord, { types, nowMs }: Pick<Claim, "types" | "nowMs">): boolean {
  const end = recordEnd(record);
  return isWanted(record, types) && (end === null || BigInt(end) > BigInt(nowMs));
}

/** @param types null for all */
export function isWanted(record: AnyRecord, types: string[] | null): boolean {
  return types === null || types.includes(recordType(record));
}

/**
 * After a crash: the claim says which backup was being restored, and how far. Every database is asked, because a restore
 * that is to replace another chooses a spare one. Without a claim there is nothing of ours.
 */
export async function sweepRestore(connection: Connection, { jobId }: LeftBehind): Promise<void> {
  await removeCopies(jobId);
  for (const { db, kind, claim } of await asideDatabases(connection, await redisClient(connection).info())) {
    if (kind !== "restored" || claim.jobId !== jobId) continue;
    const artefact = { open: () => createReadStream(claim.artefact, { highWaterMark: 1 << 20 }) };
    await removeRestored({ artefact, connection, db, claim, foreign: new Set() }).catch((error: unknown) => {
      throw new AppError("CONFLICT", `db${db} of ${connection.address} holds a half restore that cannot be removed`, {
        fix: `The backup it came from is needed to know its keys. When nothing else is in db${db}, empty it with FLUSHDB yourself.`,
        detail: error instanceof Error ? error.message : String(error),
        cause: error,
      });
    });
  }
}
