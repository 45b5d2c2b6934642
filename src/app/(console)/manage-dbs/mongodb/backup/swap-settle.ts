import "server-only";

import { MongoServerError } from "mongodb";

import { look, namesAt, type Sight } from "@/app/(console)/manage-dbs/mongodb/backup/swap-look";
import { otherSide, type SideName, type SwapJournal } from "@/app/(console)/manage-dbs/mongodb/backup/swap-record";
import { type Move, moveTo } from "@/app/(console)/manage-dbs/mongodb/backup/swap-renames";
import { AppError } from "@/server/errors";

/**
 * What an interrupted exchange came to. Forward when everything that is to be live is there, else back; and nothing at all when it had not
 * begun. @throws AppError CONFLICT when neither side is whole, or a name cannot be told apart
 */
export async function settleMove(move: Move): Promise<SideName> {
  const { journal, log } = move;
  const [to, from] = [journal.to, otherSide(journal.to)];
  if (journal.phase === "done") return to;
  const sight = await look(move.db, journal);
  assertClear(sight, journal);
  if (hasNotBegun(sight, journal)) {
    log("the exchange had not begun: nothing was changed");
    return from;
  }
  const [missing, lost] = [namesAt(sight, to, "missing"), namesAt(sight, from, "missing")];
  if (missing.length > 0) {
    if (lost.length > 0) throw neitherWhole(journal, [...missing, ...lost]);
    log(`taking the exchange back: ${missing.slice(0, 5).join(", ")} of the ${words(to)} is gone`);
    await moveTo(move, from);
    return from;
  }
  try {
    await moveTo(move, to);
    log(`finished the exchange: the ${words(to)} is live`);
    return to;
  } catch (error) {
    // A server that is away says nothing; one that refuses a step will refuse it again.
    const isRefusal = error instanceof MongoServerError || error instanceof AppError;
    if (!isRefusal || lost.length > 0) throw error;
    log(`taking the exchange back: the server refuses to go on (${error.code ?? "no code"})`);
    await moveTo(move, from);
    return from;
  }
}

const words = (side: SideName): string => (side === "restored" ? "restored copy" : "state before the restore");

function hasNotBegun(sight: Sight, journal: SwapJournal): boolean {
  const from = otherSide(journal.to);
  const isMoved = namesAt(sight, from, "aside").length > 0 || namesAt(sight, journal.to, "live").length > 0;
  const left = new Set(journal[from].views.map((view) => view.name));
  const hasCome = journal[journal.to].views.some((view) => !left.has(view.name) && sight.standing.get(view.name)?.kind === "view");
  return !isMoved && !hasCome && journal[from].views.every((view) => sight.standing.get(view.name)?.options === view.options);
}

function assertClear(sight: Sight, journal: SwapJournal): void {
  const unclear = [...new Set([...namesAt(sight, "restored", "unclear"), ...namesAt(sight, "before", "unclear")])];
  if (unclear.length === 0) return;
  throw new AppError("CONFLICT", `${journal.database}: it cannot be told which state ${unclear.slice(0, 5).join(", ")} is of`, {
    fix: "Somebody dropped or renamed what the restore kept. Rename the collection, and the console settles the rest.",
  });
}

const neitherWhole = (journal: SwapJournal, names: string[]): AppError =>
  new AppError("CONFLICT", `${journal.database}: of both states something is gone, so neither is put in place: ${[...new Set(names)].slice(0, 5).join(", ")}`, {
    fix: "Somebody dropped them outside of the console. What is left stands under its name or under its __restore_… and __before_… name.",
  });
