import "server-only";
import { AppError } from "@/server/errors";
import { Crc64 } from "./redis.rdb-crc";
import { damagedRdb, Encoding, RdbCursor } from "./redis.rdb-cursor";
import { readString } from "./redis.rdb-string";
import { MAGIC_BYTES, Opcode, rdbType, readMagic, typeName, type RdbMagic } from "./redis.rdb-types";
import { RdbValueWalker } from "./redis.rdb-value";

/** A key as the walk comes to it. One object for all of them: what is to be kept must be copied. */
export interface RdbEntry {
  db: number;
  /** The RDB type byte. */
  type: number;
  key: Buffer;
  /** Absolute, in ms; negative never. */
  expiresAtMs: bigint | null;
  /** Seconds, as an LRU server keeps it. */
  idleSeconds: number | null;
  /** As an LFU server keeps it. */
  frequency: number | null;
}

export interface RdbVisitor {
  /** Whether values are wanted as well: without them a walk only counts their bytes. */
  wantsBodies: boolean;
  /** Only keys of so many bytes are wanted: others come as empty ones, unless they are packed. A buffer for each of millions costs more than the walk. */
  keyLengths?: ReadonlySet<number>;
  enter?(entry: RdbEntry): void;
  /** A piece of the value as DUMP has it behind the type byte. At least `more` bytes of it are still to come. */
  body?(piece: Buffer, more: number): void;
  /** @param type as the TYPE command names it. @param bytes of key and value in the file */
  leave(entry: RdbEntry, type: string, bytes: number): void;
}

/** What a file says beside its keys. Complete when the walk has ended. */
export interface RdbFacts {
  magic: RdbMagic;
  /** "redis-ver", "ctime", "used-mem" ...; the beginning of long ones. */
  aux: Map<string, string>;
  /** Sources of the function libraries. */
  functions: Buffer[];
  /** Types of modules that keep data beside their keys. It cannot be restored key by key. */
  moduleAux: string[];
  /** False when the server was told to write none. */
  hasChecksum: boolean;
}

/** Redis's own limit of a string. */
const NAME_BYTES_MAX = 512 * 1024 * 1024;
const AUX_CHARACTERS = 200;
const UNREAD = Buffer.alloc(0);
const AUX_FIELDS_MAX = 1_000;
const CHECKSUM_BYTES = 8;
const FIRST_VERSION_WITH_CHECKSUM = 5;

type Place = "magic" | "item" | "name" | "value" | "module aux" | "checksum" | "end";

/**
 * Walks an RDB that is pushed in chunks of any size: every byte is looked at or counted, and the CRC64 over all of them
 * compared. Of a value it holds no more than the chunk at hand.
 */
export class RdbWalker {
  readonly aux = new Map<string, string>();
  readonly functions: Buffer[] = [];
  readonly moduleAux: string[] = [];
  hasChecksum = false;
  keys = 0;
  #magic: RdbMagic | null = null;
  #place: Place = "magic";
  readonly #visitor: RdbVisitor;
  readonly #cursor = new RdbCursor();
  readonly #value = new RdbValueWalker();
  readonly #crc = new Crc64();
  readonly #entry: RdbEntry = { db: 0, type: 0, key: Buffer.alloc(0), expiresAtMs: null, idleSeconds: null, frequency: null };
  /** Bytes that were not enough for their next step, and how many that step needs. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #needed = 0;
  /** Where, in the bytes at hand, the string ends that is not all there; 0 when that is not known. */
  #missingEnd = 0;
  #isSummed = false;
  /** Of the key in work. */
  #entryBytes = 0;
  /** Where the bytes at hand began to be of the key's value, or of the key. */
  #bodyFrom = 0;
  #entryFrom = 0;

  constructor(visitor: RdbVisitor) {
    this.#visitor = visitor;
  }

  get magic(): RdbMagic | null {
    return this.#magic;
  }

  get isAtEnd(): boolean {
    return this.#place === "end";
  }

