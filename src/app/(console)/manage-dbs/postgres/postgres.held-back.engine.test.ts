/** F58: a backup that takes long says what its snapshot costs the server. */
import { afterAll, expect, it, vi } from "vitest";
import { close, withOwnSession } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { tellHeldBack } from "@/app/(console)/manage-dbs/postgres/postgres.held-back";
import { makeDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { makeJob } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";

afterAll(() => close());

it("transactions and dead rows that wait for a long snapshot are told in the log, until it ends", async () => {
  const [database, job] = await Promise.all([makeDatabase("pg_held"), makeJob()]);
  try {
    await database.run("CREATE TABLE t AS SELECT generate_series(1, 500) AS i");
    await withOwnSession(database.connection, {}, async (session) => {
      await session.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
      await session.rows("SELECT pg_catalog.count(*) FROM public.t");
      await database.run("UPDATE t SET i = i + 1");
      await database.run("SELECT pg_stat_force_next_flush()");
      const end = tellHeldBack(database.connection, job.context, 50);
      const said = expect.stringMatching(/snapshot has kept vacuum .*[1-9]\d* transactions?, 500 dead rows/) as string;
      await vi.waitFor(() => expect(job.lines).toContainEqual(said), { timeout: 20_000, interval: 20 });
      end();
      await session.run("COMMIT");
    });
  } finally {
    await close();
    await database.drop();
    await job.remove();
  }
});
