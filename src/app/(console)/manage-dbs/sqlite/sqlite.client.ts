import "server-only";
/** Worker threads that read SQLite files: up to three a connection, started on demand, ended when idle. */
import { statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { single } from "@/server/single";
import { sqliteError } from "./sqlite.errors";
import type { WireCell, WorkerAnswer, WorkerRequest, WorkerValue } from "./sqlite.worker-protocol";

const WORKERS_MAX = 3;
const IDLE_MS = 60_000;
/** Threads without a file that wait for the next one: starting one takes longer than reading a small file. */
const SPARES_MAX = 2;

type Operation = WorkerRequest extends infer R ? (R extends { id: number } ? Omit<R, "id"> : never) : never;

interface Reader {
  worker: Worker;
  busy: boolean;
  idle: NodeJS.Timeout | null;
  /** Listens for its end while it is of a pool. */
  forget: () => void;
}

interface Pool {
  fingerprint: string;
  /** Device and inode of the file its readers have open. */
  file: string;
  readers: Set<Reader>;
  waiting: (() => void)[];
}

interface Spare {
  worker: Worker;
  end: () => void;
  idle: NodeJS.Timeout;
}

const pools = (): Map<string, Pool> => single("sqlite-pools", () => new Map());
const spares = (): Set<Spare> => single("sqlite-spares", () => new Set());
let nextId = 1;

/** Rows as objects, for the catalog and pragmas; integers as numbers. */
export async function sqliteObjects<T>(connection: Connection, sql: string, params: WorkerValue[] = [], signal?: AbortSignal): Promise<T[]> {
  return (await call(connection, { op: "objects", sql, params }, signal)) as T[];
}

/** Rows of cells; the statement selects three expressions a column (see sqlite.codec). */
export async function sqliteCells(connection: Connection, sql: string, params: WorkerValue[], signal?: AbortSignal): Promise<WireCell[][]> {
  return (await call(connection, { op: "cells", sql, params }, signal)) as WireCell[][];
}

/** Runs one operation in a worker; an aborted one is ended with its worker. `onAnswer` gets what it says before its end. @throws AppError */
export async function call(connection: Connection, operation: Operation, signal?: AbortSignal, onAnswer?: (answer: WorkerAnswer) => void): Promise<unknown> {
  const reader = await take(connection, signal);
  try {
    return await exchange({ reader, operation, signal, onAnswer: (answer) => onAnswer?.(answer) });
  } catch (error) {
    drop(connection, reader);
    throw sqliteError(error, connection.url.reveal());
  } finally {
    giveBack(connection, reader);
  }
}

/** Streams rows in batches; the worker waits until the consumer asks for the next one. */
export async function* sqliteStream(connection: Connection, sql: string, params: WorkerValue[], signal?: AbortSignal): AsyncGenerator<WireCell[][]> {
  const reader = await take(connection, signal);
  const batches: WireCell[][][] = [];
  let wake: (() => void) | null = null;
  let failure: unknown = null;
  let ended = false;
  const finished = exchange({
    reader,
    operation: { op: "stream", sql, params },
    signal,
    onAnswer(answer) {
      if ("batch" in answer) batches.push(answer.batch);
      wake?.();
    },
  })
    .catch((error: unknown) => (failure = error ?? new Error("stopped")))
    .finally(() => {
      ended = true;
      wake?.();
    });
  try {
    for (;;) {
      const batch = batches.shift();
      if (batch) {
        yield batch;
        reader.worker.postMessage({ id: 0, op: "more" } satisfies WorkerRequest);
        continue;
      }
      if (failure) throw sqliteError(failure, connection.url.reveal());
      if (ended) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    if (!ended || failure) drop(connection, reader);
    await finished;
    giveBack(connection, reader);
  }
}

function exchange(options: {
  reader: Reader;
  operation: Operation;
  signal: AbortSignal | undefined;
  onAnswer: (answer: WorkerAnswer) => void;
}): Promise<unknown> {
  const { reader, operation, signal, onAnswer } = options;
  const id = (nextId += 1);
  return new Promise((resolve, reject) => {
    const { worker } = reader;
    const settle = (end: () => void) => {
      worker.off("message", onMessage).off("error", onError).off("exit", onExit);
      signal?.removeEventListener("abort", onAbort);
      end();
    };
    const onMessage = (answer: WorkerAnswer) => {
      if (answer.id !== id) return;
      if ("value" in answer) settle(() => resolve(answer.value));
      else if ("error" in answer) settle(() => reject(Object.assign(new Error(answer.error.message), { code: answer.error.code })));
      else onAnswer(answer);
    };
    const onError = (error: Error) => settle(() => reject(error));
    const onExit = () => settle(() => reject(new AppError("CANCELLED", "The reader of this file was stopped")));
    const onAbort = () => {
      void worker.terminate();
      settle(() => reject(abortReason(signal)));
    };
    worker.on("message", onMessage).on("error", onError).on("exit", onExit);
    if (signal?.aborted) return onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    worker.postMessage({ ...operation, id });
  });
}

function abortReason(signal: AbortSignal | undefined): AppError {
  const reason: unknown = signal?.reason;
  if (reason instanceof AppError) return reason;
  if (reason instanceof DOMException && reason.name === "TimeoutError")
    return new AppError("TIMEOUT", "SQLite was stopped at the time limit", { fix: "Sort by the key, or add a filter on an indexed column." });
  return new AppError("CANCELLED", "Cancelled", { cause: reason });
}

async function take(connection: Connection, signal: AbortSignal | undefined): Promise<Reader> {
  for (;;) {
    if (signal?.aborted) throw abortReason(signal);
    const pool = poolOf(connection);
    const free = [...pool.readers].find((reader) => !reader.busy);
    if (free) return occupy(free);
    if (pool.readers.size < WORKERS_MAX) return occupy(start(connection, pool));
    await new Promise<void>((resolve) => {
      pool.waiting.push(resolve);
      signal?.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}

function occupy(reader: Reader): Reader {
  reader.busy = true;
  if (reader.idle) clearTimeout(reader.idle);
  reader.idle = null;
  return reader;
}

function start(connection: Connection, pool: Pool): Reader {
  const worker = takeSpare() ?? newWorker();
  worker.postMessage({ id: 0, op: "open", path: connection.url.reveal() } satisfies WorkerRequest);
  const forget = () => void pool.readers.delete(reader);
  const reader: Reader = { worker, busy: true, idle: null, forget };
  worker.on("error", forget).on("exit", forget);
  pool.readers.add(reader);
  return reader;
}

function newWorker(): Worker {
  const worker = new Worker(new URL("./sqlite.worker.ts", import.meta.url));
  worker.unref();
  return worker;
}

function takeSpare(): Worker | null {
  const [spare] = spares();
  if (!spare) return null;
  clearTimeout(spare.idle);
  spares().delete(spare);
  spare.worker.off("error", spare.end).off("exit", spare.end);
  return spare.worker;
}

function keepSpare(worker: Worker): void {
  const end = () => {
    clearTimeout(spare.idle);
    spares().delete(spare);
    void worker.terminate();
  };
  const spare: Spare = { worker, end, idle: setTimeout(end, IDLE_MS).unref() };
  worker.on("error", end).on("exit", end);
  spares().add(spare);
}

/** Starts threads that the next files will be read with, beside other work. */
export function warmReaders(): void {
  while (spares().size < SPARES_MAX) keepSpare(newWorker());
}

function giveBack(connection: Connection, reader: Reader): void {
  const pool = pools().get(connection.id);
  reader.busy = false;
  if (pool?.readers.has(reader)) {
    reader.idle = setTimeout(() => drop(connection, reader), IDLE_MS);
    reader.idle.unref();
  } else {
    void reader.worker.terminate();
  }
  pool?.waiting.shift()?.();
}

function drop(connection: Connection, reader: Reader): void {
  pools().get(connection.id)?.readers.delete(reader);
  void reader.worker.terminate();
}

/** The readers of the file that now has this path: one that was replaced or taken away is not read on from its open handle. */
function poolOf(connection: Connection): Pool {
  const known = pools().get(connection.id);
  const file = openableFile(connection.url.reveal());
  if (known?.fingerprint === connection.fingerprint && known.file === file) return known;
  if (known) closePool(known, { finishRunning: known.fingerprint === connection.fingerprint });
  if (file === null) throw sqliteError(Object.assign(new Error("no such file"), { code: "ENOENT" }), connection.url.reveal());
  const pool: Pool = { fingerprint: connection.fingerprint, file, readers: new Set(), waiting: [] };
  pools().set(connection.id, pool);
  return pool;
}

function openableFile(path: string): string | null {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw sqliteError(error, path);
  }
}

/** Ends its readers; with `finishRunning` one at work ends when it is given back. Who waits asks again. */
function closePool(pool: Pool, { finishRunning = false } = {}): void {
  for (const reader of pool.readers) if (!finishRunning || !reader.busy) void reader.worker.terminate();
  pool.readers.clear();
  for (const wake of pool.waiting.splice(0)) wake();
}

/** Ends the readers of a file, by whatever connection: who replaces its content needs their locks. The next call opens it anew. */
export function releaseFile(path: string): void {
  const file = openableFile(path);
  for (const [id, pool] of pools()) {
    if (pool.file !== file) continue;
    closePool(pool);
    pools().delete(id);
  }
}

/** Closes a file that is read no more; its threads stay for the next one. */
export async function retireFile(connectionId: string): Promise<void> {
  const pool = pools().get(connectionId);
  if (!pool) return;
  pools().delete(connectionId);
  const idle = [...pool.readers].filter((reader) => !reader.busy);
  for (const reader of idle) pool.readers.delete(reader);
  closePool(pool);
  for (const reader of idle) {
    if (reader.idle) clearTimeout(reader.idle);
    const isClosed = await exchange({ reader, operation: { op: "close" }, signal: undefined, onAnswer: () => undefined }).then(
      () => true,
      () => false,
    );
    if (!isClosed || spares().size >= SPARES_MAX) await reader.worker.terminate();
    else keepSpare(reader.worker.off("error", reader.forget).off("exit", reader.forget));
  }
}

export async function closeSqlite(connectionId?: string): Promise<void> {
  if (connectionId === undefined) for (let spare = takeSpare(); spare; spare = takeSpare()) await spare.terminate();
  for (const [id, pool] of pools()) {
    if (connectionId !== undefined && id !== connectionId) continue;
    closePool(pool);
    pools().delete(id);
  }
}
