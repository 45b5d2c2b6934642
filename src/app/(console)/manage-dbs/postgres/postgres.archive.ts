import "server-only";
import { isAscii } from "node:buffer";
import { decoderOf, encodingOf } from "@/app/(console)/manage-dbs/postgres/postgres.archive-encoding";
import { assertPlainCopies } from "@/app/(console)/manage-dbs/postgres/postgres.archive-copies";
import { AppError } from "@/server/errors";

/**
 * Walks a pg_dump custom-format archive as its bytes pass: header, table of contents, and the borders of every data block up to
 * the last byte. What is inside the blocks (compression, rows) is pg_restore's to read; that no byte is missing or too many is found here.
 * Layout: pg_backup_archiver.c (WriteHead, WriteToc) and pg_backup_custom.c of PostgreSQL 12 to 18, archive versions 1.14 to 1.16.
 */

export interface TocEntry {
  id: number;
  /** Exactly as in the catalog. */
  name: string;
  /** "TABLE", "TABLE DATA", "EXTENSION", "ACL", ... */
  kind: string;
  schema: string | null;
  owner: string;
  tablespace: string | null;
  definition: string | null;
  /** `COPY schema.table (columns) FROM stdin;`, of rows only; null also where they are written as INSERT statements. */
  copyStatement: string | null;
  /** Ids of the entries it rests on. */
  dependencies: number[];
  /** Rows or large objects follow in a data block with this id. */
  hasData: boolean;
}

export interface ArchiveToc {
  /** "1.14" */
  version: string;
  /** Major version of the oldest pg_restore that reads it. */
  toolMajor: number;
  compression: "none" | "gzip" | "lz4" | "zstd";
  database: string;
  serverVersion: string;
  dumpVersion: string;
  /** PostgreSQL's name of the encoding of all text in it: "UTF8". */
  encoding: string;
  entries: TocEntry[];
}

const TOOL_MAJORS: Record<string, number> = { "1.14": 12, "1.15": 16, "1.16": 17 };
const ALGORITHMS: readonly (ArchiveToc["compression"] | undefined)[] = ["none", "gzip", "lz4", "zstd"];
const MAGIC = Buffer.from("PGDMP");
const FORMAT_CUSTOM = 1;
const FORMAT_TAR = 3;
const BLOCK_DATA = 1;
const BLOCK_LARGE_OBJECTS = 3;
const STRING_BYTES_MAX = 256 * 1024 * 1024;

/** Told of what is inside the data blocks, in order, as it passes: the bytes as they lie in the file, compressed where the archive is. */
export interface BlockListener {
  /** A block begins, or the next large object inside one, with its OID. */
  begin(entry: TocEntry, largeObject?: number): void;
  /** A view of the chunk that is being walked: copy it to keep it. */
  data(bytes: Buffer): void;
  end(entry: TocEntry): void;
}

export class ArchiveWalk {
  /** There once the head of the archive has passed. */
  toc: ArchiveToc | null = null;
  #rest: Buffer = Buffer.alloc(0);
  #position = 0;
  #skip = 0;
  #integerBytes = 4;
  #offsetBytes = 8;
  #entriesLeft = 0;
  #state: "head" | "entries" | "block" | "chunk" | "large object" | "large object chunk" = "head";
  #seen = new Set<number>();
  #withData = new Map<number, TocEntry>();
  #entry: TocEntry | null = null;
  readonly #listener: BlockListener | null;

  constructor(listener: BlockListener | null = null) {
    this.#listener = listener;
  }

