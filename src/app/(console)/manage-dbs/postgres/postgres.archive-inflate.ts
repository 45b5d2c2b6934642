import "server-only";
import { once } from "node:events";
import { createInflate, createZstdDecompress } from "node:zlib";
import { ArchiveWalk, damaged, type ArchiveToc, type TocEntry } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import { AppError } from "@/server/errors";
import { giveBack, giveBackLast } from "@/server/give-back";

/** The data blocks of an archive, inflated as its bytes come: zlib checks the Adler-32 of each. */

const INFLATED_CHUNK_BYTES = 256 * 1024;

/** Takes the content of one block, or of one large object inside one. Null for a block that nobody wants: it is passed over. */
export interface BlockConsumer {
  take(bytes: Buffer): void;
  end(): void;
}
export type OpenConsumer = (entry: TocEntry, largeObject: number | null) => BlockConsumer | null;

type Piece = { kind: "begin"; entry: TocEntry; largeObject: number | null } | { kind: "end" } | { kind: "data"; bytes: Buffer[] };

export class ArchiveBlocks {
  readonly #open: OpenConsumer;
  #pieces: Piece[] = [];
  #consumer: BlockConsumer | null = null;
  #block: Block | null = null;
  readonly #walk = new ArchiveWalk({
    begin: (entry, largeObject) => this.#pieces.push({ kind: "begin", entry, largeObject: largeObject ?? null }),
    data: (bytes) => {
      const last = this.#pieces.at(-1);
      // pg_dump writes blocks in pieces of 4 KiB: inflating them together costs a tenth.
      if (last?.kind === "data") last.bytes.push(bytes);
      else this.#pieces.push({ kind: "data", bytes: [bytes] });
    },
    end: () => this.#pieces.push({ kind: "end" }),
  });

  constructor(open: OpenConsumer) {
    this.#open = open;
  }

  /** There once the head of the archive has passed. */
  get toc(): ArchiveToc | null {
    return this.#walk.toc;
  }

  /** Takes the next bytes and resolves when they are read. Throws INTERNAL when they are damaged, and what the consumer throws. */
  async write(chunk: Buffer): Promise<void> {
    this.#walk.push(chunk);
    const pieces = this.#pieces;
    this.#pieces = [];
    for (const piece of pieces) {
      if (piece.kind === "begin") {
        this.#consumer = this.#open(piece.entry, piece.largeObject);
        this.#block = this.#consumer && openBlock(this.#walk.toc?.compression ?? "gzip", piece.entry, this.#consumer);
      } else if (piece.kind === "data") await this.#read(piece.bytes);
      else await this.#close();
    }
  }

  /** Call after the last byte. Throws INTERNAL unless everything that the table of contents promises was there. */
  end(): ArchiveToc {
    return this.#walk.end();
  }

  stop(): void {
    this.#block?.stop();
  }

  async #read([first = EMPTY, ...more]: Buffer[]): Promise<void> {
    if (!this.#block) return;
    if (more.length === 0) return this.#block.write(first);
    const together = Buffer.concat([first, ...more]);
    await this.#block.write(together);
    giveBack(together);
  }

  async #close(): Promise<void> {
    const [block, consumer] = [this.#block, this.#consumer];
    this.#block = this.#consumer = null;
    await block?.end();
    consumer?.end();
  }
}

const EMPTY = Buffer.alloc(0);

interface Block {
  write(bytes: Buffer): Promise<void>;
  end(): Promise<void>;
  stop(): void;
}

function openBlock(compression: ArchiveToc["compression"], entry: TocEntry, consumer: BlockConsumer): Block {
  if (compression === "none") return { write: async (bytes) => consumer.take(bytes), end: async () => undefined, stop: () => undefined };
  if (compression === "lz4")
    throw new AppError("UNSUPPORTED", "The archive is compressed with LZ4, which only pg_restore reads", {
      fix: "Make it with pg_dump --compress=gzip or zstd.",
    });
  const options = { chunkSize: INFLATED_CHUNK_BYTES };
  const inflate = compression === "gzip" ? createInflate(options) : createZstdDecompress(options);
  let given = 0;
  inflate.on("data", (bytes: Buffer) => {
    try {
      consumer.take(bytes);
      giveBackLast(bytes);
    } catch (error) {
      inflate.destroy(error as Error);
    }
  });
  const ended = once(inflate, "end");
  const broken = new Promise<never>((_resolve, reject) => void inflate.once("error", reject));
  for (const promise of [ended, broken]) promise.catch(() => undefined);
  const unreadable = (error: unknown): AppError =>
    error instanceof AppError ? error : damaged(`the data of ${entry.name} cannot be inflated: ${error instanceof Error ? error.message : "unknown"}`, error);
  return {
    async write(bytes) {
      given += bytes.length;
      // A stream that breaks while it works never calls back: only its error tells.
      const taken = new Promise<void>((resolve) => void inflate.write(bytes, () => resolve()));
      await Promise.race([taken, broken]).catch((error: unknown) => {
        throw unreadable(error);
      });
    },
    async end() {
      inflate.end();
      await ended.catch((error: unknown) => {
        throw unreadable(error);
      });
      if (inflate.bytesWritten !== given) throw damaged(`after the data of ${entry.name} come bytes that belong to none`);
    },
    stop: () => void inflate.destroy(new Error("stopped")),
  };
}
