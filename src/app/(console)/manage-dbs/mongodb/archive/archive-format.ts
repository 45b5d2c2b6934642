/** The words of mongodump's archive format, version 0.1; its layout is in the reader and the writer. */

export const ARCHIVE_MAGIC = 0x8199e26d;
export const ARCHIVE_VERSION = "0.1";
/** Where a document's length would stand: the end of a block. */
export const TERMINATOR = Buffer.from([0xff, 0xff, 0xff, 0xff]);
/** The largest document the real tools read. */
export const DOCUMENT_BYTES_MAX = 16 * 1024 * 1024;
/** Collections and bytes of metadata before it is refused: what the reader keeps in memory. */
export const COLLECTIONS_MAX = 100_000;
export const PRELUDE_BYTES_MAX = 256 * 1024 * 1024;

export interface ArchiveHeader {
  serverVersion: string;
  toolVersion: string;
  concurrentCollections: number;
}

export interface ArchiveCollection {
  database: string;
  collection: string;
  /** Canonical Extended JSON; empty for special namespaces. */
  metadata: string;
  /** "collection", "view", "timeseries", or "" in old files. */
  type: string;
}

/** One key for a namespace. A NUL stands in neither name. */
export const namespaceKey = (database: string, collection: string): string => `${database}\0${collection}`;

/** @throws ArchiveError for a name no server has: it would be cut, or taken for another */
export function assertNames({ database, collection }: { database: string; collection: string }): void {
  if (collection !== "" && !collection.includes("\0") && !database.includes("\0")) return;
  throw new ArchiveError(`The file holds a name that no database has: ${JSON.stringify(`${database}.${collection}`.slice(0, 100))}`);
}

export class ArchiveError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ArchiveError";
  }
}
