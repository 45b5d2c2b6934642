import "server-only";

import { createGunzip, type Gunzip } from "node:zlib";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

import { ArchiveError } from "@/app/(console)/manage-dbs/mongodb/archive/archive-format";
import { type ArchiveEvent, ArchiveParser } from "@/app/(console)/manage-dbs/mongodb/archive/archive-parser";

/** gzip of real documents stays far below; a file beyond it is made to fill disks and time. */
const EXPANSION_RATIO_MAX = 400;
const EXPANSION_FREE_BYTES = 128 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const DEPTH_MAX = 200;

export interface ReadOptions {
  signal?: AbortSignal | undefined;
  /** Refuse what today's mongorestore refuses; for files of this console. */
  strict?: boolean;
  /** Plain bytes it may expand to, when the manifest says; else a ratio bounds it. */
  expandedBytesMax?: number | undefined;
  /** Bytes of the file read so far. */
  onRead?: (bytes: number) => void;
}

/**
 * An archive, plain or gzip, as a stream of events in bounded memory. Every checksum, length and end mark is checked, and
 * nothing may be missing or follow: it throws unless the file is whole from the first byte to the last.
 * @throws ArchiveError naming what is wrong
 */
export async function* readArchive(source: Readable, options: ReadOptions = {}): AsyncGenerator<ArchiveEvent> {
  const parser = new ArchiveParser({ strict: options.strict ?? false, depthMax: DEPTH_MAX });
  for await (const chunk of plainChunks(source, options)) yield* parser.push(chunk);
  parser.finish();
}

/** A file's plain bytes, whether it is compressed or not. @throws ArchiveError when it is damaged or expands beyond its bound */
export async function* plainChunks(source: Readable, options: ReadOptions = {}): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of new PlainBytes(source, options).chunks()) {
      options.signal?.throwIfAborted();
      yield chunk;
    }
  } finally {
    source.destroy();
  }
}

class PlainBytes {
  private readBytes = 0;
  private readonly source: Readable;
  private readonly options: ReadOptions;

  constructor(source: Readable, options: ReadOptions) {
    this.source = source;
    this.options = options;
  }

  async *chunks(): AsyncGenerator<Buffer> {
    const iterator = this.counted();
    const first = await nonEmpty(iterator);
    if (!first) return;
    if (first[0] === 0x1f && (first.length < 2 || first[1] === 0x8b)) {
      yield* this.gunzipped(first, iterator);
      return;
    }
    yield first;
    yield* iterator;
  }

  private async *counted(): AsyncGenerator<Buffer> {
    for await (const chunk of this.source) {
      const bytes = chunk as Buffer;
      this.readBytes += bytes.length;
      this.options.onRead?.(this.readBytes);
      if (bytes.length > 0) yield bytes;
    }
  }

  private async *gunzipped(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    const output = new Transform({ highWaterMark: CHUNK_BYTES, transform: (chunk: Buffer, _encoding, done) => done(null, chunk) });
    const fed = pipeline(
      (async function* () {
        yield first;
        yield* rest;
      })(),
      gunzip,
      output,
    );
    fed.catch(() => undefined);
    let expanded = 0;
    try {
      for await (const chunk of output) {
        expanded += (chunk as Buffer).length;
        this.checkExpansion(expanded);
        yield chunk as Buffer;
      }
      await fed;
    } catch (error) {
      throw asGzipError(error);
    } finally {
      gunzip.destroy();
    }
    this.checkNothingFollows(gunzip);
  }

  private checkExpansion(expanded: number): void {
    const { expandedBytesMax } = this.options;
    const limit = expandedBytesMax ?? EXPANSION_FREE_BYTES + this.readBytes * EXPANSION_RATIO_MAX;
    if (expanded > limit) throw new ArchiveError("The file expands to far more than it can hold: it is not read further");
  }

  /** Node stops at what is no further gzip member and says nothing. */
  private checkNothingFollows(gunzip: Gunzip): void {
    const unused = this.readBytes - gunzip.bytesWritten;
    if (unused !== 0) throw new ArchiveError(`${Math.abs(unused)} bytes follow the compressed archive`);
  }
}

async function nonEmpty(iterator: AsyncGenerator<Buffer>): Promise<Buffer | null> {
  const next = await iterator.next();
  return next.done ? null : next.value;
}

function asGzipError(error: unknown): unknown {
  const code = (error as { code?: unknown }).code;
  if (code === "Z_BUF_ERROR") return new ArchiveError("The compressed file is cut short", { cause: error });
  if (typeof code === "string" && code.startsWith("Z_")) return new ArchiveError("The compressed file is damaged", { cause: error });
  return error;
}
