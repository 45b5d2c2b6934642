import "server-only";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Transform, type Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, crc32, createDeflateRaw, createGunzip } from "node:zlib";
import { AppError } from "@/server/errors";

/**
 * The file of a Redis backup: a gzip of lines that every gzip tool reads, followed by an empty gzip member whose extra
 * field holds the SHA-256 of all compressed bytes before it and the length of the lines. Without it a flipped bit in gzip's
 * own header or padding would go unseen, and NULs or text behind the end would be ignored.
 */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
const SEAL_START = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 44, 0, 0x46, 0x43, 40, 0]);
const SEAL_END = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
const SEAL_BYTES = SEAL_START.length + 40 + SEAL_END.length;

const LEVEL = 4;
/** A reader stops beyond 64 MiB + 200 bytes a compressed byte; a writer keeps far below by storing what packs better. */
const READ_RATIO_MAX = 200;
const READ_RATIO_FREE_BYTES = 64 * 1024 * 1024;
const WRITE_RATIO_MAX = 100;
const WRITE_RATIO_FREE_BYTES = 16 * 1024 * 1024;
const BLOCK_CHARACTERS = 256 * 1024;

export interface BackupFileWriter {
  /** ASCII text; resolves when there is room for more. */
  write(text: string): Promise<void>;
  /** SHA-256 (hex) of everything written so far. */
  sha256(): Promise<string>;
  /** Resolves when the sink has everything. */
  end(): Promise<void>;
  /** Gives up: the sink is destroyed. */
  abort(error: Error): void;
}

export function writeBackupFile(sink: Writable): BackupFileWriter {
  const deflate = createDeflateRaw({ level: LEVEL });
  const lines = createHash("sha256");
  const written = { bytes: 0, crc: 0, packed: 0 };
  let level = LEVEL;
  let pending: string[] = [];
  let pendingCharacters = 0;

  const piped = pipeline(
    deflate,
    async function* (chunks: AsyncIterable<Buffer>) {
      const packed = createHash("sha256").update(HEADER);
      yield HEADER;
      for await (const chunk of chunks) {
        packed.update(chunk);
        written.packed += chunk.length;
        yield chunk;
      }
      const check = Buffer.alloc(8);
      check.writeUInt32LE(written.crc, 0);
      check.writeUInt32LE(written.bytes % 2 ** 32, 4);
      packed.update(check);
      yield check;
      yield makeSeal(packed.digest(), written.bytes);
    },
    sink,
  );
  // Awaited in end(); until then a failure shows in the next write.
  piped.catch(() => undefined);

  async function flush(): Promise<void> {
    if (pendingCharacters === 0) return;
    const block = Buffer.from(pending.join(""), "latin1");
    pending = [];
    pendingCharacters = 0;
    lines.update(block);
    written.crc = crc32(block, written.crc);
    written.bytes += block.length;
    await keepRatio();
    if (!deflate.write(block)) await Promise.race([once(deflate, "drain"), piped]);
  }

  /** Sparse values pack a thousand to one: stored plain from time to time, the file never looks like a bomb. */
  async function keepRatio(): Promise<void> {
    const wanted = written.bytes > WRITE_RATIO_FREE_BYTES + WRITE_RATIO_MAX * written.packed ? 0 : LEVEL;
    if (wanted === level) return;
    level = wanted;
    const changed = new Promise<void>((resolve) => deflate.params(wanted, constants.Z_DEFAULT_STRATEGY, resolve));
    await Promise.race([changed, piped]);
  }

  return {
    async write(text) {
      pending.push(text);
      pendingCharacters += text.length;
      if (pendingCharacters >= BLOCK_CHARACTERS) await flush();
    },
    async sha256() {
      await flush();
      return lines.copy().digest("hex");
    },
    async end() {
      await flush();
      deflate.end();
      await piped;
    },
    abort(error) {
      deflate.destroy(error);
    },
  };
}

/**
 * The lines of a backup file as chunks of bytes. Checks everything the file says about itself; what is wrong may only show
 * at the end, so nothing read before is to be trusted until this ends without an error.
 */