  /** @throws AppError INVALID when anything is off, UNSUPPORTED for versions and types that cannot be walked */
  push(chunk: Buffer): void {
    this.#waitingBytes += chunk.length;
    this.#waiting.push(chunk);
    if (this.#waitingBytes < this.#needed) return;
    const bytes = this.#waiting.length === 1 ? chunk : Buffer.concat(this.#waiting);
    const cursor = this.#cursor;
    cursor.open(bytes);
    this.#missingEnd = 0;
    this.#bodyFrom = 0;
    this.#entryFrom = 0;
    while (this.#advance()) continue;
    this.#holdBack(bytes);
  }

  /** @throws AppError INVALID unless the file was whole */
  end(): RdbFacts {
    if (!this.#magic || this.#place !== "end") throw damagedRdb(this.#place === "magic" ? "it is empty or too short" : "its end is missing");
    const { aux, functions, moduleAux, hasChecksum } = this;
    return { magic: this.#magic, aux, functions, moduleAux, hasChecksum };
  }

  /** What was walked over is counted and given away; the rest waits for the next chunk. */
  #holdBack(bytes: Buffer): void {
    const { at } = this.#cursor;
    if (this.#place === "name" || this.#place === "value") this.#entryBytes += at - this.#entryFrom;
    if (this.#place === "value") this.#giveBody(at);
    if (!this.#isSummed) this.#crc.update(bytes, 0, at);
    this.#waiting = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#waitingBytes = bytes.length - at;
    this.#needed = Math.max(this.#missingEnd - at, this.#waitingBytes + 1);
  }

  #advance(): boolean {
    switch (this.#place) {
      case "item":
        return this.#readItem();
      case "name":
        return this.#readName();
      case "value":
        return this.#walkValue();
      case "magic":
        return this.#readMagic();
      case "module aux":
        return this.#walkModuleAux();
      case "checksum":
        return this.#readChecksum();
      case "end":
        return this.#refuseMore();
    }
  }

  #readMagic(): boolean {
    const { bytes, left } = this.#cursor;
    if (left < MAGIC_BYTES) return false;
    this.#magic = readMagic(bytes);
    if (!this.#magic) throw notAnRdb();
    this.#cursor.at = MAGIC_BYTES;
    this.#place = "item";
    return true;
  }

  /** An opcode with what belongs to it, or the type byte of a key. */
  #readItem(): boolean {
    const cursor = this.#cursor;
    const from = cursor.at;
    if (cursor.left === 0) return false;
    const byte = cursor.bytes[from] ?? 0;
    cursor.at = from + 1;
    const isRead = byte >= Opcode.slotImport ? this.#readOpcode(byte) : this.#startEntry(byte, from);
    if (!isRead) cursor.at = from;
    return isRead;
  }

  #startEntry(byte: number, from: number): boolean {
    const family = this.#magic?.family ?? "Redis";
    if (rdbType(byte, family) === null) throw this.#unsupported(`a value of the type ${byte}`);
    this.#entry.type = byte;
    this.#entryBytes = 0;
    this.#entryFrom = from;
    this.#place = "name";
    return true;
  }

  #readOpcode(opcode: number): boolean {
    const cursor = this.#cursor;
    switch (opcode) {
      case Opcode.expiryMs:
        return this.#readExpiry(8);
      case Opcode.expirySeconds:
        return this.#readExpiry(4);
      case Opcode.idle:
        if (!cursor.readCount()) return false;
        this.#entry.idleSeconds = cursor.length;
        return true;
      case Opcode.frequency:
        if (cursor.left < 1) return false;
        this.#entry.frequency = cursor.bytes[cursor.at++] ?? 0;
        return true;
      case Opcode.selectDatabase:
        if (!cursor.readCount()) return false;
        this.#entry.db = cursor.length;
        return true;
      case Opcode.resizeDatabase:
        return cursor.readCount() && cursor.readCount();
      case Opcode.slotInfo:
        return cursor.readCount() && cursor.readCount() && cursor.readCount();
      case Opcode.slotImport:
        return this.#readSlotImport();
      case Opcode.aux:
        return this.#readAux();
      case Opcode.function:
        return this.#readFunction();
      case Opcode.moduleAux:
        this.#value.start(7, "Redis");
        this.#place = "module aux";
        return true;
      case Opcode.end:
        return this.#readEnd();
      default:
        throw this.#unsupported(opcode === Opcode.functionOfPreview ? "functions in the form of a Redis 7.0 preview" : `the part ${opcode}`);
    }
  }

  #readExpiry(bytes: 4 | 8): boolean {
    const cursor = this.#cursor;
    if (cursor.left < bytes) return false;
    const expiry = bytes === 8 ? cursor.bytes.readBigInt64LE(cursor.at) : BigInt(cursor.bytes.readInt32LE(cursor.at)) * 1000n;
    this.#entry.expiresAtMs = expiry < 0n ? 0n : expiry;
    cursor.at += bytes;
    return true;
  }

  #readAux(): boolean {
    const name = this.#takeString();
    const value = name && this.#takeString();
    if (!value) return false;
    if (this.aux.size < AUX_FIELDS_MAX) this.aux.set(name.toString("latin1", 0, AUX_CHARACTERS), value.toString("utf8", 0, AUX_CHARACTERS));
    return true;
  }

