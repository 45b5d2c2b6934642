import "server-only";
/** Work on whole files in worker threads, and the console's private copies: what a restore keeps for undo. */
import { createHash } from "node:crypto";
import { access, type FileHandle, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { dataDir } from "@/server/control-plane/database";
import { AppError, throwIfCancelled } from "@/server/errors";
import { sqliteError } from "./sqlite.errors";
import type { FileAnswer, FileRequest } from "./sqlite.swap-protocol";

interface Following {
  /** The file that errors speak of. */
  path: string;
  signal?: AbortSignal | undefined;
  log?: ((line: string) => void) | undefined;
  progress?: ((done: number, total: number) => void) | undefined;
}

/** Runs one operation in a worker of its own. An aborted one is ended with it: abort only what may stop anywhere. @throws AppError */
export function runOnFile<T>(request: FileRequest, { path, signal, log, progress }: Following): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal?.aborted) return reject(new AppError("CANCELLED", "Cancelled", { cause: signal.reason }));
    const worker = new Worker(new URL("./sqlite.swap.worker.ts", import.meta.url), { workerData: request });
    const end = (settle: () => void) => {
      signal?.removeEventListener("abort", onAbort);
      void worker.terminate();
      settle();
    };
    const onAbort = () => end(() => reject(new AppError("CANCELLED", "Cancelled", { cause: signal?.reason })));
    signal?.addEventListener("abort", onAbort, { once: true });
    worker.on("message", (answer: FileAnswer) => {
      if ("log" in answer) log?.(answer.log);
      else if ("progress" in answer) progress?.(answer.progress.done, answer.progress.total);
      else if ("value" in answer) end(() => resolve(answer.value as T));
      else end(() => reject(sqliteError(Object.assign(new Error(answer.error.message), { code: answer.error.code }), path)));
    });
    worker.on("error", (error) => end(() => reject(sqliteError(error, path))));
    worker.on("exit", () => end(() => reject(new AppError("INTERNAL", "The worker of a file ended by itself"))));
  });
}

/** The console's private copies of live databases, and what waits to be swapped in. */
export const keptDir = (): string => join(dataDir(), "kept");

/** "before": the state from before a restore. "restored": the restored one. A file of one is there while the other is live. */
export type State = "before" | "restored";

export const keptPath = (jobId: string, state: State): string => join(keptDir(), `${jobId}.${state}.sqlite`);

export async function makeKeptDir(): Promise<void> {
  await mkdir(keptDir(), { recursive: true, mode: 0o700 });
}

/** Which of the two are there. */
export async function keptStates(jobId: string): Promise<State[]> {
  const found = await Promise.all((["before", "restored"] as const).map(async (state) => ((await isThere(keptPath(jobId, state))) ? [state] : [])));
  return found.flat();
}

const PIECE_BYTES = 1 << 20;
/** Written to the disk beside the copying: all at once, the console's own writes would wait behind it for seconds. */
const SYNC_EVERY_BYTES = 16 << 20;

/**
 * A private byte copy of a file that nothing writes; not synced. It is read back behind what is written, piece by piece. Removed again when
 * it fails or is cancelled. @returns SHA-256 (hex) of the copy as read back. @throws where the target exists
 */
export async function copyPrivately(source: string, target: string, { signal, progress }: Pick<Following, "signal" | "progress">): Promise<string> {
  const from = await open(source, "r");
  try {
    const to = await open(target, "wx+", 0o600);
    try {
      return await copyPieces(from, to, { signal, progress });
    } catch (error) {
      await rm(target, { force: true });
      throw error;
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

/** One piece is read while the one before it is written, and the one before that is read back and hashed. */
async function copyPieces(from: FileHandle, to: FileHandle, { signal, progress }: Pick<Following, "signal" | "progress">): Promise<string> {
  const { size } = await from.stat();
  const hash = createHash("sha256");
  let [piece, spare] = [Buffer.allocUnsafe(PIECE_BYTES), Buffer.allocUnsafe(PIECE_BYTES)];
  const back = Buffer.allocUnsafe(PIECE_BYTES);
  let next = from.read(piece, 0, PIECE_BYTES, 0);
  let hashed = Promise.resolve();
  let synced = Promise.resolve();
  for (let at = 0; ;) {
    const { bytesRead } = await next;
    if (bytesRead === 0) break;
    throwIfCancelled(signal);
    const filled = piece.subarray(0, bytesRead);
    [piece, spare] = [spare, piece];
    next = from.read(piece, 0, PIECE_BYTES, at + bytesRead);
    next.catch(() => undefined);
    await to.writeFile(filled);
    await hashed;
    hashed = readBack(to, { at, back: back.subarray(0, bytesRead) }).then((bytes) => void hash.update(bytes));
    hashed.catch(() => undefined);
    at += bytesRead;
    if (at % SYNC_EVERY_BYTES === 0) {
      await synced;
      synced = to.datasync();
      synced.catch(() => undefined);
    }
    progress?.(at, size);
  }
  await Promise.all([hashed, synced]);
  return hash.digest("hex");
}

async function readBack(file: FileHandle, { at, back }: { at: number; back: Buffer }): Promise<Buffer> {
  for (let done = 0; done < back.length;) {
    const { bytesRead } = await file.read(back, done, back.length - done, at + done);
    if (bytesRead === 0) throw new Error("the copy is shorter than what was written to it");
    done += bytesRead;
  }
  return back;
}

/** Of a private file: any other descriptor of a live one must not be closed. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Removes everything of a restore, also what is half made. */
export async function removeKept(jobId: string): Promise<void> {
  const names = await readdir(keptDir()).catch(() => [] as string[]);
  for (const name of names) if (name.startsWith(`${jobId}.`)) await rm(join(keptDir(), name), { force: true });
}

export const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
