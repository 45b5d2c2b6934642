import "server-only";
/** Long work that survives the browser: queued, bounded, with progress, log, cancel, and an honest end after a crash. */
import { randomBytes } from "node:crypto";
import { EventEmitter, on } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import PQueue from "p-queue";
import type { JobContext, Progress } from "@/backups/engine";
import { childIdentity, type ChildIdentity } from "@/backups/children";
import { placeOf } from "@/backups/place";
import { noSpaceOn } from "@/backups/room";
import { appendAudit } from "@/server/audit";
import * as jobsRepo from "@/server/control-plane/jobs.repo";
import { jobText } from "@/lib/job-words";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { logger } from "@/server/logger";
import { single } from "@/server/single";
import type { Connection } from "@/server/connection";

export interface JobRequest {
  kind: "backup" | "verify" | "restore" | "undo" | "drop" | "drill" | "upload";
  connection: Connection;
  user: { id: string; name: string };
  /** What was asked for, without secrets. */
  request: Record<string, unknown>;
  /** The same key answers the same job: a double click starts one. */
  idempotencyKey?: string | undefined;
  /** Runs once for a new job, when it has its id and before it can start: rows that the work itself expects. When it throws there is no job. */
  prepare?(jobId: string): Promise<void>;
  /** Runs once when the job is over, however it ended: gives back what `prepare` took. */
  release?(): void;
}

interface Running {
  controller: AbortController;
  progress: Progress;
  children: ChildIdentity[];
  lines: number;
  /** False while it waits for its turn. */
  started: boolean;
}

interface Runner {
  bootId: string;
  running: Map<string, Running>;
  all: PQueue;
  byServer: Map<string, PQueue>;
  events: EventEmitter;
}

export const runner = (): Runner =>
  single("jobs", () => ({
    bootId: randomBytes(8).toString("hex"),
    running: new Map(),
    all: new PQueue({ concurrency: LIMITS.backupJobsAtOnce }),
    byServer: new Map(),
    events: new EventEmitter().setMaxListeners(0),
  }));

const PROGRESS_EVERY_MS = 250;

/** Queues a job and answers its id at once. `run` gets a private directory and a signal that ends within two seconds of a cancel. */
export async function startJob(
  job: JobRequest,
  run: (context: JobContext) => Promise<Record<string, unknown>>,
): Promise<{ jobId: string; request: Record<string, unknown> }> {
  // Scoped to the person and the place: nobody can meet another's job by guessing a key.
  const idempotencyKey = job.idempotencyKey ? `${job.user.id}|${job.kind}|${job.connection.id}|${job.idempotencyKey}` : undefined;
  const jobId = randomBytes(6).toString("hex");
  const state = runner();
  const isNew = await jobsRepo.insertJob({ ...job, id: jobId, bootId: state.bootId, idempotencyKey });
  const known = !isNew && idempotencyKey ? await jobsRepo.findByIdempotencyKey(idempotencyKey) : undefined;
  if (known) return { jobId: known.id, request: JSON.parse(known.request) as Record<string, unknown> };
  // Before anything is promised: a job without its directory could not even say that it failed.
  const scratchDir = await makeScratchDir(jobId).catch(async (error: unknown) => {
    await jobsRepo.deleteJob(jobId);
    throw error;
  });
  try {
    await job.prepare?.(jobId);
  } catch (error) {
    await jobsRepo.deleteJob(jobId);
    await rm(scratchDir, { recursive: true, force: true });
    throw error;
  }
  const running: Running = { controller: new AbortController(), progress: {}, children: [], lines: 0, started: false };
  state.running.set(jobId, running);
  const begin = () =>
    perform({ jobId, job, running, scratchDir, run }).catch((error: unknown) => logger().error({ jobId, error }, "the end of a job could not be written"));
  // A job that is cancelled while it waits does not wait for its turn to say so.
  running.controller.signal.addEventListener("abort", () => void begin(), { once: true });
  void inTurn(job.connection, () => state.all.add(begin));
  return { jobId, request: job.request };
}

