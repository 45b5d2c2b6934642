import "server-only";

import {
  ARCHIVE_MAGIC,
  type ArchiveCollection,
  ArchiveError,
  type ArchiveHeader,
  assertNames,
  COLLECTIONS_MAX,
  DOCUMENT_BYTES_MAX,
  namespaceKey,
  PRELUDE_BYTES_MAX,
} from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import { Crc64, crcHex } from "@/app/(console)/manage-dbs/mongodb/archive/crc64-xz";
import { BSON_TYPE, BsonError, type BsonValue, ElementReader, validateBson } from "@/app/(console)/manage-dbs/mongodb/bson-walk";

export type ArchiveEvent =
  | { kind: "prelude"; header: ArchiveHeader; collections: ArchiveCollection[] }
  /** Views into the reader's buffer: copy what is kept past the next event. */
  | { kind: "documents"; database: string; collection: string; documents: Buffer[] }
  | { kind: "end"; database: string; collection: string; count: number; bytes: number; crc: string };

export interface ParserOptions {
  /** Refuses what today's mongorestore refuses in namespace headers; without it files of older tools are read too. */
  strict: boolean;
  /** Levels a document may have. */
  depthMax: number;
}

interface Namespace {
  database: string;
  collection: string;
  crc: Crc64;
  count: number;
  bytes: number;
  ended: boolean;
}

type State = "magic" | "header" | "prelude" | "between" | "documents" | "end-block";

/**
 * Reads an archive as it comes, in pieces of any size, and keeps no more than one document of it. Anything that is not exactly
 * an archive is an ArchiveError; nothing is guessed or skipped.
 */
export class ArchiveParser {
  private state: State = "magic";
  private kept: Buffer[] = [];
  private keptBytes = 0;
  private needed = 4;
  private header: ArchiveHeader | null = null;
  private readonly collections: ArchiveCollection[] = [];
  private preludeBytes = 0;
  private readonly namespaces = new Map<string, Namespace>();
  private current: Namespace | null = null;
  private events: ArchiveEvent[] = [];
  private batch: Buffer[] = [];
  private readonly options: ParserOptions;

  constructor(options: ParserOptions) {
    this.options = options;
  }

  /** @throws ArchiveError at the first thing that is wrong */
  push(chunk: Buffer): ArchiveEvent[] {
    this.kept.push(chunk);
    this.keptBytes += chunk.length;
    // Joined only when the wanted piece is there: a 16 MB document in small chunks is copied once.
    if (this.keptBytes < this.needed) return [];
    const bytes = this.kept.length === 1 ? chunk : Buffer.concat(this.kept);
    const used = this.parse(bytes);
    this.kept = used < bytes.length ? [bytes.subarray(used)] : [];
    this.keptBytes = bytes.length - used;
    this.flush();
    const { events } = this;
    this.events = [];
    return events;
  }

  /** @throws ArchiveError when the archive is not at its end */
  finish(): void {
    if (this.state === "magic" && this.keptBytes === 0) throw new ArchiveError("The file is empty");
    if (this.keptBytes > 0 && this.state === "between")
      throw new ArchiveError(`${this.keptBytes} bytes follow the last block: this is no whole archive, or something was appended`);
    if (this.state !== "between" || this.keptBytes > 0)
      throw new ArchiveError(`The archive is cut short${this.current ? ` in ${this.current.collection}` : ""}`);
    const open = [...this.namespaces.values()].filter((namespace) => !namespace.ended);
    const absent = this.collections.filter((entry) => !this.seenData(entry));
    const missing = [...open.map((namespace) => namespace.collection), ...absent.map((entry) => entry.collection)];
    if (missing.length > 0) throw new ArchiveError(`The archive ended before all of its collections did: ${[...new Set(missing)].slice(0, 5).join(", ")}`);
  }

  /** A time series may keep its documents under its buckets' name. */
  private seenData(entry: ArchiveCollection): boolean {
    return (
      this.namespaces.has(namespaceKey(entry.database, entry.collection)) ||
      this.namespaces.has(namespaceKey(entry.database, `system.buckets.${entry.collection}`))
    );
  }

  private parse(bytes: Buffer): number {
    let position = 0;
    for (;;) {
      const left = bytes.length - position;
      if (left < 4) return this.wait(position, 4);
      if (this.state === "magic") {
        if (bytes.readUInt32LE(position) !== ARCHIVE_MAGIC) throw new ArchiveError("This is not a mongodump archive");
        this.state = "header";
        position += 4;
        continue;
      }
      const length = bytes.readInt32LE(position);
      if (length === -1) {
        this.terminator();
        position += 4;
        continue;
      }
      if (length < 5 || length > DOCUMENT_BYTES_MAX) throw new ArchiveError(`Neither a document nor the end of a block: length ${length}`);
      if (left < length) return this.wait(position, length);
      this.document(bytes.subarray(position, position + length));
      position += length;
    }
  }

  private wait(position: number, needed: number): number {
    this.needed = needed;
    return position;
  }

  private terminator(): void {
    switch (this.state) {
      case "prelude":
        if (!this.header) throw new ArchiveError("The archive has no header");
        this.events.push({ kind: "prelude", header: this.header, collections: this.collections });
        this.state = "between";
        return;
      case "documents":
        this.flush();
        this.state = "between";
        return;
      case "end-block":
        this.state = "between";
        return;
      default:
        throw new ArchiveError("A block ends where none is open");
    }
  }

