import "server-only";

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

import type { Db, MongoClient } from "mongodb";

import type { ArchiveSource, WrittenNamespace } from "@/app/(console)/manage-dbs/mongodb/archive/archive-writer";
import { writeArchive } from "@/app/(console)/manage-dbs/mongodb/archive/archive-writer";
import { type DescribedCollection, metadataText } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import {
  type DocumentPlace,
  estimate,
  listForBackup,
  placeOf,
  readAll,
  serverKind,
  type ServerKind,
  snapshotSession,
  uuidOf,
} from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { ARCHIVE_FORMAT } from "@/app/(console)/manage-dbs/mongodb/backup/formats";
import { READ_BACK, ReadBack } from "@/app/(console)/manage-dbs/mongodb/backup/read-back";
import { assertSameProcess, processOf } from "@/app/(console)/manage-dbs/mongodb/backup/same-server";
import { newClient, requireDatabase } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { toAppError } from "@/app/(console)/manage-dbs/mongodb/mongodb.errors";
import { rawCommand } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import type { ArtefactSink, JobContext, ManifestContent, ManifestObject } from "@/backups/engine";
import { formatBytes, formatCount } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";

const TOOL = "foundry-console 1.0";
/** 208 MB of ordinary documents: level 3 takes 1.3 s for 29 MB, level 6 takes 6.3 s for 27 MB. */
const GZIP_LEVEL = 3;
const CHUNK_BYTES = 256 * 1024;

interface Listed extends DescribedCollection {
  indexes: Buffer[];
  place: DocumentPlace | null;
  expected: { count: number; bytes: number; batchSize: number };
}

/**
 * Streams one database as a gzip archive the real mongorestore reads. A cursor that fails and a full disk reject, and what is written
 * then has no archive's end. A collection that went away and a server that was restarted meanwhile are found after the end, and reject too.
 */
export async function writeBackup(connection: Connection, sink: ArtefactSink, context: JobContext): Promise<ManifestContent> {
  const database = requireDatabase(connection);
  const client = newClient(connection);
  try {
    return await writeDatabase({ client, database, sink, context });
  } catch (error) {
    throwIfCancelled(context.signal);
    throw toAppError(error, { address: connection.address, doing: `${database}: back up` });
  } finally {
    await client.close().catch(() => undefined);
  }
}

