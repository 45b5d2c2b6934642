/** What an archive holds: compared with a restored copy, looked into, restored in part, and described when it was made elsewhere. */
import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { stagingName } from "@/app/(console)/manage-dbs/postgres/postgres.aside-names";
import { browse, close, withOwnSession } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { asSuperuser, dropDatabase, makeDatabase, serverOf, urlOf, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { everything, type EverythingRoles } from "@/app/(console)/manage-dbs/postgres/postgres.test-everything";
import { artefactAt, makeJob, makeSink, type TestJob } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import type { Artefact, ManifestContent, Staged } from "@/backups/engine";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const engine = makePostgresBackup(() => ({ toolsDir: testServers.postgresBinDir, packageDirs: [] }));
const roles: EverythingRoles = { owner: uniqueName("owner"), reader: uniqueName("reader"), writer: uniqueName("writer") };
const WEIRD = '"We""ird Näme 🙂"."emoji 🙂\n and feed"';
let origin: TestDatabase;
let job: TestJob;
let content: ManifestContent;
let artefact: Artefact;

async function backUp(database: TestDatabase, name: string): Promise<Artefact> {
  const sink = makeSink(job, name);
  const manifest = await engine.write(database.connection, sink, job.context);
  await sink.finished();
  return artefactAt(sink.path, manifest);
}

/** Stages, lets look, and discards. */
async function staged<T>(
  file: Artefact,
  objects: string[] | undefined,
  look: (copy: Staged, run: (sql: string) => Promise<void>, name: string) => Promise<T>,
): Promise<T> {
  const attempt = await makeJob();
  const target = uniqueName("content");
  const copy = await engine.stage(file, origin.connection, { name: target, ...(objects ? { objects } : {}) }, attempt.context);
  const name = stagingName(target, attempt.context.jobId);
  try {
    return await look(copy, (sql) => withOwnSession(origin.connection, { database: name }, (session) => session.run(sql)), name);
  } finally {
    await copy.discard();
    await attempt.remove();
  }
}

const ask = (database: string, sql: string): Promise<(string | null)[][]> =>
  browse(testConnection("postgres", urlOf(database), { name: database }), {}, (session) => session.rows(sql));

function dumpElsewhere(database: string, ...options: string[]): Buffer {
  const { host, port, user, password } = serverOf();
  const environment = { ...process.env, PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: database };
  const dump = spawnSync(join(testServers.postgresBinDir, "pg_dump"), options, { env: environment, maxBuffer: 1 << 28 });
  if (dump.status !== 0) throw new Error(dump.stderr.toString());
  return dump.stdout;
}

const describeBytes = async (bytes: Buffer, name = "foreign.dump"): Promise<ManifestContent> => {
  const path = join(job.directory, name);
  await writeFile(path, bytes);
  const found = await engine.describe?.({ path, bytes: bytes.length }, job.context);
  if (!found) throw new Error("the engine describes nothing");
  return found;
};

beforeAll(async () => {
  job = await makeJob();
  for (const role of Object.values(roles)) await asSuperuser(`CREATE ROLE ${role}`);
  origin = await makeDatabase("pg_content");
  await origin.run(everything(roles));
  artefact = await backUp(origin, "everything.dump");
  content = artefact.manifest;
});
afterAll(async () => {
  await close();
  await origin.drop();
  for (const role of Object.values(roles)) await asSuperuser(`DROP OWNED BY ${role}`).then(() => asSuperuser(`DROP ROLE ${role}`));
  await job.remove();
});

describe("content of a restored copy", () => {
  it("is compared row by row, with its sequences and large objects", async () => {
    await staged(artefact, undefined, async (copy, run) => {
      const tables = content.objects.filter((object) => object.checksum !== null).length;
      expect(await copy.compareContent?.()).toEqual({ method: `CRC-32 over the rows of ${tables} tables, sequences and large objects` });
      for (const [change, back, named] of [
        ["UPDATE public.customers SET age = 8 WHERE id = 100", "UPDATE public.customers SET age = 1 WHERE id = 100", "public.customers"],
        ["UPDATE public.child SET extra = 'y'", "UPDATE public.child SET extra = 'x'", "public.child"],
        ["SELECT setval('public.loose', 40)", "SELECT setval('public.loose', 42)", "sequence public.loose"],
        ["UPDATE public.awkward SET a = '0' WHERE a = '-0'", "UPDATE public.awkward SET a = '-0' WHERE a = '0'", "public.awkward"],
        [
          "SELECT lo_put(max(oid), 0, 'z') FROM pg_largeobject_metadata",
          "SELECT lo_truncate(lo_open(max(oid), 131072), 0) FROM pg_largeobject_metadata",
          "large objects",
        ],
      ] as const) {
        await run(change.replace(/^(SELECT|UPDATE)/, "SET search_path = pg_catalog; $1"));
        await expect(copy.compareContent?.(), change).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining(named) as string });
        await run(back.replace(/^(SELECT|UPDATE)/, "SET search_path = pg_catalog; $1"));
      }
      await run("DELETE FROM public.child");
      await expect(copy.compareContent?.()).rejects.toMatchObject({ code: "CONFLICT", detail: "public.child: 1 rows in the backup, 0 restored" });
    });
  });

  it("is the same in any order: a restore may put rows into the gaps that others left", async () => {
    const mixed = await makeDatabase("pg_mixed");
    await mixed.run(`CREATE TABLE m (i int, x text); ALTER TABLE m ALTER x SET STORAGE PLAIN;
      INSERT INTO m SELECT i, repeat(md5(i::text), CASE WHEN i % 2 = 0 THEN 1 + i % 61 ELSE (i * 7) % 201 END) FROM generate_series(1, 8000) i; DELETE FROM m WHERE i % 7 = 0`);
    await mixed.run("VACUUM m");
    await mixed.run("INSERT INTO m SELECT i + 100000, x FROM m WHERE i % 5 = 0; UPDATE m SET x = x WHERE i % 11 = 0");
    const file = await backUp(mixed, "mixed.dump");
    await staged(file, undefined, async (copy, run) => {
      expect(await copy.compareContent?.()).toEqual({ method: "CRC-32 over the rows of 1 tables (1 of them row by row, in any order), sequences" });
      await run("UPDATE public.m SET x = 'y' || substr(x, 2) WHERE i = 8");
      await expect(copy.compareContent?.()).rejects.toMatchObject({ code: "CONFLICT" });
    });
    await close(mixed.connection.id);
    await mixed.drop();
  });

  it("is printed as in the backup, whatever time zone the database or server has; where the file does not say, counts are all there is", async () => {
    const zoned = await makeDatabase("pg_zoned");
    await asSuperuser(`ALTER DATABASE ${zoned.name} SET TimeZone = 'America/Argentina/Buenos_Aires'`);
    await zoned.run("CREATE TABLE t AS SELECT now() AS at, '\\x00ff'::bytea AS raw; CREATE TABLE plain AS SELECT 1 AS a");
    const file = await backUp(zoned, "zoned.dump");
    await staged(file, undefined, async (copy, _run, name) => {
      await asSuperuser(`ALTER DATABASE ${name} SET TimeZone = 'Asia/Tokyo'`);
      await asSuperuser(`ALTER DATABASE ${name} SET bytea_output = 'escape'`);
      expect(await copy.compareContent?.()).toEqual({ method: "CRC-32 over the rows of 2 tables, sequences" });
    });
    const silent = { ...file, manifest: { ...file.manifest, details: { ...file.manifest.details, textForm: null } } };
    await staged(silent, undefined, async (copy, run, name) => {
      await asSuperuser(`ALTER DATABASE ${name} SET TimeZone = 'Asia/Tokyo'`);
      expect(await copy.compareContent?.()).toMatchObject({
        method: expect.stringContaining("CRC-32 over the rows of 1 tables, sequences; 1 by their counts only, because the file does not say") as string,
      });
      await run("UPDATE public.plain SET a = 2");
      await expect(copy.compareContent?.()).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("public.plain") as string });
    });
    const older = { ...file, manifest: { ...file.manifest, server: { product: "PostgreSQL", version: "12.3" } } };
    await staged(older, undefined, async (copy, run) => {
      await run("UPDATE public.plain SET a = 2");
      expect(await copy.compareContent?.()).toMatchObject({ method: expect.stringContaining("may print values otherwise than 12.3") as string });
    });
    await close(zoned.connection.id);
    await zoned.drop();
  });
});

