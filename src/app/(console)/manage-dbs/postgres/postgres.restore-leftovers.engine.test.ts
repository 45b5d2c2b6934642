/** When what a restore made cannot be removed, its error names it: also to the person who cancelled. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { stagingName } from "@/app/(console)/manage-dbs/postgres/postgres.aside-names";
import { close } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { asSuperuser, dropDatabase, makeDatabase, quote, serverOf, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { artefactAt, makeJob, makeSink, type TestJob } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import { testServers, uniqueName } from "@/test/servers";

const engine = makePostgresBackup(() => ({ toolsDir: testServers.postgresBinDir, packageDirs: [] }));
let origin: TestDatabase;
let job: TestJob;

beforeAll(async () => {
  [origin, job] = await Promise.all([makeDatabase("pg_left"), makeJob()]);
  await origin.run("CREATE TABLE t AS SELECT generate_series(1, 10) AS i");
});
afterAll(async () => {
  await close();
  await origin.drop();
  await job.remove();
});

it("a database that cannot be dropped again is named", async () => {
  const sink = makeSink(job);
  const content = await engine.write(origin.connection, sink, job.context);
  await sink.finished();
  const artefact = await artefactAt(sink.path, content);
  const target = { name: uniqueName("left") };
  const name = stagingName(target.name, job.context.jobId);
  const log = (line: string) => {
    if (line !== `created ${name}`) return;
    // The server refuses to drop a template, as it does when it is gone or the right was taken away. At once, before the restore goes on.
    const { host, port, user, password } = serverOf();
    const environment = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: "postgres" };
    const sql = `ALTER DATABASE ${quote(name)} IS_TEMPLATE true`;
    spawnSync(join(testServers.postgresBinDir, "psql"), ["-X", "-c", sql], { env: environment as unknown as NodeJS.ProcessEnv });
    job.controller.abort();
  };
  try {
    const outcome = engine.stage(artefact, origin.connection, target, { ...job.context, log }).then((staged) => {
      throw new Error(`staged as ${staged.objects.length} objects before the cancel`);
    });
    await expect(outcome).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining(name) as string });
  } finally {
    await asSuperuser(`ALTER DATABASE ${quote(name)} IS_TEMPLATE false`);
    await dropDatabase(name);
  }
});
