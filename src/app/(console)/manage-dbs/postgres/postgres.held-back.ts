import "server-only";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { browse, type CatalogQuery } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import type { JobContext } from "@/backups/engine";
import { formatCount, formatDuration } from "@/lib/format";
import type { Connection } from "@/server/connection";

const HeldRow = z.object({ transactions: z.string().transform(Number), dead: z.string().transform(Number) });
/** How many transactions have begun since the oldest that a console's session still sees, and the dead rows that wait in this database. */
const HELD: CatalogQuery<z.infer<typeof HeldRow>> = {
  row: HeldRow,
  sql: `
    SELECT coalesce((SELECT max(age(backend_xmin)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'foundry-console'), 0) AS transactions,
           coalesce((SELECT sum(n_dead_tup) FROM pg_stat_user_tables), 0) AS dead`,
};

/** Long enough that tables under load grow by it. */
const LONG_MS = 30 * 60_000;

/**
 * Says in the job's log, again and again, that a long backup keeps the server from removing dead rows: its snapshot may still need them.
 * Call what it answers to end it.
 */
export function tellHeldBack(connection: Connection, context: JobContext, everyMs = LONG_MS): () => void {
  const ended = new AbortController();
  const { signal } = ended;
  const look = async (): Promise<void> => {
    for (let times = 1; ; times += 1) {
      await sleep(everyMs, undefined, { signal, ref: false });
      const [held] = await browse(connection, { signal }, (session) => session.all(HELD)).catch(() => []);
      if (signal.aborted) return;
      if (!held) continue;
      const since = formatDuration(Math.round((times * everyMs) / 1000));
      context.log(
        `warning: for ${since} this backup's snapshot has kept vacuum from removing what changed since: ${formatCount(held.transactions)} transactions, ${formatCount(held.dead)} dead rows in this database`,
      );
    }
  };
  look().catch(() => undefined);
  return () => ended.abort();
}