  private document(bytes: Buffer): void {
    try {
      validateBson(bytes, { depthMax: this.options.depthMax });
    } catch (error) {
      if (error instanceof BsonError)
        throw new ArchiveError(`A document${this.current ? ` of ${this.current.collection}` : ""} is damaged: ${error.message}`, { cause: error });
      throw error;
    }
    switch (this.state) {
      case "header":
        this.header = readHeader(fieldsOf(bytes));
        this.state = "prelude";
        return;
      case "prelude":
        this.addCollection(bytes);
        return;
      case "between":
        this.namespaceHeader(bytes);
        return;
      case "documents":
        this.addDocument(bytes);
        return;
      default:
        throw new ArchiveError("A document stands where a block must end");
    }
  }

  private addCollection(bytes: Buffer): void {
    this.preludeBytes += bytes.length;
    if (this.collections.length >= COLLECTIONS_MAX || this.preludeBytes > PRELUDE_BYTES_MAX)
      throw new ArchiveError("The archive lists more collections than this console reads");
    const fields = fieldsOf(bytes);
    const entry = {
      database: text(fields, "db"),
      collection: text(fields, "collection"),
      metadata: text(fields, "metadata"),
      type: fields.has("type") ? text(fields, "type") : "",
    };
    assertNames(entry);
    if (this.collections.some((other) => other.database === entry.database && other.collection === entry.collection))
      throw new ArchiveError(`${entry.collection} is listed twice`);
    this.collections.push(entry);
  }

  private namespaceHeader(bytes: Buffer): void {
    const fields = fieldsOf(bytes);
    const database = text(fields, "db");
    const collection = text(fields, "collection");
    const { end, crc } = headerState(fields, this.options.strict);
    const key = namespaceKey(database, collection);
    let namespace = this.namespaces.get(key);
    if (!namespace) {
      if (!this.isListed(database, collection)) throw new ArchiveError(`${collection} has documents but is not in the archive's list`);
      namespace = { database, collection, crc: new Crc64(), count: 0, bytes: 0, ended: false };
      this.namespaces.set(key, namespace);
    }
    if (namespace.ended) throw new ArchiveError(`${collection} goes on after its end`);
    this.current = namespace;
    if (!end) {
      this.state = "documents";
      return;
    }
    const computed = namespace.crc.value();
    if (computed !== crc)
      throw new ArchiveError(`The checksum of ${collection} is wrong: the archive says ${crcHex(crc)}, its documents give ${crcHex(computed)}`);
    namespace.ended = true;
    this.events.push({ kind: "end", database, collection, count: namespace.count, bytes: namespace.bytes, crc: crcHex(computed) });
    this.state = "end-block";
  }

  private isListed(database: string, collection: string): boolean {
    // The oplog and the users of a full dump have no entry in the list.
    if (database === "" && collection === "oplog") return true;
    if (collection.startsWith("$admin.system.")) return true;
    const listed = collection.startsWith("system.buckets.") ? collection.slice("system.buckets.".length) : collection;
    return this.collections.some((entry) => entry.database === database && (entry.collection === collection || entry.collection === listed));
  }

  private addDocument(bytes: Buffer): void {
    const { current } = this;
    if (!current) throw new ArchiveError("A document stands outside of any collection");
    current.crc.update(bytes);
    current.count++;
    current.bytes += bytes.length;
    this.batch.push(bytes);
  }

  private flush(): void {
    if (this.batch.length === 0 || !this.current) return;
    this.events.push({ kind: "documents", database: this.current.database, collection: this.current.collection, documents: this.batch });
    this.batch = [];
  }
}

function fieldsOf(bytes: Buffer): Map<string, BsonValue> {
  const fields = new Map<string, BsonValue>();
  const reader = new ElementReader(bytes);
  while (reader.next()) fields.set(reader.name(), reader.value());
  return fields;
}

function text(fields: Map<string, BsonValue>, name: string): string {
  const value = fields.get(name);
  if (value?.type !== BSON_TYPE.string) throw new ArchiveError(`The archive's ${name} is missing or no text`);
  return value.bytes.toString("utf8", value.start + 4, value.end - 1);
}

function readHeader(fields: Map<string, BsonValue>): ArchiveHeader {
  const concurrent = fields.get("concurrent_collections");
  return {
    serverVersion: text(fields, "server_version"),
    toolVersion: text(fields, "tool_version"),
    concurrentCollections: concurrent?.type === BSON_TYPE.int32 ? concurrent.bytes.readInt32LE(concurrent.start) : 1,
  };
}

function headerState(fields: Map<string, BsonValue>, strict: boolean): { end: boolean; crc: bigint } {
  const end = fields.get("EOF");
  const crc = fields.get("CRC");
  if (end?.type !== BSON_TYPE.bool) throw new ArchiveError("A namespace header has no EOF");
  if (strict && fields.size !== 4) throw new ArchiveError("A namespace header has fields this format does not know");
  if (crc?.type === BSON_TYPE.int64) return { end: end.bytes[end.start] !== 0, crc: crc.bytes.readBigInt64LE(crc.start) };
  if (!strict && crc?.type === BSON_TYPE.int32) return { end: end.bytes[end.start] !== 0, crc: BigInt(crc.bytes.readInt32LE(crc.start)) };
  throw new ArchiveError("A namespace header has no checksum");
}
