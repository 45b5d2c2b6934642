import "server-only";

import { finished } from "node:stream/promises";
import { createGunzip } from "node:zlib";

import {
  type ArchiveCollection,
  ArchiveError,
  assertNames,
  DOCUMENT_BYTES_MAX,
  PRELUDE_BYTES_MAX,
} from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import type { ArchiveEvent } from "@/app/(console)/manage-dbs/mongodb/archive/archive-parser";
import { Crc64, crcHex } from "@/app/(console)/manage-dbs/mongodb/archive/crc64-xz";
import { readTar, type TarEvent } from "@/app/(console)/manage-dbs/mongodb/archive/tar-reader";
import { BsonError, validateBson } from "@/app/(console)/manage-dbs/mongodb/bson-walk";

/**
 * A folder that mongodump wrote, packed as tar: `dump/<database>/<collection>.bson` and `.metadata.json`, each perhaps with `.gz`. It comes
 * out as the same events as an archive. The descriptions stand anywhere in a tar, so it is read twice: first for them, then for documents.
 * A dump folder has no checksums and no end marks: a .bson file that was cut between two documents cannot be told from a whole one.
 */

const DEPTH_MAX = 200;
/** gzip of real documents stays far below. */
const EXPANSION_RATIO_MAX = 400;
const EXPANSION_FREE_BYTES = 16 * 1024 * 1024;
const PIECE_BYTES = 16 * 1024;

interface FolderFile {
  database: string;
  /** File name without its extensions, as the collection's name is encoded there. */
  encoded: string;
  kind: "documents" | "metadata" | "prelude";
  gzip: boolean;
}

interface Listed {
  serverVersion: string;
  toolVersion: string;
  collections: Map<string, ArchiveCollection>;
  /** Keys of files with documents. */
  withDocuments: Set<string>;
}

/** @param open the tar's plain bytes from the start. @throws ArchiveError when it is no whole dump folder */
export async function* readDumpFolder(open: () => AsyncIterable<Buffer>): AsyncGenerator<ArchiveEvent> {
  const listed = await listFolder(open());
  const header = { serverVersion: listed.serverVersion, toolVersion: listed.toolVersion, concurrentCollections: 1 };
  yield { kind: "prelude", header, collections: [...listed.collections.values()].filter((entry) => !isBuckets(entry.collection)) };
  let current: Documents | null = null;
  let file: FolderFile | null = null;
  let part: { entry: ArchiveCollection; input: EntryInput } | null = null;
  for await (const event of readTar(open())) {
    if (event.kind === "file") {
      file = folderFile(event.path);
      const entry = file?.kind === "documents" ? listed.collections.get(keyOf(file)) : undefined;
      part = file && entry ? { entry, input: new EntryInput(file.gzip) } : null;
      current = entry ? new Documents(entry) : null;
    } else if (part && current) {
      for await (const plain of part.input.plain(event)) {
        const documents = current.push(plain);
        if (documents.length > 0) yield { kind: "documents", database: part.entry.database, collection: part.entry.collection, documents };
      }
      if (event.kind === "end") yield current.finish();
    }
  }
  for (const [key, { database, collection }] of listed.collections) {
    if (!listed.withDocuments.has(key) && !isBuckets(collection)) yield { kind: "end", database, collection, count: 0, bytes: 0, crc: crcHex(0n) };
  }
}

const isBuckets = (collection: string): boolean => collection.startsWith("system.buckets.");
const keyOf = (file: { database: string; encoded: string }): string => `${file.database}\0${file.encoded}`;

/** Null for what is no part of a dump: notes, files of an operating system. */
function folderFile(path: string): FolderFile | null {
  const parts = path.split("/").filter((part) => part !== "." && part !== "");
  const name = parts.at(-1) ?? "";
  const found = /^(.+?)\.(bson|metadata\.json)(\.gz)?$/.exec(name);
  if (/^prelude\.json(\.gz)?$/.test(name)) return { database: "", encoded: "", kind: "prelude", gzip: name.endsWith(".gz") };
  if (!found || name.startsWith("._")) return null;
  const database = parts.at(-2) ?? "";
  // The oplog and the users of a whole server lie at the top, beside the folders of its databases.
  const encoded = found[1] ?? "";
  if (encoded === "oplog" && (database === "dump" || database === "")) return null;
  return { database, encoded, kind: found[2] === "bson" ? "documents" : "metadata", gzip: found[3] !== undefined };
}

