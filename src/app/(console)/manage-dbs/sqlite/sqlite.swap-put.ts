/**
 * Replaces the content of a live SQLite database in one transaction that other programs see as such. Runs in a worker; imports nothing
 * through aliases.
 *
 * How it is all or nothing: SQLite's backup API holds the writer's lock of the live file from its first step on (in rollback mode the
 * exclusive lock) and commits once, at the end. Under that lock the copy of what is live is made sure to be exact, and gets its name; only
 * then pages are written. A crash before the commit leaves a journal or an unfinished log that the next program rolls back.
 *
 * Never open the live file except through SQLite here: closing any other descriptor of it would drop this process's locks on it.
 */
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { attachLive, carryOver, carryOverRest } from "./sqlite.carry-over.ts";
import type { PutRequest, PutResult, Report } from "./sqlite.swap-protocol.ts";

const RETRY_MS = 25;
const COPY_PAGES = 2_000;
const WRITE_PAGES = 500;
const WHOLE = 2 ** 31 - 1;
/** How long a copy may go on restarting because others write, before it takes one locked step. */
const COPY_RESTARTS_MAX_MS = 10_000;

/** An error with the code that `sqliteError` puts into words. */
export const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });

/** Another program has written since the copy was made: it is made again. */
const CHANGED = Symbol("changed");

interface Work extends PutRequest {
  source: Database.Database;
  report: Report;
  /** What was live when the copy aside was made, and its schema cookie; null without a copy that may still be exact. */
  copied: { stamp: string; cookie: number } | null;
  /** Hold writers off already while the copy is made: they were too fast once. */
  isHolding: boolean;
  heldMs: number;
  /** Attempts so far, with the one in hand. */
  attempts: number;
  /** Which file the path named before this attempt opened it. */
  fileId: string;
  /** Whether the copy aside has been read whole. */
  isChecked: boolean;
}

/** @throws Error with SQLite's code: nothing is changed then, unless the read-back found the new content not to be right (SQLITE_CORRUPT). */
export async function put(request: PutRequest, report: Report): Promise<PutResult> {
  const { live, from, aside, carryOver: carry, waitMs } = request;
  if (!existsSync(live)) throw coded("ENOENT", "the live file is gone");
  if (live !== live.trim()) throw coded("SQLITE_CANTOPEN", "a file whose name ends in a space cannot be replaced");
  makePlain(from);
  fitPageSize(request, report);
  const source = new Database(from, { fileMustExist: true });
  const work: Work = { ...request, source, report, copied: null, isHolding: false, heldMs: 0, attempts: 0, fileId: "", isChecked: false };
  try {
    if (carry) {
      attachLive(source, live);
      for (const line of carryOver(source, carry)) report.log(line);
    }
    const pages = await putWithin(work, Date.now() + waitMs);
    report.log("the new content is committed");
    readBack(work);
    if (!work.isChecked) checkAside(work, aside);
    return { pages, keptBytes: statSync(aside).size, heldMs: work.heldMs };
  } finally {
    source.close();
    rmSync(partialOf(aside), { force: true });
  }
}

const partialOf = (aside: string): string => `${aside}.partial`;

async function putWithin(work: Work, deadline: number): Promise<number> {
  for (;;) {
    const pages = await attempt(work);
    if (pages > 0) return pages;
    if (Date.now() > deadline) throw coded("SQLITE_BUSY", `nothing was changed: the file stayed locked for ${Math.round(work.waitMs / 1000)} s`);
    await delay(RETRY_MS);
  }
}

/** @returns the pages that were committed; 0 when a lock of others, or a write of theirs, kept it from happening */
async function attempt(work: Work): Promise<number> {
  work.attempts += 1;
  work.fileId = fileIdOf(work.live);
  const reader = new Database(work.live, { fileMustExist: true, timeout: 0 });
  try {
    const isWal = reader.pragma("journal_mode", { simple: true }) === "wal";
    // A copy that others outran once is outrun again: then they are held off.
    if (!isWal && work.copied !== null && !isCurrent(work)) work.isHolding = true;
    // In WAL mode readers go on under the writer's lock, so an exact copy can be made there; in rollback mode it must be made before.
    if (isWal ? work.copied === null && !work.isHolding : !isCurrent(work)) await copyUnlocked(work, reader, isWal);
    return await commit(work, reader, isWal);
  } catch (error) {
    if (error === CHANGED) {
      work.copied = null;
      work.isHolding = true;
      return 0;
    }
    if (isBusy(error)) return 0;
    throw error;
  } finally {
    reader.close();
  }
}

