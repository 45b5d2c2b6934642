import "server-only";
import { damaged, objectName } from "@/app/(console)/manage-dbs/postgres/postgres.archive";

/**
 * Counts what pg_restore reads out of an archive: rows and bytes of every COPY block, and large objects. Fed with the text of
 * `pg_restore --data-only -f -`, which holds no function bodies or comments that could look like a COPY.
 */

export interface CountedTable {
  name: string;
  rows: number;
  bytes: number;
}

const LINE_FEED = 0x0a;
const NAME = String.raw`(?:"(?:[^"]|"")*"|[^\s".,()]+)`;
const COPY = new RegExp(String.raw`^COPY (${NAME})\.(${NAME}) +(?:\(${NAME}(?:, ${NAME})*\) )?FROM stdin;$`, "s");
/** The statement of one table: 1,600 columns of 63 four-byte characters, with line feeds in their names. */
const STATEMENT_MAX = 1024 * 1024;

export class RowCounter {
  readonly tables = new Map<string, CountedTable>();
  largeObjects = 0;
  /** Of all tables so far. */
  rows = 0;
  #table: CountedTable | null = null;
  #statement: string | null = null;
  #line: Buffer[] = [];
  #lineLength = 0;
  /** The first bytes of a row that goes over the end of a chunk, to know `\.` again. */
  #rowHead = Buffer.alloc(0);
  #rowLength = 0;

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) at = this.#table ? this.#readRows(chunk, at) : this.#readLine(chunk, at);
  }

  /** Call after the last byte. Throws INTERNAL when the text ended inside a table. */
  end(): void {
    if (this.#table) throw damaged(`the rows of ${this.#table.name} have no end`);
    if (this.#statement !== null) throw damaged("it ends inside a statement");
  }

  #readRows(chunk: Buffer, start: number): number {
    const table = this.#table;
    if (!table) return start;
    let at = start;
    let rows = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, at);
      if (end === -1) break;
      if (this.#isEndMark(chunk, at, end)) {
        table.bytes += at - start;
        this.#count(table, rows);
        this.#rowLength = 0;
        this.#table = null;
        return end + 1;
      }
      rows += 1;
      this.#rowLength = 0;
      at = end + 1;
    }
    if (this.#rowLength < 3) this.#rowHead = Buffer.concat([this.#rowHead.subarray(0, this.#rowLength), chunk.subarray(at, at + 3)]);
    this.#rowLength += chunk.length - at;
    table.bytes += chunk.length - start;
    this.#count(table, rows);
    return chunk.length;
  }

  #count(table: CountedTable, rows: number): void {
    table.rows += rows;
    this.rows += rows;
  }

  /** A row that begins with a backslash and a dot does not exist: a backslash in a value is doubled. */
  #isEndMark(chunk: Buffer, at: number, end: number): boolean {
    if (this.#rowLength + end - at !== 2) return false;
    const head = this.#rowLength === 0 ? chunk.subarray(at, end) : Buffer.concat([this.#rowHead.subarray(0, this.#rowLength), chunk.subarray(at, end)]);
    return head[0] === 0x5c && head[1] === 0x2e;
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
    this.#table = { name, rows: 0, bytes: 0 };
    this.tables.set(name, this.#table);
    this.#rowLength = 0;
  }
}

const unquoted = (name: string): string => (name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name);
