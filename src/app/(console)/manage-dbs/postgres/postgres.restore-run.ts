import "server-only";
import { constants } from "node:fs";
import { open, readFile, writeFile, type FileHandle } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { objectName, type ArchiveToc } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import type { RestoreNeeds } from "@/app/(console)/manage-dbs/postgres/postgres.backup-plan";
import { browse, reachedTarget } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { startToolReading, toolEnvironment, type ToolProcess } from "@/app/(console)/manage-dbs/postgres/postgres.processes";
import type { PostgresTools } from "@/app/(console)/manage-dbs/postgres/postgres.tools";
import type { Artefact, JobContext, ManifestObject, Progress } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";

/** pg_restore into a fresh database: one process that reads the file from its start to its end, or several that read it each where they must. */

export interface RestoreRun {
  artefact: Artefact;
  connection: Connection;
  /** The fresh database. */
  name: string;
  needs: RestoreNeeds;
  toc: ArchiveToc;
  /** Of the entries to restore; null for all. */
  list: string | null;
  /** Things that are restored at the same time. */
  jobs: number;
  tools: PostgresTools;
  context: JobContext;
}

/** More of them take more from what is live on the same server. */
const JOBS_MAX = 4;
/** Below that, starting processes and sessions costs more than they win. */
const PARALLEL_FROM_BYTES = 32 * 1024 * 1024;
/** What takes time, each by itself. */
const HEAVY = new Set(["TABLE DATA", "INDEX", "CONSTRAINT", "FK CONSTRAINT", "MATERIALIZED VIEW DATA"]);

/** How many things are restored at the same time: one where there is little, or only one table with its key. */
export function jobsFor(toc: ArchiveToc, objects: readonly ManifestObject[]): number {
  const bytes = objects.reduce((sum, object) => sum + (object.bytes ?? 0), 0);
  const heavy = toc.entries.filter((entry) => HEAVY.has(entry.kind)).length;
  return bytes < PARALLEL_FROM_BYTES || heavy < 3 ? 1 : Math.max(2, Math.min(JOBS_MAX, availableParallelism()));
}

/** Rejects with pg_restore's own words, which name the entry of the archive, at the first thing that fails. */
export async function runRestore(run: RestoreRun): Promise<void> {
  const { artefact, connection, name, needs, list, jobs, tools, context } = run;
  const { target, encrypted } = await reachedTarget(connection, context);
  const listFile = join(context.scratchDir, "restore.list");
  if (list !== null) await writeFile(listFile, list, { mode: 0o600 });
  const finished = finishedTables(run);
  if (jobs > 1) context.log(`restoring with ${jobs} processes`);
  const environment = await toolEnvironment({ target: { ...target, database: name }, encrypted, scratchDir: context.scratchDir });
  // Opened here, so that its path is no argument. What went through this process would wait whenever that has other things to do.
  await using file = await open(artefact.path, constants.O_RDONLY | constants.O_NOFOLLOW);
  const restore = startToolReading(file, {
    file: tools.pgRestore,
    arguments: [
      "--exit-on-error",
      "--verbose",
      "--no-password",
      ...(needs.withoutOwners.length > 0 ? ["--no-owner", "--no-privileges"] : needs.withoutRights.length > 0 ? ["--no-privileges"] : []),
      ...(needs.missingTablespaces.length > 0 ? ["--no-tablespaces"] : []),
      ...(list === null ? [] : [`--use-list=${listFile}`]),
      `--dbname=${name}`,
      // Only by its path can several processes read the file, each at its own place.
      ...(jobs > 1 ? [`--jobs=${jobs}`, resolve(artefact.path)] : []),
    ],
    environment,
    secret: target.password,
    onLine: (line, isComplaint) => {
      const table = /^pg_restore: processing data for table "(.*)"$/.exec(line)?.[1];
      const id = /^pg_restore: finished item (\d+) TABLE DATA /.exec(line)?.[1];
      if (table !== undefined) context.progress({ object: table });
      else if (id !== undefined) finished.add(Number(id));
      else if (isComplaint) context.log(line);
    },
    context,
  });
  const stop = (): void => restore.kill();
  context.signal.addEventListener("abort", stop, { once: true });
  restore.stdout.resume();
  try {
    if (context.signal.aborted) stop();
    await (jobs > 1
      ? watch({ restore, context, everyMs: ASK_MS, look: (signal) => rowsDone(run, finished, signal) })
      : watch({ restore, context, everyMs: LOOK_MS, look: () => bytesRead(artefact, file) }));
  } catch (error) {
    if (context.signal.aborted) throw new AppError("CANCELLED", "Cancelled", { cause: error });
    throw error;
  } finally {
    context.signal.removeEventListener("abort", stop);
    restore.kill();
  }
}

interface Finished {
  add(id: number): void;
  /** Of the rows of finished tables, as text. */
  readonly bytes: number;
  /** Of all tables that are restored. */
  readonly total: number;
}

function finishedTables({ toc, artefact }: RestoreRun): Finished {
  const byName = new Map(artefact.manifest.objects.map((object) => [object.name, object.bytes ?? 0]));
  const tables = toc.entries.filter((entry) => entry.kind === "TABLE DATA");
  const byId = new Map(tables.map((entry) => [entry.id, byName.get(objectName(entry.schema ?? "", entry.name)) ?? 0]));
  let bytes = 0;
  return {
    add: (id) => void (bytes += byId.get(id) ?? 0),
    get bytes() {
      return bytes;
    },
    total: [...byId.values()].reduce((sum, each) => sum + each, 0),
  };
}

type BytesDone = Pick<Progress, "bytesDone" | "bytesTotal">;

const ASK_MS = 1_000;
const LOOK_MS = 200;
/** PostgreSQL 14 and newer say how far a COPY is. */
const COPYING = "SELECT pg_catalog.sum(bytes_processed) FROM pg_catalog.pg_stat_progress_copy WHERE datname = $1";

/** Several processes read at their own places; the server is asked how far they are. */
async function rowsDone({ connection, name }: RestoreRun, finished: Finished, signal: AbortSignal): Promise<BytesDone> {
  const rows = await browse(connection, { signal }, (session) => session.rows(COPYING, [name])).catch(() => []);
  return { bytesDone: Math.min(finished.bytes + Number(rows[0]?.[0] ?? 0), finished.total), bytesTotal: finished.total };
}

/** The tool reads through our own open file, so its place in it is ours too, and Linux tells it. */
async function bytesRead(artefact: Artefact, file: FileHandle): Promise<BytesDone> {
  const info = await readFile(`/proc/self/fdinfo/${file.fd}`, "utf8").catch(() => "");
  const place = /^pos:\s+(\d+)$/m.exec(info)?.[1];
  return place === undefined ? {} : { bytesDone: Math.min(Number(place), artefact.bytes), bytesTotal: artefact.bytes };
}

/** Waits for the end of the restore and tells from time to time how far it is. */
async function watch(options: {
  restore: ToolProcess;
  look: (signal: AbortSignal) => Promise<BytesDone>;
  everyMs: number;
  context: JobContext;
}): Promise<void> {
  const { restore, look, everyMs, context } = options;
  const ended = new AbortController();
  const looking = async (): Promise<void> => {
    for (;;) {
      await sleep(everyMs, undefined, { signal: ended.signal });
      const done = await look(ended.signal);
      if (ended.signal.aborted) return;
      context.progress(done);
    }
  };
  looking().catch(() => undefined);
  try {
    await restore.done;
  } finally {
    ended.abort();
  }
}