const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|LOCKED)/.test((error as { code?: string } | null)?.code ?? "");

/** A rollback-mode copy that is still what is live. */
const isCurrent = ({ copied, live }: Work): boolean => copied !== null && copied.stamp === fileStamp(live);

/** Every commit in rollback mode writes the file, which changes this. */
function fileStamp(path: string): string {
  const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
  return [ino, size, mtimeNs, ctimeNs].join();
}

function fileIdOf(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return [dev, ino].join();
}

/** A write in the same tick of the file system's clock would leave the stamp as it is: wait until that tick is over. */
async function nextTick(path: string): Promise<void> {
  const { mtimeNs } = statSync(path, { bigint: true });
  const tickMs = mtimeNs % 1_000_000_000n === 0n ? 2_100 : 25;
  const age = Date.now() - Number(mtimeNs / 1_000_000n);
  if (age >= 0 && age < tickMs) await delay(tickMs - age);
}

async function copyUnlocked(work: Work, reader: Database.Database, isWal: boolean): Promise<void> {
  if (isWal) {
    // The copy is checked against it by the same connection, under the lock.
    const stamp = dataVersion(work, reader);
    // From one held read: others' writes do not make it begin again.
    reader.exec("BEGIN");
    try {
      const cookie = await copyAside(work, reader);
      checkAside(work, partialOf(work.aside));
      work.copied = { stamp, cookie };
    } finally {
      reader.exec("COMMIT");
    }
    return;
  }
  const holder = work.isHolding ? new Database(work.live, { fileMustExist: true, timeout: 0 }) : null;
  const started = Date.now();
  try {
    holder?.exec("BEGIN IMMEDIATE");
    await nextTick(work.live);
    const stamp = fileStamp(work.live);
    const cookie = await copyAside(work, reader);
    // While others are held off it is read when they may write again.
    if (!holder) checkAside(work, partialOf(work.aside));
    work.copied = { stamp, cookie };
  } finally {
    holder?.close();
    if (holder) work.heldMs += Date.now() - started;
  }
}

/** SQLite's number tells of changes since the same connection last looked; every new one begins at the same number. So it holds for one attempt. */
const dataVersion = ({ attempts }: Work, reader: Database.Database): string => `${attempts}/${String(reader.pragma("data_version", { simple: true }))}`;
const cookieOf = (db: Database.Database): number => db.pragma("schema_version", { simple: true }) as number;

/** Copies what is live into the partial file, and writes it to disk. @returns the live schema cookie */
async function copyAside(work: Work, reader: Database.Database): Promise<number> {
  const partial = partialOf(work.aside);
  rmSync(partial, { force: true });
  const cookie = cookieOf(reader);
  const started = Date.now();
  const { totalPages } = await reader.backup(partial, { progress: () => (Date.now() - started > COPY_RESTARTS_MAX_MS ? WHOLE : COPY_PAGES) });
  if (totalPages === 0) throw coded("SQLITE_BUSY", "the copy of what is live came out empty");
  const copy = new Database(partial);
  try {
    copy.pragma("journal_mode = DELETE");
    // A copy gets a cookie of its own; with that of the live file it tells later whether anything was put over it (sqlite.swap-which.ts).
    copy.pragma(`schema_version = ${cookie}`);
    const pages = copy.pragma("page_count", { simple: true }) as number;
    if (pages !== totalPages) throw coded("SQLITE_CORRUPT", `the copy has ${pages} pages, ${totalPages} were copied`);
    work.report.log(`${pages} pages of what is live now are copied aside`);
  } finally {
    copy.close();
  }
  chmodSync(partial, 0o600);
  syncPath(partial);
  work.isChecked = false;
  return cookie;
}

/** Reads the copy of what is live whole. What is damaged is kept as it is: undo puts back what was there. */
function checkAside(work: Work, path: string): void {
  const copy = new Database(path, { readonly: true, fileMustExist: true });
  try {
    const problems = (copy.pragma("integrity_check(3)") as { integrity_check: string }[]).map((row) => row.integrity_check).join("; ");
    work.report.log(
      problems === "ok" ? "the copy of what was live is read back: integrity_check ok" : `what was live is damaged (${problems}); it is kept as it is`,
    );
  } finally {
    copy.close();
  }
  work.isChecked = true;
}

