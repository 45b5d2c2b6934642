import "server-only";
import { setTimeout as sleep } from "node:timers/promises";
import { browse, withOwnSession } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import type { Connection } from "@/server/connection";

/** Gathers what the planner needs of a restored database. */
export async function analyze(connection: Connection, database: string, signal?: AbortSignal): Promise<void> {
  await withOwnSession(connection, { signal, database }, (session) => session.run("ANALYZE"));
}

const LOOK_MS = 500;
/** DROP DATABASE, RENAME and CREATE DATABASE ... TEMPLATE hold these, and wait five seconds for the sessions inside to end before they fail. */
const WANTED = `
  SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.objid
   WHERE l.locktype = 'object' AND l.classid = 'pg_catalog.pg_database'::regclass AND d.datname = $1 AND l.mode IN ('ShareLock', 'AccessExclusiveLock')`;

/** The same for a database that is somebody's already: ends when anybody wants it without sessions. Autovacuum does what is left undone. */
export async function analyzeAside(connection: Connection, database: string): Promise<void> {
  const ended = new AbortController();
  const wanted = new AbortController();
  const looking = async (): Promise<void> => {
    for (;;) {
      await sleep(LOOK_MS, undefined, { signal: ended.signal, ref: false });
      if ((await browse(connection, { signal: ended.signal }, (session) => session.rows(WANTED, [database]))).length > 0) wanted.abort();
    }
  };
  looking().catch(() => undefined);
  try {
    await analyze(connection, database, wanted.signal);
  } finally {
    ended.abort();
  }
}
