import "server-only";
import { z } from "zod";
import { keptName, stagingName } from "@/app/(console)/manage-dbs/postgres/postgres.aside-names";
import type { CatalogQuery, Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { withMaintenance, type MaintenanceSession } from "@/app/(console)/manage-dbs/postgres/postgres.maintenance";
import type { Swap } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";

/** Which of the two databases of a swap is live: told by their OIDs, which no rename changes, never by names alone. */

/** What the journal keeps of a swap. */
export const SwapFacts = z.object({
  /** The name that is swapped: the connection's own database. */
  target: z.string(),
  /** OID of what was live before the restore, and of the restored copy. */
  beforeOid: z.string(),
  restoredOid: z.string(),
  /** Their names while they stand aside. */
  keptName: z.string(),
  stagingName: z.string(),
  /** The database to work from. */
  maintenance: z.string(),
  /** Tells this server from another one under the same address; null where the role may not ask. */
  systemIdentifier: z.string().nullable(),
});
export type SwapFacts = z.infer<typeof SwapFacts>;

const flag = z.enum(["t", "f"]).transform((text) => text === "t");
const DatabaseRow = z.object({
  oid: z.string(),
  name: z.string(),
  open: flag,
  limit: z.string().transform(Number),
  template: flag,
  bytes: z.string().nullable(),
});
export type DatabaseSide = z.infer<typeof DatabaseRow>;
const DATABASES: CatalogQuery<DatabaseSide> = {
  row: DatabaseRow,
  sql: `
    SELECT oid, datname AS name, datallowconn AS open, datconnlimit AS limit, datistemplate AS template,
           CASE WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN pg_database_size(oid) END AS bytes
      FROM pg_database WHERE datname = ANY ($1::text[]) OR oid::text = ANY ($2::text[])`,
};

export async function readDatabases(session: Session, wanted: { names?: readonly string[]; oids?: readonly string[] }): Promise<DatabaseSide[]> {
  return session.all(DATABASES, [arrayText(wanted.names ?? []), arrayText(wanted.oids ?? [])]);
}

/** A text[] as its own text. */
const arrayText = (values: readonly string[]): string => `{${values.map((value) => `"${value.replace(/[\\"]/g, "\\$&")}"`).join(",")}}`;

/** Null where the role may not ask. */
export async function readSystemIdentifier(session: Session): Promise<string | null> {
  const [row] = await session.rows(
    "SELECT CASE WHEN has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') THEN (SELECT system_identifier FROM pg_catalog.pg_control_system()) END",
  );
  return row?.[0] ?? null;
}

export interface Sides {
  live: DatabaseSide;
  liveIs: "restored" | "before";
  /** What stands aside; null once it is dropped. */
  kept: DatabaseSide | null;
}

export const otherName = (facts: SwapFacts, liveIs: Sides["liveIs"]): string => (liveIs === "restored" ? facts.keptName : facts.stagingName);

/** The two databases as they stand. Throws CONFLICT, naming what is there, when neither is live or a later change made them something else. */
export async function readSides(session: Session, facts: SwapFacts): Promise<Sides> {
  await assertSameServer(session, facts);
  const found = await readDatabases(session, { names: [facts.target], oids: [facts.beforeOid, facts.restoredOid] });
  const live = found.find((database) => database.name === facts.target);
  const liveIs = live?.oid === facts.beforeOid ? "before" : live?.oid === facts.restoredOid ? "restored" : null;
  if (!live || liveIs === null) {
    throw new AppError("CONFLICT", `The database ${facts.target} is neither the restored one nor the one from before the restore`, {
      fix: "Somebody replaced, renamed or dropped it since, or a later restore did: look at the server's databases.",
      detail: describeSides(found, facts),
    });
  }
  const kept = found.find((database) => database.oid === (liveIs === "before" ? facts.restoredOid : facts.beforeOid)) ?? null;
  return { live, liveIs, kept: kept && kept.name === otherName(facts, liveIs) ? kept : null };
}

function describeSides(found: readonly DatabaseSide[], facts: SwapFacts): string {
  const word = (oid: string): string => (oid === facts.beforeOid ? "from before" : oid === facts.restoredOid ? "restored" : "of somebody else");
  return found.map((database) => `${database.name} (${word(database.oid)}, OID ${database.oid})`).join("; ") || "none of them is there";
}

/** OIDs mean something on one server only. */
export async function assertSameServer(session: Session, facts: SwapFacts): Promise<void> {
  const here = await readSystemIdentifier(session);
  if (facts.systemIdentifier === null || here === null || here === facts.systemIdentifier) return;
  throw new AppError("CONFLICT", "The connection leads to another server than the one that was restored into", {
    fix: "Point the connection at the server of the restore.",
    detail: `system identifier ${here} instead of ${facts.systemIdentifier}`,
  });
}

/** The name of sessions that swap for this job. */
export const swapApplication = (jobId: string): string => `foundry-console swap ${jobId}`;

/** Runs work on the two databases of a swap, from a third. */
export async function withSides<T>(
  connection: Connection,
  { swap, work, signal, applicationName }: { swap: Swap; signal?: AbortSignal | undefined; applicationName: string; work: (found: SwapWork) => Promise<T> },
): Promise<T> {
  const facts = SwapFacts.parse(swap.record);
  if (facts.keptName !== keptName(facts.target, swap.jobId) || facts.stagingName !== stagingName(facts.target, swap.jobId))
    throw new AppError("INTERNAL", "The journal of this restore is not its own", { fix: "Look at the server's databases by hand." });
  const avoid = [facts.target, facts.keptName, facts.stagingName];
  return withMaintenance(connection, { avoid, preferred: facts.maintenance, applicationName, signal }, ({ session, database }) =>
    work({ facts, session, database }),
  );
}

export interface SwapWork extends MaintenanceSession {
  facts: SwapFacts;
}
