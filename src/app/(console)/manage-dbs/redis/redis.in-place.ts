import "server-only";
import { z } from "zod";
import type { Artefact, JobContext, Journal, Staged, Swap, Swapped, SwapRecord } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import { countedObjects } from "./redis.backup-read";
import { readBulkLimit } from "./redis.backup-send";
import { CLIENT_NAME, openJobClient, type CommandLine, type RedisClient } from "./redis.client";
import { stageFunctions } from "./redis.functions-restore";
import { firstLibraries, KeptLibraries, libraryCommands, nextLibraries, settleLibraries } from "./redis.functions-swap";
import { redisError } from "./redis.errors";
import {
  assertSendable,
  assertTakesWrites,
  compareReplaced,
  replaceKeys,
  surveySource,
  type Replacing,
  type Source,
  type Survey,
} from "./redis.in-place-apply";
import {
  copyArtefact,
  copyPath,
  endPutBack,
  forgetPutBack,
  hasCopy,
  KeptCopy,
  noteKeysBack,
  readKeysBack,
  removeCopies,
  removeCopy,
  wasPutBack,
  writeCopy,
  type Side,
} from "./redis.in-place-files";
import { saveLive } from "./redis.in-place-saved";
import { asText } from "./redis.reply";
import { infoNumber } from "./redis.server-facts";
import { standsAside } from "./redis.swap-target";
import { atPoint } from "./redis.swap-points";
import { serverTimeMs } from "./redis.time";

/**
 * Replacing live data where databases cannot be exchanged: key by key, over a verified safety copy of the live state.
 *
 * Until the journal says `isDone`, the safety copy is the only truth: whatever broke off is put back from it. Afterwards what was to
 * be live is, and the copy is what is kept for undo. Undo is the same again: a fresh copy of what is live, then the kept one goes in.
 */
const InPlaceState = z.object({
  way: z.literal("in place"),
  /** Of the server: a copy is never put into another one. */
  address: z.string(),
  /** Live databases that are replaced. */
  databases: z.array(z.number().int().nonnegative()).min(1),
  /** What is to be live after the last exchange that was begun. */
  goal: z.enum(["restored", "before"]),
  /** That exchange was seen to end. */
  isDone: z.boolean(),
  /** Safety copies by what they hold, of those that were ever made. */
  copies: z.object({ before: KeptCopy.optional(), restored: KeptCopy.optional() }),
  functions: KeptLibraries.nullable(),
});
type InPlaceState = z.infer<typeof InPlaceState>;

const other = (side: Side): Side => (side === "restored" ? "before" : "restored");
const asRecord = (state: InPlaceState): SwapRecord => JSON.parse(JSON.stringify(state)) as SwapRecord;

export const isInPlace = ({ record }: Pick<Swap, "record">): boolean => record["way"] === "in place";

/** @throws CONFLICT when the connection opens another server by now */
function readState(connection: Connection, swap: Swap): InPlaceState {
  const state = InPlaceState.parse(swap.record);
  if (state.address === connection.address) return state;
  throw new AppError("CONFLICT", `The connection opens ${connection.address} now; the restore replaced keys of ${state.address}`, {
    fix: "Change the connection back to that server.",
  });
}

interface Restore {
  artefact: Artefact;
  connection: Connection;
  context: JobContext;
  /** Live databases that are replaced: those that the backup holds keys of. */
  databases: number[];
}

