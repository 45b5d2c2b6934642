import "server-only";
/**
 * The artefact store on disk. A file is written as `<name>.partial`, synced, read back, and only then given its name;
 * the manifest lies beside it. Names are made here, never taken from outside.
 */
import { createHash } from "node:crypto";
import { constants, createReadStream, createWriteStream } from "node:fs";
import { access, chmod, lstat, mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable, type Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { ArtefactSink } from "@/backups/engine";
import { dataDir } from "@/server/control-plane/database";
import { AppError } from "@/server/errors";

export const storeDir = (): string => join(dataDir(), "backups");
const FILE_NAME = /^[a-z]{2}-[a-z0-9-]{1,60}(\.[a-z0-9]{1,10}){1,3}$/;

/** @throws AppError NOT_FOUND unless the name is one this store makes. */
export function artefactPath(fileName: string): string {
  if (!FILE_NAME.test(fileName)) throw new AppError("NOT_FOUND", "There is no such file in the store");
  return join(storeDir(), fileName);
}

export interface WrittenArtefact {
  bytes: number;
  /** SHA-256 (hex) of what was written through the stream; null when the engine wrote the file itself. */
  streamedSha256: string | null;
}

export interface PendingArtefact extends ArtefactSink {
  /** Syncs the partial file to disk. */
  finish(): Promise<WrittenArtefact>;
  /** The same without waiting for the disk: the file can be read back meanwhile. `publish` waits. */
  written(): Promise<WrittenArtefact>;
  /** Gives the file its name (its own, or another that this backup's row has), with the manifest beside it, and syncs the directory. */
  publish(manifest: string, publishedName?: string): Promise<void>;
  /** Removes the partial file, and the published one: its name is of this backup alone. */
  abandon(): Promise<void>;
}

/** Makes the store's directory when it is not there. @throws AppError INTERNAL, naming it, when it cannot be made or written */
export async function makeStore(): Promise<void> {
  const fail = (what: string) => (cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOSPC") throw cause;
    const fix = "Give the console's user a writable CONSOLE_DATA_DIR.";
    throw new AppError("INTERNAL", `The backup store ${storeDir()} cannot be ${what}`, { fix, detail: cause.code ?? "", cause });
  };
  await mkdir(storeDir(), { recursive: true, mode: 0o700 }).catch(fail("made"));
  await access(storeDir(), constants.W_OK | constants.X_OK).catch(fail("written"));
}

export async function createArtefact(fileName: string): Promise<PendingArtefact> {
  await makeStore();
  let final = artefactPath(fileName);
  const partial = `${final}.partial`;
  let hash: ReturnType<typeof createHash> | null = null;
  let written: Promise<void> | null = null;
  let synced: Promise<void> = Promise.resolve();

  function stream(): Writable {
    const digest = createHash("sha256");
    hash = digest;
    const file = createWriteStream(partial, { flags: "wx", mode: 0o600, highWaterMark: 1 << 20 });
    // A write is done when it is in the file: its writer may use the chunk again.
    const output = new Writable({
      highWaterMark: 1 << 20,
      write(chunk: Buffer, _encoding, done) {
        digest.update(chunk);
        file.write(chunk, done);
      },
      final: (done) => void file.end(done),
      destroy(error, done) {
        file.destroy();
        done(error);
      },
    });
    file.once("error", (error) => output.destroy(error));
    written = finished(output);
    written.catch(() => undefined);
    return output;
  }

  async function whole(): Promise<WrittenArtefact> {
    await written;
    // An engine that writes the file itself leaves it as the umask says.
    await chmod(partial, 0o600);
    synced = syncPath(partial);
    synced.catch(() => undefined);
    const { size } = await lstat(partial);
    return { bytes: size, streamedSha256: hash?.digest("hex") ?? null };
  }

  return {
    path: partial,
    stream,
    written: whole,
    async finish() {
      const found = await whole();
      await synced;
      return found;
    },
    async publish(manifest, publishedName = fileName) {
      final = artefactPath(publishedName);
      await synced;
      await writeFile(`${final}.manifest.json.partial`, manifest, { mode: 0o600, flag: "w" });
      await syncPath(`${final}.manifest.json.partial`);
      await rename(`${final}.manifest.json.partial`, `${final}.manifest.json`);
      await rename(partial, final);
      await syncPath(storeDir());
    },
    async abandon() {
      await rm(`${final}.manifest.json.partial`, { force: true });
      await removeArtefactFiles(partial);
      // What was published and then could not be put into the catalogue: nothing vouches for it.
      await removeArtefactFiles(final);
    },
  };
}

/** Opens an artefact without following links. @throws AppError NOT_FOUND when the file is gone. */
export function openArtefact(path: string, range: { start?: number; end?: number } = {}): Readable {
  return createReadStream(path, { flags: (constants.O_RDONLY | constants.O_NOFOLLOW) as unknown as string, highWaterMark: 1 << 20, ...range });
}

/** Size of an artefact at rest. @throws AppError NOT_FOUND */
export async function artefactBytes(path: string): Promise<number> {
  const entry = await lstat(path).catch(() => null);
  if (!entry?.isFile())
    throw new AppError("NOT_FOUND", "The backup's file is not in the store any more", { fix: "Choose another backup; somebody removed this file by hand." });
  return entry.size;
}

const PIECE_BYTES = 1 << 20;

/** SHA-256 (hex) of a whole file: one piece is read while the one before it is hashed. No link is followed. */
export async function sha256OfFile(path: string, signal?: AbortSignal, onBytes?: (bytes: number) => void): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const hash = createHash("sha256");
    let [piece, spare] = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)];
    let next = file.read(piece, 0, PIECE_BYTES, 0);
    for (let bytes = 0; ;) {
      const { bytesRead } = await next;
      if (bytesRead === 0) return hash.digest("hex");
      if (signal?.aborted) throw new AppError("CANCELLED", "Cancelled");
      const filled = piece.subarray(0, bytesRead);
      bytes += bytesRead;
      [piece, spare] = [spare, piece];
      next = file.read(piece, 0, PIECE_BYTES, bytes);
      next.catch(() => undefined);
      hash.update(filled);
      onBytes?.(bytes);
    }
  } finally {
    await file.close();
  }
}

/** Removes an artefact and its manifest, where they are. */
export const removeArtefact = (fileName: string): Promise<void> => removeArtefactFiles(artefactPath(fileName));

/** What an engine's library puts beside a file that it reads (SQLite, for one that came in WAL mode) goes with it. */
const BESIDE = ["", ".manifest.json", "-wal", "-shm", "-journal"];

async function removeArtefactFiles(path: string): Promise<void> {
  for (const suffix of BESIDE) await rm(`${path}${suffix}`, { force: true });
}

/** Removes what an interrupted write left. `keep` names partial files still being written. */
export async function sweepPartials(keep: ReadonlySet<string>): Promise<string[]> {
  const names = await readdir(storeDir()).catch(() => [] as string[]);
  const stale = names.filter((name) => name.includes(".partial") && !keep.has(name.split(".partial")[0] ?? ""));
  for (const name of stale) await rm(join(storeDir(), name), { force: true });
  return stale;
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
