/** F53 and F14: values at PostgreSQL's own limit, and blocks that expand without measure. Hundreds of megabytes only with POSTGRES_BIG_VALUES=1. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { close } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { makeDatabase, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { artefactAt, makeJob, makeSink, type TestJob } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import type { Artefact } from "@/backups/engine";
import { testServers, uniqueName } from "@/test/servers";

const MIB = 1024 * 1024;
const engine = makePostgresBackup(() => ({ toolsDir: testServers.postgresBinDir, packageDirs: [] }));
let origin: TestDatabase;
let job: TestJob;

beforeAll(async () => {
  [origin, job] = await Promise.all([makeDatabase("pg_values"), makeJob()]);
});
afterAll(async () => {
  await close();
  await origin.drop();
  await job.remove();
});

async function backUp(): Promise<Artefact> {
  const sink = makeSink(job, `${uniqueName("values")}.dump`);
  const content = await engine.write(origin.connection, sink, job.context);
  await sink.finished();
  return artefactAt(sink.path, content);
}

/** What this process held at most while it worked, beyond what it held before. */
async function heldDuring<T>(work: () => Promise<T>): Promise<{ result: T; held: number }> {
  const before = process.memoryUsage().rss;
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 20);
  try {
    return { result: await work(), held: most - before };
  } finally {
    clearInterval(watch);
  }
}

it("a file whose blocks expand a hundredfold is read in bounded memory, and the plan says what it comes to", async () => {
  await origin.run(`CREATE TABLE bomb AS SELECT repeat('a', ${100 * MIB}) AS v FROM generate_series(1, 5)`);
  const ours = await backUp();
  await origin.run("DROP TABLE bomb");
  expect(ours.bytes).toBeLessThan(5 * MIB);
  const described = await heldDuring(() => engine.describe({ path: ours.path, bytes: ours.bytes }, job.context));
  const verified = await heldDuring(() => engine.verify(ours, job.context));
  expect(verified.result.objects).toMatchObject([{ name: "public.bomb", count: 5 }]);
  for (const { held } of [described, verified]) expect(held).toBeLessThan(150 * MIB);
  const plan = await engine.plan({ ...ours, manifest: described.result }, origin.connection, { name: uniqueName("free") }, {});
  expect(plan.bytesNeeded).toBeGreaterThan(500 * MIB);
});

describe.skipIf(process.env["POSTGRES_BIG_VALUES"] !== "1")("values of hundreds of megabytes", () => {
  it.each([
    ["bytea", 255, `convert_to(repeat('x', ${255 * MIB}), 'UTF8')`],
    ["bytea", 500, `convert_to(repeat('x', ${500 * MIB}), 'UTF8')`],
    ["text", 900, `repeat('x', ${900 * MIB})`],
  ])(
    "a %s of %i MB comes back equal",
    async (type, size, value) => {
      await origin.run(`CREATE TABLE big (v ${type}); ALTER TABLE big ALTER v SET STORAGE EXTERNAL; INSERT INTO big SELECT ${value}`);
      const started = performance.now();
      const written = await heldDuring(backUp);
      const attempt = await makeJob();
      const staged = await engine.stage(written.result, origin.connection, { name: uniqueName("big") }, attempt.context);
      try {
        await expect(staged.compareContent()).resolves.toMatchObject({ method: expect.stringContaining("1 table") as string });
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        process.stdout.write(`${type} of ${size} MB: backup, restore and compare in ${seconds} s, held ${Math.round(written.held / MIB)} MiB\n`);
        expect(written.held).toBeLessThan(300 * MIB);
      } finally {
        await staged.discard();
        await origin.run("DROP TABLE big");
        await attempt.remove();
      }
    },
    600_000,
  );

  it("a bytea that is larger than a message fails in words", async () => {
    await origin.run(
      `CREATE TABLE big (v bytea); ALTER TABLE big ALTER v SET STORAGE EXTERNAL; INSERT INTO big SELECT convert_to(repeat('x', ${600 * MIB}), 'UTF8')`,
    );
    await expect(backUp()).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      message: expect.stringContaining("A value is too large") as string,
      detail: expect.stringContaining('"big"') as string,
    });
    await origin.run("DROP TABLE big");
  }, 600_000);
});
