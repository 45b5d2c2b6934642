import "server-only";

import { type MongoClient, ObjectId } from "mongodb";

import type { ServerKind } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { attempt, numberOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import { AppError } from "@/server/errors";

/**
 * The driver connects again by itself, so a job goes on over a restart or on another primary without a word: and what was acknowledged
 * last may be lost there. The process that answers tells.
 */

/** The process that answers for a server; null where nothing says it, and behind mongos, where several answer in turn. */
export async function processOf(client: MongoClient, { hello }: Pick<ServerKind, "hello">): Promise<string | null> {
  if (hello["msg"] === "isdbgrid") return null;
  const version = hello["topologyVersion"] as { processId?: unknown } | undefined;
  if (version?.processId instanceof ObjectId) return version.processId.toHexString();
  const status = await attempt(client.db("admin").command({ serverStatus: 1, maxTimeMS: 3_000 }));
  const pid = numberOf(status?.["pid"]);
  return pid === null ? null : String(pid);
}

/** @param before what `processOf` said when the job began. @throws AppError CONFLICT when another process answers now */
export async function assertSameProcess(client: MongoClient, before: string | null, { fix }: { fix: string }): Promise<void> {
  if (before === null) return;
  const hello = await client.db("admin").command({ hello: 1 });
  const now = await processOf(client, { hello });
  if (now === null || now === before) return;
  throw new AppError(
    "CONFLICT",
    "The server was restarted, or another one became primary, in the middle: what was read before and after may not fit together",
    {
      fix,
    },
  );
}
