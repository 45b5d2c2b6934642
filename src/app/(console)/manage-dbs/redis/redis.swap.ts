import "server-only";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { JobContext, Journal, Swap, Swapped, SwapRecord } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import { MARKER_KINDS, MARKERS, parseClaim, type Claim, type MarkerKind } from "./redis.backup-marker";
import { openJobClient, type CommandLine, type RedisClient } from "./redis.client";
import { atPoint } from "./redis.swap-points";
import { redisError } from "./redis.errors";
import type { Libraries } from "./redis.functions";
import { correctedLibraries, firstLibraries, KeptLibraries, libraryCommands, nextLibraries, settleLibraries } from "./redis.functions-swap";
import { asText, type Reply } from "./redis.reply";
import { infoNumber, type InfoFields } from "./redis.server-facts";
import { estimateBytes } from "./redis.swap-size";
import { runStep, type Expected, type Step } from "./redis.swap-step";
import { serverTimeMs } from "./redis.time";

/**
 * How a restored copy and what is live change places: SWAPDB of each pair in one MULTI/EXEC, so that nobody ever sees one
 * without the other.
 *
 * Exactly one database of a pair carries the job's marker, always the one that stands aside, and the marker's name says what
 * stands there: "restored" before the swap, "before" after it. The transaction renames it, moves it along and exchanges the
 * databases, so that live data never has it, and after any crash the server itself says which of the two is live. It uses no
 * command that a full server refuses.
 */
export interface Pair {
  live: number;
  spare: number;
}

const Number7 = z.number().int().nonnegative();

/** The engine's part of the console's journal. */
const SwapState = z.object({
  version: z.literal(1),
  pairs: z.array(z.object({ live: Number7, spare: Number7 })).min(1),
  /** What is to be live after the last exchange that was begun. */
  goal: z.enum(["restored", "before"]),
  /** That exchange was seen to end. */
  isDone: z.boolean(),
  /** By the server's clock: until then a script that was sent for it may come into effect. Null when none was. */
  deadlineMs: z.number().nullable(),
  /** Of the server at that time, and how many keys it had removed to make room. */
  runId: z.string().nullable(),
  evictedKeys: z.number(),
  /** Absent in what older versions wrote, which exchanged none. */
  functions: KeptLibraries.nullable().default(null),
});
type SwapState = z.infer<typeof SwapState>;
type Live = SwapState["goal"];

const other = (side: Live): Live => (side === "restored" ? "before" : "restored");

export function readSwap({ record }: Pick<Swap, "record">): SwapState {
  return SwapState.parse(record);
}

/** What stands aside for one pair, as its marker says. */
interface Kept {
  pair: Pair;
  /** Null when the spare database has no marker of this job: nothing of ours is there. */
  kind: MarkerKind | null;
  claim: Claim | null;
  /** The marker's value as it is. */
  marker: Buffer | null;
}

/** The first exchange of a restore: what was staged becomes live. */
export async function swapStaged(
  connection: Connection,
  { jobId, pairs, libraries }: { jobId: string; pairs: Pair[]; libraries: Libraries },
  { journal, context }: { journal: Journal; context: Pick<JobContext, "signal" | "log"> },
): Promise<Swapped> {
  using client = openJobClient(connection, pairs[0]?.spare ?? 0);
  const info = await client.info();
  const kept = await readKept(client, { jobId, pairs });
  assertWhole(connection, kept);
  await assertSwaps(client, pairs);
  const functions = await firstLibraries(client, libraries);
  const state: SwapState = { version: 1, pairs, goal: "restored", isDone: false, deadlineMs: null, functions, ...serverMoment(info) };
  return await exchangeJournaled({ connection, client, kept, state, journal, context, info });
}

/** Undo, and undo of the undo. @throws CONFLICT when what was kept is gone, or when the server fell back to an older state by itself */
export async function exchangeSwap(connection: Connection, swap: Swap, { journal, context }: { journal: Journal; context: JobContext }): Promise<Swapped> {
  const state = readSwap(swap);
  using client = openJobClient(connection, state.pairs[0]?.spare ?? 0);
  const info = await client.info();
  const kept = await readKept(client, { jobId: swap.jobId, pairs: state.pairs });
  const aside = assertWhole(connection, kept);
  if (state.isDone && other(aside) !== state.goal) {
    await journal(asRecord({ ...state, goal: other(aside) }));
    throw new AppError("CONFLICT", `${connection.address} fell back to an older save of its data: ${liveWords(other(aside))}`, {
      fix: "Look at the restore again, and exchange only if that is not what you want.",
    });
  }
  await assertSwaps(client, state.pairs);
  const now = serverMoment(info);
  const evicted = now.runId === state.runId ? now.evictedKeys - state.evictedKeys : 0;
  if (evicted > 0) context.log(`the server removed ${evicted} keys to make room since the last exchange: some of them may be of what was kept`);
  const functions = await nextLibraries(client, state.functions, aside);
  const next: SwapState = { ...state, goal: aside, isDone: false, deadlineMs: null, functions, ...now };
  return await exchangeJournaled({ connection, client, kept, state: next, journal, context, info });
}

