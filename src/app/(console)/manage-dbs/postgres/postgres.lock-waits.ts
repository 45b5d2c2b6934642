import "server-only";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { objectName } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import { browse, type CatalogQuery } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import type { JobContext } from "@/backups/engine";
import type { Connection } from "@/server/connection";

const LOOK_EVERY_MS = 2_000;

const WaitRow = z.object({ schema: z.string(), name: z.string(), blocker: z.string(), role: z.string(), application: z.string() });
/** Of the console's own sessions and its pg_dump, and who holds what they wait for. */
const WAITS: CatalogQuery<z.infer<typeof WaitRow>> = {
  row: WaitRow,
  sql: `
    SELECT n.nspname AS schema, c.relname AS name, b.pid AS blocker, coalesce(h.usename, '') AS role, coalesce(h.application_name, '') AS application
      FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace,
           LATERAL unnest(pg_blocking_pids(l.pid)) b (pid) LEFT JOIN pg_stat_activity h ON h.pid = b.pid
     WHERE NOT l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND a.application_name = 'foundry-console'
     ORDER BY b.pid LIMIT 1`,
};

/** Says in the job's phase and log when a backup waits for somebody's lock, which nothing else would show. Call what it answers to end it. */
export function tellLockWaits(connection: Connection, context: JobContext, phase: string): () => void {
  const ended = new AbortController();
  const { signal } = ended;
  const look = async (): Promise<void> => {
    for (let before = ""; ;) {
      await sleep(LOOK_EVERY_MS, undefined, { signal });
      const [wait] = await browse(connection, { signal }, (session) => session.all(WAITS)).catch(() => []);
      if (signal.aborted) return;
      const what = wait ? `Wait for a lock on ${objectName(wait.schema, wait.name)}` : "";
      if (what === before) continue;
      before = what;
      context.progress({ phase: wait ? what : phase });
      if (wait) context.log(`${what}: process ${wait.blocker} of ${wait.role} ${wait.application}`.trim());
    }
  };
  look().catch(() => undefined);
  return () => ended.abort();
}
