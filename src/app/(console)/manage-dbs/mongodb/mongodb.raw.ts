import "server-only";

import type { Collection, Db, Document, Filter, FindCursor, FindOptions } from "mongodb";

import type { OrderedDocument } from "@/app/(console)/manage-dbs/mongodb/ejson-values";

/** Reads that hand out the documents' own bytes. The driver's types know only decoded documents; the casts are here and nowhere else. */

export interface RawFindOptions {
  filter?: OrderedDocument;
  sort?: Map<string, 1 | -1>;
  projection?: OrderedDocument;
  limit?: number;
  batchSize?: number;
  maxTimeMS?: number;
  hint?: Record<string, 1>;
  session?: FindOptions["session"];
  signal?: AbortSignal | undefined;
  comment?: string;
}

/** @returns a cursor whose documents are Buffers, views into the server's reply: copy what is kept */
export function rawFind(collection: Collection, options: RawFindOptions): FindCursor {
  const { filter, sort, projection, limit, batchSize, maxTimeMS, hint, session, signal, comment } = options;
  return collection.find((filter ?? new Map()) as unknown as Filter<Document>, {
    raw: true,
    allowDiskUse: false,
    ...(sort ? { sort } : {}),
    ...(projection && projection.size > 0 ? { projection: projection as unknown as Document } : {}),
    ...(limit ? { limit } : {}),
    ...(batchSize ? { batchSize } : {}),
    ...(maxTimeMS ? { maxTimeMS } : {}),
    ...(hint ? { hint } : {}),
    ...(session ? { session } : {}),
    ...(signal ? { signal } : {}),
    ...(comment ? { comment } : {}),
  });
}

/** Bytes of one reply when everything is read: larger ones are no faster and pile up before they are collected. */
const REPLY_BYTES = 512 * 1024;
const BATCH_DOCUMENTS = { unknown: 500, max: 10_000 };

/** Documents per reply, from their average size where the server knows it. */
export function batchSizeFor(averageBytes: number | null): number {
  return averageBytes ? Math.max(1, Math.min(BATCH_DOCUMENTS.max, Math.ceil(REPLY_BYTES / averageBytes))) : BATCH_DOCUMENTS.unknown;
}

/** The minimum of a cursor that `rawBatches` needs: find, aggregate and command cursors have it. */
interface BatchCursor {
  hasNext(): Promise<boolean>;
  readBufferedDocuments(): unknown[];
  close(): Promise<void>;
}

/**
 * The documents batch by batch, as the server sent them: one await a batch, not one a document. The cursor is closed however
 * it ends. Whatever goes wrong is thrown; a cursor that ends short does not look like one that is done.
 */
export async function* rawBatches(cursor: BatchCursor): AsyncGenerator<Buffer[]> {
  try {
    while (await cursor.hasNext()) yield cursor.readBufferedDocuments() as Buffer[];
  } finally {
    await cursor.close().catch(() => undefined);
  }
}

/** All documents of a command that answers with a cursor, raw: for listCollections and listIndexes, which are short. */
export async function rawCommand(db: Db, command: Document): Promise<Buffer[]> {
  const cursor = db.runCursorCommand(command, { raw: true });
  const found: Buffer[] = [];
  try {
    for await (const document of cursor) found.push(Buffer.from(document as unknown as Buffer));
  } finally {
    await cursor.close().catch(() => undefined);
  }
  return found;
}
