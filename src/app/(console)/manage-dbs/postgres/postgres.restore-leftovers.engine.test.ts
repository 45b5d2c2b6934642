/** When what a restore made cannot be removed, its error names it: also to the person who cancelled. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { stagingName } from "@/app/(console)/manage-dbs/postgres/postgres.aside-names";
import { close } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { asSuperuser, dropDatabase, makeDatabase, quote, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
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
  let held: Promise<unknown> | null = null;
  const log = (line: string) => {
    // The server refuses to drop a template, as it does when it is gone or the right was taken away.
    if (line === `created ${name}`) held = asSuperuser(`ALTER DATABASE ${quote(name)} IS_TEMPLATE true`).then(() => job.controller.abort());
  };
  try {
    const outcome = engine.stage(artefact, origin.connection, target, { ...job.context, log }).then(async (staged) => {
      await held;
      throw new Error(`staged as ${staged.objects.length} objects before the cancel`);
    });
    await expect(outcome).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining(name) as string });
  } finally {
    await asSuperuser(`ALTER DATABASE ${quote(name)} IS_TEMPLATE false`);
    await dropDatabase(name);
  }
});