/**
 * What is live now. An exchange that may still be on its way to the server is made impossible first, so the answer stays true.
 * @throws CONFLICT when the markers are gone although the server was not restarted, or stand where no exchange puts them
 */
export async function settleSwap(connection: Connection, swap: Swap, context: { log: (line: string) => void }): Promise<Live> {
  const state = readSwap(swap);
  using client = openJobClient(connection, state.pairs[0]?.spare ?? 0);
  if (!state.isDone) await outwait(client, state);
  const kept = await fence(client, { jobId: swap.jobId, pairs: state.pairs });
  const sides = new Set(kept.flatMap(({ kind }) => (kind === null ? [] : [sideOf(kind)])));
  const [aside] = sides;
  if (aside !== undefined && sides.size === 1) {
    const lost = kept.filter(({ kind }) => kind === null).map(({ pair }) => `db${pair.spare}`);
    if (lost.length > 0) context.log(`nothing is kept in ${lost.join(", ")} any more`);
    if (!state.isDone) await settleLibraries(client, { kept: state.functions, live: other(aside), log: context.log });
    return other(aside);
  }
  const runId = (await client.info()).get("run_id") ?? null;
  if (aside === undefined && runId !== state.runId) {
    context.log("the server was restarted without the copy that stood aside: what it saved before is live");
    return "before";
  }
  throw new AppError("CONFLICT", `${connection.address} does not say which state is live: ${markerPlaces(state.pairs)} lost its marker to somebody else`, {
    fix: `Look at the keys yourself, then say it in ${markerPlaces(state.pairs)}: SET ${MARKERS.before} ${swap.jobId} when the restored copy is live, SET ${MARKERS.restored} ${swap.jobId} when it is not. What else is there then belongs to the restore, and is dropped with it.`,
  });
}

function serverMoment(info: InfoFields): Pick<SwapState, "runId" | "evictedKeys"> {
  return { runId: info.get("run_id") ?? null, evictedKeys: infoNumber(info, "evicted_keys") ?? 0 };
}

const markerPlaces = (pairs: Pair[]): string => pairs.map(({ spare }) => `db${spare}`).join(", ");

const sideOf = (kind: MarkerKind): Live => (kind === "before" || kind === "droppingBefore" ? "before" : "restored");

interface Exchange {
  connection: Connection;
  client: RedisClient;
  kept: Kept[];
  state: SwapState;
  journal: Journal;
  context: Pick<JobContext, "signal" | "log">;
  info: InfoFields;
}

async function exchangeJournaled({ connection, client, kept, state, journal, context, info }: Exchange): Promise<Swapped> {
  const { pairs, goal } = state;
  const keptBytes = estimateBytes(
    info,
    pairs.map(({ live }) => live),
  );
  throwIfCancelled(context.signal);
  await journal(asRecord(state));
  await atPoint("journaled");
  const functions = await libraryCommands(client, state.functions, goal);
  const replaced = await exchangePairs(client, { kept, goal, functions, beforeScript: (deadlineMs) => journal(asRecord({ ...state, deadlineMs })) });
  await atPoint("exchanged");
  const names = pairs.map(({ live, spare }) => `db${live} with db${spare}`).join(", ");
  context.log(`exchanged ${names}${functions.length > 0 ? " and the function libraries" : ""} in one transaction`);
  const corrected = correctedLibraries(state.functions, goal, replaced);
  if (corrected) context.log("somebody changed the function libraries at that moment: what was there is what is kept");
  await journal(asRecord({ ...state, functions: corrected ?? state.functions, isDone: true }));
  return { place: `${pairs.map(({ live }) => `db${live}`).join(", ")} of ${connection.address}`, keptBytes };
}

const asRecord = (state: SwapState): SwapRecord => ({ ...state });

/** The one step. @returns the reply to its first command. @throws CONFLICT, with nothing done, when a marker is not where it was */
async function exchangePairs(
  client: RedisClient,
  { kept, goal, functions, beforeScript }: { kept: Kept[]; goal: Live; functions: CommandLine[]; beforeScript: Step["beforeScript"] },
): Promise<Reply | undefined> {
  const expected = kept.flatMap(({ pair, marker }): Expected[] => [
    { db: pair.live, key: MARKERS.restored, value: null },
    { db: pair.live, key: MARKERS.before, value: null },
    { db: pair.spare, key: MARKERS[other(goal)], value: null },
    { db: pair.spare, key: MARKERS[goal], value: marker },
  ]);
  const moves = kept.flatMap(({ pair }): Step["commands"] => [
    ["SELECT", pair.spare],
    ["RENAME", MARKERS[goal], MARKERS[other(goal)]],
    ["MOVE", MARKERS[other(goal)], pair.live],
  ]);
  const swaps = kept.map(({ pair }): Step["commands"][number] => ["SWAPDB", pair.live, pair.spare]);
  let first: Reply | undefined;
  const isDone = await runStep(client, {
    expected,
    commands: [...functions, ...moves, ...swaps],
    doing: functions.length > 0 ? "exchange the databases and the function libraries" : "exchange the databases",
    onReplies: (replies) => (first = replies[0]),
    ...(beforeScript ? { beforeScript } : {}),
  });
  if (!isDone) throw moved(client);
  return first;
}

