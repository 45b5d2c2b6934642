import { createWriteStream } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { close, withOwnSession } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { getInfo } from "@/app/(console)/manage-dbs/postgres/postgres.info.service";
import { makeServer, type OwnServer } from "@/app/(console)/manage-dbs/postgres/postgres.test-server";
import { asSuperuser, dropDatabase, makeDatabase, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { artefactAt, makeJob, makeSink, type TestJob } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import type { Artefact, ManifestContent } from "@/backups/engine";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const engine = makePostgresBackup(() => ({ toolsDir: testServers.postgresBinDir, packageDirs: [] }));

let origin: TestDatabase;
let job: TestJob;
let content: ManifestContent;
let artefact: Artefact;

beforeAll(async () => {
  origin = await makeDatabase("pg_faults");
  await origin.run("CREATE TABLE t AS SELECT i, md5(i::text) || md5((i * 7)::text) AS x FROM generate_series(1, 200000) i; CREATE INDEX ON t (x)");
  job = await makeJob();
  const sink = makeSink(job);
  content = await engine.write(origin.connection, sink, job.context);
  await sink.finished();
  artefact = await artefactAt(sink.path, content);
});
afterAll(async () => {
  await close();
  await origin.drop();
  await job.remove();
});

describe("a server with TLS and passwords", () => {
  const PASSWORD = `p:w\\ 'é"@/%`;
  let server: OwnServer;
  beforeAll(async () => {
    server = await makeServer({ tls: true });
    const url = `postgres://postgres@127.0.0.1:${server.port}/postgres`;
    await withOwnSession(testConnection("postgres", url), {}, (session) =>
      session.run(`CREATE ROLE guarded SUPERUSER LOGIN PASSWORD '${PASSWORD.replaceAll("'", "''")}'; CREATE TABLE public.t AS SELECT 1 AS a`),
    );
    await close();
    await server.guard("hostssl all guarded 127.0.0.1/32 scram-sha-256");
  });
  afterAll(async () => {
    await close();
    await server.remove();
  });
  const guarded = (parameters: string, tlsCa: string | null = null, password = PASSWORD) => {
    const url = new URL(`postgres://localhost:${server.port}/postgres${parameters}`);
    url.username = "guarded";
    url.password = encodeURIComponent(password);
    return { ...testConnection("postgres", url.toString(), { name: uniqueName("guarded") }), tlsCa };
  };

  it("is entered by every mode that can, and backed up", async () => {
    for (const connection of [
      guarded(""),
      guarded("?sslmode=require"),
      guarded("?sslmode=verify-ca", server.authority),
      guarded("?sslmode=verify-full", server.authority),
      guarded("", server.authority),
    ]) {
      expect(await getInfo(connection, {})).toMatchObject({ state: "connected" });
      const attempt = await makeJob();
      const sink = makeSink(attempt);
      expect(await engine.write(connection, sink, attempt.context)).toMatchObject({ objects: [{ name: "public.t", count: 1 }] });
      await sink.finished();
      await attempt.remove();
      await close(connection.id);
    }
  });

  it("is refused with the reason, and the password stays out of it", async () => {
    for (const [connection, code, words] of [
      [guarded("?sslmode=verify-full"), "AUTH_FAILED", "known authority"],
      [guarded("?sslmode=disable"), "AUTH_FAILED", "does not let guarded in"],
      [guarded("", null, "wrong"), "AUTH_FAILED", "refuses the password"],
    ] as const) {
      const info = await getInfo(connection, {});
      expect(info).toMatchObject({ state: "not-connected", code, reason: expect.stringContaining(words) });
      expect(JSON.stringify(info)).not.toContain(PASSWORD);
    }
  });

  it("that dies in the middle of a backup makes it fail, and nothing is left running", async () => {
    const connection = guarded("");
    await withOwnSession(connection, {}, (session) =>
      session.run("CREATE TABLE public.big AS SELECT i, pg_catalog.md5(i::pg_catalog.text) AS m FROM pg_catalog.generate_series(1, 800000) i"),
    );
    const attempt = await makeJob();
    const result = engine.write(connection, makeSink(attempt), attempt.context);
    result.catch(() => undefined);
    await vi.waitUntil(() => (attempt.progress.bytesDone ?? 0) > 1_000_000, { timeout: 20_000, interval: 5 });
    await server.stop("SIGKILL");
    await expect(result).rejects.toMatchObject({ code: expect.stringMatching(/UNREACHABLE|INTERNAL/) });
    await sleep(1_200);
    for (const pid of attempt.children) expect(() => process.kill(pid, 0)).toThrow();
    await attempt.remove();
  });
});

describe("failure", () => {
  const writeWith = async (connection = origin.connection, use = engine): Promise<{ attempt: TestJob; result: Promise<ManifestContent> }> => {
    const attempt = await makeJob();
    return { attempt, result: use.write(connection, makeSink(attempt), attempt.context) };
  };
  const gone = (pid: number): boolean => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  };

  it("of pg_dump by kill -9 rejects and leaves no process", async () => {
    const big = await makeDatabase("pg_kill");
    await big.run("CREATE TABLE t AS SELECT i, md5(i::text) || md5((i * 7)::text) AS x FROM generate_series(1, 600000) i");
    const { attempt: killed, result: ended } = await writeWith(big.connection);
    ended.catch(() => undefined);
    await vi.waitUntil(() => killed.children.length === 1 && (killed.progress.bytesDone ?? 0) > 1_000_000, { timeout: 20_000, interval: 5 });
    process.kill(killed.children[0] ?? 0, "SIGKILL");
    await expect(ended).rejects.toMatchObject({ code: "INTERNAL" });
    await sleep(200);
    expect(killed.children.every(gone)).toBe(true);
    await killed.remove();
    const { attempt, result } = await writeWith(big.connection);
    await vi.waitUntil(() => (attempt.progress.bytesDone ?? 0) > 1_000_000, { timeout: 20_000, interval: 5 });
    const started = Date.now();
    attempt.controller.abort();
    await expect(result).rejects.toMatchObject({ code: "CANCELLED" });
    expect(Date.now() - started).toBeLessThan(2_000);
    const { attempt: third, result: lost } = await writeWith(big.connection);
    lost.catch(() => undefined);
    await vi.waitUntil(() => (third.progress.bytesDone ?? 0) > 1_000_000, { timeout: 20_000, interval: 5 });
    await asSuperuser(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${big.name}' AND pid <> pg_backend_pid()`);
    await expect(lost).rejects.toMatchObject({ code: expect.stringMatching(/UNREACHABLE|INTERNAL/) });
    await sleep(1_200);
    expect([...attempt.children, ...third.children].every(gone)).toBe(true);
    await attempt.remove();
    await third.remove();
    await close(big.connection.id);
    await dropDatabase(big.name);
  }, 120_000);

  it("of the store's disk is named, and ends pg_dump", async () => {
    const attempt = await makeJob();
    const full = { path: "/dev/full", stream: () => createWriteStream("/dev/full") };
    await expect(engine.write(origin.connection, full, attempt.context)).rejects.toMatchObject({
      code: "LIMIT_EXCEEDED",
      message: expect.stringContaining("full"),
    });
    await sleep(100);
    expect(attempt.children.every(gone)).toBe(true);
    await attempt.remove();
  });

  it("of the store, which never takes a byte again, does not hold a cancel", async () => {
    for (const until of ["the first byte", "everything is counted"] as const) {
      const attempt = await makeJob();
      let isAsked = false;
      const hung = { path: "", stream: () => new Writable({ highWaterMark: 1, write: () => void (isAsked = true) }) };
      let failure: unknown;
      engine.write(origin.connection, hung, attempt.context).catch((error: unknown) => (failure = error));
      const counted = `SELECT 1 FROM pg_stat_activity WHERE datname = '${origin.name}' AND state = 'idle in transaction' AND query LIKE '%pg_largeobject_metadata%'`;
      await vi.waitUntil(async () => isAsked && (until === "the first byte" || (await asSuperuser(counted)).length > 0), { timeout: 20_000, interval: 20 });
      attempt.controller.abort();
      await vi.waitUntil(() => failure !== undefined, { timeout: 10_000, interval: 20 });
      expect(failure).toMatchObject({ code: "CANCELLED" });
      await vi.waitUntil(() => attempt.children.every(gone), { timeout: 10_000, interval: 20 });
      await attempt.remove();
    }
  });

  it("to read a table says which right is missing, instead of leaving it out", async () => {
    const role = uniqueName("part");
    await asSuperuser(`CREATE ROLE ${role} LOGIN PASSWORD 'part'`);
    const partly = await makeDatabase("pg_partly");
    await partly.run(
      `CREATE TABLE open (a int); CREATE TABLE closed (a int); GRANT SELECT ON open TO ${role}; CREATE TABLE hidden (a int); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY`,
    );
    const url = new URL(partly.url);
    url.username = role;
    url.password = "part";
    for (const grant of ["", `GRANT SELECT ON closed, hidden TO ${role}`]) {
      if (grant) await partly.run(grant);
      const connection = testConnection("postgres", url.toString(), { name: uniqueName("part") });
      const { attempt, result } = await writeWith(connection);
      await expect(result).rejects.toMatchObject({ code: "FORBIDDEN" });
      await attempt.remove();
      await close(connection.id);
    }
    await partly.drop();
    await asSuperuser(`DROP ROLE ${role}`);
  });

  it("of a restore drops what it made", async () => {
    const bytes = Buffer.from(await readFile(artefact.path));
    const attempt = await makeJob();
    const path = join(attempt.directory, "cut.dump");
    await writeFile(path, bytes.subarray(0, Math.floor(bytes.length * 0.9)));
    await expect(engine.stage(await artefactAt(path, content), origin.connection, { name: "never" }, attempt.context)).rejects.toMatchObject({
      code: "INTERNAL",
    });
    const running = engine.stage(artefact, origin.connection, { name: "never" }, attempt.context);
    running.catch(() => undefined);
    await vi.waitUntil(() => attempt.children.length === 2, { timeout: 20_000, interval: 5 });
    process.kill(attempt.children[1] ?? 0, "SIGKILL");
    await expect(running).rejects.toMatchObject({ code: "INTERNAL" });
    const cancelled = engine.stage(artefact, origin.connection, { name: "never" }, attempt.context);
    cancelled.catch(() => undefined);
    await vi.waitUntil(() => attempt.children.length === 3, { timeout: 20_000, interval: 5 });
    attempt.controller.abort();
    await expect(cancelled).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await asSuperuser(`SELECT datname FROM pg_database WHERE datname LIKE '%${attempt.context.jobId}' OR datname = 'never'`)).toEqual([]);
    await attempt.remove();
  });

  it("to reach or enter the server says which, without the password", async () => {
    const url = new URL(testServers.postgres);
    for (const [change, code] of [
      [(target: URL) => (target.port = "1"), "UNREACHABLE"],
      [(target: URL) => (target.pathname = "/no_such_db"), "NOT_FOUND"],
      [(target: URL) => (target.username = "no_such_role"), "AUTH_FAILED"],
    ] as const) {
      const target = new URL(url);
      // The right password leads to a database that is not there; it must not be shown either.
      const secret = code === "AUTH_FAILED" || target.password === "" ? "geheim-1234" : target.password;
      target.password = secret;
      change(target);
      const { attempt, result } = await writeWith(testConnection("postgres", target.toString(), { name: uniqueName("x") }));
      const error: unknown = await result.catch((failure: unknown) => failure);
      expect(error).toMatchObject({ code });
      expect(JSON.stringify([error, String(error), attempt.lines])).not.toContain(decodeURIComponent(secret));
      await attempt.remove();
    }
  });

  it("to find pg_dump, or one new enough, says how to get it", async () => {
    const none = makePostgresBackup(() => ({ packageDirs: [] }));
    await expect((await writeWith(origin.connection, none)).result).rejects.toMatchObject({
      code: "TOOL_MISSING",
      fix: expect.stringContaining("postgresql-client-15"),
    });
    const directory = join(job.directory, "old-tools");
    await mkdir(directory);
    for (const tool of ["pg_dump", "pg_restore"]) {
      await writeFile(join(directory, tool), `#!/bin/sh\necho "${tool} (PostgreSQL) 13.4"\n`);
      await chmod(join(directory, tool), 0o755);
    }
    const old = makePostgresBackup(() => ({ toolsDir: directory, packageDirs: [] }));
    await expect((await writeWith(origin.connection, old)).result).rejects.toMatchObject({ code: "TOOL_MISSING", message: expect.stringContaining("older") });
  });

  it("does not come from strange database names, which reach no argument", async () => {
    for (const name of ["--file=/tmp/pg_evil", "host=evil dbname=x", "a;touch /tmp/pg_touched", "$(touch x) `x` %s", "postgres://evil/x", "x".repeat(63)]) {
      for (const left of [name, `${name.slice(0, 60)}_2`]) await dropDatabase(left);
      const strange = await makeDatabase("", name);
      await strange.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
      const attempt = await makeJob();
      const sink = makeSink(attempt);
      const manifest = await engine.write(strange.connection, sink, attempt.context);
      await sink.finished();
      expect(manifest).toMatchObject({ source: name, objects: [{ name: "public.t", count: 1 }] });
      const staged = await engine.stage(await artefactAt(sink.path, manifest), strange.connection, { name: `${name.slice(0, 60)}_2` }, attempt.context);
      await staged.keep();
      await close(strange.connection.id);
      await dropDatabase(`${name.slice(0, 60)}_2`);
      await strange.drop();
      await attempt.remove();
    }
  });
});
