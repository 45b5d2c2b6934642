/**
 * One consistent copy of a live database. Runs in a reader's worker; imports nothing through aliases.
 *
 * In WAL mode a read transaction is held for the whole copy. Under it the log is not begun anew, and a checkpoint writes into the file only
 * pages that are in the log: file and log, copied in this order while nobody commits and the log stays as it is, are what the transaction
 * sees. When somebody did commit, the backup API copies from that same transaction, which no writer restarts. What is counted in it is what
 * the copy must hold. In rollback mode a held read would keep writers out: there the backup API goes in steps and is restarted by writes.
 *
 * The live file is never opened here but by SQLite: closing another descriptor of it would drop this process's locks on it. Another
 * process copies it.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, closeSync, constants, fdatasync, fstatSync, openSync, readSync, rmSync, statSync } from "node:fs";
import Database from "better-sqlite3";
import { checkForeignKeys, countAll, type Counted, type ForeignKeys } from "./sqlite.read-whole.ts";

/** How long a copy may go on restarting because others write, before it takes one locked step. */
const RESTARTS_MAX_MS = 10_000;
const STEP_PAGES = 1_000;
/** Under a held read nothing restarts: a step only has to leave room for a cancel. */
const HELD_STEP_PAGES = 10_000;
/** Written to the disk every so often: all at once, the console's own writes would wait behind it for seconds. */
const SYNC_EVERY_BYTES = 128 << 20;

interface Copied {
  pages: number;
  /** In words. */
  how: string;
  /** Of the state that was copied, read from the live database; null when only the copy can be counted. */
  counts: Counted[] | null;
}

export interface CopyResult extends Copied {
  counts: Counted[];
  /** Of SQLite. */
  version: string;
  /** What `list` finds in the copy. */
  tables: unknown[];
  foreignKeys: ForeignKeys;
}

export interface CopyReport {
  progress(done: number, total: number): void;
  /** A process that copies, to be ended with the job; null when it has ended. */
  child(pid: number | null): void;
}

interface Copying {
  db: Database.Database;
  source: string;
  target: string;
  /** The statement that lists tables and views. */
  list: string;
  report: CopyReport;
}

/** @throws Error SQLITE_BUSY when a lock kept it from copying anything */
export async function copyTo(copying: Copying): Promise<CopyResult> {
  const { db, target, list } = copying;
  const isWal = db.pragma("journal_mode", { simple: true }) === "wal";
  const copied: Copied = isWal ? await copyHeld(copying) : { pages: await copySteps(copying), how: "backup API", counts: null };
  const copy = new Database(target);
  try {
    // It is synced as a whole afterwards.
    copy.pragma("synchronous = OFF");
    copy.pragma("journal_mode = DELETE");
    copy.pragma("trusted_schema = OFF");
    const pages = copy.pragma("page_count", { simple: true }) as number;
    if (pages !== copied.pages) throw Object.assign(new Error(`the copy has ${pages} pages, ${copied.pages} were copied`), { code: "SQLITE_CORRUPT" });
    const version = copy.prepare("SELECT sqlite_version()").pluck().get() as string;
    return { ...copied, version, counts: copied.counts ?? countAll(copy), tables: copy.prepare(list).all(), foreignKeys: checkForeignKeys(copy) };
  } finally {
    copy.close();
  }
}

