/**
 * After a crash in a put: was it committed? Both files are there then, the one that was going in and the copy of what was live, and the
 * live file is one of the two, or has been written by an application since. In the order of certainty:
 *
 * 1. The schema cookie. The copy carries the live file's cookie of that moment. The backup API sets the cookie of what it overwrites one
 *    higher, in the same transaction; only a change of the schema moves it otherwise. Equal: nothing was put over it.
 * 2. The content as a whole, page by page, but for what SQLite itself changes in the header.
 * 3. Pages where the two files differ: an application's writes leave most pages as they were, so the live file has more of its origin's.
 *    That an application has written just the other file's bytes does not happen by chance.
 *
 * What is left is a live file with not one page of either (VACUUM or a third program's copy): then nothing tells, and nothing is guessed.
 * Runs in a worker; imports nothing through aliases.
 */
import { closeSync, fstatSync, openSync, readSync, rmSync } from "node:fs";
import Database from "better-sqlite3";
import { coded, makePlain } from "./sqlite.swap-put.ts";
import type { WhichRequest, WhichResult } from "./sqlite.swap-protocol.ts";

const WAIT_MS = 5_000;

/** @throws Error SQLITE_BUSY while another program keeps the live file locked */
export async function which(request: WhichRequest): Promise<WhichResult> {
  const { live, from, aside, scratch } = request;
  const db = new Database(live, { fileMustExist: true, timeout: WAIT_MS });
  try {
    // Reading rolls an unfinished transaction back first.
    const cookie = db.pragma("schema_version", { simple: true }) as number;
    if (cookie === cookieIn(aside)) return { holds: "aside", how: "its schema cookie is that of the kept copy" };
    rmSync(scratch, { force: true });
    const { totalPages } = await db.backup(scratch, { progress: () => 2 ** 31 - 1 });
    if (totalPages === 0) throw coded("SQLITE_BUSY", "the live file is locked");
  } finally {
    db.close();
  }
  try {
    makePlain(scratch);
    return vote({ live: scratch, from, aside });
  } finally {
    rmSync(scratch, { force: true });
  }
}

function cookieIn(path: string): number {
  const db = new Database(path, { readonly: true, fileMustExist: true });
  try {
    return db.pragma("schema_version", { simple: true }) as number;
  } finally {
    db.close();
  }
}

interface Votes {
  from: number;
  aside: number;
  /** Pages where the live file is neither. */
  neither: number;
  /** Pages where the two differ. */
  differing: number;
}

function vote(files: { live: string; from: string; aside: string }): WhichResult {
  const votes = countVotes(files);
  if (votes.differing === 0) return { holds: "from", how: "its schema cookie has moved, and what went in is no different from what is kept" };
  if (votes.aside === 0 && votes.neither === 0) return { holds: "from", how: "its content is that of the file that went in" };
  if (votes.from === 0 && votes.neither === 0) return { holds: "aside", how: "its content is that of the kept copy" };
  const how = `of the pages where the two differ it has ${votes.from} of the one that went in, ${votes.aside} of the kept copy, ${votes.neither} written since`;
  if (votes.from === votes.aside) return { holds: null, how };
  return { holds: votes.from > votes.aside ? "from" : "aside", how };
}

function countVotes(files: { live: string; from: string; aside: string }): Votes {
  const [live, from, aside] = [new Pages(files.live), new Pages(files.from), new Pages(files.aside)];
  try {
    // A page size is content too: only one of the two can have the live file's.
    if (from.pageSize !== aside.pageSize)
      return { from: live.pageSize === from.pageSize ? 1 : 0, aside: live.pageSize === aside.pageSize ? 1 : 0, neither: 0, differing: 1 };
    const votes: Votes = { from: 0, aside: 0, neither: 0, differing: 0 };
    for (let page = 1; page <= Math.max(live.count, from.count, aside.count); page += 1) {
      const [a, b, c] = [from.read(page), aside.read(page), live.read(page)];
      if (!a.equals(b)) votes.differing += 1;
      if (a.equals(b)) votes.neither += c.equals(a) ? 0 : 1;
      else if (c.equals(a)) votes.from += 1;
      else if (c.equals(b)) votes.aside += 1;
      else votes.neither += 1;
    }
    return votes;
  } finally {
    for (const file of [live, from, aside]) file.close();
  }
}

/** Bytes of the header that SQLite changes when it copies or commits: format versions, change counter, schema cookie, version-valid-for. */
const VOLATILE: readonly (readonly [number, number])[] = [
  [18, 20],
  [24, 28],
  [40, 44],
  [92, 100],
];
/** SQLite's lock bytes: the page that holds them is never written. */
const LOCK_BYTE = 0x40000000;
const READ_BYTES = 1 << 20;

/** The pages of a file that nothing has open, read in large pieces; a page past its end is empty. */
class Pages {
  readonly pageSize: number;
  readonly count: number;
  readonly #file: number;
  #start = -1;
  #piece = Buffer.alloc(0);

  constructor(path: string) {
    this.#file = openSync(path, "r");
    const header = Buffer.alloc(100);
    readSync(this.#file, header, 0, 100, 0);
    const size = header.readUInt16BE(16);
    this.pageSize = size === 1 ? 65_536 : size;
    this.count = Math.floor(fstatSync(this.#file).size / this.pageSize);
  }

  read(page: number): Buffer {
    const at = (page - 1) * this.pageSize;
    if (page > this.count || (at <= LOCK_BYTE && LOCK_BYTE < at + this.pageSize)) return Buffer.alloc(0);
    if (this.#start < 0 || at < this.#start || at + this.pageSize > this.#start + this.#piece.length) this.#load(at);
    const bytes = this.#piece.subarray(at - this.#start, at - this.#start + this.pageSize);
    if (page > 1) return bytes;
    const masked = Buffer.from(bytes);
    for (const [start, end] of VOLATILE) masked.fill(0, start, end);
    return masked;
  }

  #load(at: number): void {
    const piece = Buffer.alloc(READ_BYTES);
    const length = readSync(this.#file, piece, 0, READ_BYTES, at);
    this.#piece = piece.subarray(0, length);
    this.#start = at;
  }

  close(): void {
    closeSync(this.#file);
  }
}