/** @returns pages committed; 0 when the lock could not be had */
async function commit(work: Work, reader: Database.Database, isWal: boolean): Promise<number> {
  let underLock: Promise<void> | null = null;
  let isReady = false;
  let failure: unknown = null;
  let lockedAt = 0;
  const result = await work.source.backup(work.live, {
    // Called first when the lock of the live file is held and nothing is written yet: 0 keeps it there.
    progress({ totalPages, remainingPages }) {
      if (failure) throw failure as Error;
      lockedAt ||= Date.now();
      if (isReady) {
        work.report.progress(totalPages - remainingPages, totalPages);
        return WRITE_PAGES;
      }
      underLock ??= beforeCommit(work, reader, isWal).then(
        () => void (isReady = true),
        (error: unknown) => void (failure = error),
      );
      return 0;
    },
  });
  if (result.totalPages === 0) return 0;
  work.heldMs += Date.now() - lockedAt;
  return result.totalPages;
}

/** Under the lock: nobody else can commit any more. What is live is aside, exactly and under its name, when this resolves. */
async function beforeCommit(work: Work, reader: Database.Database, isWal: boolean): Promise<void> {
  // Another file under the name by now: the lock is on that one, the copy was of the one before.
  if (work.fileId !== fileIdOf(work.live)) throw CHANGED as unknown as Error;
  if (isWal) {
    if (work.copied === null || work.copied.stamp !== dataVersion(work, reader)) {
      const cookie = await copyAside(work, reader);
      work.copied = { stamp: dataVersion(work, reader), cookie };
    }
  } else if (!isCurrent(work)) {
    throw CHANGED as unknown as Error;
  }
  if (work.carryOver) carryOverRest(work.source);
  renameSync(partialOf(work.aside), work.aside);
  syncPath(dirname(work.aside));
  work.report.log("the live file is locked, and what it holds is kept: writing the new content in one transaction");
}

/** Reads what is live now through a connection of its own, and has it written to the disk. @throws Error SQLITE_CORRUPT */
function readBack({ live, copied, report, waitMs }: Work): void {
  const db = new Database(live, { fileMustExist: true, timeout: waitMs });
  try {
    db.pragma("synchronous = FULL");
    if (cookieOf(db) === copied?.cookie) throw coded("SQLITE_CORRUPT", "the live file does not show the new content");
    // Commits in WAL mode reach the disk with the next checkpoint. At once, and in the way that lets others write meanwhile: the first of
    // them to commit would do it in its own commit, and wait for it.
    db.pragma("wal_checkpoint(PASSIVE)");
    const problems = (db.pragma("integrity_check(3)") as { integrity_check: string }[]).map((row) => row.integrity_check);
    if (problems.join() !== "ok") throw coded("SQLITE_CORRUPT", `read back from the live file: ${problems.join("; ")}`);
    report.log("read back from the live file: integrity_check ok");
    // What others have written meanwhile: little. A busy one still syncs the log.
    db.pragma("busy_timeout = 200");
    db.pragma("wal_checkpoint(TRUNCATE)");
  } finally {
    db.close();
  }
}

/** What the backup API copies becomes the live file's header too: it must not say WAL. @throws Error when it stays in WAL mode */
export function makePlain(path: string): void {
  const db = new Database(path, { fileMustExist: true });
  try {
    const mode = db.pragma("journal_mode = DELETE", { simple: true });
    if (mode !== "delete") throw coded("SQLITE_BUSY", `the file stays in journal mode ${String(mode)}`);
  } finally {
    db.close();
  }
}

/** A live file in WAL mode keeps its page size: what goes in is rewritten in that size. */
function fitPageSize({ live, from, waitMs }: PutRequest, report: Report): void {
  const shape = shapeOf(live, waitMs);
  const size = shapeOf(from, 0).pageSize;
  if (!shape.isWal || shape.pageSize === size) return;
  const fitted = `${from}.fitted`;
  rmSync(fitted, { force: true });
  const db = new Database(from, { fileMustExist: true });
  try {
    db.pragma(`page_size = ${shape.pageSize}`);
    db.prepare("VACUUM INTO ?").run(fitted);
  } finally {
    db.close();
  }
  chmodSync(fitted, 0o600);
  syncPath(fitted);
  renameSync(fitted, from);
  report.log(`rewritten from pages of ${size} bytes to ${shape.pageSize}, which the live file has and keeps in WAL mode`);
}

function shapeOf(path: string, timeout: number): { isWal: boolean; pageSize: number } {
  const db = new Database(path, { fileMustExist: true, timeout });
  try {
    return { isWal: db.pragma("journal_mode", { simple: true }) === "wal", pageSize: db.pragma("page_size", { simple: true }) as number };
  } finally {
    db.close();
  }
}

/** For private files and directories only, never for the live file. */
export function syncPath(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
