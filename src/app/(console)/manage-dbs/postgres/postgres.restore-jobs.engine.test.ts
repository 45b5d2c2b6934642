/** Restores by several pg_restore processes: as whole as by one, ended as quickly, and what only goes in order is restored in order. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { stagingName } from "@/app/(console)/manage-dbs/postgres/postgres.aside-names";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { close } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { killedConsole } from "@/app/(console)/manage-dbs/postgres/postgres.test-console";
import { asSuperuser, dropDatabase, makeDatabase, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { dumpText } from "@/app/(console)/manage-dbs/postgres/postgres.test-everything";
import { artefactAt, makeJob, makeSink, type TestJob } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import type { Artefact } from "@/backups/engine";
import { testServers, uniqueName } from "@/test/servers";

const engine = makePostgresBackup(() => ({ toolsDir: testServers.postgresBinDir, packageDirs: [] }));
let origin: TestDatabase;
let job: TestJob;
let artefact: Artefact;

async function backUp(name: string): Promise<Artefact> {
  const sink = makeSink(job, name);
  const content = await engine.write(origin.connection, sink, job.context);
  await sink.finished();
  return artefactAt(sink.path, content);
}

beforeAll(async () => {
  job = await makeJob();
  origin = await makeDatabase("pg_jobs");
  for (const table of ["first", "second", "third"])
    await origin.run(
      `CREATE TABLE ${table} AS SELECT i, repeat(md5(i::text), 8) AS x FROM generate_series(1, 55000) i; ALTER TABLE ${table} ADD PRIMARY KEY (i); CREATE INDEX ON ${table} (x)`,
    );
  artefact = await backUp("several.dump");
});
afterAll(async () => {
  await close();
  await origin.drop();
  await job.remove();
});

const processesFor = (database: string): string => spawnSync("pgrep", ["-f", "--", `--dbname=${database}`], { encoding: "utf8" }).stdout.trim();
const left = (jobId: string): Promise<unknown> => asSuperuser(`SELECT datname FROM pg_database WHERE datname LIKE '%${jobId}'`);

it("by several processes everything comes back, and how far it is is told", async () => {
  const attempt = await makeJob();
  const target = uniqueName("jobs_back");
  const staged = await engine.stage(artefact, origin.connection, { name: target }, attempt.context);
  try {
    expect(attempt.lines.join("\n")).toMatch(/restoring with [2-4] processes/);
    expect(attempt.lines.join("\n")).not.toContain("it did not go");
    expect(staged.objects).toEqual(artefact.manifest.objects.map(({ name, count }) => ({ name, count })));
    await expect(staged.compareContent()).resolves.toMatchObject({ method: expect.stringContaining("3 tables") as string });
    await staged.keep();
    expect(dumpText(target).replaceAll(target, origin.name)).toBe(dumpText(origin.name));
  } finally {
    await staged.discard();
    await dropDatabase(target);
    await attempt.remove();
  }
});

it("a cancel ends all of them and their sessions, and removes the database", async () => {
  const attempt = await makeJob();
  const target = uniqueName("jobs_cancelled");
  const name = stagingName(target, attempt.context.jobId);
  try {
    const running = engine.stage(artefact, origin.connection, { name: target }, attempt.context);
    running.catch(() => undefined);
    // The one that leads, and those that work.
    await vi.waitUntil(() => processesFor(name).split("\n").length > 2, { timeout: 30_000, interval: 5 });
    attempt.controller.abort();
    await expect(running).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await left(attempt.context.jobId)).toEqual([]);
    await vi.waitUntil(() => processesFor(name) === "", { timeout: 30_000, interval: 20 });
  } finally {
    await dropDatabase(name);
    await attempt.remove();
  }
});

it("kill -9 of the console in the middle leaves no process, session or database after the sweep", async () => {
  const attempt = await makeJob();
  const { jobId } = attempt.context;
  const target = origin.name;
  const name = stagingName(target, jobId);
  try {
    const { path, manifest } = artefact;
    const places = { scratchDir: attempt.directory, journal: join(attempt.directory, "journal.json"), toolsDir: testServers.postgresBinDir };
    expect(await killedConsole({ path, manifest, url: origin.url, target, jobId, ...places, dieAt: "staging", exchange: null })).toBe("SIGKILL");
    expect(await left(jobId)).toEqual([[name]]);
    await engine.sweep(origin.connection, { jobId, target });
    expect(await left(jobId)).toEqual([]);
    await vi.waitUntil(() => processesFor(name) === "", { timeout: 30_000, interval: 20 });
    expect(await asSuperuser(`SELECT pid FROM pg_stat_activity WHERE datname = '${name}'`)).toEqual([]);
    expect(await origin.run("SELECT count(*) FROM third")).toEqual([["55000"]]);
  } finally {
    await dropDatabase(name);
    await attempt.remove();
  }
});

it("a check that reads another table only goes in order, and goes; what cannot go names its entry, and nothing is left", async () => {
  // The two that are left begin together: the one that is read takes its time, the one that reads does not.
  await origin.run(`DROP TABLE second, third; INSERT INTO first SELECT i, repeat(md5(i::text), 8) FROM generate_series(55001, 150000) i;
    CREATE FUNCTION known(int) RETURNS boolean LANGUAGE sql AS 'SELECT EXISTS (SELECT FROM public.first WHERE i = $1)';
    CREATE TABLE fourth (i int CHECK (public.known(i))); INSERT INTO fourth SELECT generate_series(1, 100)`);
  const attempt = await makeJob();
  const inOrder = await engine.stage(await backUp("in-order.dump"), origin.connection, { name: uniqueName("jobs_order") }, attempt.context);
  expect(inOrder.objects).toContainEqual({ name: "public.fourth", count: 100 });
  await inOrder.discard();
  await origin.run(`CREATE FUNCTION lowered(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)'; CREATE TABLE fifth AS SELECT 'A' AS v;
    CREATE FUNCTION indexed(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lowered($1)'; CREATE INDEX relies_on_path ON fifth (indexed(v))`);
  await close(origin.connection.id);
  await asSuperuser(`ALTER DATABASE ${origin.name} SET search_path = public`);
  const never = engine.stage(await backUp("never.dump"), origin.connection, { name: uniqueName("jobs_never") }, attempt.context);
  await expect(never).rejects.toMatchObject({ detail: expect.stringMatching(/TOC entry .* INDEX relies_on_path[\s\S]*lowered/) as string });
  expect(await left(attempt.context.jobId)).toEqual([]);
  await attempt.remove();
});
