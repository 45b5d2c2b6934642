import "server-only";
import { isUtf8 } from "node:buffer";
import type { ArtefactSink, JobContext, ManifestContent } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import { writeBackupFile, type BackupFileWriter } from "./redis.backup-file";
import { BACKUP_FORMAT, recordPieces, type BackupFooter, type BackupHeader } from "./redis.backup-format";
import { asideDatabases } from "./redis.backup-marker";
import { countedObjects, countType, objectName, type TypeCounts } from "./redis.backup-read";
import { scanRecords, type ScannedRecords } from "./redis.backup-scan";
import { openJobClient, redisClient, type RedisClient } from "./redis.client";
import { dumpType, dumpVersion, RDB_VERSION_BEFORE_7 } from "./redis.dump";
import { asBuffer, asRecord, type Reply } from "./redis.reply";
import { databaseCounts, serverFacts, speaks, type DatabaseCount, type InfoFields, type ServerFacts } from "./redis.server-facts";

interface Written {
  counts: TypeCounts;
  /** Bytes of the lines, by the same names as the manifest's objects. */
  bytes: Map<string, number>;
  vanished: Map<number, number>;
  memoryBytes: Map<number, number | null>;
  keys: number;
}

/** Scan mode: all logical databases key by key while the server goes on. Works without special rights, is not a snapshot. */
export async function writeBackup(connection: Connection, sink: ArtefactSink, context: JobContext): Promise<ManifestContent> {
  using client = openJobClient(connection, 0);
  using _cancel = closeOnCancel(client, context.signal);
  const info = await client.info();
  const facts = serverFacts(info);
  assertNoCluster(connection, facts);
  const aside = await asideDatabases(connection, info);
  const databases = databaseCounts(info).filter(({ db }) => !aside.some((one) => one.db === db));
  const header = await makeHeader({ client, connection, facts, databases });
  const file = writeBackupFile(sink.stream());
  try {
    await file.write(`${JSON.stringify(header)}\n`);
    const written = await writeDatabases({ connection, file, databases, facts, context });
    await checkSameServer({ client, info });
    await writeFooter(file, written);
    const content = describe({ facts, header, written, databases });
    const skipped = aside.map(({ db }) => ({ name: `db${db}`, reason: "stands aside: a restore of this console uses it" }));
    return { ...content, skipped: [...content.skipped, ...skipped] };
  } catch (error) {
    file.abort(error instanceof Error ? error : new Error(String(error)));
    throwIfCancelled(context.signal);
    throw error;
  }
}

export function assertNoCluster({ address }: Connection, facts: ServerFacts): void {
  if (!facts.isCluster) return;
  throw new AppError("UNSUPPORTED", `${address} is one node of a cluster and holds only a part of the keys`, {
    fix: "Back up each master of the cluster with redis-cli --cluster backup.",
  });
}

interface Run {
  connection: Connection;
  file: BackupFileWriter;
  databases: DatabaseCount[];
  facts: ServerFacts;
  context: JobContext;
}

async function writeDatabases({ connection, file, databases, facts, context }: Run): Promise<Written> {
  const written: Written = { counts: new Map(), bytes: new Map(), vanished: new Map(), memoryBytes: new Map(), keys: 0 };
  const itemsTotal = databases.reduce((sum, database) => sum + database.keys, 0);
  context.progress({ phase: "Read keys", objectsTotal: databases.length, objectsDone: 0, itemsDone: 0, itemsTotal });
  for (const [done, { db }] of databases.entries()) {
    context.progress({ object: `db${db}`, objectsDone: done });
    using client = openJobClient(connection, db);
    using _cancel = closeOnCancel(client, context.signal);
    for await (const batch of scanRecords({ client, facts, db, signal: context.signal })) {
      await writeBatch({ file, db, batch, written });
      context.progress({ itemsDone: written.keys });
    }
    const vanished = written.vanished.get(db) ?? 0;
    if (vanished > 0) context.log(`db${db}: ${vanished} keys expired or were deleted before they could be read`);
  }
  context.progress({ objectsDone: databases.length });
  return written;
}

async function writeBatch({ file, db, batch, written }: { file: BackupFileWriter; db: number; batch: ScannedRecords; written: Written }): Promise<void> {
  for (const record of batch.records) {
    const type = dumpType(record.dump);
    let bytes = 0;
    for (const piece of recordPieces(record)) {
      bytes += piece.length;
      await file.write(piece);
    }
    countType(written.counts, db, type);
    const name = objectName(db, type);
    written.bytes.set(name, (written.bytes.get(name) ?? 0) + bytes);
    written.keys += 1;
  }
  written.vanished.set(db, (written.vanished.get(db) ?? 0) + batch.vanished);
  const memory = written.memoryBytes.get(db);
  written.memoryBytes.set(db, memory === null || batch.memoryBytes === null ? null : (memory ?? 0) + batch.memoryBytes);
}

