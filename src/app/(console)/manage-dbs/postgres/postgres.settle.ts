import "server-only";
import { setTimeout as sleep } from "node:timers/promises";
import type { Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import {
  assertSameServer,
  readDatabases,
  readSides,
  swapApplication,
  withSides,
  type DatabaseSide,
  type SwapFacts,
} from "@/app/(console)/manage-dbs/postgres/postgres.swap-sides";
import type { Swap } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { quoteIdentifier } from "@/sql/identifiers";

const GONE_MS = 10_000;
const POLL_MS = 20;

/**
 * What an interrupted swap came to. The renames are one transaction, so they happened or not; what a crash leaves is a live database
 * that takes no connections, which is opened. Throws CONFLICT when neither database is live, UNREACHABLE while the server is away.
 */
export async function settleSwap(connection: Connection, swap: Swap, context: { log(line: string): void }): Promise<"restored" | "before"> {
  const applicationName = `foundry-console settle ${swap.jobId}`;
  return withSides(connection, {
    swap,
    applicationName,
    work: async ({ session, facts }) => {
      await endSwapSessions(session, swap.jobId);
      const { live, liveIs, kept } = await readSides(session, facts);
      if (!live.open) {
        await session.run(`ALTER DATABASE ${quoteIdentifier(live.name)} ALLOW_CONNECTIONS true`);
        context.log(`${live.name} takes connections again`);
      }
      if (kept?.open) await session.run(`ALTER DATABASE ${quoteIdentifier(kept.name)} ALLOW_CONNECTIONS false`);
      context.log(`live is ${liveIs === "restored" ? "the restored copy" : "the state from before the restore"}`);
      return liveIs;
    },
  });
}

/** A backend may work on for a console that is gone, and commit after a look that came too early. */
async function endSwapSessions(session: Session, jobId: string): Promise<void> {
  for (const started = performance.now(); ;) {
    const left = await session.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()", [
      swapApplication(jobId),
    ]);
    if (left.length === 0) return;
    if (performance.now() - started > GONE_MS) {
      throw new AppError("CONFLICT", "The session that was swapping does not end", { fix: "The console looks again in a minute.", retryAfterSeconds: 60 });
    }
    await sleep(POLL_MS);
  }
}

/** Drops whichever of the two is not live. Only what has this job's own name and OID; idempotent. */
export async function dropKeptDatabase(connection: Connection, swap: Swap, context: { log(line: string): void; signal: AbortSignal }): Promise<void> {
  const applicationName = `foundry-console drop ${swap.jobId}`;
  await withSides(connection, {
    swap,
    applicationName,
    signal: context.signal,
    work: async ({ session, facts }) => {
      await assertSameServer(session, facts);
      const found = await readDatabases(session, { names: [facts.target], oids: [facts.beforeOid, facts.restoredOid] });
      const kept = asideOf(found, facts);
      if (!kept) return;
      // A template cannot be dropped; the original may have been one.
      if (kept.template) await session.run(`ALTER DATABASE ${quoteIdentifier(kept.name)} IS_TEMPLATE false`);
      await session.run(`DROP DATABASE IF EXISTS ${quoteIdentifier(kept.name)} WITH (FORCE)`);
      context.log(`dropped ${kept.name}`);
    },
  });
}

/** A later restore may have made the live one of this swap its own kept one: that has another name then. */
function asideOf(found: readonly DatabaseSide[], facts: SwapFacts): DatabaseSide | null {
  const aside = found.filter(
    ({ oid, name }) => (oid === facts.beforeOid && name === facts.keptName) || (oid === facts.restoredOid && name === facts.stagingName),
  );
  const [first = null] = aside;
  if (aside.length < 2) return first;
  throw new AppError("CONFLICT", `Neither ${facts.keptName} nor ${facts.stagingName} is live, so none of them is dropped`, {
    fix: `Somebody changed what ${facts.target} is: look at the server's databases, and drop what is not needed by hand.`,
  });
}