describe("a look inside", () => {
  it("shows the first rows with their columns as the server prints them", async () => {
    const orders = await engine.peek?.(artefact, "public.orders", { limit: 3 });
    expect(orders).toMatchObject({ columns: ["id", "customer", "placed", "total", "note", "during"], hasMore: true });
    expect(orders?.rows).toEqual(
      (await ask(origin.name, "SELECT id, customer, placed, total, note, during FROM public.orders ORDER BY id LIMIT 3")).map((row) => [...row]),
    );
    expect(await engine.peek?.(artefact, WEIRD, { limit: 2 })).toEqual({
      columns: ["select", 'a"b'],
      rows: [
        ["1", "x"],
        ["2", null],
      ],
      hasMore: false,
    });
    expect(await engine.peek?.(artefact, "public.nothing", { limit: 5 })).toEqual({ columns: [], rows: [[]], hasMore: false });
    expect(await engine.peek?.(artefact, "public.paid", { limit: 5 })).toEqual({ columns: [], rows: [], hasMore: false });
    const large = await engine.peek?.(artefact, "large objects", { limit: 1 });
    expect(large).toMatchObject({ columns: ["oid", "bytes"], rows: [[expect.any(String), "100000"]], hasMore: true });
    await expect(engine.peek?.(artefact, "public.no_such", { limit: 1 })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(engine.peek?.(artefact, "public.orders", { limit: 1, signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("cuts long cells, never inside a character, and reads no further than it must", async () => {
    const wide = await makeDatabase("pg_wide");
    await wide.run(`CREATE TABLE w (a text, b text, c bytea); INSERT INTO w VALUES (repeat('🙂', 400), E'a\\tb\\n\\\\N' || repeat('x', 5000000), repeat('y', 600)::bytea);
      INSERT INTO w SELECT i, NULL, '' FROM generate_series(1, 1000) i; CREATE TABLE z AS SELECT md5(i::text) FROM generate_series(1, 200000) i`);
    const file = await backUp(wide, "wide.dump");
    let read = 0;
    const watched: Artefact = {
      ...file,
      open: (range) => {
        const stream = file.open(range);
        stream.on("data", (chunk: Buffer) => (read += chunk.length));
        stream.pause();
        return stream;
      },
    };
    const peek = await engine.peek?.(watched, "public.w", { limit: 2 });
    expect(peek?.rows[0]?.[0]).toBe(`${"🙂".repeat(250)}…`);
    expect(peek?.rows[0]?.[1]).toBe(`a\tb\n\\N${"x".repeat(494)}…`);
    expect(peek?.rows[0]?.[2]).toBe(`\\x${"79".repeat(249)}…`);
    expect(peek).toMatchObject({ rows: [{}, ["1", null, "\\x"]], hasMore: true });
    expect(read).toBeLessThan(file.bytes);
    await close(wide.connection.id);
    await wide.drop();
  });
});

describe("chosen objects", () => {
  it("come with all that belongs to them, without keys to tables that do not come", async () => {
    const objects = ["public.orders", "public.events", WEIRD];
    const plan = await engine.plan(artefact, origin.connection, { name: "somewhere", objects }, {});
    expect(plan.objects.map((object) => object.name).toSorted()).toEqual(objects.toSorted());
    expect(plan.checks.find((check) => check.title.includes("left out"))).toMatchObject({
      result: "warn",
      detail: expect.stringContaining("public.customers is not chosen") as string,
    });
    await staged(artefact, objects, async (copy, _run, name) => {
      const counts = new Map(copy.objects.map((object) => [object.name, object.count]));
      expect(counts.get("public.orders")).toBe(1500);
      expect(counts.get(WEIRD)).toBe(2);
      expect((counts.get("public.events_old_0") ?? 0) + (counts.get("public.events_old_1") ?? 0) + (counts.get("public.events_rest") ?? 0)).toBe(700);
      expect(counts.has("public.customers")).toBe(false);
      expect(copy.skipped).toContainEqual({ name: "foreign key orders orders_customer_fkey", count: 1, reason: "public.customers is not chosen" });
      await expect(copy.compareContent?.()).resolves.toMatchObject({ method: expect.stringContaining("tables") as string });
      const detail = (sql: string): Promise<(string | null)[][]> => ask(name, sql);
      const shape = `SELECT (SELECT count(*) FROM pg_index WHERE indrelid = 'public.orders'::regclass), (SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.orders'::regclass AND NOT tgisinternal),
        (SELECT count(*) FROM pg_statistic_ext), col_description('public.orders'::regclass, 1), obj_description('public.orders'::regclass), pg_get_serial_sequence('public.orders', 'id'), (SELECT last_value FROM public.orders_id_seq)`;
      expect(await detail(shape)).toEqual(await ask(origin.name, shape));
      await close(`postgres/${name}`);
    });
  });

  it("of other kinds rest on empty tables; with keys to one another they keep these; nothing else comes", async () => {
    await staged(artefact, ["public.paid_twice", "public.parent"], async (copy) => {
      expect(copy.objects.map((object) => [object.name, object.count])).toEqual([
        ["public.orders", 0],
        ["public.paid", null],
        ["public.paid_twice", null],
        ["public.parent", 2],
      ]);
      expect(copy.skipped.map((entry) => entry.name)).toContain("rows of public.orders");
    });
    await staged(artefact, ["public.orders", "public.customers", "large objects"], async (copy) => {
      expect(copy.skipped.filter((entry) => entry.name.startsWith("foreign key"))).toEqual([]);
      expect(copy.objects).toEqual([
        { name: "public.customers", count: 500 },
        { name: "public.orders", count: 1500 },
        { name: "large objects", count: 2 },
      ]);
    });
    // Of each kind one; all of them were tried one by one.
    for (const name of ["public.totals", "public.remote", "public.events_old_1", "public.awkward"])
      await staged(artefact, [name], async (copy) =>
        expect(copy.objects.find((object) => object.name === name)?.count, name).toBe(content.objects.find((object) => object.name === name)?.count),
      );
  });

  it("are refused in the place of a database, and when the backup does not hold them", async () => {
    const plan = await engine.plan(artefact, origin.connection, { name: origin.name, replace: true, objects: ["public.orders"] }, {});
    const instead = expect.stringContaining("Restore them into a new database") as string;
    expect(plan.checks.filter((check) => check.result === "fail")).toMatchObject([{ title: "Chosen objects cannot replace a database", detail: instead }]);
    await expect(
      engine.stage(artefact, origin.connection, { name: origin.name, replace: true, objects: ["public.orders"] }, job.context),
    ).rejects.toMatchObject({ code: "INVALID", fix: instead });
    await expect(engine.plan(artefact, origin.connection, { name: "x", objects: ["public.no_such"] }, {})).rejects.toMatchObject({ code: "INVALID" });
  });
});

describe("a file made elsewhere", () => {
  it("is described as the console's own, compressed or not", async () => {
    for (const options of [["-Fc"], ["-Fc", "-Z0"], ["-Fc", "-Z9"]]) {
      const found = await describeBytes(dumpElsewhere(origin.name, ...options));
      const facts = ({ name, count, checksum }: { name: string; count: number | null; checksum: string | null }): unknown => [name, count, checksum];
      const sorted = (objects: ManifestContent["objects"]): unknown[] => objects.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(facts);
      expect(sorted(found.objects)).toEqual(sorted(content.objects));
      expect(found).toMatchObject({ format: content.format, server: content.server, source: content.source, tool: content.tool });
      expect(found.details).toMatchObject({
        encoding: "UTF8",
        collate: "C.UTF-8",
        ctype: "C.UTF-8",
        extensions: expect.arrayContaining(["citext", "btree_gist"]) as unknown,
      });
      expect(found.details["roles"]).toEqual({
        owners: [roles.owner, "postgres"].toSorted(),
        rights: expect.arrayContaining(Object.values(roles)) as unknown,
        policies: [roles.reader, roles.writer].toSorted(),
      });
      expect(new Map(found.objects.map((object) => [object.name, object.kind]))).toEqual(new Map(content.objects.map((object) => [object.name, object.kind])));
    }
  });

  it("is restored and proved like one, also in another encoding and as INSERT statements", async () => {
    const western = await makeDatabase("pg_western");
    await western.run(`CREATE TABLE "é" ("ü" text); INSERT INTO "é" VALUES ('ÿ')`);
    const found = await describeBytes(dumpElsewhere(western.name, "-Fc", "-E", "LATIN1"), "latin.dump");
    expect(found.objects).toMatchObject([{ name: 'public."é"', count: 1 }]);
    const latin = await artefactAt(join(job.directory, "latin.dump"), found);
    expect((await engine.verify(latin, job.context)).objects).toMatchObject([{ name: 'public."é"', count: 1 }]);
    expect(await engine.peek?.(latin, 'public."é"', { limit: 1 })).toEqual({ columns: ["ü"], rows: [["ÿ"]], hasMore: false });
    await staged(latin, undefined, async (copy) => expect(copy.objects).toEqual([{ name: 'public."é"', count: 1 }]));
    await western.drop();
    const inserts = await describeBytes(dumpElsewhere(origin.name, "-Fc", "--inserts", "-t", "public.orders", "-t", "public.child"), "inserts.dump");
    expect(inserts.objects.find((object) => object.name === "public.orders")).toMatchObject({ count: null, checksum: null });
    expect(inserts.skipped).toContainEqual({ name: "public.orders", reason: expect.stringContaining("INSERT") as string });
    await expect(engine.peek?.(await artefactAt(join(job.directory, "inserts.dump"), inserts), "public.orders", { limit: 1 })).rejects.toMatchObject({
      code: "UNSUPPORTED",
    });
    const empty = await describeBytes(dumpElsewhere(origin.name, "-Fc", "--schema-only", "-t", "public.orders"), "schema.dump");
    expect(empty.skipped).toEqual([{ name: "public.orders", reason: expect.stringContaining("--schema-only") as string }]);
    const whole = await describeBytes(dumpElsewhere(origin.name, "-Fc"), "whole.dump");
    const file = await artefactAt(join(job.directory, "whole.dump"), whole);
    const verified = await engine.verify(file, job.context);
    expect(verified.objects).toEqual(whole.objects.map(({ name, count, checksum }) => ({ name, count, checksum })));
    await staged(file, undefined, async (copy) => {
      for (const object of whole.objects) expect(copy.objects.find(({ name }) => name === object.name)?.count, object.name).toBe(object.count);
      await expect(copy.compareContent?.()).resolves.toMatchObject({ method: expect.stringContaining("CRC-32") as string });
    });
  });

  it("that is none is refused by name", async () => {
    const sql = dumpElsewhere(origin.name, "-t", "public.child");
    const custom = await readFile(artefact.path);
    for (const [bytes, words] of [
      [Buffer.alloc(0), "empty"],
      [sql, "Plain SQL is not taken"],
      [Buffer.from("\\restrict abc\n"), "Plain SQL"],
      [gzipSync(sql), "gzip. Plain SQL"],
      [gzipSync(custom), "inside gzip"],
      [dumpElsewhere(origin.name, "-Ft", "-t", "public.child"), "tar format"],
      [Buffer.from(`\ufeff${"PGDMP"}`, "utf16le"), "PowerShell"],
      [Buffer.from("SQLite format 3\0"), "SQLite"],
      [Buffer.from("REDIS0011"), "Redis"],
      [Buffer.from("6de29981", "hex"), "mongodump"],
      [Buffer.from("<!DOCTYPE html>"), "web page"],
      [Buffer.from("pg_dump: error: connection failed"), 'text ("pg_dump: error'],
      [custom.subarray(0, custom.length - 1), "damaged"],
      [custom.subarray(0, Math.floor(custom.length / 3)), "damaged"],
      [Buffer.concat([custom, Buffer.from("x")]), "damaged"],
    ] as const) {
      await expect(describeBytes(bytes), words).rejects.toMatchObject({ code: "INVALID", message: expect.stringContaining(words) as string });
    }
    const toolless = makePostgresBackup(() => ({ packageDirs: [] }));
    await expect(toolless.describe?.({ path: artefact.path, bytes: artefact.bytes }, job.context)).rejects.toMatchObject({ code: "TOOL_MISSING" });
    await dropDatabase("no_such");
  });
});
