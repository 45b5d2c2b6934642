import "server-only";

import { crc32 } from "node:zlib";

import { type Collection, type Db, type Document, MongoServerError } from "mongodb";

import type { DocumentPlace } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { BSON_TYPE, ElementReader, findTopLevel } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import { toDriverValue, toOrderedDocument } from "@/app/(console)/manage-dbs/mongodb/bson-values";
import type { OrderedDocument } from "@/app/(console)/manage-dbs/mongodb/ejson-values";
import { insertRaw, type RawInsertOptions } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw-insert";

const BATCH_BYTES_MAX = 8 * 1024 * 1024;
const BATCH_DOCUMENTS_MAX = 5_000;

/** What went in, independent of order: comparing it with what is read back finds every changed, lost or doubled document. */
export class ContentSum {
  count = 0;
  bytes = 0;
  private sum = 0;

  add(document: Buffer): void {
    this.count++;
    this.bytes += document.length;
    this.sum = (this.sum + crc32(document)) % 2 ** 48;
  }

  equals(other: ContentSum): boolean {
    return this.count === other.count && this.bytes === other.bytes && this.sum === other.sum;
  }
}

/**
 * Sends documents in batches, one on its way while the next is made ready: they land in the order of the archive, so a backup
 * of the restored database has the same checksums.
 */
export class InsertQueue {
  readonly sent = new ContentSum();
  private batch: Buffer[] = [];
  private batchBytes = 0;
  private inFlight: Promise<void> = Promise.resolve();
  private failure: Error | null = null;
  readonly place: DocumentPlace;
  private readonly collection: Collection;
  private readonly options: { ordered: boolean; bypass: boolean; rawData: boolean };

  /** @param collection the options it was created with: they say how its documents must go in */
  constructor(db: Db, place: DocumentPlace, collection: { options: OrderedDocument }) {
    this.place = place;
    this.collection = db.collection(place.collection);
    // Capped collections keep the order of their documents. The bypass is a right of its own, asked for only where there is something to pass.
    this.options = { ordered: collection.options.get("capped") === true, bypass: collection.options.has("validator"), rawData: place.rawData };
  }

  async add(documents: Buffer[]): Promise<void> {
    for (const document of documents) {
      this.sent.add(document);
      if (this.batch.length >= BATCH_DOCUMENTS_MAX || this.batchBytes + document.length > BATCH_BYTES_MAX) await this.send();
      this.batch.push(document);
      this.batchBytes += document.length;
    }
  }

  /** Resolves when everything is written. @throws the first failure */
  async finish(): Promise<void> {
    await this.send();
    await this.inFlight;
    if (this.failure) throw this.failure;
  }

  /** Waits for what is on its way and sends nothing more: before everything is taken away. */
  async abandon(): Promise<void> {
    this.batch = [];
    await this.inFlight;
  }

  private async send(): Promise<void> {
    const { batch } = this;
    this.batch = [];
    this.batchBytes = 0;
    await this.inFlight;
    if (this.failure) throw this.failure;
    if (batch.length === 0) return;
    this.inFlight = this.insert(batch).catch((error: unknown) => {
      this.failure = error instanceof Error ? error : new Error(String(error));
    });
  }

  private insert(batch: Buffer[]): Promise<void> {
    const { ordered, bypass, rawData } = this.options;
    const options = { ordered, ...(bypass ? { bypassDocumentValidation: true } : {}), ...(rawData ? { rawData: true } : {}) };
    return batch.some(hasZeroTimestamp) ? insertKeepingTimestamps(this.collection, batch, options) : insertRaw(this.collection, batch, options);
  }
}

/** A timestamp of zero at the top of a document: an insert replaces it by the present time. */
function hasZeroTimestamp(document: Buffer): boolean {
  const reader = new ElementReader(document);
  while (reader.next()) if (reader.type === BSON_TYPE.timestamp && document.readBigUInt64LE(reader.start) === 0n) return true;
  return false;
}

const UNKNOWN_FIELD_CODES = new Set([9, 72, 40415]);

async function insertKeepingTimestamps(collection: Collection, documents: Buffer[], options: RawInsertOptions): Promise<void> {
  try {
    return await insertRaw(collection, documents, { ...options, bypassEmptyTsReplacement: true });
  } catch (error) {
    if (!(error instanceof MongoServerError) || !UNKNOWN_FIELD_CODES.has(Number(error.code))) throw error;
  }
  // Older servers: put them in, then put the literal document over what the server made of it.
  await insertRaw(collection, documents, options);
  for (const document of documents.filter(hasZeroTimestamp)) {
    const id = findTopLevel(document, "_id");
    if (!id) continue;
    const pipeline = [{ $replaceWith: { $literal: toOrderedDocument(document) } }] as unknown as Document[];
    await collection.updateOne({ _id: toDriverValue(id) } as Document, pipeline, { bypassDocumentValidation: options.bypassDocumentValidation ?? false });
  }
}
