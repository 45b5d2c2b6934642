/** Replacing a live database: the swap, undo, redo and dropping what is kept, with everything that a database can hold. */
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keptName, stagingName } from "@/app/(console)/manage-dbs/postgres/postgres.aside-names";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { close, withOwnSession } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { asSuperuser, dropDatabase, makeDatabase, quote, serverOf, urlOf, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { dumpText, everything, ownFacts, properties, type EverythingRoles } from "@/app/(console)/manage-dbs/postgres/postgres.test-everything";
import { artefactAt, makeJob, makeSink, type TestJob } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import type { Artefact, RestoreTarget, Swap } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const engine = makePostgresBackup(() => ({ toolsDir: testServers.postgresBinDir, packageDirs: [] }));
const roles: EverythingRoles = { owner: uniqueName("owner"), reader: uniqueName("reader"), writer: uniqueName("writer") };
/** 63 bytes, with all that a name may hold. */
const start = uniqueName("Ev'er\"y 🙂 $%\\thing");
const name = `${start} ${"x".repeat(62 - Buffer.byteLength(start))}`;
let connection: Connection;
let backupJob: TestJob;
let artefact: Artefact;

/** A session of an application, and how it ended. */
async function application(database: string, who: { user?: string; password?: string } = {}): Promise<{ client: Client; ended: Promise<string> }> {
  const client = new Client({ ...serverOf(), ...who, database });
  const ended = new Promise<string>((resolve) => void client.on("error", (error) => resolve("code" in error ? String(error.code) : error.message)));
  await client.connect();
  return { client, ended };
}

const sql = (statement: string): Promise<void> => withOwnSession(connection, {}, (session) => session.run(statement));
const databases = async (): Promise<string[]> =>
  (await asSuperuser("SELECT datname || CASE WHEN datallowconn THEN '' ELSE ' closed' END FROM pg_database ORDER BY 1")).map(([row]) => row ?? "");

beforeAll(async () => {
  backupJob = await makeJob();
  for (const role of Object.values(roles)) await asSuperuser(`CREATE ROLE ${role}`);
  await asSuperuser(`CREATE DATABASE ${quote(name)} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'`);
  connection = testConnection("postgres", urlOf(name), { name });
  await withOwnSession(connection, {}, (session) => session.run(`SET search_path = public; ${everything(roles)}`));
  for (const statement of properties(name, roles)) await asSuperuser(statement);
  const sink = makeSink(backupJob);
  const content = await engine.write(connection, sink, backupJob.context);
  await sink.finished();
  artefact = await artefactAt(sink.path, content);
});
afterAll(async () => {
  await close();
  await asSuperuser(`ALTER DATABASE ${quote(name)} IS_TEMPLATE false`);
  await dropDatabase(name);
  for (const role of Object.values(roles)) await asSuperuser(`DROP OWNED BY ${role}`).then(() => asSuperuser(`DROP ROLE ${role}`));
  await backupJob.remove();
});

describe("a database that uses everything", () => {
  it("survives backup, restore in its place, undo, redo and the end of undo", async () => {
    const [before, facts] = [dumpText(name), await ownFacts(name)];
    await sql(
      "DROP TABLE public.orders CASCADE; CREATE TABLE public.orders (id text, customer box); INSERT INTO public.child VALUES (9, 'written since'); CREATE TABLE public.only_now AS SELECT 1 AS a; CREATE VIEW public.on_customers AS SELECT * FROM public.customers",
    );
    const changed = dumpText(name);
    const job = await makeJob();
    const target = { name, replace: true };

    const plan = await engine.plan(artefact, connection, target, {});
    expect(plan.checks.filter((check) => check.result === "fail")).toEqual([]);
    expect(plan).toMatchObject({
      way: "swap: two renames in one transaction",
      replaces: { bytes: expect.any(Number) as number },
      undo: { bytes: expect.any(Number) as number },
    });
    expect(plan.objects.find((object) => object.name === "public.only_now")).toMatchObject({ inBackup: null, after: null });

    const session = await application(name);
    const staged = await engine.stage(artefact, connection, target, job.context);
    expect(dumpText(name), "staging touches nothing live").toBe(changed);
    let swap: Swap | null = null;
    const swapped = await staged.swap?.(async (record) => {
      expect(dumpText(name), "the journal comes first").toBe(changed);
      swap = { jobId: job.context.jobId, target: name, record: JSON.parse(JSON.stringify(record)) as Swap["record"] };
    });
    if (!swap) throw new Error("nothing was journaled");
    expect(swapped).toMatchObject({ place: expect.stringContaining(name) as string, keptBytes: expect.any(Number) as number });
    expect(await session.ended).toBe("57P01");
    expect(dumpText(name)).toBe(before);
    expect(await ownFacts(name)).toEqual(facts);
    expect(await databases()).toContain(`${keptName(name, job.context.jobId)} closed`);
    await sql("INSERT INTO public.child VALUES (10, 'after the restore')");

    const steps = { journal: async () => undefined, context: job.context };
    for (const turn of ["undo", "redo", "undo"]) {
      const open = await application(name);
      await engine.exchange?.(connection, swap, steps);
      expect(await open.ended).toBe("57P01");
      expect(await engine.settle?.(connection, swap, job.context)).toBe(turn === "undo" ? "before" : "restored");
      if (turn === "undo") expect(dumpText(name)).toBe(changed);
      else expect(dumpText(name)).toContain("after the restore");
      expect(await ownFacts(name)).toEqual(facts);
    }
    await engine.dropKept?.(connection, swap, job.context);
    await engine.dropKept?.(connection, swap, job.context);
    expect(dumpText(name)).toBe(changed);
    expect((await databases()).filter((database) => database.includes(job.context.jobId))).toEqual([]);
    await expect(engine.exchange?.(connection, swap, steps)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await databases()).toContain(name);
    expect(stagingName(name, job.context.jobId).length).toBeLessThanOrEqual(63);
    await job.remove();
  });
});

it("a backup that cannot be restored names the object, and live stays as it is", async () => {
  const fragile = await makeDatabase("pg_fragile");
  await fragile.run(`CREATE SCHEMA tools; CREATE FUNCTION tools.lowered(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower($1)';
    ALTER DATABASE ${fragile.name} SET search_path = public, tools; SET search_path = public, tools; CREATE FUNCTION indexed(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lowered($1)';
    CREATE TABLE t AS SELECT 'A' AS v; CREATE INDEX relies_on_path ON t (indexed(v))`);
  const job = await makeJob();
  const sink = makeSink(job);
  const content = await engine.write(fragile.connection, sink, job.context);
  await sink.finished();
  const file = await artefactAt(sink.path, content);
  const before = dumpText(fragile.name);
  const restore = engine.stage(file, fragile.connection, { name: fragile.name, replace: true }, job.context);
  await expect(restore).rejects.toMatchObject({ detail: expect.stringMatching(/TOC entry .* INDEX relies_on_path[\s\S]*lowered/) as string });
  expect(dumpText(fragile.name)).toBe(before);
  expect((await databases()).filter((database) => database.includes(job.context.jobId))).toEqual([]);
  await close(fragile.connection.id);
  await fragile.drop();
  await job.remove();
});

describe("a role that is no superuser", () => {
  const team = uniqueName("team");
  const person = uniqueName("person");
  let own: TestDatabase;
  let limited: Connection;
  let file: Artefact;
  let job: TestJob;

  beforeAll(async () => {
    await asSuperuser(`CREATE ROLE ${team} CREATEDB`);
    await asSuperuser(`CREATE ROLE ${person} LOGIN CREATEDB PASSWORD 'person' IN ROLE ${team}`);
    own = await makeDatabase("pg_limited");
    await asSuperuser(`ALTER DATABASE ${own.name} OWNER TO ${team}`);
    await asSuperuser(`GRANT CONNECT ON DATABASE ${own.name} TO ${roles.reader}`);
    await own.run(`SET ROLE ${team}; CREATE TABLE t AS SELECT 'saved' AS state; RESET ROLE`);
    const url = new URL(own.url);
    [url.username, url.password] = [person, "person"];
    limited = testConnection("postgres", url.toString(), { name: uniqueName("limited") });
    job = await makeJob();
    const sink = makeSink(job);
    const content = await engine.write(limited, sink, job.context);
    await sink.finished();
    file = await artefactAt(sink.path, content);
    await own.run("UPDATE t SET state = 'live'");
    await own.close();
  });
  afterAll(async () => {
    await dropDatabase(own.name);
    for (const role of [person, team]) await asSuperuser(`DROP ROLE ${role}`);
    await job.remove();
  });

  const state = async (): Promise<string | null | undefined> =>
    (await withOwnSession(testConnection("postgres", own.url, { name: own.name }), {}, (session) => session.rows("SELECT state FROM public.t")))[0]?.[0];

  it("swaps, undoes and drops the database of its group", async () => {
    const facts = await ownFacts(own.name);
    const staged = await engine.stage(file, limited, { name: own.name, replace: true }, job.context);
    let swap: Swap | null = null;
    const mine = await application(own.name, { user: person, password: "person" });
    await staged.swap?.(async (record) => {
      swap = { jobId: job.context.jobId, target: own.name, record };
    });
    if (!swap) throw new Error("nothing was journaled");
    expect(await mine.ended).toBe("57P01");
    expect([await state(), await ownFacts(own.name)]).toEqual(["saved", facts]);
    await engine.exchange?.(limited, swap, { journal: async () => undefined, context: job.context });
    expect([await state(), await ownFacts(own.name)]).toEqual(["live", facts]);
    await engine.dropKept?.(limited, swap, job.context);
    expect((await databases()).filter((database) => database.includes(job.context.jobId))).toEqual([]);
  });

  it("may not end a superuser's session: the plan says so, and nothing is changed", async () => {
    const { client: administrator } = await application(own.name);
    const plan = await engine.plan(file, limited, { name: own.name, replace: true }, {});
    expect(plan).toMatchObject({ replaces: { sessions: 1 } });
    expect(plan.checks.find((check) => check.title.includes("session"))).toMatchObject({
      result: "warn",
      detail: expect.stringContaining("superuser") as string,
    });
    const attempt = await makeJob();
    const staged = await engine.stage(file, limited, { name: own.name, replace: true }, attempt.context);
    let swap: Swap | null = null;
    const swapping = staged.swap?.(async (record) => {
      swap = { jobId: attempt.context.jobId, target: own.name, record };
    });
    await expect(swapping).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect((await administrator.query<{ state: string }>("SELECT state FROM t")).rows).toEqual([{ state: "live" }]);
    await administrator.end();
    if (!swap) throw new Error("nothing was journaled");
    expect(await engine.settle?.(limited, swap, attempt.context)).toBe("before");
    await engine.dropKept?.(limited, swap, attempt.context);
    expect(await state()).toBe("live");
    await attempt.remove();
  });

  it("is refused by the plan where roles of the backup are missing: beside live data they would only be left out", async () => {
    const details = { ...file.manifest.details, roles: { owners: ["no_such_role"], rights: [], policies: [] } };
    const missing = { ...file, manifest: { ...file.manifest, details } };
    const check = async (target: RestoreTarget): Promise<unknown> =>
      (await engine.plan(missing, connection, target, {})).checks.find((each) => each.title.startsWith("Owners and rights"));
    expect(await check({ name, replace: true })).toMatchObject({ result: "fail", title: "Owners and rights would be lost" });
    expect(await check({ name: uniqueName("free") })).toMatchObject({ result: "warn" });
  });

  it("is refused by the plan where it does not own the database, or somebody else granted rights on it", async () => {
    const fails = async (): Promise<string[]> =>
      (await engine.plan(file, limited, { name: own.name, replace: true }, {})).checks.filter((check) => check.result === "fail").map((check) => check.title);
    expect(await fails()).toEqual([]);
    await asSuperuser(`GRANT CONNECT ON DATABASE ${own.name} TO ${roles.owner} WITH GRANT OPTION`);
    await asSuperuser(`SET ROLE ${roles.owner}; GRANT CONNECT ON DATABASE ${own.name} TO ${roles.writer}; RESET ROLE`);
    expect(await fails()).toEqual(["The rights on the database cannot be carried over"]);
    await asSuperuser(`ALTER DATABASE ${own.name} OWNER TO postgres`);
    expect(await fails()).toContain("The role may not rename the database");
  });
});