async function writeFooter(file: BackupFileWriter, written: Written): Promise<void> {
  const footer: BackupFooter = {
    footer: 1,
    keys: written.keys,
    counts: Object.fromEntries([...written.counts].map(([db, types]) => [String(db), Object.fromEntries(types)])),
    vanished: total(written.vanished),
    memoryBytes: Object.fromEntries([...written.memoryBytes].map(([db, bytes]) => [String(db), bytes])),
    finishedAt: new Date().toISOString(),
    sha256: await file.sha256(),
  };
  await file.write(`${JSON.stringify(footer)}\n`);
  await file.end();
}

async function makeHeader({
  client,
  connection,
  facts,
  databases,
}: {
  client: RedisClient;
  connection: Connection;
  facts: ServerFacts;
  databases: DatabaseCount[];
}): Promise<BackupHeader> {
  const functions = await readFunctions(client, facts);
  return {
    format: BACKUP_FORMAT,
    version: 1,
    mode: "fuzzy",
    product: facts.product,
    serverVersion: facts.version,
    rdbVersion: functions.rdbVersion ?? (await probeRdbVersion({ connection, facts, databases })),
    runId: facts.runId,
    evictionPolicy: facts.evictionPolicy,
    databases: Object.fromEntries(databases.map(({ db, keys }) => [String(db), keys])),
    functions: functions.payload,
    libraries: functions.libraries,
    startedAt: new Date().toISOString(),
  };
}

/** Functions exist from 7.0 on. A user who may not read them gets a backup without them, and the manifest says so. */
export async function readFunctions(
  client: RedisClient,
  facts: ServerFacts,
): Promise<{ payload: string | null; libraries: string[]; rdbVersion: number | null }> {
  if (!speaks(facts, 7)) return { payload: null, libraries: [], rdbVersion: null };
  const [dump, list] = await client.run([
    ["FUNCTION", "DUMP"],
    ["FUNCTION", "LIST"],
  ]);
  if (!Buffer.isBuffer(dump) || !Array.isArray(list)) return { payload: null, libraries: [], rdbVersion: null };
  const libraries = list.map(libraryName);
  return { payload: libraries.length === 0 ? null : asBuffer(dump).toString("base64"), libraries, rdbVersion: dumpVersion(asBuffer(dump)) };
}

export function libraryName(library: Reply): string {
  const name = asBuffer(asRecord(library).get("library_name"));
  return isUtf8(name) ? name.toString("utf8") : name.toString("latin1");
}

/** What version this server writes: always 9 before 7.0; else, where FUNCTION is forbidden, from any key. */
async function probeRdbVersion({
  connection,
  facts,
  databases,
}: {
  connection: Connection;
  facts: ServerFacts;
  databases: DatabaseCount[];
}): Promise<number | null> {
  if (!speaks(facts, 7)) return RDB_VERSION_BEFORE_7;
  for (const { db } of databases) {
    const client = redisClient(connection, db);
    for (let attempt = 0; attempt < 5; attempt++) {
      const key = await client.send("RANDOMKEY");
      const dump = key === null ? null : await client.send("DUMP", asBuffer(key));
      if (Buffer.isBuffer(dump)) return dumpVersion(dump);
    }
  }
  return null;
}

/** A server that was restarted or replaced meanwhile may have lost keys that were still to come. */
export async function checkSameServer({ client, info }: { client: RedisClient; info: InfoFields }): Promise<void> {
  const now = await client.info();
  if (now.get("run_id") !== info.get("run_id")) {
    throw new AppError("CONFLICT", `${client.address} was restarted during the backup`, { fix: "Start the backup again." });
  }
}

function describe({
  facts,
  header,
  written,
  databases,
}: {
  facts: ServerFacts;
  header: BackupHeader;
  written: Written;
  databases: DatabaseCount[];
}): ManifestContent {
  return {
    format: "redis-scan",
    server: { product: facts.product, version: facts.version },
    source: databases.map(({ db }) => `db${db}`).join(", ") || "all logical databases, empty",
    tool: "foundry-console redis-scan 1",
    consistency: "fuzzy",
    objects: countedObjects(written.counts).map(({ name, count }) => ({ name, kind: "keys", count, bytes: written.bytes.get(name) ?? null, checksum: null })),
    skipped: [...written.vanished]
      .filter(([, keys]) => keys > 0)
      .map(([db, keys]) => ({ name: `db${db}`, reason: `${keys} keys expired or were deleted before they could be read` })),
    details: {
      rdbVersion: header.rdbVersion,
      runId: header.runId,
      evictionPolicy: header.evictionPolicy,
      databases: header.databases,
      libraries: header.libraries,
      memoryBytes: Object.fromEntries([...written.memoryBytes].map(([db, bytes]) => [String(db), bytes])),
      vanished: total(written.vanished),
    },
  };
}

/** Ends the client's commands at once when the job is cancelled. */
export function closeOnCancel(client: RedisClient, signal: AbortSignal): Disposable {
  throwIfCancelled(signal);
  const close = () => client.close();
  signal.addEventListener("abort", close, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", close) };
}

function total(numbers: Map<number, number>): number {
  return [...numbers.values()].reduce((sum, one) => sum + one, 0);
}
