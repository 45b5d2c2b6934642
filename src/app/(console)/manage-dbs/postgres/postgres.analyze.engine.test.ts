/** What the console still does in a restored database is in nobody's way. */
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { close } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { asSuperuser, dropDatabase, makeDatabase, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { artefactAt, makeJob, makeSink, type TestJob } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import { testServers, uniqueName } from "@/test/servers";

const engine = makePostgresBackup(() => ({ toolsDir: testServers.postgresBinDir, packageDirs: [] }));
let origin: TestDatabase;
let job: TestJob;

beforeAll(async () => {
  [origin, job] = await Promise.all([makeDatabase("pg_analyze"), makeJob()]);
  // Its index is made at once, and analysed for a minute.
  await origin.run(`CREATE TABLE t AS SELECT 1 AS i;
    CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
      $$BEGIN IF current_query() = 'ANALYZE' THEN PERFORM pg_catalog.pg_sleep(60); END IF; RETURN $1; END$$;
    CREATE INDEX ON t (slow(i))`);
});
afterAll(async () => {
  await close();
  await origin.drop();
  await job.remove();
});

it.each([
  ["dropped", (name: string) => `DROP DATABASE ${name}`],
  ["renamed", (name: string) => `ALTER DATABASE ${name} RENAME TO ${name}_2`],
  ["copied", (name: string) => `CREATE DATABASE ${name}_2 TEMPLATE ${name}`],
])("a restored database can be %s while it is analysed", async (_how, statement) => {
  const sink = makeSink(job, `${uniqueName("analyze")}.dump`);
  const content = await engine.write(origin.connection, sink, job.context);
  await sink.finished();
  const target = uniqueName("analysed");
  try {
    const staged = await engine.stage(await artefactAt(sink.path, content), origin.connection, { name: target }, job.context);
    await staged.keep();
    const working = `SELECT 1 FROM pg_stat_activity WHERE datname = '${target}' AND query = 'ANALYZE' AND state = 'active'`;
    await vi.waitUntil(async () => (await asSuperuser(working)).length > 0, { timeout: 20_000, interval: 20 });
    await asSuperuser(statement(target));
    expect(await asSuperuser(`SELECT 1 FROM pg_stat_activity WHERE datname LIKE '${target}%' AND query = 'ANALYZE'`)).toEqual([]);
  } finally {
    await dropDatabase(target);
    await dropDatabase(`${target}_2`);
  }
});
