import "server-only";

import type { Collection, Db, Document, Filter, FindCursor, FindOptions } from "mongodb";

import { BSON_TYPE } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
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
  close(): Promise<void>;
}

/**
 * The reply a cursor holds, internal to the driver, whose version is pinned. Taken from there because the driver's own way looks into every
 * field of every document before it hands it out: a million documents take 1.2 s of processor time instead of 0.4 s. A test holds it.
 */
interface HeldReply {
  /** An element: type, offset and length of its name, offset and length of its value. */
  batch: { bson: Buffer; elements: readonly (readonly [type: number, nameOffset: number, nameLength: number, offset: number, length: number])[] };
  clear(): void;
}

function takeReply(cursor: BatchCursor): Buffer[] {
  const reply = (cursor as unknown as { documents: HeldReply }).documents;
  const { bson, elements } = reply.batch;
  const documents = elements.map(([type, , , offset, length]) => {
    if (type !== BSON_TYPE.object) throw new TypeError("The server's reply holds something that is no document");
    return bson.subarray(offset, offset + length);
  });
  reply.clear();
  return documents;
}

/**
 * The documents batch by batch, as the server sent them: one await a batch, not one a document. The cursor is closed however
 * it ends. Whatever goes wrong is thrown; a cursor that ends short does not look like one that is done.
 * @param isAhead asks for the next batch before this one is used: for reading everything
 */
export async function* rawBatches(cursor: BatchCursor, { isAhead = false } = {}): AsyncGenerator<Buffer[]> {
  let next = asked(cursor);
  try {
    while (await next) {
      const documents = takeReply(cursor);
      if (isAhead) next = asked(cursor);
      yield documents;
      if (!isAhead) next = asked(cursor);
    }
  } finally {
    await cursor.close().catch(() => undefined);
  }
}

/** A failure is thrown when it is waited for, and not before. */
function asked(cursor: BatchCursor): Promise<boolean> {
  const next = cursor.hasNext();
  next.catch(() => undefined);
  return next;
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
