import "server-only";
/**
 * The safety copies of a restore key by key: files in the console's data directory, like those of SQLite. "before" holds the state
 * from before the restore, "restored" the restored one. They get their names when they were read back whole and are on the disk.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { ManifestContent, type Artefact, type JobContext } from "@/backups/engine";
import { assertRoom, isNoSpace } from "@/backups/room";
import type { Connection } from "@/server/connection";
import { dataDir } from "@/server/control-plane/database";
import { AppError } from "@/server/errors";
import { verifyBackup } from "./redis.backup-verify";
import { redisClient } from "./redis.client";
import { writeSnapshotOrScan } from "./redis.snapshot-write";
import { infoNumber } from "./redis.server-facts";

export type Side = "restored" | "before";

/** What the journal says of a safety copy: with it the file can be read. */
export const KeptCopy = z.object({ bytes: z.number(), manifest: ManifestContent });
export type KeptCopy = z.infer<typeof KeptCopy>;

const keptDir = (): string => join(dataDir(), "kept");

export const copyPath = (jobId: string, side: Side): string => join(keptDir(), `${jobId}.${side}.redis`);

/**
 * Copies what the server holds now, as a backup does: a snapshot where it gives one. Read back whole and on the disk when this resolves.
 * @throws with nothing left, also when it is cancelled
 */
export async function writeCopy(connection: Connection, { jobId, side }: { jobId: string; side: Side }, context: JobContext): Promise<KeptCopy> {
  await mkdir(keptDir(), { recursive: true, mode: 0o700 });
  await assertRoom(infoNumber(await redisClient(connection).info(), "used_memory_dataset"));
  const path = copyPath(jobId, side);
  const partial = `${path}.partial`;
  await rm(partial, { force: true });
  try {
    const stream = () => createWriteStream(partial, { flags: "wx", mode: 0o600, highWaterMark: 1 << 20 });
    const manifest = await writeSnapshotOrScan(connection, { path: partial, stream }, context);
    await syncPath(partial);
    const { size: bytes } = await stat(partial);
    const copy = { bytes, manifest };
    await assertReadable(copyArtefact(partial, copy), context);
    await rename(partial, path);
    await syncDir();
    return copy;
  } catch (error) {
    const isFull = await isNoSpace(error);
    await rm(partial, { force: true });
    if (!isFull) throw error;
    throw new AppError("LIMIT_EXCEEDED", "The console's data directory has no room for the safety copy of the live state, so nothing was changed", {
      fix: "Free space, or move CONSOLE_DATA_DIR to a larger disk.",
      cause: error,
    });
  }
}

/** Read as it lies on the disk: every value, and as many of each as were written. */
async function assertReadable(artefact: Artefact, context: JobContext): Promise<void> {
  const { objects } = await verifyBackup(artefact, context);
  const found = new Map(objects.map(({ name, count }) => [name, count]));
  const isEqual = objects.length === artefact.manifest.objects.length && artefact.manifest.objects.every(({ name, count }) => found.get(name) === count);
  if (!isEqual)
    throw new AppError("CONFLICT", "The safety copy of the live state does not read back as it was written", { fix: "Look at the console's disk." });
}

/** A safety copy as a backup to be read. */
export function copyArtefact(path: string, { bytes, manifest }: KeptCopy): Artefact {
  return { path, bytes, manifest, open: (range) => createReadStream(path, { highWaterMark: 1 << 20, ...range }) };
}

export const hasCopy = (jobId: string, side: Side): Promise<boolean> => isThere(copyPath(jobId, side));

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** For good: also after a crash it is gone. */
export async function removeCopy(jobId: string, side: Side): Promise<void> {
  await rm(copyPath(jobId, side), { force: true });
  await syncDir();
}

const putBackPath = (jobId: string, side: Side): string => `${copyPath(jobId, side)}.put-back`;

/** Whether a copy was put back whole: what was written since is not to be lost by doing it again. */
export const wasPutBack = (jobId: string, side: Side): Promise<boolean> => isThere(putBackPath(jobId, side));

/** Notes it, and removes the copy. */
export async function endPutBack(jobId: string, side: Side): Promise<void> {
  await writeFile(putBackPath(jobId, side), "", { mode: 0o600 });
  await syncDir();
  await removeCopy(jobId, side);
  await rm(keysBackPath(jobId, side), { force: true });
}

const keysBackPath = (jobId: string, side: Side): string => `${copyPath(jobId, side)}.keys-back`;

/** @param run of the server that has the keys back; "any" when it still has them after a restart */
export async function noteKeysBack({ jobId, side, run }: { jobId: string; side: Side; run: string }): Promise<void> {
  const path = keysBackPath(jobId, side);
  await writeFile(path, run, { mode: 0o600 });
  await syncPath(path);
  await syncDir();
}

/** What was noted; null when the keys are still to be put back. */
export const readKeysBack = (jobId: string, side: Side): Promise<string | null> => readFile(keysBackPath(jobId, side), "utf8").catch(() => null);

/** Before another copy of that side is made. */
export async function forgetPutBack(jobId: string, side: Side): Promise<void> {
  await rm(keysBackPath(jobId, side), { force: true });
  await rm(putBackPath(jobId, side), { force: true });
  await syncDir();
}

/** All of a restore, also what is half made. */
export async function removeCopies(jobId: string): Promise<void> {
  const names = await readdir(keptDir()).catch(() => [] as string[]);
  for (const name of names) if (/\.(restored|before)\.redis/.test(name) && name.startsWith(`${jobId}.`)) await rm(join(keptDir(), name), { force: true });
}

async function syncDir(): Promise<void> {
  await mkdir(keptDir(), { recursive: true, mode: 0o700 });
  await syncPath(keptDir());
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
