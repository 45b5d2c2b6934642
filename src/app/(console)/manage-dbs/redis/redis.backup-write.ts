import "server-only";
import type { ArtefactSink, JobContext, ManifestContent } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import type { BackupFileWriter } from "./redis.backup-file";
import { BACKUP_FORMAT, recordPieces, type BackupFooter, type BackupHeader } from "./redis.backup-format";
import { countedObjects, countType, objectName, type TypeCounts } from "./redis.backup-read";
import { scanRecords, type ScannedRecords } from "./redis.backup-scan";
import { redisClient, type RedisClient } from "./redis.client";
import { dumpType, dumpVersion, RDB_VERSION_BEFORE_7 } from "./redis.dump";
import { libraryName } from "./redis.functions";
import { eachDatabase, writeKeyByKey, type KeyByKey } from "./redis.key-by-key";
import { asBuffer } from "./redis.reply";
import { speaks, type DatabaseCount, type ServerFacts } from "./redis.server-facts";

interface Written {
  counts: TypeCounts;
  /** Bytes of the lines, by the same names as the manifest's objects. */
  bytes: Map<string, number>;
  vanished: Map<number, number>;
  memoryBytes: Map<number, number | null>;
  keys: number;
}

/** Scan mode: all logical databases key by key while the server goes on. Works without special rights, is not a snapshot. */
export function writeBackup(connection: Connection, sink: ArtefactSink, context: JobContext): Promise<ManifestContent> {
  return writeKeyByKey({ connection, sink, context }, async (run) => {
    const { facts, databases, file } = run;
    const header = await makeHeader(run);
    await file.write(`${JSON.stringify(header)}\n`);
    const written = await writeDatabases(run);
    return async () => {
      await writeFooter(file, written);
      return describe({ facts, header, written, databases });
    };
  });
}

async function writeDatabases(run: KeyByKey): Promise<Written> {
  const { facts, file, context } = run;
  const { signal } = context;
  const written: Written = { counts: new Map(), bytes: new Map(), vanished: new Map(), memoryBytes: new Map(), keys: 0 };
  await eachDatabase(run, async (client, db) => {
    for await (const batch of scanRecords({ client, facts, db, signal })) {
      await writeBatch({ file, db, batch, written });
      context.progress({ itemsDone: written.keys });
    }
    const vanished = written.vanished.get(db) ?? 0;
    if (vanished > 0) context.log(`db${db}: ${vanished} keys expired or were deleted before they could be read`);
  });
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

async function makeHeader({ client, connection, facts, databases }: KeyByKey): Promise<BackupHeader> {
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

function total(numbers: Map<number, number>): number {
  return [...numbers.values()].reduce((sum, one) => sum + one, 0);
}
