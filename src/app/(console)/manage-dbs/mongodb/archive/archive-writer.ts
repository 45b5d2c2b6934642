import "server-only";

import { BSON, Int32, Long } from "mongodb";

import {
  ARCHIVE_MAGIC,
  ARCHIVE_VERSION,
  type ArchiveCollection,
  DOCUMENT_BYTES_MAX,
  TERMINATOR,
} from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import { Crc64, crcHex } from "@/app/(console)/manage-dbs/mongodb/archive/crc64-xz";
import { AppError } from "@/server/errors";

const CHUNK_BYTES = 256 * 1024;

export interface ArchiveSource {
  /** Where its documents lie: the collection itself, or a time series' buckets. */
  database: string;
  collection: string;
  /** Opens the documents, raw; it throws when they cannot all be had. Null for a view. */
  batches: (() => AsyncIterable<Buffer[]>) | null;
  /** Called after each batch and once at the end. */
  onProgress?: (written: { count: number; bytes: number }) => void;
}

export interface WrittenNamespace {
  database: string;
  collection: string;
  count: number;
  bytes: number;
  /** CRC-64/XZ of the documents, as hexadecimal. */
  crc: string;
}

/**
 * One archive as a stream of chunks, one namespace after the other. When a source throws, the stream throws and has no end
 * block: a failed archive never looks like a whole one.
 * @param report receives each namespace when it is complete
 */
export async function* writeArchive(options: {
  serverVersion: string;
  toolVersion: string;
  collections: ArchiveCollection[];
  sources: ArchiveSource[];
  report: (written: WrittenNamespace) => void;
}): AsyncGenerator<Buffer> {
  yield prelude(options);
  for (const source of options.sources) options.report(yield* namespace(source));
}

function prelude(options: { serverVersion: string; toolVersion: string; collections: ArchiveCollection[] }): Buffer {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(ARCHIVE_MAGIC);
  return Buffer.concat([
    magic,
    // Collections follow one another: with a higher figure than is true mongorestore waits for ever.
    bson({ concurrent_collections: new Int32(1), version: ARCHIVE_VERSION, server_version: options.serverVersion, tool_version: options.toolVersion }),
    ...options.collections.map((entry) =>
      bson({ db: entry.database, collection: entry.collection, metadata: entry.metadata, size: new Int32(0), type: entry.type }),
    ),
    TERMINATOR,
  ]);
}

async function* namespace(source: ArchiveSource): AsyncGenerator<Buffer, WrittenNamespace> {
  const { database, collection } = source;
  const crc = new Crc64();
  let count = 0;
  let bytes = 0;
  let pending: Buffer[] = [header(source, { end: false, crc: 0n })];
  let pendingBytes = 0;
  for await (const batch of source.batches?.() ?? []) {
    for (const document of batch) {
      checkDocument(document, collection);
      crc.update(document);
      count++;
      bytes += document.length;
      pending.push(document);
      pendingBytes += document.length;
      if (pendingBytes < CHUNK_BYTES) continue;
      yield Buffer.concat(pending);
      pending = [];
      pendingBytes = 0;
    }
    // The documents are views into the reply: they must be copied before the next one is fetched.
    if (pending.length > 0) yield Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    source.onProgress?.({ count, bytes });
  }
  // The CRC of nothing is 0 in this format; Crc64 says the same of no bytes.
  yield Buffer.concat([...pending, TERMINATOR, header(source, { end: true, crc: crc.value() }), TERMINATOR]);
  return { database, collection, count, bytes, crc: crcHex(crc.value()) };
}

/** Exactly these four keys, the CRC as int64: newer tools refuse anything else. */
function header(source: { database: string; collection: string }, state: { end: boolean; crc: bigint }): Buffer {
  return bson({ db: source.database, collection: source.collection, EOF: state.end, CRC: Long.fromBigInt(state.crc) });
}

const bson = (document: Record<string, unknown>): Buffer => Buffer.from(BSON.serialize(document));

function checkDocument(document: Buffer, collection: string): void {
  const sound = document.length >= 5 && document.readInt32LE(0) === document.length && document.at(-1) === 0;
  if (sound && document.length <= DOCUMENT_BYTES_MAX) return;
  throw new AppError("INTERNAL", `${collection}: the server sent a document that ${sound ? "is larger than 16 MiB" : "is damaged"}`, {
    fix: sound ? "No tool can restore a document of that size." : "Check the server's log and disk.",
    detail: `${document.length} bytes`,
  });
}
