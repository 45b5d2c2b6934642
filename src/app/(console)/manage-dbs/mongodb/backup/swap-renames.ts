import "server-only";

import { type Db, type MongoClient, MongoServerError } from "mongodb";

import { keptPrefix, lateName, stagingPrefix, stepsName } from "@/app/(console)/manage-dbs/mongodb/backup/aside-names";
import { landByCopy } from "@/app/(console)/manage-dbs/mongodb/backup/swap-copy";
import { look, type Sight, standsAsCollection } from "@/app/(console)/manage-dbs/mongodb/backup/swap-look";
import { type KeptCollection, optionsFrom, otherSide, type SideName, type SwapJournal } from "@/app/(console)/manage-dbs/mongodb/backup/swap-record";
import { attempt } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import { AppError } from "@/server/errors";

/** The steps that make one side live and set the other aside. Each is one command, and what exists says which of them are done. */

export interface Move {
  client: MongoClient;
  db: Db;
  jobId: string;
  journal: SwapJournal;
  log: (line: string) => void;
}

const NAMESPACE_NOT_FOUND = 26;
const NAMESPACE_EXISTS = 48;
/** How often it looks anew when names appear and go while it works. */
const ROUNDS_MAX = 5;
/** Below the time after which the client gives up on an answer. A rename waits for what holds the collection. */
const RENAME_MS_MAX = 100_000;

/** Makes a side live. Safe to call again after any interruption. @throws when the server refuses a step or goes away */
export async function moveTo(move: Move, to: SideName): Promise<void> {
  for (let round = 1; ; round++) {
    try {
      await moveOnce(move, to);
      return;
    } catch (error) {
      // Somebody made a collection in that very moment, or a command from before the interruption was done after all.
      const isOvertaken = error instanceof MongoServerError && (error.code === NAMESPACE_NOT_FOUND || error.code === NAMESPACE_EXISTS);
      if (!isOvertaken || round === ROUNDS_MAX) throw error;
    }
  }
}

async function moveOnce(move: Move, to: SideName): Promise<void> {
  const { journal } = move;
  const from = otherSide(to);
  const sight = await look(move.db, journal);
  const [coming, leaving] = [entriesByName(journal, to), entriesByName(journal, from)];
  await dropViews(move, sight, to);
  for (const name of [...new Set([...coming.keys(), ...leaving.keys()])].sort()) {
    const [comes, leaves] = [coming.get(name), leaving.get(name)];
    if (leaves && sight.where[from].get(name) === "live") await rename(move, name, leaves.aside);
    else if (comes && sight.where[to].get(name) === "aside" && standsAsCollection(sight.standing, name)) await setAsideLate(move, { sight, name, from });
    if (comes && sight.where[to].get(name) === "aside") await land(move, comes);
    else if (comes && sight.where[to].get(name) === "live" && !journal.renameKeepsOptions) await restoreRules(move.db, comes);
  }
  await createViews(move, { sight, to, from });
  await makeDurable(move);
  if (!journal.renameKeepsOptions) await attempt(move.db.command({ drop: stepsName(move.jobId) }));
}

const entriesByName = (journal: SwapJournal, side: SideName): Map<string, KeptCollection> =>
  new Map(journal[side].collections.map((entry) => [entry.name, entry]));

async function rename(move: Move, from: string, to: string): Promise<void> {
  const { client, db } = move;
  const [source, target] = [`${db.databaseName}.${from}`, `${db.databaseName}.${to}`];
  // What the journal calls done must outlive a change of the primary, and no rename may go on when nobody waits for it any more.
  const bounds = { writeConcern: { w: "majority", j: true }, maxTimeMS: RENAME_MS_MAX };
  await client.db("admin").command({ renameCollection: source, to: target, dropTarget: false, ...bounds });
  await makeDurable(move);
}

/**
 * Servers that forget options do not heed `j` in a rename either. They do in an update, and what was done before it is then on their disk
 * as well: so each step is followed by one.
 */
