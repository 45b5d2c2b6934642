import "server-only";
import type { ArtefactSink, JobContext, ManifestContent } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { throwIfCancelled } from "@/server/errors";
import { writeBackupFile, type BackupFileWriter } from "./redis.backup-file";
import { asideDatabases } from "./redis.backup-marker";
import { countType, objectName } from "./redis.backup-read";
import { freshNames } from "./redis.backup-scan";
import { assertNoCluster, checkSameServer, closeOnCancel, readFunctions } from "./redis.backup-write";
import { openJobClient } from "./redis.client";
import { ascii, PORTABLE_FILE, portableLine, type PortableFooter, type PortableHeader, type PortableRecord } from "./redis.portable-format";
import { namesOf, portableContent, type PortableContent } from "./redis.portable-read";
import { askFieldExpiries, newTally, readKeys, type PortableTally } from "./redis.portable-scan";
import { databaseCounts, serverFacts, type DatabaseCount, type ServerFacts } from "./redis.server-facts";

interface Written extends Pick<PortableContent, "counts" | "bytes"> {
  keys: number;
  tallies: Map<number, PortableTally>;
}

/** All logical databases as typed values, key by key while the server goes on. Needs no special rights, is not a snapshot. */
export async function writePortable(connection: Connection, sink: ArtefactSink, context: JobContext): Promise<ManifestContent> {
  using client = openJobClient(connection, 0);
  using _cancel = closeOnCancel(client, context.signal);
  const info = await client.info();
  const facts = serverFacts(info);
  assertNoCluster(connection, facts);
  const aside = await asideDatabases(connection, info);
  const databases = databaseCounts(info).filter(({ db }) => !aside.some((one) => one.db === db));
  const hasFieldExpiries = await askFieldExpiries(client);
  const header: PortableHeader = {
    format: PORTABLE_FILE,
    version: 1,
    mode: "fuzzy",
    product: facts.product,
    serverVersion: facts.version,
    runId: facts.runId,
    evictionPolicy: facts.evictionPolicy,
    databases: Object.fromEntries(databases.map(({ db, keys }) => [String(db), keys])),
    libraries: (await readFunctions(client, facts)).libraries,
    startedAt: new Date().toISOString(),
  };
  const file = writeBackupFile(sink.stream());
  try {
    await file.write(`${ascii(header)}\n`);
    const written = await writeDatabases({ connection, file, databases, facts, hasFieldExpiries, context });
    await checkSameServer({ client, info });
    const footer = await writeFooter(file, written);
    const content = portableContent({ header, footer, ...written });
    const skipped = aside.map(({ db }) => ({ name: `db${db}`, reason: "stands aside: a restore of this console uses it" }));
    return { ...content, skipped: [...content.skipped, ...skipped] };
  } catch (error) {
    file.abort(error instanceof Error ? error : new Error(String(error)));
    throwIfCancelled(context.signal);
    throw error;
  }
}

interface Run {
  connection: Connection;
  file: BackupFileWriter;
  databases: DatabaseCount[];
  facts: ServerFacts;
  hasFieldExpiries: boolean;
  context: JobContext;
}

async function writeDatabases({ connection, file, databases, facts, hasFieldExpiries, context }: Run): Promise<Written> {
  const written: Written = { counts: new Map(), bytes: new Map(), keys: 0, tallies: new Map() };
  const itemsTotal = databases.reduce((sum, database) => sum + database.keys, 0);
  const { signal } = context;
  context.progress({ phase: "Read keys", objectsTotal: databases.length, objectsDone: 0, itemsDone: 0, itemsTotal });
  for (const [done, { db }] of databases.entries()) {
    context.progress({ object: `db${db}`, objectsDone: done });
    using client = openJobClient(connection, db);
    using _cancel = closeOnCancel(client, signal);
    const tally = newTally();
    written.tallies.set(db, tally);
    for await (const names of freshNames({ client, signal })) {
      for await (const records of readKeys({ client, facts, hasFieldExpiries, db, signal, tally }, names)) {
        await writeRecords(file, records, written);
        context.progress({ itemsDone: written.keys });
      }
    }
    logTally(context, db, tally);
  }
  context.progress({ objectsDone: databases.length });
  return written;
}

function logTally(context: JobContext, db: number, { vanished, torn, leftOut }: PortableTally): void {
  if (vanished > 0) context.log(`db${db}: ${vanished} keys expired or were deleted before they could be read`);
  if (torn.count > 0)
    context.log(`db${db}: ${torn.count} big keys changed each time they were read, so their parts may be of different moments: ${namesOf(torn)}`);
  for (const [name, left] of leftOut) context.log(`${name}: ${left.count} keys left out, ${left.reason}: ${namesOf(left)}`);
}

async function writeRecords(file: BackupFileWriter, records: PortableRecord[], written: Written): Promise<void> {
  for (const record of records) {
    const line = portableLine(record);
    await file.write(line);
    const name = objectName(record.db, record.type);
    // What becomes void is taken off again by the reader's own count; here it is only a size.
    written.bytes.set(name, (written.bytes.get(name) ?? 0) + line.length);
    if (!record.isLast) continue;
    countType(written.counts, record.db, record.type);
    written.keys += 1;
  }
}

async function writeFooter(file: BackupFileWriter, { counts, keys, tallies }: Written): Promise<PortableFooter> {
  const byDatabase = <T>(figure: (tally: PortableTally) => T): Record<string, T> =>
    Object.fromEntries([...tallies].map(([db, tally]) => [String(db), figure(tally)]));
  const footer: PortableFooter = {
    footer: 1,
    keys,
    counts: Object.fromEntries([...counts].map(([db, types]) => [String(db), Object.fromEntries(types)])),
    vanished: [...tallies.values()].reduce((sum, { vanished }) => sum + vanished, 0),
    torn: byDatabase(({ torn }) => torn),
    fieldExpiries: byDatabase(({ fieldExpiries }) => fieldExpiries),
    leftOut: Object.fromEntries([...tallies.values()].flatMap(({ leftOut }) => [...leftOut])),
    memoryBytes: byDatabase(({ memoryBytes }) => memoryBytes),
    finishedAt: new Date().toISOString(),
    sha256: await file.sha256(),
  };
  await file.write(`${ascii(footer)}\n`);
  await file.end();
  return footer;
}