export async function* readBackupFile(source: Readable, onBytes: (bytes: number) => void = () => undefined): AsyncGenerator<Buffer> {
  const seal = new SealReader();
  // A cut end is no error of gunzip's here: everything before it comes out, and then the seal is missing.
  const gunzip = createGunzip({ chunkSize: 256 * 1024, finishFlush: constants.Z_SYNC_FLUSH });
  let length = 0;
  const piped = pipeline(source, seal, gunzip);
  // The failure of an earlier part ends the loop below; both are looked at after it.
  piped.catch(() => undefined);
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > READ_RATIO_FREE_BYTES + READ_RATIO_MAX * seal.bytesIn) {
        throw new AppError("LIMIT_EXCEEDED", "The backup unpacks to far more than its size", { fix: "It was not made by this console; do not use it." });
      }
      onBytes(seal.bytesIn);
      yield chunk;
    }
    await piped;
  } catch (error) {
    throw unreadable(error);
  } finally {
    source.destroy();
    gunzip.destroy();
  }
  if (seal.problem) throw seal.problem;
  if (length !== seal.lineBytes) throw damaged("it holds less than it should");
}

/** Passes everything but the seal on, and compares the seal at the end. What is wrong then waits in `problem` until all was read. */
class SealReader extends Transform {
  bytesIn = 0;
  lineBytes = -1;
  problem: AppError | null = null;
  readonly #hash = createHash("sha256");
  #held: Buffer = Buffer.alloc(0);
  #isKnown = false;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null, data?: Buffer) => void): void {
    const all = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    if (!this.#isKnown && all.length >= HEADER.length) {
      if (!all.subarray(0, HEADER.length).equals(HEADER)) return done(foreignFile(all));
      this.#isKnown = true;
    }
    const passing = all.subarray(0, Math.max(0, all.length - SEAL_BYTES));
    this.#held = all.subarray(passing.length);
    this.bytesIn += passing.length;
    this.#hash.update(passing);
    done(null, passing);
  }

  override _flush(done: (error?: Error | null) => void): void {
    if (!this.#isKnown) return done(this.#held.length === 0 ? notABackup("it is empty") : foreignFile(this.#held));
    const isWhole = this.#held.length === SEAL_BYTES;
    const lineBytes = isWhole ? Number(this.#held.readBigUInt64LE(SEAL_START.length + 32)) : -1;
    const isSealed = isWhole && this.#held.equals(makeSeal(this.#hash.digest(), lineBytes));
    if (isSealed) this.lineBytes = lineBytes;
    else this.problem = damaged("its end is missing, or bytes in it were changed");
    done();
  }
}

function makeSeal(sha256: Buffer, lineBytes: number): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(lineBytes));
  return Buffer.concat([SEAL_START, sha256, length, SEAL_END]);
}

const KNOWN_FILES: [start: Buffer, name: string][] = [
  [Buffer.from("REDIS0"), "a Redis RDB file"],
  [Buffer.from("VALKEY"), "a Valkey RDB file"],
  [Buffer.from("PGDMP"), "a PostgreSQL dump"],
  [Buffer.from("SQLite format 3\0"), "a SQLite database"],
  [Buffer.from([0x6d, 0xe2, 0x99, 0x81]), "a MongoDB archive"],
  [Buffer.from([0x1f, 0x8b]), "a gzip file of something else"],
  [Buffer.from("PK"), "a ZIP file"],
  [Buffer.from("<"), "a web page or XML"],
  [Buffer.from('{"format":"foundry-redis'), "an unpacked export or backup"],
];

function foreignFile(start: Buffer): AppError {
  const known = KNOWN_FILES.find(([magic]) => start.subarray(0, magic.length).equals(magic));
  return notABackup(known ? `it is ${known[1]}` : "it begins with something else");
}

function notABackup(why: string): AppError {
  return new AppError("INVALID", `This is not a Redis backup of this console: ${why}`, { fix: "Choose the file that the console wrote." });
}

export function damaged(why: string): AppError {
  return new AppError("INVALID", `The backup is cut or damaged: ${why}`, { fix: "Use another backup." });
}

function unreadable(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // gunzip ends where the last gzip member does, whatever still comes.
  if (code === "ERR_STREAM_PREMATURE_CLOSE") return damaged("something follows its end");
  return code.startsWith("Z_") ? damaged(`unpacking it fails (${code})`) : error;
}
