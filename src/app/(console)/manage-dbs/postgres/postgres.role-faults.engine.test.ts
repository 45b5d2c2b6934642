/** A role that loses its rights in the middle of a job: failed, nothing left that cannot be swept, live untouched. */
import { Writable } from "node:stream";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { stagingName } from "@/app/(console)/manage-dbs/postgres/postgres.aside-names";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { close } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { asSuperuser, dropDatabase, makeDatabase, quote, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { artefactAt, makeJob, makeSink, type TestJob } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import type { Artefact } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const engine = makePostgresBackup(() => ({ toolsDir: testServers.postgresBinDir, packageDirs: [] }));
const role = uniqueName("leaving");
const DIGESTS = "md5(i::text || 'a') || md5(i::text || 'b') || md5(i::text || 'c') || md5(i::text || 'd')";
let origin: TestDatabase;
let job: TestJob;
let connection: Connection;
let artefact: Artefact;

beforeAll(async () => {
  [origin, job] = await Promise.all([makeDatabase("pg_leaving"), makeJob()]);
  await asSuperuser(`CREATE ROLE ${role} LOGIN CREATEDB PASSWORD 'leaving'`);
  await asSuperuser(`ALTER DATABASE ${quote(origin.name)} OWNER TO ${role}`);
  await origin.run(`GRANT ALL ON SCHEMA public TO ${role}; SET ROLE ${role}; CREATE TABLE a_big AS SELECT i, ${DIGESTS} AS x FROM generate_series(1, 150000) i;
    CREATE TABLE b_small AS SELECT 1 AS i; RESET ROLE`);
  const url = new URL(origin.url);
  [url.username, url.password] = [role, "leaving"];
  connection = testConnection("postgres", url.toString(), { name: role });
  const sink = makeSink(job);
  const content = await engine.write(connection, sink, job.context);
  await sink.finished();
  artefact = await artefactAt(sink.path, content);
});
afterAll(async () => {
  await close();
  await origin.drop();
  await asSuperuser(`DROP OWNED BY ${role}`).then(() => asSuperuser(`DROP ROLE ${role}`));
  await job.remove();
});

const gone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};
const mayNotEnter = async (): Promise<void> => {
  await asSuperuser(`ALTER ROLE ${role} NOLOGIN NOCREATEDB`);
  await asSuperuser(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`);
};
const mayEnter = async (): Promise<void> => void (await asSuperuser(`ALTER ROLE ${role} LOGIN CREATEDB`));

it.each([
  ["its right to read a table", () => origin.run(`REVOKE ALL ON b_small FROM ${role}`), /FORBIDDEN/],
  ["its right to enter", mayNotEnter, /UNREACHABLE|AUTH_FAILED/],
] as const)("a backup whose role loses %s fails, and no process stays", async (_what, revoke, code) => {
  const attempt = await makeJob();
  let isOpen = false;
  const waiting: (() => void)[] = [];
  // The store takes nothing until the right is gone: the second table is not reached before.
  const write = (_chunk: Buffer, _encoding: string, done: () => void): void => void (isOpen ? done() : waiting.push(done));
  try {
    const writing = engine.write(connection, { path: "", stream: () => new Writable({ highWaterMark: 1, write }) }, attempt.context);
    writing.catch(() => undefined);
    const counted = `SELECT 1 FROM pg_stat_activity WHERE usename = '${role}' AND state = 'idle in transaction' AND query LIKE '%pg_largeobject_metadata%'`;
    await vi.waitUntil(async () => waiting.length > 0 && (await asSuperuser(counted)).length > 0, { timeout: 20_000, interval: 20 });
    await revoke();
    isOpen = true;
    for (const done of waiting.splice(0)) done();
    await expect(writing).rejects.toMatchObject({ code: expect.stringMatching(code) as string });
    await vi.waitUntil(() => attempt.children.every(gone), { timeout: 10_000, interval: 20 });
  } finally {
    attempt.controller.abort();
    await mayEnter();
    await origin.run(`GRANT ALL ON b_small TO ${role}`);
    await attempt.remove();
  }
});

it("a restore whose role may not enter any more fails and names what is left; with the right back it is swept, and live was never touched", async () => {
  const attempt = await makeJob();
  const { jobId } = attempt.context;
  const name = stagingName(origin.name, jobId);
  let revoked: Promise<void> | undefined;
  const progress = ({ object }: { object?: string }): void => void (object === undefined ? undefined : (revoked ??= mayNotEnter()));
  try {
    const staging = engine.stage(artefact, connection, { name: origin.name, replace: true }, { ...attempt.context, progress });
    await expect(staging).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining(name) as string });
    await revoked;
    await vi.waitUntil(() => attempt.children.every(gone), { timeout: 10_000, interval: 20 });
    expect(await asSuperuser(`SELECT datname FROM pg_database WHERE datname LIKE '%${jobId}%'`)).toEqual([[name]]);
    expect(await origin.run("SELECT count(*) FROM a_big")).toEqual([["150000"]]);
    await mayEnter();
    await engine.sweep(connection, { jobId, target: origin.name });
    expect(await asSuperuser(`SELECT datname FROM pg_database WHERE datname LIKE '%${jobId}%'`)).toEqual([]);
  } finally {
    await mayEnter();
    await dropDatabase(name);
    await attempt.remove();
  }
});
