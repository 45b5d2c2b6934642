import "server-only";
import { performance } from "node:perf_hooks";
import { z } from "zod";
import { browse, type Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { errorCode } from "@/app/(console)/manage-dbs/postgres/postgres.errors";
import { filterConditions } from "@/app/(console)/manage-dbs/postgres/tables/tables.filters";
import { readShape, type TableShape } from "@/app/(console)/manage-dbs/postgres/tables/tables.shape";
import type { CallContext, Connection } from "@/server/connection";
import { throwIfCancelled } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import type { CountResult, Filter, TableName } from "@/sql/tables.schema";

/** The exact number of rows where it can be had within LIMITS.exactCountTimeoutMs, else the planner's estimate. Throws AppError. */
export async function countRows(connection: Connection, input: TableName & { filters: Filter[] }, context: CallContext): Promise<CountResult> {
  const started = performance.now();
  return browse(connection, context, async (session) => {
    const shape = await readShape(session, input);
    const parameters: string[] = [];
    const where = filterConditions(shape, input.filters, (value) => `$${parameters.push(value)}::pg_catalog.text`);
    const from = `FROM ${shape.quoted}${where.length > 0 ? ` WHERE ${where.join(" AND ")}` : ""}`;
    const exact = await countWithin(session, { shape, sql: `SELECT pg_catalog.count(*) ${from}`, parameters });
    throwIfCancelled(context.signal);
    const count =
      exact ?? (where.length === 0 && shape.relation.rows !== null ? shape.relation.rows : await plannedRows(session, `SELECT 1 ${from}`, parameters));
    return { count, exact: exact !== null, elapsedMs: Math.round(performance.now() - started) };
  });
}

async function countWithin(session: Session, query: { shape: TableShape; sql: string; parameters: string[] }): Promise<number | null> {
  await session.run(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${LIMITS.exactCountTimeoutMs}`);
  if (query.shape.runsCode) await session.rows("SELECT pg_catalog.set_config('search_path', $1, true)", [session.ownSearchPath]);
  try {
    const [row] = await session.rows(query.sql, query.parameters);
    await session.run("COMMIT");
    return Number(row?.[0]);
  } catch (error) {
    if (errorCode(error) !== "57014") throw error;
    await session.run("ROLLBACK");
    return null;
  }
}

const Plan = z.tuple([z.object({ Plan: z.object({ "Plan Rows": z.number() }) })]);

async function plannedRows(session: Session, sql: string, parameters: string[]): Promise<number> {
  const [row] = await session.rows(`EXPLAIN (FORMAT JSON) ${sql}`, parameters);
  return Plan.parse(JSON.parse(row?.[0] ?? "null"))[0].Plan["Plan Rows"];
}
