import "server-only";
import { createReadStream } from "node:fs";
import type { Artefact, LeftBehind } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import type { BackupRecord } from "./redis.backup-format";
import { readClaim, releaseDatabase, type Claim } from "./redis.backup-marker";
import { readBackup } from "./redis.backup-read";
import { targetDatabases } from "./redis.backup-target";
import { openJobClient } from "./redis.client";

const UNLINK_KEYS = 500;

interface Removal {
  artefact: Pick<Artefact, "open">;
  connection: Connection;
  jobId: string;
  db: number;
  claim: Claim;
  /** Names (latin1) of keys that were there before ours. */
  foreign: ReadonlySet<string>;
}

/** Removes exactly the keys that a restore sent, by reading the backup again, then the claim. Never a whole database: others may have written. */
export async function removeRestored({ artefact, connection, jobId, db, claim, foreign }: Removal): Promise<void> {
  using client = openJobClient(connection, db);
  let position = 0;
  const nowMs = BigInt(claim.nowMs);
  for await (const records of claim.reached === 0 ? [] : readBackup(artefact, { isVerified: true })) {
    const keys: Buffer[] = [];
    for (const record of records) {
      if (record.db !== claim.from) continue;
      position += 1;
      if (position <= claim.reached && isLive(record, nowMs) && !foreign.has(record.key.toString("latin1"))) keys.push(record.key);
    }
    for (let at = 0; at < keys.length; at += UNLINK_KEYS) await client.send("UNLINK", ...keys.slice(at, at + UNLINK_KEYS));
    if (position >= claim.reached) break;
  }
  await releaseDatabase(client, jobId);
}

export function isLive(record: BackupRecord, nowMs: bigint): boolean {
  return record.expiresAtMs === null || BigInt(record.expiresAtMs) > nowMs;
}

/** After a crash: the claim says which backup was being restored, and how far. Without a claim there is nothing of ours. */
export async function sweepRestore(connection: Connection, { jobId, target }: LeftBehind): Promise<void> {
  for (const db of targetDatabases(target)) {
    const claim = await readClaim(connection, { jobId, db });
    if (!claim) continue;
    const artefact = { open: () => createReadStream(claim.artefact, { highWaterMark: 1 << 20 }) };
    await removeRestored({ artefact, connection, jobId, db, claim, foreign: new Set() }).catch((error: unknown) => {
      throw new AppError("CONFLICT", `db${db} of ${connection.address} holds a half restore that cannot be removed`, {
        fix: `The backup it came from is needed to know its keys. When nothing else is in db${db}, empty it with FLUSHDB yourself.`,
        detail: error instanceof Error ? error.message : String(error),
        cause: error,
      });
    });
  }
}
