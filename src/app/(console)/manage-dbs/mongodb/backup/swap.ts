import "server-only";

import type { Db, MongoClient } from "mongodb";

import { asideName, keptPrefix, lateName, stagingPrefix, stepsName } from "@/app/(console)/manage-dbs/mongodb/backup/aside-names";
import { bytesOf } from "@/app/(console)/manage-dbs/mongodb/backup/collection-sizes";
import { listStanding, liveOf, look, namesAt, type Standing } from "@/app/(console)/manage-dbs/mongodb/backup/swap-look";
import { journalOf, optionsFrom, otherSide, type Side, type SideName, type SwapJournal } from "@/app/(console)/manage-dbs/mongodb/backup/swap-record";
import { assertLive, makeDurable, type Move, moveTo } from "@/app/(console)/manage-dbs/mongodb/backup/swap-renames";
import { settleMove } from "@/app/(console)/manage-dbs/mongodb/backup/swap-settle";
import { newClient } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { toAppError } from "@/app/(console)/manage-dbs/mongodb/mongodb.errors";
import type { BackupEngine, Journal, Swap, Swapped } from "@/backups/engine";
import { formatElapsed } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";

/** Exchanges of a restored copy with what is live: renames, each of them told from what exists, so that they are finished or taken back. */

/** What a staged restore brings to its swap. */
export interface SwapRequest {
  client: MongoClient;
  db: Db;
  jobId: string;
  address: string;
  chosen: readonly string[] | null;
  restored: { collections: { name: string; aside: string }[]; views: Side["views"] };
  habits: { keepsIdentity: boolean; keepsOptions: boolean };
  signal: AbortSignal;
  log: (line: string) => void;
}

/** Puts the restored collections in the place of the live ones. Until the journal is written nothing live was touched. */
export async function swapIn(request: SwapRequest, write: Journal): Promise<Swapped> {
  const { client, db, jobId, chosen, habits } = request;
  const standing = await listStanding(db);
  const restored: Side = {
    collections: request.restored.collections.map((entry) => kept(standing.get(entry.aside), entry, habits.keepsIdentity)),
    views: request.restored.views,
  };
  const live = liveOf(standing, chosen);
  const fixed = live.find((entry) => isFixed(entry, habits.keepsOptions));
  if (fixed) {
    throw new AppError("UNSUPPORTED", `${fixed.name} is a time series, which this server cannot rename: it cannot be set aside`, {
      fix: "Restore into a new database, or choose the other collections; nothing was changed.",
    });
  }
  const journal: SwapJournal = {
    database: db.databaseName,
    chosen: chosen === null ? null : [...chosen],
    to: "restored",
    phase: "moving",
    renameKeepsOptions: habits.keepsOptions,
    restored,
    before: sideOf(live, { database: db.databaseName, prefix: keptPrefix(jobId), keepsIdentity: habits.keepsIdentity }),
  };
  throwIfCancelled(request.signal);
  return run({ client, db, jobId, journal, log: request.log }, { write, address: request.address });
}

async function run(move: Move, { write, address }: { write: Journal; address: string }): Promise<Swapped> {
  const { db, journal } = move;
  const kept = otherSide(journal.to);
  await makeDurable(move);
  await write(journal);
  const begun = performance.now();
  await moveTo(move, journal.to);
  move.log(`the exchange took ${formatElapsed(performance.now() - begun)}`);
  await assertLive(move, journal.to);
  await write({ ...journal, phase: "done" });
  const asides = journal[kept].collections.map((entry) => entry.aside);
  return { place: `database ${db.databaseName} on ${address}`, keptBytes: await bytesOf(db, asides).catch(() => null) };
}

function kept(found: Standing | undefined, entry: { name: string; aside: string }, keepsIdentity: boolean): Side["collections"][number] {
  if (!found) throw new AppError("CONFLICT", `${entry.name}: what was restored aside is not there any more`, { fix: "Restore again; nothing was changed." });
  return { ...entry, identity: keepsIdentity ? found.identity : null, options: found.options };
}

/** @throws AppError UNSUPPORTED for what can be set aside but not put back */
function sideOf(live: Standing[], naming: { database: string; prefix: string; keepsIdentity: boolean }): Side {
  const { database, prefix, keepsIdentity } = naming;
  for (const entry of live) assertSendable(entry);
  return {
    collections: live
      .filter((entry) => entry.kind !== "view")
      .map((entry, position) => kept(entry, { name: entry.name, aside: asideName(prefix, { database, name: entry.name, position }) }, keepsIdentity)),
    views: live.filter((entry) => entry.kind === "view").map((entry) => ({ name: entry.name, options: entry.options ?? "{}" })),
  };
}

function assertSendable(entry: Standing): void {
  try {
    optionsFrom(entry.options);
  } catch (error) {
    throw new AppError("UNSUPPORTED", `${entry.name}: its definition holds something that cannot be sent back to the server`, {
      fix: "Drop it or define it anew, and restore again; nothing was changed.",
      cause: error,
    });
  }
}

