import "server-only";
/** Room in the store: looked for before, watched while a backup is written, and told in figures when there is none. */
import { statfsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { makeStore, storeDir } from "@/backups/store";
import { AppError } from "@/server/errors";
import { logger } from "@/server/logger";

/** What stays free of the disk: the console's own database may lie on it, and cannot write down what happened without room. */
const RESERVE_SHARE = 0.02;
const RESERVE_BYTES_MAX = 1024 ** 3;
const FIX = "Free space, or move CONSOLE_DATA_DIR to a larger disk.";
const WATCH_EVERY_MS = 250;

/** Bytes that may still be written into the store; never negative. */
export async function roomBytes(): Promise<number> {
  const { bavail, blocks, bsize } = await statfs(storeDir());
  return Math.max(0, Math.floor(bavail * bsize - Math.min(blocks * bsize * RESERVE_SHARE, RESERVE_BYTES_MAX)));
}

/** @param bytes of the file that is to be written; null when nobody knows. @throws AppError LIMIT_EXCEEDED when the store has no room for it */
export async function assertRoom(bytes: number | null): Promise<void> {
  await makeStore();
  const room = await roomBytes();
  if ((bytes ?? 1) <= room) return;
  throw new AppError("LIMIT_EXCEEDED", `The store has room for ${room} bytes, the file has ${bytes ?? "an unknown number of"}`, { fix: FIX });
}

/** A backup that found no room. @param found.room before its first byte */
export function noRoom(found: { room: number; written: number; lastBytes: number | null }): AppError {
  const { written, room, lastBytes } = found;
  return new AppError("LIMIT_EXCEEDED", `The store has room for ${room} bytes, and the backup needs more`, {
    fix: FIX,
    detail: `${storeDir()}; ${written} bytes were written${lastBytes === null ? "" : `; the last backup of this connection has ${lastBytes}`}`,
  });
}

const NO_SPACE: unknown[] = ["ENOSPC", "EDQUOT", "SQLITE_FULL"];

/** Whether a write into the store failed because its disk is full: in the system's word, or in an engine's while there is no room. */
export async function isNoSpace(error: unknown): Promise<boolean> {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code, path } = cause as NodeJS.ErrnoException;
    if (NO_SPACE.includes(code)) return path === undefined ? !isTemporaryDiskFull() : path.startsWith(storeDir());
  }
  return error instanceof AppError && error.code === "LIMIT_EXCEEDED" && (await roomBytes()) === 0;
}

const FULL_BELOW_BYTES = 64 * 1024;

/** Whether the disk of temporary files is full, and is not the store's: a failed write does not always say where. */
function isTemporaryDiskFull(): boolean {
  try {
    const [temporary, store] = [statfsSync(tmpdir()), statfsSync(storeDir())];
    return temporary.bavail * temporary.bsize < FULL_BELOW_BYTES && store.bavail * store.bsize >= FULL_BELOW_BYTES;
  } catch {
    return false;
  }
}

/** A write that found no space, named by the file it was for or by the disk that is full. */
export function noSpaceOn(path: string | undefined, code: string): AppError {
  const isTemporary = path === undefined ? isTemporaryDiskFull() : path.startsWith(tmpdir());
  const place = path ?? (isTemporary ? `the temporary directory ${tmpdir()}` : "the store");
  const fix = isTemporary ? "Free space there, or set TMPDIR to a directory on a larger disk." : FIX;
  return new AppError("LIMIT_EXCEEDED", `No space left on the disk of ${place}`, { fix, detail: code });
}

/** @returns a signal that is aborted when the store has no room left, and what ends the watching */
export function watchRoom(): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const timer = setInterval(() => {
    roomBytes().then(
      (room) => {
        if (room === 0) controller.abort();
      },
      (error: unknown) => logger().warn({ error }, "the room of the store cannot be read"),
    );
  }, WATCH_EVERY_MS);
  return { signal: controller.signal, end: () => clearInterval(timer) };
}