async function listFolder(chunks: AsyncIterable<Buffer>): Promise<Listed> {
  const listed: Listed = { serverVersion: "unknown", toolVersion: "unknown", collections: new Map(), withDocuments: new Set() };
  const metadata = new Map<string, { file: FolderFile; text: string }>();
  let total = 0;
  let file: FolderFile | null = null;
  let input = new EntryInput(false);
  let parts: Buffer[] = [];
  for await (const event of readTar(chunks)) {
    if (event.kind === "file") {
      file = folderFile(event.path);
      parts = [];
      input = new EntryInput(file?.gzip ?? false);
      if (file?.kind === "documents") addDocuments(listed, file);
    } else if (file && file.kind !== "documents") {
      for await (const plain of input.plain(event)) {
        if ((total += plain.length) > PRELUDE_BYTES_MAX) throw new ArchiveError("The descriptions in the tar file are larger than this console reads");
        parts.push(plain);
      }
      if (event.kind !== "end") continue;
      const text = Buffer.concat(parts).toString("utf8");
      if (file.kind === "prelude") readPrelude(listed, text);
      else metadata.set(keyOf(file), { file, text });
    }
  }
  for (const [key, { file: described, text }] of metadata) {
    const { name, type } = namedBy(text, described.encoded);
    listed.collections.set(key, { database: described.database, collection: name, metadata: text, type });
    const isHeldElsewhere =
      type === "view" || (type === "timeseries" && listed.withDocuments.has(keyOf({ ...described, encoded: `system.buckets.${described.encoded}` })));
    if (!listed.withDocuments.has(key) && !isHeldElsewhere) throw new ArchiveError(`${name} is described, but the file with its documents is missing`);
  }
  if (listed.collections.size === 0) throw new ArchiveError("The tar file holds no dump: no .bson and no .metadata.json file");
  assertDistinct(listed);
  return listed;
}

function addDocuments(listed: Listed, file: FolderFile): void {
  if (listed.withDocuments.has(keyOf(file))) throw new ArchiveError(`${file.encoded}.bson is there twice`);
  listed.withDocuments.add(keyOf(file));
  listed.collections.set(keyOf(file), { database: file.database, collection: decodeName(file.encoded), metadata: "", type: "" });
}

function assertDistinct(listed: Listed): void {
  const names = new Set<string>();
  for (const { database, collection } of listed.collections.values()) {
    assertNames({ database, collection });
    const key = `${database}\0${collection}`;
    if (names.has(key)) throw new ArchiveError(`${collection} is there twice`);
    names.add(key);
  }
}

function readPrelude(listed: Listed, text: string): void {
  const prelude = parseObject(text, "prelude.json");
  if (typeof prelude["ServerVersion"] === "string") listed.serverVersion = prelude["ServerVersion"];
  if (typeof prelude["ToolVersion"] === "string") listed.toolVersion = prelude["ToolVersion"];
}

/** Long names are cut in the file's name and stand whole in the description. */
function namedBy(text: string, encoded: string): { name: string; type: string } {
  const fields = parseObject(text, `${encoded}.metadata.json`);
  const named = fields["collectionName"];
  const type = fields["type"];
  const options = fields["options"];
  const isView = typeof options === "object" && options !== null && "viewOn" in options;
  return {
    name: typeof named === "string" && named !== "" ? named : decodeName(encoded),
    type: typeof type === "string" && type !== "" ? type : isView ? "view" : "collection",
  };
}