/** Reads the backup, and copies the live state: that is all that stands aside. */
export async function stageInPlace(restore: Restore): Promise<Staged> {
  const { artefact, connection, context, databases } = restore;
  using clients = openClients(connection, { databases, jobId: context.jobId });
  await assertWritable(clients);
  const nowMs = await serverTimeMs(clients.first);
  const source: Source = { artefact, databases, nowMs };
  const bulkBytesMax = await readBulkLimit(connection);
  context.progress({ phase: "Read the backup", bytesTotal: artefact.bytes, bytesDone: 0 });
  const survey = await surveySource(source, { bulkBytesMax, address: connection.address }, reading(context));
  const functions = await stageFunctions(artefact, { replace: true }, clients.first);
  context.log("copying the live state: it is kept for undo, and put back when anything fails");
  const before = await copyLive({ connection, jobId: context.jobId, databases, nowMs, bulkBytesMax, side: "before", context });
  await atPoint("copied");
  const cannotStay = () => Promise.reject(new AppError("UNSUPPORTED", "Nothing stands aside of a restore key by key", { fix: "Restore into a new place." }));
  const expired = countedObjects(survey.expired).map(({ name, count }) => ({ name, count, reason: "expired since the backup" }));
  const counts = new Map(expired.map(({ name }) => [name, 0]));
  for (const { name, count } of countedObjects(survey.counts)) counts.set(name, count);
  return {
    objects: [...[...counts].map(([name, count]) => ({ name, count })), ...functions.objects],
    skipped: [...expired, ...functions.skipped],
    keep: cannotStay,
    async swap(journal) {
      using own = openClients(connection, { databases, jobId: context.jobId });
      await assertWritable(own);
      const begin = async (): Promise<Begun> => ({
        way: "in place",
        address: connection.address,
        databases,
        goal: "restored",
        copies: { before },
        functions: await firstLibraries(own.first, functions.toSwap),
      });
      return await exchangeJournaled({ connection, jobId: context.jobId, clients: own, source, survey, journal, context, begin });
    },
    compareContent: cannotStay,
    discard: () => removeCopies(context.jobId),
  };
}

interface LiveCopy extends Omit<Source, "artefact"> {
  connection: Connection;
  /** Of the restore, also when it is undone. */
  jobId: string;
  side: Side;
  bulkBytesMax: number | null;
  context: JobContext;
}

/** @throws with nothing left when the copy could not be put back: it lacks what is to be replaced, or the server would not take it */
async function copyLive({ connection, jobId, databases, nowMs, bulkBytesMax, side, context }: LiveCopy): Promise<KeptCopy> {
  const copy = await writeCopy(connection, { jobId, side }, context);
  try {
    assertHolds(copy, { databases, address: connection.address });
    const artefact = copyArtefact(copyPath(jobId, side), copy);
    await assertSendable({ artefact, databases, nowMs }, { bulkBytesMax, address: connection.address }, { signal: context.signal });
    return copy;
  } catch (error) {
    await removeCopy(jobId, side);
    throw error;
  }
}

/** A database that looks as if it stood aside is in no backup. */
function assertHolds({ manifest }: KeptCopy, { databases, address }: { databases: number[]; address: string }): void {
  const missing = databases.find((db) => manifest.skipped.some(({ name }) => name === `db${db}`));
  if (missing !== undefined) throw standsAside(missing, address);
}

const reading = (context: Pick<JobContext, "signal" | "progress">) => ({
  signal: context.signal,
  onBytes: (bytesDone: number) => context.progress({ bytesDone }),
});

/** Undo, and undo of the undo. @throws CONFLICT when what was kept is gone */
export async function exchangeInPlace(connection: Connection, swap: Swap, { journal, context }: { journal: Journal; context: JobContext }): Promise<Swapped> {
  const { jobId } = swap;
  const state = readState(connection, swap);
  const live = await settleInPlace(connection, swap, context);
  const goal = other(live);
  const kept = state.copies[goal];
  if (!kept || !(await hasCopy(jobId, goal)))
    throw new AppError("CONFLICT", `${copyPath(jobId, goal)} is gone: nothing is kept of this restore any more`, { fix: "Restore a backup instead." });
  using clients = openClients(connection, { databases: state.databases, jobId });
  await assertWritable(clients);
  // From here on a copy of what is live is no reason to put it back.
  if (!state.isDone) await journal(asRecord({ ...state, goal: live, isDone: true }));
  await forgetPutBack(jobId, live);
  const source = { artefact: copyArtefact(copyPath(jobId, goal), kept), databases: state.databases, nowMs: await serverTimeMs(clients.first) };
  context.progress({ phase: "Read what is kept", bytesTotal: kept.bytes, bytesDone: 0 });
  const bulkBytesMax = await readBulkLimit(connection);
  const survey = await surveySource(source, { bulkBytesMax, address: connection.address }, reading(context));
  const copy = await copyLive({ connection, jobId, databases: state.databases, nowMs: source.nowMs, bulkBytesMax, side: live, context });
  await atPoint("copied");
  const exchange = async (): Promise<Begun> => ({
    ...state,
    goal,
    copies: { ...state.copies, [live]: copy },
    functions: await nextLibraries(clients.first, state.functions, goal),
  });
  context.progress({ phase: "Exchange" });
  return await exchangeJournaled({ connection, jobId, clients, source, survey, journal, context, begin: exchange });
}

