import "server-only";
import { z } from "zod";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { redisClient, type CommandLine, type RedisClient } from "./redis.client";
import { asNumber } from "./redis.reply";

/**
 * While a restore stands aside, its logical database holds one key more: who restores what into it, and how far it came.
 * It claims the database (a second restore finds it not empty), and after a crash it says which keys are to be removed
 * again, so that nothing else is ever touched.
 */
const Claim = z.strictObject({
  /** Path of the backup. */
  artefact: z.string(),
  /** The logical database in the backup. */
  from: z.number().int(),
  /** The server's clock when it began: what had expired was not sent. */
  nowMs: z.string().regex(/^\d+$/),
  /** How many of the database's records, in the backup's order, were sent or are being sent. */
  reached: z.number().int(),
});
export type Claim = z.infer<typeof Claim>;

export function markerKey(jobId: string): string {
  return `foundry-console:restore:${jobId}`;
}

/** @throws CONFLICT when the logical database is not empty */
export async function claimDatabase(client: RedisClient, { jobId, claim, db }: { jobId: string; claim: Claim; db: number }): Promise<void> {
  const [size, set] = await client.transaction([["DBSIZE"], ["SET", markerKey(jobId), JSON.stringify(claim), "NX"]]);
  if (set instanceof Error) throw set;
  if (asNumber(size) === 0) return;
  await client.send("UNLINK", markerKey(jobId));
  throw new AppError("CONFLICT", `db${db} of ${client.address} is not empty`, { fix: "Choose an empty logical database." });
}

/** Goes before the records it speaks of. */
export function reachedCommand(jobId: string, claim: Claim): CommandLine {
  return ["SET", markerKey(jobId), JSON.stringify(claim), "XX"];
}

export async function releaseDatabase(client: RedisClient, jobId: string): Promise<void> {
  await client.send("UNLINK", markerKey(jobId));
}

/** Null when this job never claimed the database, or kept what it restored. */
export async function readClaim(connection: Connection, { jobId, db }: { jobId: string; db: number }): Promise<Claim | null> {
  const text = await redisClient(connection, db).send("GET", markerKey(jobId));
  return Buffer.isBuffer(text) ? Claim.parse(JSON.parse(text.toString("utf8"))) : null;
}