async function writeDatabase(run: { client: MongoClient; database: string; sink: ArtefactSink; context: JobContext }): Promise<ManifestContent> {
  const { client, database, sink, context } = run;
  const db = client.db(database);
  context.progress({ phase: "List collections" });
  const server = await serverKind(client);
  const process = await processOf(client, server);
  const { collections, skipped } = await listForBackup(db);
  if (collections.length === 0) {
    throw new AppError("NOT_FOUND", `The database ${database} has no collections: there is nothing to back up`, {
      fix: "Check the name of the connection's database; MongoDB shows a wrong name as an empty database.",
    });
  }
  const listed = await describeAll(db, collections, server);
  for (const entry of skipped) context.log(`skipped ${entry.name}: ${entry.reason}`);

  const totals = listed.reduce((sum, entry) => ({ count: sum.count + entry.expected.count, bytes: sum.bytes + entry.expected.bytes }), { count: 0, bytes: 0 });
  const places = listed.flatMap((entry) => entry.place ?? []);
  const { session, reason } = await snapshotSession(client, { db, places, server, bytes: totals.bytes });
  context.log(session ? "reading one snapshot of all collections" : `reading collection by collection: ${reason}`);
  context.progress({
    phase: "Write the archive",
    objectsTotal: listed.length,
    objectsDone: 0,
    itemsTotal: totals.count,
    itemsDone: 0,
    bytesTotal: totals.bytes,
  });

  const written: WrittenNamespace[] = [];
  const tally = { items: 0, bytes: 0 };
  const sources = listed.map((entry): ArchiveSource => {
    const { place } = entry;
    const before = { ...tally };
    return {
      database,
      collection: place?.collection ?? entry.name,
      batches: place
        ? () => {
            Object.assign(before, tally);
            context.progress({ object: entry.name, objectsDone: written.length });
            return readAll(db, place, { batchSize: entry.expected.batchSize, session, signal: context.signal });
          }
        : null,
      onProgress: ({ count, bytes }) => {
        tally.items = before.items + count;
        tally.bytes = before.bytes + bytes;
        context.progress({ itemsDone: tally.items, bytesDone: tally.bytes });
      },
    };
  });
  const archive = writeArchive({
    serverVersion: server.mongoVersion,
    toolVersion: TOOL,
    collections: listed.map((entry) => ({ database, collection: entry.name, metadata: metadataText(entry, entry.indexes), type: entry.listedType })),
    sources,
    report: (namespace) => written.push(namespace),
  });
  const gzip = createGzip({ level: GZIP_LEVEL, chunkSize: CHUNK_BYTES });
  const readBack = new ReadBack(context.signal);
  try {
    const plain = Readable.from(archive, { objectMode: false, highWaterMark: CHUNK_BYTES * 4 });
    await pipeline(plain, gzip, (source: AsyncIterable<Buffer>) => readBack.through(source), sink.stream(), { signal: context.signal });
    await readBack.assertSame(written);
  } finally {
    readBack.abandon();
  }
  await assertStillThere(db, listed);
  await assertSameProcess(client, process, { fix: "Start the backup again." });
  await session?.endSession();

  const objects = listed.map((entry, index) => manifestObject(entry, written[index]));
  const documents = objects.reduce((sum, object) => sum + (object.count ?? 0), 0);
  context.log(`wrote ${formatCount(documents)} documents of ${objects.length} collections, ${formatBytes(tally.bytes)} before compression`);
  context.progress({ objectsDone: listed.length, itemsDone: documents });
  return {
    format: ARCHIVE_FORMAT,
    server: { product: server.product.product, version: server.product.version },
    source: database,
    tool: `${TOOL} (mongodump archive 0.1, gzip)`,
    consistency: session ? "snapshot" : "per collection",
    objects,
    skipped,
    details: {
      database,
      mongoVersion: server.mongoVersion,
      ...READ_BACK,
      indexes: Object.fromEntries(listed.map((entry) => [entry.name, entry.indexes.length])),
      ...(session ? {} : { consistencyReason: reason }),
    },
  };
}

async function describeAll(db: Db, collections: DescribedCollection[], server: ServerKind): Promise<Listed[]> {
  const listed: Listed[] = [];
  for (const entry of collections) {
    const isView = entry.kind === "view";
    listed.push({
      ...entry,
      indexes: isView ? [] : await rawCommand(db, { listIndexes: entry.name }),
      place: isView ? null : await placeOf(db, entry, server),
      expected: isView ? { count: 0, bytes: 0, batchSize: 1 } : await estimate(db, entry.name),
    });
  }
  return listed;
}

/** A collection that was dropped or replaced reads as empty or short without any error: so identities are compared at the end. */
async function assertStillThere(db: Db, listed: Listed[]): Promise<void> {
  const now = new Map((await listForBackup(db)).collections.map((entry) => [entry.name, uuidOf(entry)]));
  const gone = listed.filter((entry) => !now.has(entry.name) || now.get(entry.name) !== uuidOf(entry));
  if (gone.length === 0) return;
  throw new AppError("CONFLICT", `${gone.map((entry) => entry.name).join(", ")}: dropped, renamed or replaced while the backup ran`, {
    fix: "Start the backup again when the database's structure is at rest.",
  });
}

function manifestObject(entry: Listed, written: WrittenNamespace | undefined): ManifestObject {
  if (!written) throw new AppError("INTERNAL", `${entry.name} was not written`);
  if (entry.kind === "view") return { name: entry.name, kind: "view", count: null, bytes: null, checksum: null };
  return { name: entry.name, kind: entry.kind, count: written.count, bytes: written.bytes, checksum: written.crc };
}