function moved(client: RedisClient): AppError {
  return new AppError("CONFLICT", `The copy that stands aside on ${client.address} was changed by somebody else, so nothing was exchanged`, {
    fix: "Look whether another restore or a person uses its database.",
  });
}

/** Exchanging a database with itself does nothing but show that the server allows it. */
async function assertSwaps(client: RedisClient, pairs: Pair[]): Promise<void> {
  for (const { spare } of pairs) await client.send("SWAPDB", spare, spare);
}

/** @throws CONFLICT unless all pairs keep the same side, whole. @returns that side */
function assertWhole(connection: Connection, kept: Kept[]): Live {
  const [first] = kept;
  const side = first?.kind === "restored" || first?.kind === "before" ? first.kind : null;
  const bad = kept.find(({ kind, claim }) => side === null || kind !== side || !claim?.isWhole);
  if (!bad && side !== null) return side;
  throw new AppError("CONFLICT", `What was kept in db${bad?.pair.spare} of ${connection.address} is no longer whole, so nothing was exchanged`, {
    fix: "It was dropped, or the server lost it in a restart. Restore a backup instead.",
  });
}

/** What stands aside for each pair. @throws CONFLICT when a marker stands in live data: somebody exchanged databases by hand */
export async function readKept(client: RedisClient, { jobId, pairs }: { jobId: string; pairs: Pair[] }): Promise<Kept[]> {
  const reads = MARKER_KINDS.map((kind): CommandLine => ["GET", MARKERS[kind]]);
  const replies = await client.run(pairs.flatMap(({ live, spare }): CommandLine[] => [["SELECT", live], ...reads, ["SELECT", spare], ...reads]));
  const broken = replies.find((reply) => reply instanceof Error);
  if (broken !== undefined) throw redisError(broken, { address: client.address });
  return pairs.map((pair, index) => {
    const [inLive = [], inSpare = []] = [0, 1].map((side) => {
      const start = (index * 2 + side) * (reads.length + 1) + 1;
      return replies.slice(start, start + reads.length).map((reply) => ({ reply, claim: parseClaim(reply) }));
    });
    // A person who had to say what is live wrote the bare id: that names the side, and is never taken for a whole copy.
    const isOurs = ({ reply, claim }: (typeof inSpare)[number]) => claim?.jobId === jobId || (Buffer.isBuffer(reply) && reply.toString("latin1") === jobId);
    if (inLive.some(isOurs)) throw byHand(client, pair);
    const at = inSpare.findIndex(isOurs);
    const { reply, claim } = inSpare[at] ?? { reply: null, claim: null };
    return { pair, kind: MARKER_KINDS[at] ?? null, claim, marker: Buffer.isBuffer(reply) ? reply : null };
  });
}

function byHand(client: RedisClient, { live, spare }: Pair): AppError {
  return new AppError("CONFLICT", `db${live} of ${client.address} holds what should stand aside: somebody exchanged databases by hand`, {
    fix: `Exchange them back with SWAPDB ${live} ${spare}, if that is where it came from.`,
  });
}

/** Any time far away: it is taken back at once. */
const FAR_AWAY_MS = "4102444800000";

/**
 * Reads what is kept and touches the markers, so that a transaction that still waits for the server (it watches them) comes to
 * nothing. Giving and taking an expiry is a change that a full server allows too.
 */
async function fence(client: RedisClient, { jobId, pairs }: { jobId: string; pairs: Pair[] }): Promise<Kept[]> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const kept = await readKept(client, { jobId, pairs });
    const marked = kept.flatMap(({ pair, kind }) => (kind === null ? [] : [{ spare: pair.spare, name: MARKERS[kind] }]));
    const touched = await client.run(
      marked.flatMap(({ spare, name }): CommandLine[] => [
        ["SELECT", spare],
        ["PEXPIREAT", name, FAR_AWAY_MS],
        ["PERSIST", name],
      ]),
    );
    const broken = touched.find((reply) => reply instanceof Error);
    if (broken !== undefined) throw redisError(broken, { address: client.address });
    await atPoint("fenced");
    // A marker that was not there any more: an exchange came in between, so look again.
    if (marked.every((_, index) => asText(touched[index * 3 + 1]) === "1")) return kept;
  }
  throw new AppError("CONFLICT", `The databases of ${client.address} keep being exchanged`, { fix: "Try again in a minute." });
}

/** A script that was sent may still come into effect, until its time is over. */
async function outwait(client: RedisClient, { deadlineMs }: SwapState): Promise<void> {
  while (deadlineMs !== null && Number(await serverTimeMs(client)) <= deadlineMs) await delay(100);
}

function liveWords(live: Live): string {
  return live === "restored" ? "the restored copy is live" : "the state from before the restore is live";
}
