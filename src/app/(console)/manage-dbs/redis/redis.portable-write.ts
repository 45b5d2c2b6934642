import "server-only";
import type { ArtefactSink, JobContext, ManifestContent } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import type { BackupFileWriter } from "./redis.backup-file";
import { countType, objectName } from "./redis.backup-read";
import { freshNames } from "./redis.backup-scan";
import { readFunctions } from "./redis.backup-write";
import { eachDatabase, writeKeyByKey, type KeyByKey } from "./redis.key-by-key";
import { ascii, PORTABLE_FILE, portableLine, type PortableFooter, type PortableHeader, type PortableRecord } from "./redis.portable-format";
import { namesOf, portableContent, type PortableContent } from "./redis.portable-read";
import { askFieldExpiries, newTally, readKeys, type PortableTally } from "./redis.portable-scan";

interface Written extends Pick<PortableContent, "counts" | "bytes"> {
  keys: number;
  tallies: Map<number, PortableTally>;
}

/** All logical databases as typed values, key by key while the server goes on. Needs no special rights, is not a snapshot. */
export function writePortable(connection: Connection, sink: ArtefactSink, context: JobContext): Promise<ManifestContent> {
  return writeKeyByKey({ connection, sink, context }, async (run) => {
    const { client, facts, databases, file } = run;
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
    await file.write(`${ascii(header)}\n`);
    const written = await writeDatabases(run);
    return async () => portableContent({ header, footer: await writeFooter(file, written), ...written });
  });
}

async function writeDatabases(run: KeyByKey): Promise<Written> {
  const { facts, file, context } = run;
  const { signal } = context;
  const hasFieldExpiries = await askFieldExpiries(run.client);
  const written: Written = { counts: new Map(), bytes: new Map(), keys: 0, tallies: new Map() };
  await eachDatabase(run, async (client, db) => {
    const tally = newTally();
    written.tallies.set(db, tally);
    for await (const names of freshNames({ client, signal })) {
      for await (const records of readKeys({ client, facts, hasFieldExpiries, db, signal, tally }, names)) {
        await writeRecords(file, records, written);
        context.progress({ itemsDone: written.keys });
      }
    }
    logTally(context, db, tally);
  });
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
