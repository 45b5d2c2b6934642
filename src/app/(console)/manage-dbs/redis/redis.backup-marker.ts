import "server-only";
import { z } from "zod";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { redisClient, type RedisClient } from "./redis.client";
import { asNumber } from "./redis.reply";
import type { Placement } from "./redis.backup-target";

/**
 * While a restore stands aside, its logical database holds one key more: who restores what into it. It claims the database
 * (a second restore finds it not empty), and after a crash it says which backup's keys are to be removed again, so that
 * nothing else is ever touched.
 */
const Marker = z.object({ artefact: z.string(), from: z.number(), startedAt: z.string() });
type Marker = z.infer<typeof Marker>;

export function markerKey(jobId: string): string {
  return `foundry-console:restore:${jobId}`;
}

/** @throws CONFLICT when the logical database is not empty */
export async function claimDatabase(client: RedisClient, { jobId, placement, artefact }: { jobId: string; placement: Placement; artefact: string }): Promise<void> {
  const marker: Marker = { artefact, from: placement.from, startedAt: new Date().toISOString() };
  const [size, set] = await client.transaction([["DBSIZE"], ["SET", markerKey(jobId), JSON.stringify(marker), "NX"]]);
  if (set instanceof Error) throw set;
  if (asNumber(size) === 0) return;
  await client.send("UNLINK", markerKey(jobId));
  throw new AppError("CONFLICT", `db${placement.to} of ${client.address} is not empty`, { fix: "Choose an empty logical database." });
}

export async function releaseDatabase(client: RedisClient, jobId: string): Promise<void> {
  await client.send("UNLINK", markerKey(jobId));
}

/** Null when this job never claimed the database, or kept what it restored. */
export async function readMarker(connection: Connection, { jobId, db }: { jobId: string; db: number }): Promise<Marker | null> {
  const text = await redisClient(connection, db).send("GET", markerKey(jobId));
  return Buffer.isBuffer(text) ? Marker.parse(JSON.parse(text.toString("utf8"))) : null;
}
