import "server-only";
import { damaged, objectName, type ArchiveToc } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import { decoderOf } from "@/app/(console)/manage-dbs/postgres/postgres.archive-encoding";
import { ArchiveBlocks, type OpenConsumer } from "@/app/(console)/manage-dbs/postgres/postgres.archive-inflate";
import { copyColumns } from "@/app/(console)/manage-dbs/postgres/postgres.archive-rows";
import { LARGE_OBJECTS_NAME, relationsOfArchive } from "@/app/(console)/manage-dbs/postgres/postgres.backup-objects";
import { readToc } from "@/app/(console)/manage-dbs/postgres/postgres.backup-verify";
import type { Artefact, Peek } from "@/backups/engine";
import { AppError, throwIfCancelled } from "@/server/errors";

/** The first rows of one table straight from an archive: what is before them is passed over, what is after them is not read. */

const CELL_CHARACTERS = 500;
/** More bytes than so many characters can have, escaped or not. */
const CELL_BYTES = CELL_CHARACTERS * 8;

interface PeekOptions {
  limit: number;
  signal?: AbortSignal | undefined;
}

/** Throws NOT_FOUND for an object that is not in the archive. A view or a partitioned table has no rows of its own. */
export async function peekArchive(artefact: Artefact, object: string, { limit, signal }: PeekOptions): Promise<Peek> {
  throwIfCancelled(signal);
  const toc = await readToc(artefact);
  if (object === LARGE_OBJECTS_NAME) return peekLargeObjects(artefact, toc, { limit, signal });
  if (!relationsOfArchive(toc).has(object)) throw new AppError("NOT_FOUND", `The backup has no ${object}`, { fix: "Choose an object of its list." });
  const data = toc.entries.find((entry) => entry.kind === "TABLE DATA" && entry.hasData && objectName(entry.schema ?? "", entry.name) === object);
  if (!data) return { columns: [], rows: [], hasMore: false };
  if (data.copyStatement === null)
    throw new AppError("UNSUPPORTED", `The rows of ${object} are INSERT statements, which are not shown`, {
      fix: "Restore it under a new name and look there.",
    });
  const rows = new FirstRows(limit, decoderOf(toc.encoding));
  let ended = false;
  const open: OpenConsumer = (entry) => (entry.id === data.id ? { take: (bytes) => rows.push(bytes), end: () => void (ended = true) } : null);
  await readUntil({ artefact, open, signal, isEnough: () => ended || rows.hasMore });
  if (!ended && !rows.hasMore) throw damaged(`the rows of ${object} have no end`);
  const columns = copyColumns(data.copyStatement);
  return { columns, rows: columns.length > 0 ? rows.rows : rows.rows.map(() => []), hasMore: rows.hasMore };
}

async function peekLargeObjects(artefact: Artefact, toc: ArchiveToc, { limit, signal }: PeekOptions): Promise<Peek> {
  const rows: [string, string][] = [];
  let hasMore = false;
  const open: OpenConsumer = (_entry, oid) => {
    if (oid === null) return null;
    hasMore = rows.length >= limit;
    let bytes = 0;
    return hasMore ? null : { take: (piece) => void (bytes += piece.length), end: () => void rows.push([String(oid), String(bytes)]) };
  };
  if (toc.entries.some((entry) => entry.kind === "BLOBS")) await readUntil({ artefact, open, signal, isEnough: () => hasMore });
  return { columns: ["oid", "bytes"], rows, hasMore };
}

async function readUntil(reading: { artefact: Artefact; open: OpenConsumer; signal: AbortSignal | undefined; isEnough: () => boolean }): Promise<void> {
  const { artefact, open, signal, isEnough } = reading;
  const stream = artefact.open();
  const blocks = new ArchiveBlocks(open);
  try {
    for await (const chunk of stream) {
      throwIfCancelled(signal);
      await blocks.write(chunk as Buffer);
      if (isEnough()) return;
    }
  } finally {
    blocks.stop();
    stream.destroy();
  }
}

const [TAB, LINE_FEED] = [0x09, 0x0a];

/** Takes the text of a COPY and keeps the first rows, each cell cut: inside a cell a tab and a line feed are always escaped. */
class FirstRows {
  readonly rows: (string | null)[][] = [];
  hasMore = false;
  readonly #limit: number;
  readonly #decode: (bytes: Buffer) => string;
  #row: (string | null)[] = [];
  #cell: Buffer[] = [];
  #cellBytes = 0;
  #isEnded = false;

  constructor(limit: number, decode: (bytes: Buffer) => string) {
    this.#limit = limit;
    this.#decode = decode;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && !this.#isEnded && !this.hasMore) {
      const end = nextBorder(chunk, at);
      this.#take(chunk.subarray(at, end));
      if (end < chunk.length) this.#endCell(chunk[end] === LINE_FEED);
      at = end + 1;
    }
  }

  #take(bytes: Buffer): void {
    const room = CELL_BYTES - this.#cellBytes;
    // A copy: the chunk's memory is used again.
    if (room > 0 && bytes.length > 0) this.#cell.push(Buffer.from(bytes.subarray(0, room)));
    this.#cellBytes += Math.min(room, bytes.length);
  }

  #endCell(isRowEnd: boolean): void {
    const bytes = Buffer.concat(this.#cell);
    this.#cell = [];
    this.#cellBytes = 0;
    if (isRowEnd && this.#row.length === 0 && bytes.equals(END)) {
      this.#isEnded = true;
      return;
    }
    if (this.rows.length === this.#limit) {
      this.hasMore = true;
      return;
    }
    this.#row.push(cellOf(this.#decode(bytes)));
    if (!isRowEnd) return;
    this.rows.push(this.#row);
    this.#row = [];
  }
}

const END = Buffer.from("\\.");

function nextBorder(chunk: Buffer, from: number): number {
  for (let at = from; at < chunk.length; at += 1) if (chunk[at] === TAB || chunk[at] === LINE_FEED) return at;
  return chunk.length;
}

const ESCAPES: Record<string, string> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

/** `\N` is NULL; everything else is text with escapes. */
function cellOf(text: string): string | null {
  if (text === "\\N") return null;
  const value = text.replace(/\\(.)/gs, (_match, letter: string) => ESCAPES[letter] ?? letter);
  if (value.length <= CELL_CHARACTERS) return value;
  const cut = value.slice(0, CELL_CHARACTERS);
  // Not half of a character that takes two.
  return `${/[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