/** Runs what changes a server, or is a job of it, when nothing else of that kind does. */
export function inTurn<T>(connection: Connection, run: () => Promise<T>): Promise<T> {
  const { byServer } = runner();
  const server = `${connection.engine}|${placeOf(connection).at.join(",")}`;
  const queue = byServer.get(server) ?? new PQueue({ concurrency: 1 });
  byServer.set(server, queue);
  return queue.add(run).finally(() => {
    if (queue.size === 0 && queue.pending === 0) byServer.delete(server);
  });
}

interface Turn {
  jobId: string;
  job: JobRequest;
  running: Running;
  scratchDir: string;
  run: (context: JobContext) => Promise<Record<string, unknown>>;
}

async function makeScratchDir(jobId: string): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), `foundry-job-${jobId}-`));
  } catch (cause) {
    throw new AppError("INTERNAL", `The console cannot make a temporary directory in ${tmpdir()}`, {
      fix: "Make that directory writable and free space there, or set TMPDIR to another one.",
      detail: (cause as NodeJS.ErrnoException).code ?? "",
      cause,
    });
  }
}

/** Runs the work, also when it was cancelled before: the work itself knows what it must mark as not done. */
async function perform({ jobId, job, running, scratchDir, run }: Turn): Promise<void> {
  if (running.started) return;
  running.started = true;
  const { signal } = running.controller;
  const flush = throttledProgress(jobId, running);
  const context: JobContext = {
    signal,
    jobId,
    scratchDir,
    progress(change) {
      const isNewPhase = change.phase !== undefined && change.phase !== running.progress.phase;
      running.progress = { ...running.progress, ...change };
      // What a crash must know is written at once: which phase it was in.
      if (isNewPhase) noteDown(jobId, flush.now());
      else flush.soon();
    },
    log: (line) => logLine(jobId, running, line),
    child(pid) {
      const identity = childIdentity(pid);
      if (!identity) return;
      running.children.push(identity);
      noteDown(jobId, jobsRepo.updateJob(jobId, { children: JSON.stringify(running.children) }));
    },
  };
  try {
    const ending = await endingOf({ jobId, running, context, run });
    await flush.now().catch((error: unknown) => logger().error({ jobId, error }, "progress could not be written"));
    await end({ jobId, job, ...ending });
  } finally {
    runner().running.delete(jobId);
    job.release?.();
    await rm(scratchDir, { recursive: true, force: true });
    notify(jobId);
  }
}

/** Does the work. What it came to is settled here: nothing that goes wrong after it makes a success a failure. */
async function endingOf(turn: { jobId: string; running: Running; context: JobContext; run: Turn["run"] }): Promise<Pick<Ending, "state" | "change">> {
  const { jobId, running, context, run } = turn;
  try {
    await jobsRepo.updateJob(jobId, { state: "running", started_at: new Date().toISOString() });
    notify(jobId);
    return { state: "succeeded", change: { outcome: JSON.stringify(await run(context)) } };
  } catch (error) {
    const cancelled = isCancelled(error, context.signal);
    const shown = cancelled ? cancelledBy(context.signal) : asAppError(error, jobId);
    logLine(jobId, running, cancelled ? "cancelled" : `failed: ${shown.message}${shown.detail ? ` (${shown.detail})` : ""}`);
    return { state: cancelled ? "cancelled" : "failed", change: { error: JSON.stringify(errorJson(shown)) } };
  }
}

/** Work that was told to stop ends with some error; only a CONFLICT says more than that: what could not be tidied up. */
const isCancelled = (error: unknown, signal: AbortSignal): boolean => signal.aborted && !(error instanceof AppError && error.code === "CONFLICT");

/** Who ended it: a person, or the console's own stop. */
export function cancelledBy(signal: AbortSignal): AppError {
  return signal.reason instanceof AppError ? signal.reason : new AppError("CANCELLED", "Cancelled by a person");
}

/** How the private directory of a job begins, in the system's directory for temporary files. */
export const scratchPrefix = (jobId: string): string => `foundry-job-${jobId}-`;

export function errorJson(error: AppError): { code: string; message: string; fix: string | null; detail: string | null } {
  return { code: error.code, message: error.message, fix: error.fix ?? null, detail: error.detail ?? null };
}

