import "server-only";
import { crc32 } from "node:zlib";
import { damaged, objectName } from "@/app/(console)/manage-dbs/postgres/postgres.archive";

/**
 * Counts what pg_restore reads out of an archive: rows and bytes of every COPY block, and large objects. Fed with the text of
 * `pg_restore --data-only -f -`, which holds no function bodies or comments that could look like a COPY.
 */

const LINE_FEED = 0x0a;
const NAME = String.raw`(?:"(?:[^"]|"")*"|[^\s".,()]+)`;
const COPY = new RegExp(String.raw`^COPY (${NAME})\.(${NAME}) +(?:\(${NAME}(?:, ${NAME})*\) )?FROM stdin;$`, "s");
const COLUMNS = new RegExp(String.raw`^COPY ${NAME}\.${NAME} +\((${NAME}(?:, ${NAME})*)\) FROM stdin;\s*$`, "s");
/** The statement of one table: 1,600 columns of 63 four-byte characters, with line feeds in their names. */
const STATEMENT_MAX = 1024 * 1024;

/** Counts and sums up the rows of one COPY in text format, up to the line `\.` that ends it. */
export class CopyRows {
  rows = 0;
  /** Of the rows, as text. */
  bytes = 0;
  isEnded = false;
  #crc = 0;
  #isInRow = false;
  /** Bytes at the end of a chunk that may be the beginning of the end mark. */
  #held = Buffer.alloc(0);

  /** CRC-32 of the rows as text, eight hexadecimal digits: equal for equal rows in equal order, written by the same pg_dump. */
  get checksum(): string {
    return this.#crc.toString(16).padStart(8, "0");
  }

  /** Answers where in the chunk the rows end; its length while they go on. Throws INTERNAL for anything but empty lines after the end. */
  push(chunk: Buffer, start = 0): number {
    if (this.isEnded) return this.#readAfterEnd(chunk, start);
    const held = this.#held.length;
    const text = held > 0 ? Buffer.concat([this.#held, chunk.subarray(start)]) : chunk.subarray(start);
    this.#held = Buffer.alloc(0);
    let at = 0;
    for (let end = text.indexOf(LINE_FEED); end !== -1; end = text.indexOf(LINE_FEED, at)) {
      // A row that is a backslash and a dot does not exist: a backslash in a value is doubled.
      if (!this.#isInRow && end - at === 2 && isEndMark(text, at)) {
        this.#take(text.subarray(0, at));
        this.isEnded = true;
        return start + end + 1 - held;
      }
      this.rows += 1;
      this.#isInRow = false;
      at = end + 1;
    }
    const rest = text.length - at;
    if (!this.#isInRow && rest > 0 && rest <= 2 && isEndMark(text, at)) {
      this.#held = Buffer.from(text.subarray(at));
      this.#take(text.subarray(0, at));
    } else {
      this.#isInRow ||= rest > 0;
      this.#take(text);
    }
    return chunk.length;
  }

  #take(rows: Buffer): void {
    this.bytes += rows.length;
    this.#crc = crc32(rows, this.#crc);
  }

  #readAfterEnd(chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length; at += 1) if (chunk[at] !== LINE_FEED) throw damaged("after the end of its rows a table goes on");
    return chunk.length;
  }
}

/** Also for the first byte of it alone. */
const isEndMark = (text: Buffer, at: number): boolean => text[at] === 0x5c && (at + 1 >= text.length || text[at + 1] === 0x2e);

export interface CountedTable {
  rows: number;
  bytes: number;
  checksum: string;
  /** Of the rows in any order; only where asked for. */
  sum?: string;
}

export const countedTable = ({ rows, bytes, checksum }: CopyRows): CountedTable => ({ rows, bytes, checksum });

export class RowCounter {
  readonly tables = new Map<string, CountedTable>();
  largeObjects = 0;
  #before = 0;
  #table: { name: string; copy: CopyRows } | null = null;
  #statement: string | null = null;
  #line: Buffer[] = [];
  #lineLength = 0;

  /** Of all tables so far. */
  get rows(): number {
    return this.#before + (this.#table?.copy.rows ?? 0);
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) at = this.#table ? this.#readRows(this.#table, chunk, at) : this.#readLine(chunk, at);
  }

  /** Call after the last byte. Throws INTERNAL when the text ended inside a table. */
  end(): void {
    if (this.#table) throw damaged(`the rows of ${this.#table.name} have no end`);
    if (this.#statement !== null) throw damaged("it ends inside a statement");
  }

  #readRows({ name, copy }: { name: string; copy: CopyRows }, chunk: Buffer, start: number): number {
    const at = copy.push(chunk, start);
    if (copy.isEnded) {
      this.tables.set(name, countedTable(copy));
      this.#before += copy.rows;
      this.#table = null;
    }
    return at;
  }

  #readLine(chunk: Buffer, start: number): number {
    const end = chunk.indexOf(LINE_FEED, start);
    const piece = chunk.subarray(start, end === -1 ? chunk.length : end);
    // Lines of large objects are long and say nothing after their beginning.
    if (this.#lineLength < STATEMENT_MAX) this.#line.push(piece);
    this.#lineLength += piece.length;
    if (end === -1) {
      this.#line = [Buffer.concat(this.#line)];
      return chunk.length;
    }
    const line = Buffer.concat(this.#line).toString("utf8");
    this.#line = [];
    this.#lineLength = 0;
    this.#readStatement(line);
    return end + 1;
  }

  /** A table's or column's name may hold line feeds, so a COPY may go over several lines. */
  #readStatement(line: string): void {
    if (this.#statement === null && line.startsWith("SELECT pg_catalog.lo_open(")) this.largeObjects += 1;
    if (this.#statement === null && !line.startsWith("COPY ")) return;
    const statement = this.#statement === null ? line : `${this.#statement}\n${line}`;
    const match = line.endsWith(" FROM stdin;") ? COPY.exec(statement) : null;
    if (!match) {
      if (statement.length > STATEMENT_MAX) throw damaged("a COPY statement has no end");
      this.#statement = statement;
      return;
    }
    this.#statement = null;
    const name = objectName(unquoted(match[1] ?? ""), unquoted(match[2] ?? ""));
    if (this.tables.has(name)) throw damaged(`the rows of ${name} are in it twice`);
    this.#table = { name, copy: new CopyRows() };
  }
}

/** The columns of `COPY schema.table (columns) FROM stdin;`; none for a table without any. */
export function copyColumns(statement: string): string[] {
  const list = COLUMNS.exec(statement)?.[1] ?? "";
  return [...list.matchAll(new RegExp(NAME, "g"))].map((match) => unquoted(match[0]));
}

const unquoted = (name: string): string => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name);
