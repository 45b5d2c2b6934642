import "server-only";
import type { ArtefactSink, JobContext, ManifestContent } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import { writeBackupFile, type BackupFileWriter } from "./redis.backup-file";
import { asideDatabases } from "./redis.backup-marker";
import { closeOnCancel, openJobClient, type RedisClient } from "./redis.client";
import { databaseCounts, serverFacts, type DatabaseCount, type InfoFields, type ServerFacts } from "./redis.server-facts";

/** What the formats that read key by key, while the server goes on, write with. */
export interface KeyByKey {
  connection: Connection;
  client: RedisClient;
  facts: ServerFacts;
  /** Those to be written: without what stands aside for a restore. */
  databases: DatabaseCount[];
  file: BackupFileWriter;
  context: JobContext;
}

interface Backup {
  connection: Connection;
  sink: ArtefactSink;
  context: JobContext;
}

/**
 * Writes a backup key by key. The file has no end when the server was restarted meanwhile, or anything else fails.
 * @param write writes all keys; what it answers ends the file and says what is in it
 */
export async function writeKeyByKey(
  { connection, sink, context }: Backup,
  write: (run: KeyByKey) => Promise<() => Promise<ManifestContent>>,
): Promise<ManifestContent> {
  using client = openJobClient(connection, 0);
  using _cancel = closeOnCancel(client, context.signal);
  const info = await client.info();
  const facts = serverFacts(info);
  assertNoCluster(connection, facts);
  const aside = await asideDatabases(connection, info);
  const databases = databaseCounts(info).filter(({ db }) => !aside.some((one) => one.db === db));
  const file = writeBackupFile(sink.stream());
  try {
    const end = await write({ connection, client, facts, databases, file, context });
    await assertSameServer({ client, info });
    const content = await end();
    const skipped = aside.map(({ db }) => ({ name: `db${db}`, reason: "stands aside: a restore of this console uses it" }));
    return { ...content, skipped: [...content.skipped, ...skipped] };
  } catch (error) {
    file.abort(error instanceof Error ? error : new Error(String(error)));
    throwIfCancelled(context.signal);
    throw error;
  }
}

/** One database after the other, each with a client of its own. */
export async function eachDatabase({ connection, databases, context }: KeyByKey, read: (client: RedisClient, db: number) => Promise<void>): Promise<void> {
  const itemsTotal = databases.reduce((sum, database) => sum + database.keys, 0);
  context.progress({ phase: "Read keys", objectsTotal: databases.length, objectsDone: 0, itemsDone: 0, itemsTotal });
  for (const [done, { db }] of databases.entries()) {
    context.progress({ object: `db${db}`, objectsDone: done });
    using client = openJobClient(connection, db);
    using _cancel = closeOnCancel(client, context.signal);
    await read(client, db);
  }
  context.progress({ objectsDone: databases.length });
}

function assertNoCluster({ address }: Connection, facts: ServerFacts): void {
  if (!facts.isCluster) return;
  throw new AppError("UNSUPPORTED", `${address} is one node of a cluster and holds only a part of the keys`, {
    fix: "Back up each master of the cluster with redis-cli --cluster backup.",
  });
}

/** A server that was restarted or replaced meanwhile may have lost keys that were still to come. */
async function assertSameServer({ client, info }: { client: RedisClient; info: InfoFields }): Promise<void> {
  const now = await client.info();
  if (now.get("run_id") !== info.get("run_id")) {
    throw new AppError("CONFLICT", `${client.address} was restarted during the backup`, { fix: "Start the backup again." });
  }
}