  #readFunction(): boolean {
    const source = this.#takeString();
    if (source) this.functions.push(Buffer.from(source));
    return source !== null;
  }

  /** Valkey's note of slots on their way to it: a name and pairs of slots. */
  #readSlotImport(): boolean {
    const cursor = this.#cursor;
    if (this.#magic?.family !== "Valkey") throw this.#unsupported("metadata of keys (Redis 8.6)");
    if (!this.#takeString() || !cursor.readCount()) return false;
    const ranges = cursor.length;
    if (ranges > 16_384) throw damagedRdb("it names more slots than there are");
    for (let range = 0; range < ranges; range++) if (!cursor.readCount() || !cursor.readCount()) return false;
    return true;
  }

  #readEnd(): boolean {
    this.#place = (this.#magic?.version ?? 0) >= FIRST_VERSION_WITH_CHECKSUM ? "checksum" : "end";
    this.#crc.update(this.#cursor.bytes, 0, this.#cursor.at);
    this.#isSummed = true;
    return true;
  }

  #walkModuleAux(): boolean {
    if (!this.#value.walk(this.#cursor)) return false;
    const type = typeName(7, this.#value.moduleId);
    if (!this.moduleAux.includes(type)) this.moduleAux.push(type);
    this.#place = "item";
    return true;
  }

  #readName(): boolean {
    const key = this.#takeString(this.#visitor.keyLengths);
    if (!key) return false;
    const entry = this.#entry;
    entry.key = key;
    this.#visitor.enter?.(entry);
    this.#value.start(entry.type, this.#magic?.family ?? "Redis");
    this.#place = "value";
    this.#bodyFrom = this.#cursor.at;
    return true;
  }

  #walkValue(): boolean {
    const cursor = this.#cursor;
    if (!this.#value.walk(cursor)) return false;
    const entry = this.#entry;
    this.#giveBody(cursor.at);
    this.keys += 1;
    this.#visitor.leave(entry, typeName(entry.type, this.#value.moduleId), this.#entryBytes + cursor.at - this.#entryFrom);
    entry.expiresAtMs = entry.idleSeconds = entry.frequency = null;
    this.#place = "item";
    return true;
  }

  #giveBody(end: number): void {
    if (!this.#visitor.wantsBodies || end === this.#bodyFrom) return;
    this.#visitor.body?.(this.#cursor.bytes.subarray(this.#bodyFrom, end), this.#value.skip);
    this.#bodyFrom = end;
  }

  #readChecksum(): boolean {
    const cursor = this.#cursor;
    if (cursor.left < CHECKSUM_BYTES) return false;
    const stored = cursor.bytes.readBigUInt64LE(cursor.at);
    this.hasChecksum = stored !== 0n;
    if (this.hasChecksum && !this.#crc.equals(cursor.bytes, cursor.at)) throw damagedRdb("its checksum does not fit");
    cursor.at += CHECKSUM_BYTES;
    this.#place = "end";
    return true;
  }

  #refuseMore(): boolean {
    if (this.#cursor.left === 0) return false;
    const isAppendOnly = this.aux.get("aof-base") === "1" || this.aux.get("aof-preamble") === "1" || this.#cursor.bytes[this.#cursor.at] === 0x2a;
    if (!isAppendOnly) throw damagedRdb("something follows its end");
    throw new AppError("INVALID", "This is an append-only file that begins with an RDB: commands follow, which only a server can run", {
      fix: "Start a server with it and take the RDB that BGSAVE writes, or back that server up here.",
    });
  }

  /** A string whole, unpacked, or empty when it is plain and has none of the lengths; null when bytes are missing. */
  #takeString(lengths?: ReadonlySet<number>): Buffer | null {
    const cursor = this.#cursor;
    const from = cursor.at;
    if (!cursor.readStringStart()) return null;
    if (cursor.length > NAME_BYTES_MAX || cursor.unpackedLength > NAME_BYTES_MAX) throw damagedRdb("a name is longer than any can be");
    const start = cursor.at;
    const end = start + cursor.length;
    if (end <= cursor.bytes.length) {
      cursor.at = end;
      // What is packed is unpacked all the same: whether it can be is part of being whole.
      if (lengths?.has(cursor.unpackedLength) === false && cursor.encoding !== Encoding.lzf) return UNREAD;
      return readString(cursor, cursor.bytes.subarray(start, end));
    }
    cursor.at = from;
    this.#missingEnd = end;
    return null;
  }

  #unsupported(what: string): AppError {
    const words = `${this.#magic?.family ?? ""} RDB version ${this.#magic?.version ?? ""}`;
    return new AppError("UNSUPPORTED", `The RDB file holds ${what}, which this console cannot walk (${words})`, {
      fix: "A backup key by key works with every server.",
    });
  }
}

function notAnRdb(): AppError {
  return new AppError("INVALID", "This is no RDB file: it does not begin with REDIS or VALKEY and a version", {
    fix: "Choose the file that the server or this console wrote.",
  });
}