async function withMove<T>(
  connection: Connection,
  swap: Swap,
  run: { doing: string; log: (line: string) => void; work: (move: Move) => Promise<T> },
): Promise<T> {
  const journal = journalOf(swap);
  const client = newClient(connection);
  try {
    return await run.work({ client, db: client.db(journal.database), jobId: swap.jobId, journal, log: run.log });
  } catch (error) {
    throw toAppError(error, { address: connection.address, doing: `${journal.database}: ${run.doing}` });
  } finally {
    await client.close().catch(() => undefined);
  }
}

export const settleSwap: NonNullable<BackupEngine["settle"]> = (connection, swap, context) =>
  withMove(connection, swap, { doing: "settle an interrupted restore", log: (line) => context.log(line), work: settleMove });

/** Everything that is live now goes aside, also what was made or dropped since: it comes back when this is exchanged again. */
export const exchangeSwap: NonNullable<BackupEngine["exchange"]> = (connection, swap, { journal: write, context }) =>
  withMove(connection, swap, {
    doing: "exchange the restored and the kept collections",
    log: (line) => context.log(line),
    async work(move) {
      const from = await settleMove(move);
      const next = await exchanged(move, from);
      throwIfCancelled(context.signal);
      return run({ ...move, journal: next }, { write, address: connection.address });
    },
  });

async function exchanged(move: Move, from: SideName): Promise<SwapJournal> {
  const { db, journal, jobId, log } = move;
  const to = otherSide(from);
  const sight = await look(db, journal);
  const gone = journal[to].collections.filter((entry) => !sight.standing.has(entry.aside));
  if (gone.length > 0) {
    throw new AppError(
      "CONFLICT",
      `${gone
        .map((entry) => entry.name)
        .slice(0, 5)
        .join(", ")}: not kept any more, so the exchange would lose it`,
      {
        fix: "Restore a backup instead.",
      },
    );
  }
  // A time series that is there was made since the restore: nothing of it was in either state.
  const live = liveOf(sight.standing, journal.chosen).filter((entry) => !isFixed(entry, journal.renameKeepsOptions));
  const fixed = liveOf(sight.standing, journal.chosen).filter((entry) => isFixed(entry, journal.renameKeepsOptions));
  for (const entry of fixed) {
    if (journal[to].collections.some((other) => other.name === entry.name) || journal[to].views.some((other) => other.name === entry.name))
      throw new AppError("CONFLICT", `${entry.name} is now a time series, which cannot be set aside`, { fix: `Drop ${entry.name}, and try again.` });
    log(`${entry.name} stays as it is: a time series cannot be renamed`);
  }
  const prefix = from === "restored" ? stagingPrefix(jobId) : keptPrefix(jobId);
  const keepsIdentity = [...journal.restored.collections, ...journal.before.collections].some((entry) => entry.identity !== null);
  return { ...journal, to, phase: "moving", [from]: sideOf(live, { database: journal.database, prefix, keepsIdentity }) };
}

/** Servers that forget options keep a time series as a plain collection; the others keep buckets, and rename neither. */
const isFixed = (entry: Standing, renameKeepsOptions: boolean): boolean => entry.kind === "timeseries" && renameKeepsOptions;

/** Drops what is not live. @throws AppError CONFLICT when the exchange is not at an end: then both are needed */
export const dropKeptSwap: NonNullable<BackupEngine["dropKept"]> = (connection, swap, context) =>
  withMove(connection, swap, {
    doing: "drop what a restore keeps",
    log: (line) => context.log(line),
    async work(move) {
      const live = await liveSide(move);
      const prefixes = { restored: stagingPrefix(move.jobId), before: keptPrefix(move.jobId) };
      const isKept = (name: string) => live !== null && name.startsWith(prefixes[otherSide(live)]);
      const isLate = (name: string) => Object.values(prefixes).some((prefix) => name.startsWith(lateName(prefix, "")));
      for (const name of (await listStanding(move.db)).keys()) {
        throwIfCancelled(context.signal);
        if (isKept(name) || isLate(name) || name === stepsName(move.jobId)) await move.db.command({ drop: name });
      }
    },
  });

/** Null when nothing stands aside at all. */
async function liveSide(move: Move): Promise<SideName | null> {
  const { journal, db } = move;
  if (journal.phase === "done") return journal.to;
  const sight = await look(db, journal);
  const [restoredAside, keptAside] = [namesAt(sight, "restored", "aside").length, namesAt(sight, "before", "aside").length];
  if (restoredAside === 0 && keptAside === 0) return null;
  if (restoredAside === 0) return "restored";
  if (keptAside === 0 && namesAt(sight, "restored", "live").length === 0) return "before";
  throw new AppError("CONFLICT", `${journal.database}: the exchange is not at its end, so both states are needed`, {
    fix: "The console settles it within a minute; then try again.",
  });
}