async function copyHeld(copying: Copying): Promise<Copied> {
  const { db, source, target, report } = copying;
  // Another connection: the version tells of every commit but its own.
  const witness = new Database(source, { readonly: true, fileMustExist: true, timeout: 5_000 });
  try {
    const version = () => witness.pragma("data_version", { simple: true }) as number;
    const before = version();
    db.exec("BEGIN");
    // The transaction begins with its first read.
    const pages = db.prepare("SELECT page_count FROM pragma_page_count, (SELECT count(*) FROM sqlite_schema)").pluck().get() as number;
    const files = copyFiles(copying, pages);
    const counts = countAll(db);
    if ((await files) && version() === before) return { pages, how: "file and log copied under a held read", counts };
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${target}${suffix}`, { force: true });
    return { pages: await backUp(db, target, (done, total) => (report.progress(done, total), HELD_STEP_PAGES)), how: "backup API under a held read", counts };
  } finally {
    witness.close();
    if (db.inTransaction) db.exec("COMMIT");
  }
}

/** File, then log, each by a process of its own. @returns false when that is not possible, or the log did not stay as it was */
async function copyFiles({ source, target, report }: Copying, pages: number): Promise<boolean> {
  const log = `${source}-wal`;
  const before = logState(log);
  const file = fileId(source);
  // Locks that cannot be written are not seen by others.
  if (before === null || !isWritable(`${source}-shm`)) return false;
  try {
    const size = await copyByProcess(source, target, report);
    const copied = before.size === 0 ? 0 : await copyByProcess(log, `${target}-wal`, { ...report, progress: () => undefined });
    const isSteady = same(before, logState(log)) && fileId(source) === file;
    if (copied === 0) return isSteady && size === pages * pageSizeOf(target);
    return isSteady && copied === before.size && same(before, logState(`${target}-wal`));
  } catch (error) {
    // A full disk is full for the backup API too: it says so in SQLite's words.
    if (error instanceof CopyFailed) return false;
    throw error;
  }
}

/** Another file may be given the live one's name. */
function fileId(path: string): string {
  const { dev, ino } = statSync(path);
  return `${dev}:${ino}`;
}

interface LogState {
  size: number;
  /** Magic, page size, checkpoint number, salts: a log that is begun anew has others. */
  header: string;
}

function logState(path: string): LogState | null {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return { size: 0, header: "" };
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return null;
  }
  try {
    const header = Buffer.alloc(32);
    const length = readSync(file, header, 0, 32, 0);
    return { size: fstatSync(file).size, header: header.toString("hex", 0, length) };
  } finally {
    closeSync(file);
  }
}

const same = (left: LogState, right: LogState | null): boolean => left.size === right?.size && left.header === right.header;

/** Of a private file. */
function pageSizeOf(path: string): number {
  const file = openSync(path, "r");
  try {
    const header = Buffer.alloc(100);
    readSync(file, header, 0, 100, 0);
    const size = header.readUInt16BE(16);
    return size === 1 ? 65_536 : size;
  } finally {
    closeSync(file);
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

class CopyFailed extends Error {}

/** @returns bytes copied. @throws CopyFailed */
async function copyByProcess(source: string, target: string, report: CopyReport): Promise<number> {
  rmSync(target, { force: true });
  const file = openSync(target, "wx", 0o600);
  const total = statSync(source).size;
  const disk: { syncing: Promise<void> | null; synced: number } = { syncing: null, synced: 0 };
  const watch = setInterval(() => {
    const { size } = fstatSync(file);
    report.progress(size, total);
    if (disk.syncing || size - disk.synced < SYNC_EVERY_BYTES) return;
    disk.synced = size;
    disk.syncing = datasync(file).finally(() => (disk.syncing = null));
  }, 250);
  try {
    const child: ChildProcess = spawn("cat", ["--", source], { stdio: ["ignore", file, "ignore"], cwd: "/" });
    if (child.pid !== undefined) report.child(child.pid);
    const code = await new Promise<number | null>((resolve) => child.on("error", () => resolve(null)).on("close", resolve));
    report.child(null);
    if (code !== 0) throw new CopyFailed(`cat ended with ${code}`);
    return fstatSync(file).size;
  } finally {
    clearInterval(watch);
    await disk.syncing;
    closeSync(file);
  }
}

/** What does not reach the disk here is found out by the sync of the whole. */
const datasync = (file: number): Promise<void> => new Promise((resolve) => fdatasync(file, () => resolve()));

async function copySteps({ db, target, report }: Copying): Promise<number> {
  const started = Date.now();
  return backUp(db, target, (done, total) => {
    report.progress(done, total);
    return Date.now() - started > RESTARTS_MAX_MS ? 2 ** 31 - 1 : STEP_PAGES;
  });
}

/** better-sqlite3 resolves with totalPages 0 when a lock kept it from copying anything. */
async function backUp(db: Database.Database, target: string, next: (done: number, total: number) => number): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const { totalPages } = await db.backup(target, { progress: (at) => next(at.totalPages - at.remainingPages, at.totalPages) });
    if (totalPages > 0) return totalPages;
    if ((db.pragma("page_count", { simple: true }) as number) === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw Object.assign(new Error("nothing was copied: the database or the copy is locked"), { code: "SQLITE_BUSY" });
}
