import "server-only";
import { setTimeout as sleep } from "node:timers/promises";
import { keptName } from "@/app/(console)/manage-dbs/postgres/postgres.aside-names";
import { close, type Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { errorCode } from "@/app/(console)/manage-dbs/postgres/postgres.errors";
import { withMaintenance, type MaintenanceSession } from "@/app/(console)/manage-dbs/postgres/postgres.maintenance";
import { settleSwap } from "@/app/(console)/manage-dbs/postgres/postgres.settle";
import { carryOver } from "@/app/(console)/manage-dbs/postgres/postgres.swap-carry-over";
import {
  otherName,
  readDatabases,
  readSides,
  readSystemIdentifier,
  swapApplication,
  withSides,
  type DatabaseSide,
  type SwapFacts,
} from "@/app/(console)/manage-dbs/postgres/postgres.swap-sides";
import type { JobContext, Journal, Swap, Swapped } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import { quoteIdentifier } from "@/sql/identifiers";

/**
 * Puts a restored database in the place of the live one: the live one takes no new sessions, its sessions are ended, and one transaction
 * renames both and opens the new one. Only the first of these can be left half done by a crash, and `settle` undoes it.
 */

/** Where a test may stop a swap. */
export const SWAP_POINTS = ["before journal", "journal written", "live closed", "sessions ended", "first rename", "second rename", "committed"] as const;
export type SwapPoint = (typeof SWAP_POINTS)[number];
export type AtPoint = (point: SwapPoint) => void | Promise<void>;

const TRIES = 5;
const SESSIONS_END_MS = 5_000;
const POLL_MS = 20;

interface Steps {
  connection: Connection;
  journal: Journal;
  context: Pick<JobContext, "log" | "signal" | "jobId">;
  at: AtPoint;
}

/** Swaps the staged database with the connection's own. Rejects with nothing changed, or `settle` finds out what became of it. */
export async function swapStaged({ name, target, ...steps }: Steps & { name: string; target: string }): Promise<Swapped> {
  const { connection, context, journal, at } = steps;
  const kept = keptName(target, context.jobId);
  const applicationName = swapApplication(context.jobId);
  let swap: Swap | null = null;
  try {
    return await withMaintenance(connection, { avoid: [target, name, kept], applicationName, signal: undefined }, async ({ session, database }) => {
      const { before, restored } = await readBoth(session, { target, name, kept });
      await assertNothingPrepared(session, target);
      await carryOver(session, { from: before.oid, to: restored });
      const facts: SwapFacts = {
        target,
        beforeOid: before.oid,
        restoredOid: restored.oid,
        keptName: kept,
        stagingName: name,
        maintenance: database,
        systemIdentifier: await readSystemIdentifier(session),
      };
      await setOpen(session, { name, open: false });
      await at("before journal");
      throwIfCancelled(context.signal);
      await journal(facts);
      swap = { jobId: context.jobId, target, record: facts };
      await at("journal written");
      await exchangeNames({ ...steps, session, database, leaving: before, leavingName: kept, coming: restored, target });
      return { place: placeOf(connection, target, kept), keptBytes: before.bytes === null ? null : Number(before.bytes) };
    });
  } catch (error) {
    if (swap !== null) await reopen(connection, swap, context);
    throw error;
  }
}

/** Swaps what is live and what is kept: undo, and undo of the undo. */
export async function exchangeSwap(swap: Swap, { connection, journal, context, at }: Steps): Promise<Swapped> {
  let journaled = false;
  try {
    return await withSides(connection, {
      swap,
      applicationName: swapApplication(swap.jobId),
      work: async ({ session, database, facts }) => {
        const { live, liveIs, kept } = await readSides(session, facts);
        if (!kept) throw nothingKept(facts, otherName(facts, liveIs));
        if (kept.limit === -2) throw nothingKept(facts, `${kept.name}, whose removal has begun`);
        await assertNothingPrepared(session, facts.target);
        await at("before journal");
        throwIfCancelled(context.signal);
        await journal(facts);
        journaled = true;
        await at("journal written");
        const leavingName = otherName(facts, liveIs === "before" ? "restored" : "before");
        await exchangeNames({ connection, context, at, journal, session, database, leaving: live, leavingName, coming: kept, target: facts.target });
        return { place: placeOf(connection, facts.target, leavingName), keptBytes: live.bytes === null ? null : Number(live.bytes) };
      },
    });
  } catch (error) {
    if (journaled) await reopen(connection, swap, context);
    throw error;
  }
}

const placeOf = (connection: Connection, target: string, kept: string): string =>
  `database ${target} on ${connection.address}; what it replaced is kept as ${kept}`;

const nothingKept = (facts: SwapFacts, what: string): AppError =>
  new AppError("CONFLICT", `Nothing can be exchanged with ${facts.target}: there is no ${what}`, { fix: "Restore a backup instead." });

async function readBoth(session: Session, names: { target: string; name: string; kept: string }): Promise<{ before: DatabaseSide; restored: DatabaseSide }> {
  const found = await readDatabases(session, { names: [names.target, names.name, names.kept] });
  const named = (name: string): DatabaseSide | undefined => found.find((database) => database.name === name);
  const [before, restored] = [named(names.target), named(names.name)];
  if (!before || !restored)
    throw new AppError("CONFLICT", `The database ${before ? names.name : names.target} is gone`, { fix: "Somebody dropped or renamed it: start again." });
  if (named(names.kept)) throw new AppError("CONFLICT", `The name ${names.kept} is taken`, { fix: "Drop or rename that database." });
  return { before, restored };
}

/** They survive their sessions, and no rename would ever come through. */
async function assertNothingPrepared(session: Session, target: string): Promise<void> {
  const prepared = await session.rows("SELECT gid FROM pg_prepared_xacts WHERE database = $1", [target]);
  if (prepared.length === 0) return;
  throw new AppError("CONFLICT", `${prepared.length} prepared transactions are open in ${target}, and no database is renamed with any`, {
    fix: "COMMIT PREPARED or ROLLBACK PREPARED them.",
    detail: prepared
      .slice(0, 5)
      .map(([name]) => name ?? "")
      .join(", "),
  });
}

async function setOpen(session: Session, { name, open }: { name: string; open: boolean }): Promise<void> {
  await session.run(`ALTER DATABASE ${quoteIdentifier(name)} ALLOW_CONNECTIONS ${open}`);
}

interface Exchange extends Steps, MaintenanceSession {
  leaving: DatabaseSide;
  leavingName: string;
  coming: DatabaseSide;
  target: string;
}

/** From the first statement on the live database is closed, until the transaction is committed or `settle` opens it again. */
async function exchangeNames(exchange: Exchange): Promise<void> {
  const { connection, context, session, leaving, coming, at } = exchange;
  const started = performance.now();
  await setOpen(session, { name: leaving.name, open: false });
  await at("live closed");
  await closeOwn(connection);
  for (let tries = 1; ; tries += 1) {
    const ended = await endSessions(session, [leaving, coming]);
    if (ended > 0) context.log(`ended ${ended} sessions`);
    await at("sessions ended");
    try {
      await renameBoth(exchange);
      break;
    } catch (error) {
      await session.run("ROLLBACK");
      if (tries >= TRIES || !isInUse(error)) throw error;
      context.log(`a session stood in the way, trying again (${tries} of ${TRIES})`);
    }
  }
  context.log(`swapped; ${exchange.target} took no connections for ${Math.round(performance.now() - started)} ms`);
  await at("committed");
}

/** All three take effect together, or none. */
async function renameBoth({ session, leaving, leavingName, coming, target, at }: Exchange): Promise<void> {
  await session.run("BEGIN; SET LOCAL lock_timeout = 5000; SET LOCAL statement_timeout = 10000");
  await session.run(`ALTER DATABASE ${quoteIdentifier(leaving.name)} RENAME TO ${quoteIdentifier(leavingName)}`);
  await at("first rename");
  await session.run(`ALTER DATABASE ${quoteIdentifier(coming.name)} RENAME TO ${quoteIdentifier(target)}`);
  await setOpen(session, { name: target, open: true });
  // Only now: nobody drops a template, and until here the copy may have to be.
  if (leaving.template !== coming.template) await session.run(`ALTER DATABASE ${quoteIdentifier(target)} IS_TEMPLATE ${leaving.template}`);
  await at("second rename");
  await session.run("COMMIT");
}

/** In use, no lock in time, too slow, or changed by somebody at the same moment: another try may do. */
const isInUse = (error: unknown): boolean => ["55006", "55P03", "57014", "40P01", "XX000"].includes(errorCode(error) ?? "");

/** The console's own idle sessions go first, in good order; what is still at work is ended with all others. */
async function closeOwn(connection: Connection): Promise<void> {
  await Promise.race([close(connection.id), sleep(500, undefined, { ref: false })]);
}

/** Autovacuum, which has no role, makes way for a rename by itself. What kind of process another role's is, only some may see. */
const OTHERS = "datid = ANY (ARRAY[$1, $2]::oid[]) AND pid <> pg_backend_pid() AND usesysid IS NOT NULL";

/** Ends every session in the two databases and waits until they are gone. Throws CONFLICT naming those that stay. */
async function endSessions(session: Session, databases: readonly [DatabaseSide, DatabaseSide]): Promise<number> {
  const oids = databases.map((database) => database.oid);
  const ended = await session.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OTHERS}`, oids);
  for (const started = performance.now(); ;) {
    const left = await session.rows(`SELECT pid, usename, application_name FROM pg_stat_activity WHERE ${OTHERS}`, oids);
    if (left.length === 0) return ended.length;
    if (performance.now() - started > SESSIONS_END_MS) {
      throw new AppError("CONFLICT", `${left.length} sessions in ${databases[0].name} do not end`, {
        fix: "End them, or what they wait for, and try again.",
        detail: left
          .slice(0, 5)
          .map(([pid, user, application]) => `process ${pid} of ${user ?? "the server"} ${application ?? ""}`.trim())
          .join("; "),
      });
    }
    await sleep(POLL_MS);
  }
}

/** At once, where the server can be reached; else the console settles it later. */
async function reopen(connection: Connection, swap: Swap, context: Pick<JobContext, "log">): Promise<void> {
  await settleSwap(connection, swap, context).catch((error: unknown) =>
    context.log(`${swap.target} could not be looked after yet: ${error instanceof Error ? error.message : String(error)}`),
  );
}