/**
 * What is live now. What broke off is put back from its safety copy first, once: when that is done it is noted beside the copies.
 * @throws CONFLICT when the copy is gone, and whatever keeps the server from taking it
 */
export async function settleInPlace(connection: Connection, swap: Swap, { log }: { log: (line: string) => void }): Promise<Side> {
  const { jobId } = swap;
  const state = readState(connection, swap);
  const { goal } = state;
  if (state.isDone) {
    // What is live needs no copy when the server has it on its disk.
    if ((await hasCopy(jobId, goal)) && (await saveNow(connection)) === null) await removeCopy(jobId, goal);
    return goal;
  }
  const side = other(goal);
  const copy = state.copies[side];
  if (!(await wasPutBack(jobId, side))) {
    if (!copy || !(await hasCopy(jobId, side)))
      throw new AppError("CONFLICT", `${copyPath(jobId, side)} is gone, so what broke off on ${connection.address} cannot be put back`, {
        fix: "Restore a backup of that server.",
      });
    await putBack(connection, { state, copy: copyArtefact(copyPath(jobId, side), copy), jobId, log });
    await atPoint("put back");
    const unsaved = await saveNow(connection);
    if (unsaved !== null) log(`${connection.address} cannot be made to save what was put back (${unsaved}): if it crashes before its next save, it is lost`);
  }
  await endPutBack(jobId, side);
  return side;
}

async function saveNow(connection: Connection): Promise<string | null> {
  using client = openJobClient(connection, 0);
  return await saveLive(client);
}

interface PutBack {
  state: InPlaceState;
  copy: Artefact;
  jobId: string;
  log: (line: string) => void;
}

/** All keys once: when they are back that is noted, and what fails afterwards never makes them go over what others wrote since. */
async function putBack(connection: Connection, { state, copy, jobId, log }: PutBack): Promise<void> {
  const side = other(state.goal);
  await endEarlier(connection, jobId);
  using clients = openClients(connection, { databases: state.databases, jobId });
  await assertReachable(clients);
  const source: Source = { artefact: copy, databases: state.databases, nowMs: await serverTimeMs(clients.first) };
  const survey = await surveySource(source, { bulkBytesMax: null, address: connection.address });
  const replacing = { connection, source, survey, clients: clients.all, jobId };
  const info = await clients.first.info();
  const runId = info.get("run_id") ?? "any";
  if (!["any", runId].includes((await readKeysBack(jobId, side)) ?? "")) {
    const evicted = await replaceKeys(replacing, { mayEmpty: true });
    // A server that keeps a log of its writes has them after a restart too.
    await noteKeysBack({ jobId, side, run: infoNumber(info, "aof_enabled") === 1 ? "any" : runId });
    if (evicted > 0) log(`the server is at its maxmemory and removed ${evicted} keys to make room: some of them may be of what was put back`);
  }
  await settleLibraries(clients.first, { kept: state.functions, live: side, log });
  log(`put the live state back key by key${await countedWords(replacing)}`);
}

/** Every key was answered for: what is missing by now was taken by others, and doing it again would only lose what they wrote since. */
async function countedWords(replacing: Replacing): Promise<string> {
  try {
    return `, and counted it${moreWords(await compareReplaced(replacing))}`;
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "UNREACHABLE" || error.code === "TIMEOUT") throw error;
    return error.code === "CONFLICT" ? `; others change it: ${error.message}` : `; it could not be counted: ${error.message}`;
  }
}

const moreWords = (more: number): string => (more > 0 ? `; ${more} keys were written by others meanwhile, and stay` : "");

/** What the job replaces keys with, by name: what they sent may be on its way when the console dies. */
const clientName = (jobId: string): string => `${CLIENT_NAME}:${jobId}`;

/** Nothing that was sent for it arrives any more. A user who may not do this is no matter: its console is gone for longer than a command takes. */
async function endEarlier(connection: Connection, jobId: string): Promise<void> {
  using client = openJobClient(connection, 0);
  const [list] = await client.run([["CLIENT", "LIST"]]);
  if (!Buffer.isBuffer(list)) return;
  const own = asText(list)
    .split("\n")
    .filter((line) => line.includes(` name=${clientName(jobId)} `));
  await client.run(own.flatMap((line): CommandLine[] => [["CLIENT", "KILL", "ID", /^id=(\d+)/.exec(line)?.[1] ?? ""]]));
}