function parseObject(text: string, shown: string): Record<string, unknown> {
  try {
    const parsed: unknown = text.trim() === "" ? {} : JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new ArchiveError(`${shown} in the tar file is not JSON`);
}

/** Go's QueryEscape: a space is +, everything special %XX. */
function decodeName(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll("+", "%20"));
  } catch {
    return encoded;
  }
}

/** The plain bytes of one file of the tar. */
class EntryInput {
  private readonly gunzip: ReturnType<typeof createGunzip> | null;
  private readonly ready: Buffer[] = [];
  private taken = 0;
  private given = 0;

  constructor(gzip: boolean) {
    this.gunzip = gzip ? createGunzip() : null;
    this.gunzip?.on("data", (chunk: Buffer) => this.ready.push(chunk)).on("error", () => undefined);
  }

  /** A file's next bytes, and an empty piece when it ends. */
  async *plain(event: Exclude<TarEvent, { kind: "file" }>): AsyncGenerator<Buffer> {
    const { gunzip } = this;
    const chunk = event.kind === "data" ? event.chunk : Buffer.alloc(0);
    if (!gunzip) return void (yield chunk);
    this.taken += chunk.length;
    // In small pieces, so that one of them does not expand to more than memory holds.
    for (let start = 0; start < chunk.length; start += PIECE_BYTES) {
      await new Promise<void>((resolve) => gunzip.write(chunk.subarray(start, start + PIECE_BYTES), () => resolve()));
      yield this.drained();
    }
    if (event.kind !== "end") return;
    gunzip.end();
    await finished(gunzip).catch(() => undefined);
    yield this.drained();
  }

  private drained(): Buffer {
    if (this.gunzip?.errored) throw new ArchiveError("A compressed file in the tar file is damaged or cut short", { cause: this.gunzip.errored });
    const plain = Buffer.concat(this.ready.splice(0));
    this.given += plain.length;
    if (this.given > EXPANSION_FREE_BYTES + this.taken * EXPANSION_RATIO_MAX)
      throw new ArchiveError("A file in the tar file expands to far more than it can hold: it is not read further");
    return plain;
  }
}

/** Documents back to back. */
class Documents {
  private readonly entry: ArchiveCollection;
  private readonly crc = new Crc64();
  private kept: Buffer[] = [];
  private keptBytes = 0;
  private needed = 5;
  private count = 0;
  private bytes = 0;

  constructor(entry: ArchiveCollection) {
    this.entry = entry;
  }

  push(chunk: Buffer): Buffer[] {
    if (chunk.length > 0) this.kept.push(chunk);
    this.keptBytes += chunk.length;
    if (this.keptBytes < this.needed) return [];
    const bytes = this.kept.length === 1 && this.kept[0] ? this.kept[0] : Buffer.concat(this.kept);
    const documents: Buffer[] = [];
    let position = 0;
    this.needed = 5;
    while (bytes.length - position >= 5) {
      const length = bytes.readInt32LE(position);
      if (length < 5 || length > DOCUMENT_BYTES_MAX) throw new ArchiveError(`${this.entry.collection}.bson is damaged: a document of length ${length}`);
      if (bytes.length - position < length) {
        this.needed = length;
        break;
      }
      documents.push(this.checked(bytes.subarray(position, position + length)));
      position += length;
    }
    this.kept = position < bytes.length ? [bytes.subarray(position)] : [];
    this.keptBytes = bytes.length - position;
    return documents;
  }

  private checked(document: Buffer): Buffer {
    try {
      validateBson(document, { depthMax: DEPTH_MAX });
    } catch (error) {
      if (error instanceof BsonError) throw new ArchiveError(`A document of ${this.entry.collection} is damaged: ${error.message}`, { cause: error });
      throw error;
    }
    this.crc.update(document);
    this.count++;
    this.bytes += document.length;
    return document;
  }

  finish(): ArchiveEvent {
    if (this.keptBytes > 0) throw new ArchiveError(`${this.entry.collection}.bson is cut short in a document`);
    const { database, collection } = this.entry;
    return { kind: "end", database, collection, count: this.count, bytes: this.bytes, crc: crcHex(this.crc.value()) };
  }
}