export async function makeDurable({ db, jobId, journal }: Move): Promise<void> {
  if (journal.renameKeepsOptions) return;
  const updates = [{ q: { _id: "steps" }, u: { $inc: { done: 1 } }, upsert: true }];
  await attempt(db.command({ update: stepsName(jobId), updates, writeConcern: { w: "majority", j: true } }));
}

/** An application wrote under a name between its leaving and its coming: that is kept with the side that left. */
async function setAsideLate(move: Move, { sight, name, from }: { sight: Sight; name: string; from: SideName }): Promise<void> {
  const prefix = from === "before" ? keptPrefix(move.jobId) : stagingPrefix(move.jobId);
  let number = 1;
  while (sight.standing.has(lateName(prefix, number))) number++;
  const aside = lateName(prefix, number);
  const found = sight.standing.get(name);
  if (found) sight.standing.set(aside, found);
  await rename(move, name, aside);
  move.log(`${name}: what appeared under this name during the exchange is kept aside as ${aside}`);
}

async function land(move: Move, entry: KeptCollection): Promise<void> {
  if (!move.journal.renameKeepsOptions && !canRestoreRules(entry)) {
    await landByCopy(move.db, entry, () => makeDurable(move));
    await makeDurable(move);
    return;
  }
  await rename(move, entry.aside, entry.name);
  if (move.journal.renameKeepsOptions) return;
  await restoreRules(move.db, entry);
  await makeDurable(move);
}

/** Options that can be given to a collection that exists. */
const RULES = new Set(["validator", "validationLevel", "validationAction"]);

export const canRestoreRules = (entry: { options: string | null }): boolean => [...optionsFrom(entry.options).keys()].every((name) => RULES.has(name));

/** For servers that forget the options of what they rename. */
async function restoreRules(db: Db, entry: KeptCollection): Promise<void> {
  const rules = [...optionsFrom(entry.options)].filter(([name]) => RULES.has(name));
  if (rules.length > 0) await db.command({ collMod: entry.name, ...Object.fromEntries(rules) });
}

/** Views cannot be renamed. Those that both sides have alike are left alone. */
async function dropViews({ db, journal, log }: Move, sight: Sight, to: SideName): Promise<void> {
  const wanted = new Map(journal[to].views.map((view) => [view.name, view.options]));
  const left = new Map(journal[otherSide(to)].views.map((view) => [view.name, view.options]));
  for (const name of new Set([...left.keys(), ...wanted.keys()])) {
    const found = sight.standing.get(name);
    if (found?.kind !== "view" || found.options === (wanted.get(name) ?? "")) continue;
    if (found.options !== left.get(name)) log(`the view ${name} was changed meanwhile; it was ${found.options ?? "{}"}`);
    await db.command({ drop: name });
    sight.standing.delete(name);
  }
}

async function createViews(move: Move, { sight, to, from }: { sight: Sight; to: SideName; from: SideName }): Promise<void> {
  for (const view of move.journal[to].views) {
    const found = sight.standing.get(view.name);
    if (found?.kind === "view") continue;
    if (found && sight.where[from].get(view.name) !== "live") await setAsideLate(move, { sight, name: view.name, from });
    await move.db.command({ create: view.name, ...Object.fromEntries(optionsFrom(view.options)) });
  }
}

/** @throws AppError INTERNAL unless a side is live whole: after the last step, before it is called done */
export async function assertLive(move: Move, to: SideName): Promise<void> {
  const sight = await look(move.db, move.journal);
  const missing = [
    ...[...sight.where[to]].filter(([, where]) => where !== "live").map(([name]) => name),
    ...move.journal[to].views.filter((view) => sight.standing.get(view.name)?.kind !== "view").map((view) => view.name),
  ];
  if (missing.length > 0) throw new AppError("INTERNAL", `${missing.slice(0, 5).join(", ")}: not there after the exchange`);
}