export function asAppError(error: unknown, jobId: string): AppError {
  if (error instanceof AppError) return error;
  logger().error({ jobId, error }, "job failed");
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") return noSpaceOn(path, code);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return new AppError("INTERNAL", `The console has no right to ${path ?? "a file it needs"}`, { fix: "Give it to the console's user.", detail: code });
  return new AppError("INTERNAL", `The console failed at this; the log has it under job ${jobId}`, { ...(code ? { detail: String(code) } : {}) });
}

interface Ending {
  jobId: string;
  job: JobRequest;
  state: "succeeded" | "failed" | "cancelled";
  change: { outcome?: string; error?: string };
}

/** Writes the end of a job, and into the audit log: the procedure's own row only says that it was started. */
async function end({ jobId, job, state, change }: Ending): Promise<void> {
  await jobsRepo.updateJob(jobId, { state, ended_at: new Date().toISOString(), ...change });
  const written = appendAudit({
    actor_id: job.user.id,
    actor_name: job.user.name,
    role: null,
    session: null,
    address: null,
    action: job.kind === "backup" || job.kind === "verify" ? "backup" : "restore",
    connection_id: job.connection.id,
    procedure: `job ${job.kind}`,
    target: (jobText(job.request, "target") || jobText(job.request, "backupId")).slice(0, 300),
    input: JSON.stringify({ jobId, ...job.request }),
    outcome: state === "succeeded" ? "allowed" : "failed",
    detail: state,
    request_id: `job ${jobId}`,
    completes: null,
  });
  // The work is over and its row says how; the log of the console says that the chain lacks it.
  await written.catch((error: unknown) => logger().error({ jobId, state, error }, "the end of a job is not in the audit log"));
}

/** Written beside the work; when the control plane cannot take it, the work goes on. */
function noteDown(jobId: string, written: Promise<void>): void {
  written.catch((error: unknown) => logger().error({ jobId, error }, "a note of a job could not be written"));
}

function logLine(jobId: string, running: Running, text: string): void {
  running.lines += 1;
  if (running.lines > LIMITS.jobLogLinesMax) return;
  noteDown(jobId, jobsRepo.insertLine(jobId, running.lines === LIMITS.jobLogLinesMax ? "the log is full; later lines are left out" : text.slice(0, 2_000)));
  notify(jobId);
}

function throttledProgress(jobId: string, running: Running): { soon(): void; now(): Promise<void> } {
  let timer: NodeJS.Timeout | null = null;
  const write = async () => {
    if (timer) clearTimeout(timer);
    timer = null;
    await jobsRepo.updateJob(jobId, { progress: JSON.stringify(running.progress) });
    notify(jobId);
  };
  return {
    soon() {
      timer ??= setTimeout(() => noteDown(jobId, write()), PROGRESS_EVERY_MS);
    },
    now: write,
  };
}

const notify = (jobId: string): void => void runner().events.emit("change", jobId);

/** @throws AppError NOT_FOUND, CONFLICT when it has ended or cannot be stopped any more. */
export async function cancelJob(jobId: string): Promise<void> {
  const running = runner().running.get(jobId);
  if (!running) throw new AppError("CONFLICT", "This job has ended already", { fix: "Look at its outcome." });
  running.controller.abort(new AppError("CANCELLED", "Cancelled by a person"));
}

/** Ticks at each change of the job (of any job when no id is given) until the signal ends; the caller reads the row. Listens from the call on. */
export function jobChanges(jobId: string | null, signal: AbortSignal): AsyncIterable<string> {
  const changes = on(runner().events, "change", { signal });
  return (async function* () {
    try {
      for await (const [changed] of changes) if (jobId === null || changed === jobId) yield changed as string;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  })();
}

/** Aborts everything at shutdown and waits, bounded, for the ends to be written. */
export async function stopJobs(timeoutMs: number): Promise<void> {
  const state = runner();
  for (const running of state.running.values())
    running.controller.abort(new AppError("CANCELLED", "The console is stopping", { fix: "Start it again when the console is back." }));
  await Promise.race([state.all.onIdle(), new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())]);
}