/** Removes the copies: what is live is on the server. */
export async function dropInPlace(swap: Swap, { log }: Pick<JobContext, "log">): Promise<void> {
  await removeCopies(swap.jobId);
  log("the safety copy was removed");
}

type Begun = Omit<InPlaceState, "isDone">;

interface Exchange {
  connection: Connection;
  jobId: string;
  clients: Clients;
  source: Source;
  survey: Survey;
  journal: Journal;
  context: JobContext;
  begin: () => Promise<Begun>;
}

/** The safety copy stands: from the journal on it is not cancelled any more. */
async function exchangeJournaled({ connection, jobId, clients, source, survey, journal, context, begin }: Exchange): Promise<Swapped> {
  const begun = await begin();
  const { goal } = begun;
  throwIfCancelled(context.signal);
  await journal(asRecord({ ...begun, isDone: false }));
  await atPoint("journaled");
  const itemsTotal = countedObjects(survey.counts).reduce((sum, { count }) => sum + count, 0);
  const onKeys = (itemsDone: number) => context.progress({ itemsDone, itemsTotal });
  const replacing = { connection, source, survey, clients: clients.all, jobId, onKeys };
  const evicted = await replaceKeys(replacing, { mayEmpty: false });
  if (evicted > 0)
    throw new AppError("LIMIT_EXCEEDED", `${connection.address} removed ${evicted} keys to make room while they were replaced`, {
      fix: "Raise maxmemory, or restore to a server with room.",
    });
  const more = await compareReplaced(replacing);
  // Keys take their time: libraries that were loaded meanwhile stay, or are kept.
  const state = { ...begun, functions: (await begin()).functions };
  await journal(asRecord({ ...state, isDone: false }));
  await replaceFunctions(clients.first, state);
  await atPoint("exchanged");
  context.log(`replaced ${itemsTotal} keys one by one${moreWords(more)}`);
  const unsaved = await saveLive(clients.first);
  if (unsaved !== null) context.log(unsavedWords({ address: connection.address, unsaved, copy: (await hasCopy(jobId, goal)) ? copyPath(jobId, goal) : null }));
  await journal(asRecord({ ...state, isDone: true }));
  await atPoint("done");
  if (unsaved === null) await removeCopy(jobId, goal);
  const place = `${state.databases.map((db) => `db${db}`).join(", ")} of ${connection.address}`;
  return { place, keptBytes: state.copies[other(goal)]?.bytes ?? null };
}

function unsavedWords({ address, unsaved, copy }: { address: string; unsaved: string; copy: string | null }): string {
  const stays = copy === null ? "" : `; a copy of what is live now stays in ${copy} until the restore is dropped`;
  return `${address} cannot be made to save (${unsaved}): if it crashes before its next save, it comes back with what it saved last, perhaps half${stays}`;
}

async function replaceFunctions(client: RedisClient, { functions, goal }: Begun): Promise<void> {
  const replies = await client.run(await libraryCommands(client, functions, goal));
  const refused = replies.find((reply) => reply instanceof Error);
  if (refused !== undefined) throw redisError(refused, { address: client.address, doing: "replace the function libraries" });
}

interface Clients extends Disposable {
  all: Map<number, RedisClient>;
  first: RedisClient;
}

/** One of each database, and none but these replaces keys. */
function openClients(connection: Connection, { databases, jobId }: { databases: number[]; jobId: string }): Clients {
  const stack = new DisposableStack();
  const open = (db: number) => stack.use(openJobClient(connection, db, { name: clientName(jobId) }));
  const all = new Map(databases.map((db) => [db, open(db)]));
  const [first = open(0)] = all.values();
  return { all, first, [Symbol.dispose]: () => stack.dispose() };
}

/** @throws NOT_FOUND for a database that is not there */
async function assertReachable({ all }: Clients): Promise<void> {
  for (const client of all.values()) await client.send("PING");
}

/** @throws what a server says that takes no writes */
async function assertWritable({ all }: Clients): Promise<void> {
  for (const client of all.values()) await assertTakesWrites(client);
}
