import "server-only";

import { type MongoClient, ObjectId } from "mongodb";

import type { ServerKind } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { attempt, numberOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import { AppError } from "@/server/errors";

/**
 * The driver connects again by itself, so a job goes on over a restart or on another primary without a word: and what was acknowledged
 * last may be lost there. The process that answers tells.
 */

export interface ServerProcess {
  id: string;
  /** Milliseconds since 1970 by the server's clock; 0 where the id alone tells. */
  startedAt: number;
}

/** What the server says of its start is rounded, and a clock may be set. */
const START_TOLERANCE_MS = 5_000;

/** The process that answers for a server; null where nothing says it, and behind mongos, where several answer in turn. */
export async function processOf(client: MongoClient, { hello }: Pick<ServerKind, "hello">): Promise<ServerProcess | null> {
  if (hello["msg"] === "isdbgrid") return null;
  const version = hello["topologyVersion"] as { processId?: unknown } | undefined;
  if (version?.processId instanceof ObjectId) return { id: version.processId.toHexString(), startedAt: 0 };
  const status = await attempt(client.db("admin").command({ serverStatus: 1, maxTimeMS: 10_000 }));
  const [pid, uptime, now] = [numberOf(status?.["pid"]), numberOf(status?.["uptime"]), status?.["localTime"] as unknown];
  if (pid === null) return null;
  // In a container it is process 1 before a restart and after.
  return { id: String(pid), startedAt: uptime !== null && now instanceof Date ? now.getTime() - uptime * 1_000 : 0 };
}

const isSame = (one: ServerProcess, other: ServerProcess): boolean => one.id === other.id && Math.abs(one.startedAt - other.startedAt) < START_TOLERANCE_MS;

/** @param before what `processOf` said when the job began. @throws AppError CONFLICT when another process answers now, or it cannot be told any more */
export async function assertSameProcess(client: MongoClient, before: ServerProcess | null, { fix }: { fix: string }): Promise<void> {
  if (before === null) return;
  const hello = await client.db("admin").command({ hello: 1 });
  const now = await processOf(client, { hello });
  if (now !== null && isSame(now, before)) return;
  throw new AppError(
    "CONFLICT",
    now === null
      ? "The server says no more which process answers: it may have been restarted in the middle, and what was read before and after may not fit together"
      : "The server was restarted, or another one became primary, in the middle: what was read before and after may not fit together",
    { fix },
  );
}
