import "server-only";
import { once } from "node:events";
import { createInflate } from "node:zlib";
import { ArchiveWalk, damaged, objectName, type ArchiveToc, type TocEntry } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import { AppError } from "@/server/errors";
import { giveBack, giveBackLast } from "@/server/give-back";
import { CopyRows, countedTable, type CountedTable } from "@/app/(console)/manage-dbs/postgres/postgres.archive-rows";

/**
 * Reads a pg_dump archive whole while it is being written, inside this process: every block is inflated (zlib checks its Adler-32) and
 * the rows of every COPY are counted. A fraction of the work of a pg_restore beside pg_dump, which would take the dump's own processor.
 */

/** What was read out of an archive. */
export interface ArchiveContent {
  toc: ArchiveToc;
  tables: ReadonlyMap<string, CountedTable>;
  largeObjects: number;
}

export const READ_WHILE_WRITTEN = "every block inflated and its rows counted while it was written, then the file's SHA-256";

const INFLATED_CHUNK_BYTES = 256 * 1024;

type Piece = { kind: "begin" | "end"; entry: TocEntry } | { kind: "data"; bytes: Buffer[] };

export class BlockReader {
  readonly #tables = new Map<string, CountedTable>();
  #largeObjects = 0;
  #pieces: Piece[] = [];
  #open: OpenBlock | null = null;
  #rowsBefore = 0;
  readonly #walk = new ArchiveWalk({
    begin: (entry) => this.#pieces.push({ kind: "begin", entry }),
    data: (bytes) => {
      const last = this.#pieces.at(-1);
      // pg_dump writes blocks in pieces of 4 KiB: inflating them together costs a tenth.
      if (last?.kind === "data") last.bytes.push(bytes);
      else this.#pieces.push({ kind: "data", bytes: [bytes] });
    },
    end: (entry) => this.#pieces.push({ kind: "end", entry }),
  });

  /** Rows read so far. */
  get rows(): number {
    return this.#rowsBefore + (this.#open?.rows.rows ?? 0);
  }

  /** Takes the next bytes and resolves when they are read. Throws INTERNAL when they are damaged. */
  async write(chunk: Buffer): Promise<void> {
    this.#walk.push(chunk);
    const pieces = this.#pieces;
    this.#pieces = [];
    for (const piece of pieces) {
      if (piece.kind === "begin") this.#open = openBlock(this.#walk.toc?.compressed ?? true, piece.entry);
      else if (piece.kind === "data") await this.#read(piece.bytes);
      else await this.#close(piece.entry);
    }
  }

  /** Call after the last byte. Throws INTERNAL unless everything that the table of contents promises was read. */
  end(): ArchiveContent {
    return { toc: this.#walk.end(), tables: this.#tables, largeObjects: this.#largeObjects };
  }

  stop(): void {
    this.#open?.stop();
  }

  async #read([first = EMPTY, ...more]: Buffer[]): Promise<void> {
    if (more.length === 0) return this.#open?.write(first);
    const together = Buffer.concat([first, ...more]);
    await this.#open?.write(together);
    giveBack(together);
  }

  async #close(entry: TocEntry): Promise<void> {
    const block = this.#open;
    this.#open = null;
    await block?.end();
    if (entry.kind === "TABLE DATA" && block) {
      if (!block.rows.isEnded) throw damaged(`the rows of ${entry.name} have no end`);
      this.#tables.set(objectName(entry.schema ?? "", entry.name), countedTable(block.rows));
      this.#rowsBefore += block.rows.rows;
    } else if (entry.kind === "BLOBS") this.#largeObjects += 1;
  }
}

const EMPTY = Buffer.alloc(0);

interface OpenBlock {
  readonly rows: CopyRows;
  write(bytes: Buffer): Promise<void>;
  end(): Promise<void>;
  stop(): void;
}

function openBlock(isCompressed: boolean, entry: TocEntry): OpenBlock {
  const rows = new CopyRows();
  const isTable = entry.kind === "TABLE DATA";
  const take = (bytes: Buffer): void => {
    if (isTable) rows.push(bytes);
  };
  if (!isCompressed) return { rows, write: async (bytes) => take(bytes), end: async () => undefined, stop: () => undefined };
  const inflate = createInflate({ chunkSize: INFLATED_CHUNK_BYTES });
  let given = 0;
  inflate.on("data", (bytes: Buffer) => {
    try {
      take(bytes);
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
    rows,
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
