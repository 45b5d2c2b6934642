import "server-only";
import { crc32 } from "node:zlib";
import { damaged, objectName, type ArchiveToc, type TocEntry } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import { ArchiveBlocks, type BlockConsumer } from "@/app/(console)/manage-dbs/postgres/postgres.archive-inflate";
import { CopyRows, countedTable, type CountedTable } from "@/app/(console)/manage-dbs/postgres/postgres.archive-rows";
import { ItemSum, RowSums } from "@/app/(console)/manage-dbs/postgres/postgres.archive-sums";

/**
 * Reads a pg_dump archive whole while it is being written, inside this process: every block is inflated and the rows of every COPY are
 * counted. A fraction of the work of a pg_restore beside pg_dump, which would take the dump's own processor.
 */

/** What was read out of an archive. */
export interface ArchiveContent {
  toc: ArchiveToc;
  tables: ReadonlyMap<string, CountedTable>;
  largeObjects: number;
  /** Of all large objects with their OIDs; only where sums are asked for. */
  largeObjectsSum: string | null;
}

export const READ_WHILE_WRITTEN = "every block inflated and its rows counted while it was written, then the file's SHA-256";

export class BlockReader {
  readonly #tables = new Map<string, CountedTable>();
  readonly #largeObjectsSum = new ItemSum();
  readonly #sums: boolean;
  readonly #blocks = new ArchiveBlocks((entry, largeObject) => this.#consumer(entry, largeObject));
  #largeObjects = 0;
  #rowsBefore = 0;
  #rows: CopyRows | null = null;

  /** With sums, what is read can be compared whatever the order of the rows; it takes half as long again. */
  constructor({ sums = false }: { sums?: boolean } = {}) {
    this.#sums = sums;
  }

  /** Rows read so far. */
  get rows(): number {
    return this.#rowsBefore + (this.#rows?.rows ?? 0);
  }

  /** Takes the next bytes and resolves when they are read. Throws INTERNAL when they are damaged. */
  write(chunk: Buffer): Promise<void> {
    return this.#blocks.write(chunk);
  }

  /** Call after the last byte. Throws INTERNAL unless everything that the table of contents promises was read. */
  end(): ArchiveContent {
    const largeObjectsSum = this.#sums ? this.#largeObjectsSum.text : null;
    return { toc: this.#blocks.end(), tables: this.#tables, largeObjects: this.#largeObjects, largeObjectsSum };
  }

  stop(): void {
    this.#blocks.stop();
  }

  #consumer(entry: TocEntry, largeObject: number | null): BlockConsumer {
    if (largeObject !== null) return this.#countLargeObject(largeObject);
    // Rows as INSERT statements are inflated, which proves them whole, but not told apart.
    if (entry.kind !== "TABLE DATA" || entry.copyStatement === null) return { take: () => undefined, end: () => undefined };
    return this.#countRows(objectName(entry.schema ?? "", entry.name));
  }

  #countRows(name: string): BlockConsumer {
    const rows = (this.#rows = new CopyRows());
    const sum = this.#sums ? new RowSums() : null;
    return {
      take: (bytes) => {
        rows.push(bytes);
        sum?.push(bytes);
      },
      end: () => {
        if (!rows.isEnded) throw damaged(`the rows of ${name} have no end`);
        this.#tables.set(name, sum ? { ...countedTable(rows), sum: sum.end() } : countedTable(rows));
        this.#rowsBefore += rows.rows;
        this.#rows = null;
      },
    };
  }

  #countLargeObject(oid: number): BlockConsumer {
    let crc = crc32(`${oid} `);
    return {
      take: (bytes) => {
        if (this.#sums) crc = crc32(bytes, crc);
      },
      end: () => {
        this.#largeObjects += 1;
        this.#largeObjectsSum.add(crc);
      },
    };
  }
}
