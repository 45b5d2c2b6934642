import "server-only";
/**
 * Replacing a live SQLite file's content, and undoing that. The two states are told apart by name: `<job>.before.sqlite` is the state from
 * before the restore, `<job>.restored.sqlite` the restored one. One of them is there: the other is live. Both are there only while a swap or
 * an exchange is under way, or was when the console stopped; then the live file itself says which of the two it holds (sqlite.swap-which.ts).
 */
import { statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { z } from "zod";
import type { BackupEngine, JobContext, Journal, Swap, Swapped, SwapRecord } from "@/backups/engine";
import { storeDir } from "@/backups/store";
import type { Connection } from "@/server/connection";
import { controlPlanePath, realPath } from "@/server/control-plane/database";
import { AppError, throwIfCancelled } from "@/server/errors";
import { releaseFile } from "./sqlite.client";
import { migrateFile } from "./sqlite.control-plane-restore";
import { keptPath, keptStates, makeKeptDir, removeKept, runOnFile, type State } from "./sqlite.files";
import type { PutResult, WhichResult } from "./sqlite.swap-protocol";

/** How long programs that keep the live file locked are waited for. */
const WAIT_MS = 20_000;

const Record = z.object({
  /** The live file, without links. */
  path: z.string(),
  /** What was live when the swap or exchange in hand began, or after the last one that ended well. */
  live: z.enum(["before", "restored"]),
});

export const other = (state: State): State => (state === "before" ? "restored" : "before");

export const isControlPlane = (connection: Connection): boolean => realPath(connection.url.reveal()) === realPath(controlPlanePath());

/** @throws AppError CONFLICT when the connection opens another file by now */
function readRecord(connection: Connection, record: SwapRecord): z.infer<typeof Record> {
  const known = Record.parse(record);
  const path = realPath(connection.url.reveal());
  if (known.path === path) return known;
  throw new AppError("CONFLICT", `The connection opens ${path} now; the restore replaced ${known.path}`, {
    fix: "Change the connection back to that file.",
  });
}

interface Step {
  connection: Connection;
  jobId: string;
  /** What is live now. */
  live: State;
  journal: Journal;
  context: JobContext;
}

/** Exchanges what is live with the file of the other state, which is there. The journal stands before the first effect. */
async function exchangeWith({ connection, jobId, live, journal, context }: Step): Promise<Swapped> {
  const path = realPath(connection.url.reveal());
  const goes = other(live);
  const isConsole = isControlPlane(connection);
  if (isConsole) await migrateFile(keptPath(jobId, goes));
  await makeKeptDir();
  throwIfCancelled(context.signal);
  await journal({ path, live } satisfies z.infer<typeof Record>);
  releaseFile(path);
  const result = await runOnFile<PutResult>(
    {
      op: "put",
      live: path,
      from: keptPath(jobId, goes),
      aside: keptPath(jobId, live),
      carryOver: isConsole ? { storeDir: storeDir() } : null,
      waitMs: WAIT_MS,
    },
    { path, log: (line) => context.log(line), progress: (done, total) => context.progress({ itemsDone: done, itemsTotal: total }) },
  );
  context.log(`${result.pages} pages in one transaction; other programs could not write for ${result.heldMs} ms`);
  await rm(keptPath(jobId, goes), { force: true });
  await journal({ path, live: goes } satisfies z.infer<typeof Record>);
  return { place: connection.address, keptBytes: result.keptBytes };
}

/** Swaps a staged file (`<job>.restored.sqlite`) with what is live. */
export function swapIn(connection: Connection, context: JobContext, journal: Journal): Promise<Swapped> {
  return exchangeWith({ connection, jobId: context.jobId, live: "before", journal, context });
}

/** What is live, after finding it out from the files; removes what an interrupted step left. @throws AppError CONFLICT when nothing tells */
async function resolve(connection: Connection, swap: Swap, context: Pick<JobContext, "log">): Promise<State> {
  const { path, live } = readRecord(connection, swap.record);
  const states = await keptStates(swap.jobId);
  const [kept] = states;
  if (kept === undefined) return live;
  if (states.length === 1) return other(kept);
  const goes = other(live);
  releaseFile(path);
  const found = await runOnFile<WhichResult>(
    { op: "which", live: path, from: keptPath(swap.jobId, goes), aside: keptPath(swap.jobId, live), scratch: `${keptPath(swap.jobId, live)}.look` },
    { path },
  );
  context.log(`the live file was looked at: ${found.how}`);
  if (found.holds === null)
    throw new AppError("CONFLICT", `${path} is neither the restored state nor the one from before it: another program has rewritten it`, {
      fix: "Both states are kept; restore the right one into a new file and compare.",
      detail: found.how,
    });
  const isLive = found.holds === "from" ? goes : live;
  await rm(keptPath(swap.jobId, isLive), { force: true });
  return isLive;
}

export const settle: NonNullable<BackupEngine["settle"]> = (connection, swap, context) => resolve(connection, swap, context);

export const exchange: NonNullable<BackupEngine["exchange"]> = async (connection, swap, { journal, context }) => {
  const live = await resolve(connection, swap, context);
  if (!(await keptStates(swap.jobId)).includes(other(live)))
    throw new AppError("CONFLICT", `${keptPath(swap.jobId, other(live))} is gone: nothing is kept of this restore any more`, {
      fix: "Restore a backup instead.",
    });
  return exchangeWith({ connection, jobId: swap.jobId, live, journal, context });
};

export const dropKept: NonNullable<BackupEngine["dropKept"]> = (_connection, swap) => removeKept(swap.jobId);

/** Bytes of a live database with its log. */
export function liveBytes(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0);
}
