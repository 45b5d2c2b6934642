/** Versions, things the server lacks, locks, limits of roles, restarts: said before or named after, and never half done. */
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { close } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { asSuperuser, makeDatabase, serverOf, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { artefactAt, makeJob, makeSink, type TestJob } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import { makeServer, type OwnServer } from "@/app/(console)/manage-dbs/postgres/postgres.test-server";
import type { Artefact, RestorePlan } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const engine = makePostgresBackup(() => ({ toolsDir: testServers.postgresBinDir, packageDirs: [] }));
let job: TestJob;
let origin: TestDatabase;
let artefact: Artefact;
const databases: TestDatabase[] = [];

async function filled(label: string, sql: string): Promise<TestDatabase> {
  const database = await makeDatabase(label);
  databases.push(database);
  await database.run(sql);
  return database;
}

async function backUp(connection: Connection, name = `${uniqueName("hard")}.dump`): Promise<Artefact> {
  const sink = makeSink(job, name);
  const content = await engine.write(connection, sink, job.context);
  await sink.finished();
  return artefactAt(sink.path, content);
}

const checks = async (file: Artefact): Promise<RestorePlan["checks"]> => (await engine.plan(file, origin.connection, { name: uniqueName("free") }, {})).checks;

/** Stages under a new name, and says what it came to; nothing is left either way. */
async function restored(file: Artefact, connection = origin.connection): Promise<unknown> {
  const attempt = await makeJob();
  try {
    const staged = await engine.stage(file, connection, { name: uniqueName("hard_back") }, attempt.context);
    await staged.discard();
    return staged.objects;
  } catch (error) {
    return error;
  } finally {
    expect(await asSuperuser(`SELECT datname FROM pg_database WHERE datname LIKE '%${attempt.context.jobId}'`)).toEqual([]);
    await attempt.remove();
  }
}

beforeAll(async () => {
  job = await makeJob();
  origin = await filled("pg_hard", "CREATE EXTENSION citext; CREATE TABLE t (v citext); INSERT INTO t VALUES ('a'), ('b')");
  artefact = await backUp(origin.connection);
});
afterAll(async () => {
  await close();
  for (const database of databases) await database.drop();
  await job.remove();
});

describe("another version", () => {
  it("of the server than pg_dump knows leaves no file", async () => {
    const directory = join(job.directory, "old-tools");
    await mkdir(directory);
    for (const tool of ["pg_dump", "pg_restore"]) {
      await writeFile(join(directory, tool), `#!/bin/sh\necho "${tool} (PostgreSQL) 14.1"\n`);
      await chmod(join(directory, tool), 0o755);
    }
    const sink = makeSink(job, "never.dump");
    const old = makePostgresBackup(() => ({ toolsDir: directory, packageDirs: [] }));
    await expect(old.write(origin.connection, sink, job.context)).rejects.toMatchObject({
      code: "TOOL_MISSING",
      fix: expect.stringContaining("postgresql-client-15") as string,
    });
    expect(existsSync(sink.path)).toBe(false);
  });

  it("of the archive than pg_restore reads is said by the plan, the check and the restore", async () => {
    // The header of pg_dump 18 over an empty table of contents.
    const integer = (value: number): number[] => [0, value, 0, 0, 0];
    const text = (value: string): number[] => [...integer(value.length), ...Buffer.from(value)];
    const head = [...Buffer.from("PGDMP"), 1, 16, 0, 4, 8, 1, 1, ...Array.from({ length: 7 }, () => integer(1)).flat()];
    const path = join(job.directory, "newer.dump");
    await writeFile(path, Buffer.from([...head, ...text("shop"), ...text("18.1"), ...text("18.1"), ...integer(0)]));
    const newer = await artefactAt(path, { ...artefact.manifest, objects: [] });
    const words = "is older than the backup (pg_dump 18.1)";
    expect((await checks(newer)).find((check) => check.result === "fail")).toMatchObject({
      title: expect.stringContaining(words) as string,
      detail: expect.stringContaining("postgresql-client-17") as string,
    });
    await expect(engine.verify(newer, job.context)).rejects.toMatchObject({ code: "TOOL_MISSING", message: expect.stringContaining(words) as string });
    expect(await restored(newer)).toMatchObject({ code: "TOOL_MISSING" });
  });

  it("of the target than the backup's is a warning before the start", async () => {
    const newer = { ...artefact, manifest: { ...artefact.manifest, server: { product: "PostgreSQL", version: "17.2" } } };
    expect((await checks(newer)).find((check) => check.title === "The server is older than the backup's")).toMatchObject({ result: "warn" });
  });
});

describe("what the server lacks", () => {
  it("an extension: the plan fails and names it, and a restore all the same fails whole", async () => {
    const path = join(job.directory, "extension.dump");
    const bytes = (await readFile(artefact.path)).toString("latin1").replaceAll("citext", "cixext");
    await writeFile(path, bytes, "latin1");
    const missing = await artefactAt(path, artefact.manifest);
    expect((await checks(missing)).find((check) => check.result === "fail")).toMatchObject({ detail: "Install cixext." });
    expect(await restored(missing)).toMatchObject({ code: "UNSUPPORTED", detail: expect.stringContaining("cixext") as string });
  });

  it("a tablespace: the plan says where everything goes, and it goes there", async () => {
    const space = uniqueName("space");
    const client = new Client({ ...serverOf(), database: "postgres" });
    await client.connect();
    try {
      await client.query("SET allow_in_place_tablespaces = on");
      await client.query(`CREATE TABLESPACE ${space} LOCATION ''`);
      const spaced = await filled("pg_spaced", `CREATE TABLE t TABLESPACE ${space} AS SELECT generate_series(1, 5) AS i`);
      const file = await backUp(spaced.connection);
      await spaced.run("DROP TABLE t");
      await client.query(`DROP TABLESPACE ${space}`);
      expect((await checks(file)).find((check) => check.title === "Tablespaces are missing")).toMatchObject({
        result: "warn",
        detail: expect.stringContaining(space) as string,
      });
      expect(await restored(file)).toEqual([{ name: "public.t", count: 5 }]);
    } finally {
      await client.query(`DROP TABLESPACE IF EXISTS ${space}`).catch(() => undefined);
      await client.end();
    }
  });

  it("a collation: the plan warns of it, and a restore all the same fails whole and names it", async () => {
    expect((await checks(artefact)).filter((check) => check.title.includes("collation"))).toEqual([]);
    const details = { ...artefact.manifest.details, collate: "xx_XX.UTF-8" };
    const missing = { ...artefact, manifest: { ...artefact.manifest, details } };
    expect((await checks(missing)).find((check) => check.title.includes("collation"))).toMatchObject({
      result: "warn",
      detail: expect.stringContaining("xx_XX.UTF-8") as string,
    });
    expect(String(JSON.stringify(await restored(missing)))).toContain("xx_XX.UTF-8");
  });

  it("the path a check's function relies on: the error names the entry, and nothing is left", async () => {
    const fragile = await filled(
      "pg_check",
      `CREATE FUNCTION helped(int) RETURNS boolean LANGUAGE sql AS 'SELECT $1 > 0'; CREATE FUNCTION checked(int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN helped($1); END';
       CREATE TABLE c (i int CONSTRAINT relies_on_path CHECK (checked(i))); INSERT INTO c VALUES (1)`,
    );
    expect(await restored(await backUp(fragile.connection))).toMatchObject({
      detail: expect.stringMatching(/TOC entry .* TABLE DATA c[\s\S]*helped/) as string,
    });
  });
});

it("SQL that would run a program is taken by nobody", async () => {
  const touched = join(job.directory, "touched");
  for (const text of [
    `\\! touch ${touched}\n`,
    `COPY t FROM PROGRAM 'touch ${touched}';\n`,
    `\\restrict x\n\\! touch ${touched}\n`,
    "--\n-- PostgreSQL database dump\n--\nCOPY t (v) FROM stdin;\na\n",
  ]) {
    const path = join(job.directory, "foreign.sql");
    await writeFile(path, text);
    await expect(engine.describe({ path, bytes: text.length }, job.context), text).rejects.toMatchObject({ code: "INVALID" });
    await expect(engine.verify(await artefactAt(path, artefact.manifest), job.context), text).rejects.toMatchObject({ code: "INTERNAL" });
    expect(await restored(await artefactAt(path, artefact.manifest)), text).toMatchObject({ code: "INTERNAL" });
  }
  expect(existsSync(touched)).toBe(false);
});

it("an archive whose rows come by a statement of somebody's own is refused, and nothing of it runs", async () => {
  const room = `t${"x".repeat(60)}`;
  const crafted = await filled(
    "pg_crafted",
    `CREATE TABLE ${room} (v text); INSERT INTO ${room} VALUES ('a'); CREATE TABLE "odd ""(n)ame; é" ("a, b" int, c int)`,
  );
  const file = await backUp(crafted.connection);
  const touched = `/tmp/${uniqueName("t")}`;
  const plain = `COPY public.${room} (v) FROM stdin;\n`;
  const bytes = (await readFile(file.path)).toString("latin1");
  for (const statement of [`COPY public.${room} FROM PROGRAM 'touch ${touched}';`, `COPY t FROM PROGRAM 'touch ${touched}'; COPY "t" (v) FROM stdin;`]) {
    const path = join(job.directory, "crafted.dump");
    expect(bytes).toContain(plain);
    const short = statement.replace(room, "t");
    await writeFile(path, bytes.replace(plain, `${short.padEnd(plain.length - 1)}\n`), "latin1");
    const artefact = await artefactAt(path, file.manifest);
    await expect(engine.describe({ path, bytes: artefact.bytes }, job.context), short).rejects.toMatchObject({
      code: "INVALID",
      detail: short.padEnd(plain.length - 1) + "\n",
    });
    await expect(engine.verify(artefact, job.context), short).rejects.toMatchObject({ code: "INTERNAL" });
    expect(await restored(artefact), short).toMatchObject({ code: "INTERNAL", message: expect.stringContaining("another statement than COPY") as string });
  }
  expect(existsSync(touched)).toBe(false);
});

it("of a file that was made elsewhere the plan says that its SQL runs, and as whom", async () => {
  const active = await filled(
    "pg_active",
    `CREATE TABLE t (i int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()`,
  );
  const file = await backUp(active.connection);
  const said = (plan: RestorePlan["checks"]) => plan.find((check) => check.title.startsWith("Restoring runs the file's own SQL"));
  expect(said(await checks(file))).toBeUndefined();
  const uploaded = { ...file, manifest: { ...file.manifest, details: { ...file.manifest.details, uploadedAs: "theirs.dump" } } };
  expect(said(await checks(uploaded))).toMatchObject({
    result: "warn",
    detail: expect.stringMatching(/1 function, 1 trigger.* a superuser.* run programs/) as string,
  });
});

describe("a table that somebody has locked", () => {
  const role = uniqueName("hasty");
  let locked: TestDatabase;
  let hasty: Connection;
  beforeAll(async () => {
    await asSuperuser(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'hasty'`);
    for (const limit of ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"])
      await asSuperuser(`ALTER ROLE ${role} SET ${limit} = 3000`);
    locked = await filled("pg_locked", "CREATE TABLE t AS SELECT generate_series(1, 100) AS i");
    const url = new URL(locked.url);
    [url.username, url.password] = [role, "hasty"];
    hasty = testConnection("postgres", url.toString(), { name: uniqueName("hasty") });
  });
  afterAll(async () => {
    await close(hasty.id);
    await asSuperuser(`DROP ROLE ${role}`);
  });

  it("is named while the backup waits, longer than the role's own limits; then it is whole", async () => {
    const attempt = await makeJob();
    const sink = makeSink(attempt);
    const phases: string[] = [];
    const progress: TestJob["context"]["progress"] = ({ phase }) => void (phase && phases.push(phase));
    await locked.run("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
    const since = performance.now();
    try {
      const writing = engine.write(hasty, sink, { ...attempt.context, progress });
      writing.catch(() => undefined);
      await vi.waitUntil(() => phases.includes("Wait for a lock on public.t") && performance.now() - since > 6_000, { timeout: 60_000, interval: 50 });
      expect(attempt.lines.join("\n")).toMatch(/Wait for a lock on public\.t: process \d+ of postgres/);
      await locked.run("COMMIT");
      expect(await writing).toMatchObject({ objects: [{ name: "public.t", count: 100 }] });
      await sink.finished();
      expect(await restored(await artefactAt(sink.path, await writing), hasty)).toEqual([{ name: "public.t", count: 100 }]);
    } finally {
      await locked.run("ROLLBACK");
      await attempt.remove();
    }
  });

  it("does not keep a backup from being cancelled", async () => {
    const attempt = await makeJob();
    await locked.run("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE");
    try {
      const writing = engine.write(hasty, makeSink(attempt), attempt.context);
      writing.catch(() => undefined);
      await vi.waitUntil(() => attempt.lines.some((line) => line.startsWith("Wait for a lock")), { timeout: 60_000, interval: 20 });
      attempt.controller.abort();
      await expect(writing).rejects.toMatchObject({ code: "CANCELLED" });
      const ours = `SELECT pid FROM pg_stat_activity WHERE usename = '${role}' AND state <> 'idle'`;
      await vi.waitUntil(async () => (await asSuperuser(ours)).length === 0, { timeout: 30_000, interval: 50 });
    } finally {
      await locked.run("ROLLBACK");
      await attempt.remove();
    }
  });
});

describe("a server that restarts between the snapshot and the copy", () => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await makeServer();
  });
  afterAll(async () => {
    await server.remove();
  });

  it("makes the backup fail, instead of one of another state; the next one is whole", async () => {
    const connection = testConnection("postgres", `postgres://postgres@127.0.0.1:${server.port}/postgres`, { name: uniqueName("restarted") });
    const client = new Client({ host: "127.0.0.1", port: server.port, user: "postgres", database: "postgres" });
    await client.connect();
    await client.query("CREATE TABLE t AS SELECT generate_series(1, 10) AS i");
    await client.end();
    const attempt = await makeJob();
    const restarts: Promise<void>[] = [];
    // pg_dump is started next, and finds a server that knows nothing of the snapshot, or none.
    const progress: TestJob["context"]["progress"] = ({ phase }) => {
      if (phase === "Write with pg_dump" && restarts.length === 0) restarts.push(server.stop("SIGKILL").then(() => server.start()));
    };
    try {
      await expect(engine.write(connection, makeSink(attempt), { ...attempt.context, progress })).rejects.toMatchObject({
        code: expect.stringMatching(/^(UNREACHABLE|CONFLICT)$/) as string,
      });
      await Promise.all(restarts);
      const sink = makeSink(attempt, "again.dump");
      expect(await engine.write(connection, sink, attempt.context)).toMatchObject({ objects: [{ name: "public.t", count: 10 }] });
      await sink.finished();
    } finally {
      await close(connection.id);
      await attempt.remove();
    }
  });
});