  /** Takes the next bytes. Throws INTERNAL when they cannot follow. */
  push(chunk: Buffer): void {
    if (this.#skip >= chunk.length) {
      this.#listener?.data(chunk);
      this.#skip -= chunk.length;
      return;
    }
    if (this.#skip > 0) this.#listener?.data(chunk.subarray(0, this.#skip));
    this.#rest = this.#rest.length === 0 ? chunk.subarray(this.#skip) : Buffer.concat([this.#rest, chunk.subarray(this.#skip)]);
    this.#skip = 0;
    this.#position = 0;
    let done = 0;
    try {
      for (;;) {
        this.#step();
        done = this.#position;
        if (this.#skip === 0) continue;
        const here = Math.min(this.#skip, this.#rest.length - done);
        this.#listener?.data(this.#rest.subarray(done, done + here));
        this.#skip -= here;
        this.#position = done += here;
        if (this.#skip > 0) break;
      }
    } catch (error) {
      if (error !== NEED_MORE) throw error;
    }
    this.#rest = Buffer.from(this.#rest.subarray(done));
  }

  /** Call after the last byte. Throws INTERNAL unless the archive ended where it must and every object's data was there. */
  end(): ArchiveToc {
    if (this.#state === "head" && this.#rest.length > 0 && !this.#rest.subarray(0, 5).equals(MAGIC.subarray(0, this.#rest.length))) throw this.#notAnArchive();
    if (!this.toc) throw damaged(this.#rest.length === 0 && this.#state === "head" ? "it is empty" : "it ends inside its table of contents");
    if (this.#state !== "block" || this.#rest.length > 0 || this.#skip > 0) throw damaged("it ends inside the data of an object");
    const missing = this.toc.entries.filter((entry) => entry.hasData && !this.#seen.has(entry.id));
    if (missing.length > 0) throw damaged(`the data of ${missing.length} objects is missing, first ${missing[0]?.schema ?? ""}.${missing[0]?.name ?? ""}`);
    return this.toc;
  }

  #step(): void {
    switch (this.#state) {
      case "head":
        return this.#readHead();
      case "entries":
        return this.#readEntry();
      case "block":
        return this.#readBlock();
      case "chunk":
        return this.#readChunk("block");
      case "large object":
        return this.#readLargeObject();
      case "large object chunk":
        return this.#readChunk("large object");
    }
  }

  #readHead(): void {
    if (!this.#bytes(5).equals(MAGIC)) throw this.#notAnArchive();
    const [major, minor] = [this.#byte(), this.#byte()];
    this.#byte();
    const version = `${major}.${minor}`;
    const toolMajor = TOOL_MAJORS[version];
    if (toolMajor === undefined) {
      throw new AppError("UNSUPPORTED", `The archive has the format version ${version}, which the console does not know`, {
        fix: "Use pg_dump of PostgreSQL 12 to 18.",
      });
    }
    this.#integerBytes = this.#byte();
    this.#offsetBytes = this.#byte();
    if (this.#integerBytes !== 4 || this.#offsetBytes > 8) throw damaged("its header makes no sense");
    const format = this.#byte();
    if (format !== FORMAT_CUSTOM)
      throw damaged(`it is the table of contents of ${format === FORMAT_TAR ? "pg_dump's tar format" : "pg_dump's directory format"}`);
    // A level until 1.14, then an algorithm.
    const compression = minor >= 15 ? ALGORITHMS[this.#byte()] : this.#integer() === 0 ? "none" : "gzip";
    if (compression === undefined) throw damaged("its header makes no sense");
    // Second, minute, hour, day, month, year and daylight saving of the dump.
    for (let part = 0; part < 7; part += 1) this.#integer();
    const [database, serverVersion, dumpVersion] = [this.#text(), this.#text(), this.#text()];
    this.#entriesLeft = this.#integer();
    this.toc = null;
    this.#pending = {
      version,
      toolMajor,
      compression,
      database: database ?? "",
      serverVersion: serverVersion ?? "",
      dumpVersion: dumpVersion ?? "",
      encoding: this.#encoding,
      entries: [],
    };
    this.#minor = minor;
    this.#toEntries();
  }

  #pending: ArchiveToc | null = null;
  #minor = 14;
  /** Of all text in the archive. The entry that names it comes last, so what is not ASCII is kept until then. */
  #encoding = "UTF8";
  #foreign: { entry: TocEntry; texts: EntryTexts }[] = [];

  #toEntries(): void {
    this.#state = this.#entriesLeft > 0 ? "entries" : "block";
    if (this.#state !== "block") return;
    const decode = decoderOf(this.#encoding);
    for (const { entry, texts } of this.#foreign) Object.assign(entry, decodedTexts(texts, decode));
    this.#foreign = [];
    assertPlainCopies(this.#pending?.entries ?? []);
    this.toc = this.#pending && { ...this.#pending, encoding: this.#encoding };
  }

  #notAnArchive(): AppError {
    return damaged(`it does not begin as a pg_dump archive (${looksLike(this.#rest)})`);
  }

  #readEntry(): void {
    const id = this.#integer();
    const hasData = this.#integer() !== 0;
    this.#bytesOfText();
    this.#bytesOfText();
    const name = this.#bytesOfText();
    const kind = this.#text() ?? "";
    this.#integer();
    const definition = this.#bytesOfText();
    this.#bytesOfText();
    const copyStatement = this.#bytesOfText();
    const schema = this.#bytesOfText();
    const tablespace = this.#bytesOfText();
    this.#bytesOfText();
    if (this.#minor >= 16) this.#integer();
    const owner = this.#bytesOfText();
    this.#bytesOfText();
    const dependencies: number[] = [];
    for (let other = this.#text(); other !== null; other = this.#text()) dependencies.push(Number(other));
    this.#bytes(1 + this.#offsetBytes);
    const texts: EntryTexts = { name, definition, copyStatement, schema, tablespace, owner };
    const entry: TocEntry = { id, kind, dependencies, hasData, ...decodedTexts(texts, decodeUtf8) };
    this.#pending?.entries.push(entry);
    if (Object.values(texts).some((text) => text !== null && !isAscii(text))) this.#foreign.push({ entry, texts: copiedTexts(texts) });
    if (kind === "ENCODING") this.#encoding = encodingOf(entry.definition);
    if (hasData) this.#withData.set(id, entry);
    this.#entriesLeft -= 1;
    this.#toEntries();
  }

  #readBlock(): void {
    const kind = this.#byte();
    const id = this.#integer();
    const entry = this.#withData.get(id);
    if (!entry || (kind !== BLOCK_DATA && kind !== BLOCK_LARGE_OBJECTS)) throw damaged("after its last object come bytes that belong to none");
    if (this.#seen.has(id)) throw damaged(`the data of ${entry.name} is in it twice`);
    this.#seen.add(id);
    this.#entry = entry;
    this.#state = kind === BLOCK_DATA ? "chunk" : "large object";
    if (kind === BLOCK_DATA) this.#listener?.begin(entry);
  }

  #readLargeObject(): void {
    const oid = this.#integer();
    this.#state = oid === 0 ? "block" : "large object chunk";
    if (oid !== 0 && this.#entry) this.#listener?.begin(this.#entry, oid);
  }

  #readChunk(after: "block" | "large object"): void {
    const length = this.#integer();
    if (length < 0) throw damaged("a data block has a length below zero");
    if (length > 0) {
      this.#skip = length;
      return;
    }
    this.#state = after;
    if (this.#entry) this.#listener?.end(this.#entry);
  }

  #bytes(count: number): Buffer {
    if (this.#rest.length - this.#position < count) throw NEED_MORE; // oxlint-disable-line typescript/only-throw-error -- a signal to wait for more bytes, caught in this file
    return this.#rest.subarray(this.#position, (this.#position += count));
  }

  #byte(): number {
    return this.#bytes(1)[0] ?? 0;
  }

  /** A sign byte, then the magnitude, least significant byte first. */
  #integer(): number {
    const bytes = this.#bytes(1 + this.#integerBytes);
    const magnitude = bytes.readUInt32LE(1);
    if (bytes[0] === 0) return magnitude;
    // pg_dump writes no other sign and no negative zero: here a flipped bit would go unseen.
    if (bytes[0] !== 1 || magnitude === 0) throw damaged("a number in it has no sign");
    return -magnitude;
  }

  #text(): string | null {
    return this.#bytesOfText()?.toString("utf8") ?? null;
  }

  #bytesOfText(): Buffer | null {
    const length = this.#integer();
    if (length < 0) return null;
    if (length > STRING_BYTES_MAX) throw damaged("its table of contents makes no sense");
    return this.#bytes(length);
  }
}

type EntryTexts = Record<"name" | "definition" | "copyStatement" | "schema" | "tablespace" | "owner", Buffer | null>;

const decodeUtf8 = decoderOf("UTF8");

function decodedTexts(texts: EntryTexts, decode: (bytes: Buffer) => string): Pick<TocEntry, keyof EntryTexts> {
  const text = (bytes: Buffer | null): string | null => (bytes === null || bytes.length === 0 ? null : decode(bytes));
  return {
    name: text(texts.name) ?? "",
    definition: text(texts.definition),
    copyStatement: text(texts.copyStatement),
    schema: text(texts.schema),
    tablespace: text(texts.tablespace),
    owner: text(texts.owner) ?? "",
  };
}

const copiedTexts = (texts: EntryTexts): EntryTexts => ({
  name: copied(texts.name),
  definition: copied(texts.definition),
  copyStatement: copied(texts.copyStatement),
  schema: copied(texts.schema),
  tablespace: copied(texts.tablespace),
  owner: copied(texts.owner),
});
const copied = (bytes: Buffer | null): Buffer | null => bytes && Buffer.from(bytes);

const NEED_MORE = Symbol("more bytes are needed");

export function damaged(what: string, cause?: unknown): AppError {
  return new AppError("INTERNAL", `The backup file is damaged: ${what}`, { fix: "Choose another backup, or take a new one.", detail: what, cause });
}

function looksLike(bytes: Buffer): string {
  const start = bytes.subarray(0, 16).toString("latin1");
  if (start.startsWith("\x1f\x8b")) return "it is gzip";
  if (start.startsWith("SQLite format 3")) return "it is a SQLite file";
  if (start.startsWith("REDIS")) return "it is a Redis snapshot";
  if (start.startsWith("--") || /^(set|create|begin|copy)\b/i.test(start)) return "it is SQL text";
  if (/^\s*</.test(start)) return "it is a web page";
  return /^[\x20-\x7e\s]+$/.test(start) ? "it is text" : "unknown content";
}

/** `public.orders`, quoted where the name is not plain: the same for the same object everywhere, whatever the keywords of a version. */
export function objectName(schema: string, name: string): string {
  const part = (text: string): string => (/^[a-z_][a-z0-9_$]*$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`);
  return `${part(schema)}.${part(name)}`;
}
