import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BlockReader, type ArchiveContent } from "@/app/(console)/manage-dbs/postgres/postgres.archive-blocks";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { stagingName } from "@/app/(console)/manage-dbs/postgres/postgres.aside-names";
import { browse, close, withOwnSession } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { asSuperuser, dropDatabase, makeDatabase, serverOf, urlOf, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { artefactAt, makeJob, makeSink, type TestJob } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import { ManifestContent, type Artefact } from "@/backups/engine";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const engine = makePostgresBackup(() => ({ toolsDir: testServers.postgresBinDir, packageDirs: [] }));

const SCHEMA = `
  CREATE EXTENSION citext;
  CREATE SCHEMA "We""ird Näme $";
  CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, email citext UNIQUE, upper_name text GENERATED ALWAYS AS (upper(name)) STORED);
  INSERT INTO customers (name, email) SELECT 'name ' || i, 'u' || i || '@example.org' FROM generate_series(1, 2000) i;
  CREATE TABLE orders (id serial PRIMARY KEY, customer bigint REFERENCES customers, placed date NOT NULL, total numeric(20,2) CHECK (total >= 0), note text);
  INSERT INTO orders (customer, placed, total, note) SELECT 1 + i % 2000, '2026-01-01'::date + i % 300, i, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE E'line\\nfeed\\t\\\\.\\\\N' END FROM generate_series(1, 5000) i;
  CREATE TABLE events (id bigint, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2026-01-01');
  CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  INSERT INTO events SELECT i, '2025-12-01'::date + i % 60 FROM generate_series(1, 700) i;
  CREATE TABLE parent (id int); CREATE TABLE child (extra text) INHERITS (parent); INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (3, 'x');
  CREATE TABLE "We""ird Näme $"."emoji 🙂
 and feed" ("select" int, "a""b" text); INSERT INTO "We""ird Näme $"."emoji 🙂
 and feed" VALUES (1, 'x'), (2, NULL);
  CREATE TABLE big (id int, body text, raw bytea); INSERT INTO big SELECT i, repeat(md5(i::text), 32768), decode(repeat('00ff', 100000), 'hex') FROM generate_series(1, 5) i;
  CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES; INSERT INTO nothing DEFAULT VALUES;
  CREATE UNLOGGED TABLE unlogged (a int); INSERT INTO unlogged VALUES (1);
  CREATE TABLE awkward (a float8, b numeric, c timestamptz, d int[], e jsonb, f text);
  INSERT INTO awkward VALUES ('-0', 'NaN', 'infinity', '{{1,NULL},{2,3}}', '{"x": 12345678901234567890.10}', NULL), ('NaN', '1e-20', '0001-01-01 BC', '{}', 'null', '');
  CREATE VIEW paid AS SELECT id, total FROM orders WHERE total > 10; CREATE VIEW paid_twice AS SELECT * FROM paid;
  CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY 1; CREATE UNIQUE INDEX ON totals (customer);
  CREATE MATERIALIZED VIEW empty_one AS SELECT 1 AS one WITH NO DATA;
  CREATE FUNCTION tricky() RETURNS void LANGUAGE plpgsql AS $body$ BEGIN /*
COPY public.orders (id) FROM stdin;
1
\\.
*/ END $body$;
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER touched BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch(); ALTER TABLE orders DISABLE TRIGGER touched;
  CREATE INDEX partial ON orders (lower(note)) WHERE total > 5; CREATE SEQUENCE loose START 42; SELECT nextval('loose');
  COMMENT ON TABLE orders IS E'a comment\\nCOPY public.x (y) FROM stdin;\\n'; ALTER TABLE parent ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON parent USING (id > 0);
  SELECT lo_from_bytea(0, decode(repeat('abcd', 50000), 'hex')), lo_from_bytea(0, '');`;

/** Every table's content as one hash, and the whole schema as pg_dump writes it. */
async function fingerprint(database: string): Promise<{ schema: string; data: (string | null)[][] }> {
  const dump = spawnSync(join(testServers.postgresBinDir, "pg_dump"), ["--schema-only", "--no-comments"], {
    encoding: "utf8",
    env: { ...process.env, PGHOST: "127.0.0.1", PGPORT: new URL(testServers.postgres).port, PGUSER: "postgres", PGDATABASE: database },
  });
  const { Client } = await import("pg");
  const client = new Client({ ...serverOf(), database });
  await client.connect();
  const tables = await client.query<{ name: string }>(
    "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema' ORDER BY 1",
  );
  const data: (string | null)[][] = [];
  for (const { name } of tables.rows) {
    const result = await client.query<{ rows: string; hash: string }>(`SELECT count(*) AS rows, sum(hashtextextended(t::text, 0)) AS hash FROM ONLY ${name} t`);
    data.push([name, result.rows[0]?.rows ?? null, result.rows[0]?.hash ?? null]);
  }
  const large = await client.query<{ hash: string }>("SELECT md5(string_agg(lo_get(oid)::text, ',' ORDER BY oid)) AS hash FROM pg_largeobject_metadata");
  data.push(["large objects", null, large.rows[0]?.hash ?? null]);
  await client.end();
  return { schema: dump.stdout.replace(/^\\(un)?restrict .*$/gm, ""), data };
}

let origin: TestDatabase;
let job: TestJob;
let content: ManifestContent;
let artefact: Artefact;
let hash: string;

beforeAll(async () => {
  origin = await makeDatabase("pg_backup");
  await origin.run(SCHEMA);
  job = await makeJob();
  const sink = makeSink(job);
  content = await engine.write(origin.connection, sink, job.context);
  hash = (await sink.finished()).sha256;
  artefact = await artefactAt(sink.path, content);
});
afterAll(async () => {
  await close();
  await origin.drop();
  await job.remove();
});

describe("write", () => {
  it("counts every table in the snapshot and reads the same out of the file", () => {
    expect(ManifestContent.parse(content)).toEqual(content);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    const counts = Object.fromEntries(content.objects.map((object) => [object.name, object.count]));
    expect(counts).toMatchObject({
      "public.customers": 2000,
      "public.orders": 5000,
      "public.events": null,
      "public.events_old": 371,
      "public.events_new": 329,
      "public.parent": 2,
      "public.child": 1,
      "public.nothing": 2,
      "public.unlogged": 1,
      "public.paid": null,
      "public.totals": null,
      "large objects": 2,
    });
    expect(counts['"We""ird Näme $"."emoji 🙂\n and feed"']).toBe(2);
    const found = engine.readBackWhileWriting?.(content);
    expect(found?.objects.length).toBe(content.objects.length);
    expect(content.details).toMatchObject({ encoding: "UTF8", extensions: ["citext"] });
    expect(job.lines.join("\n")).not.toMatch(/reading|identifying|and feed/);
    expect(job.children.length).toBe(1);
  });

  it("is read back the same from the stored file", async () => {
    const again = await makeJob();
    // By pg_restore now, by our own reader while it was written: the same counts, and the same sums over the rows.
    const verification = await engine.verify(artefact, again.context);
    expect(verification.objects).toEqual(engine.readBackWhileWriting?.(content)?.objects);
    expect(verification.objects.find((object) => object.name === "public.customers")?.checksum).toMatch(/^[0-9a-f]{8}$/);
    await again.remove();
  });
});

describe("restore aside", () => {
  it("brings back the same database under a new name, and nothing when discarded", async () => {
    const target = uniqueName("restored 🙂 'a\"");
    const plan = await engine.plan(artefact, origin.connection, { name: target }, {});
    // Nobody has analysed these tables: what is live now is counted.
    expect(plan).toMatchObject({ liveIsEstimate: false });
    expect(plan.objects.find((object) => object.name === "public.customers")).toMatchObject({ inBackup: 2000, liveNow: 2000 });
    expect(plan.checks.filter((check) => check.result === "fail")).toEqual([]);
    expect(plan.objects.find((object) => object.name === "public.orders")).toMatchObject({ inBackup: 5000, after: 5000 });
    const restore = await makeJob();
    const staged = await engine.stage(artefact, origin.connection, { name: target }, restore.context);
    const counts = new Map(staged.objects.map((object) => [object.name, object.count]));
    for (const object of content.objects) expect(counts.get(object.name), object.name).toBe(object.count);
    expect(staged.objects.length).toBe(content.objects.length);
    const kept = await staged.keep();
    try {
      expect(kept.connection?.url).toBe(urlOf(target));
      expect(await fingerprint(target)).toEqual(await fingerprint(origin.name));
      await expect(engine.stage(artefact, origin.connection, { name: target }, restore.context)).rejects.toMatchObject({ code: "CONFLICT" });
    } finally {
      await dropDatabase(target);
    }
    const other = await engine.stage(artefact, origin.connection, { name: target }, restore.context);
    await other.discard();
    expect(await asSuperuser(`SELECT datname FROM pg_database WHERE datname LIKE '%restore_${restore.context.jobId}'`)).toEqual([]);
    await restore.remove();
  });

  it("refuses names and says what is missing before it starts", async () => {
    const check = async (name: string): Promise<unknown> => (await engine.plan(artefact, origin.connection, { name }, {})).checks[0];
    for (const name of [origin.name, "postgres", "template1", "x".repeat(64), "a\0b"]) expect(await check(name)).toMatchObject({ result: "fail" });
    for (const name of ["--file=/tmp/x", "host=evil dbname=x", "a;touch x", "x".repeat(63)]) expect(await check(name)).toMatchObject({ result: "pass" });
  });

  it("leaves owners out when roles are missing, and stops for missing extensions", async () => {
    const role = uniqueName("owner");
    await asSuperuser(`CREATE ROLE ${role}`);
    const owned = await makeDatabase("pg_owned");
    await owned.run(`CREATE TABLE t (a int); ALTER TABLE t OWNER TO ${role}; GRANT SELECT ON t TO ${role}; INSERT INTO t VALUES (1)`);
    const sink = makeSink(job, "owned.dump");
    const manifest = await engine.write(owned.connection, sink, job.context);
    await sink.finished();
    await close(owned.connection.id);
    await owned.drop();
    await asSuperuser(`DROP ROLE ${role}`);
    const file = await artefactAt(sink.path, manifest);
    const plan = await engine.plan(file, origin.connection, { name: "free" }, {});
    expect(plan.checks.find((check) => check.title.startsWith("Owners"))).toMatchObject({ result: "warn" });
    const restore = await makeJob();
    const staged = await engine.stage(file, origin.connection, { name: "free" }, restore.context);
    expect(staged.objects).toEqual([{ name: "public.t", count: 1 }]);
    await staged.discard();
    await restore.remove();
  });

  it("sweeps what a crash left, and only that", async () => {
    const name = stagingName("some target", "abcdef12");
    const other = stagingName("some target", "abcdef13");
    await asSuperuser(`CREATE DATABASE ${name}`);
    await asSuperuser(`CREATE DATABASE ${other}`);
    await engine.sweep(origin.connection, { target: "some target", jobId: "abcdef12" });
    expect(await asSuperuser(`SELECT datname FROM pg_database WHERE datname IN ('${name}', '${other}')`)).toEqual([[other]]);
    await dropDatabase(other);
  });
});

describe("damage", () => {
  const verifyBytes = async (bytes: Buffer): Promise<unknown> => {
    const attempt = await makeJob();
    const path = join(attempt.directory, "damaged.dump");
    await writeFile(path, bytes);
    try {
      const found = await engine.verify(await artefactAt(path, content), attempt.context);
      return found;
    } finally {
      await attempt.remove();
    }
  };

  it("by a cut is found at every length", async () => {
    const bytes = await readFile(artefact.path);
    for (const length of [0, 1, 4, 5, 30, 1000, Math.floor(bytes.length * 0.3), Math.floor(bytes.length * 0.95), bytes.length - 1]) {
      await expect(verifyBytes(bytes.subarray(0, length)), `${length} bytes`).rejects.toMatchObject({ code: "INTERNAL" });
    }
  });

  it("by bytes after the end is found", async () => {
    const bytes = await readFile(artefact.path);
    for (const tail of [Buffer.from("x"), Buffer.alloc(1), Buffer.alloc(512), bytes])
      await expect(verifyBytes(Buffer.concat([bytes, tail]))).rejects.toMatchObject({ code: "INTERNAL" });
  });

  it("by another kind of file is named", async () => {
    for (const [text, words] of [
      ["\x1f\x8b\x08", "gzip"],
      ["SQLite format 3\0", "SQLite"],
      ["--\n-- PostgreSQL database dump\n", "SQL text"],
      ["<html>", "web page"],
      ["pg_dump: error: x", "text"],
    ] as const) {
      await expect(verifyBytes(Buffer.from(text, "latin1"))).rejects.toThrow(words);
    }
  });

  /** In pieces of odd lengths, so that every border falls inside a piece once. */
  async function readBlocks(bytes: Buffer): Promise<ArchiveContent> {
    const reader = new BlockReader();
    for (let at = 0; at < bytes.length; at += 997) await reader.write(Buffer.from(bytes.subarray(at, at + 997)));
    return reader.end();
  }

  it("by a flipped bit is found in the blocks, never hangs, and is always another SHA-256", async () => {
    const bytes = await readFile(artefact.path);
    let [found, foundInBlocks] = [0, 0];
    for (let attempt = 0; attempt < 200; attempt += 1) {
      // The second half of the file is compressed rows, each block with a checksum of its own: there pg_restore itself must see it.
      const from = attempt < 60 ? Math.ceil(bytes.length / 2) : 0;
      const at = from + Math.floor(Math.random() * (bytes.length - from));
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (attempt % 8));
      expect(createHash("sha256").update(flipped).digest("hex")).not.toBe(hash);
      if (attempt < 60) await verifyBytes(flipped).catch(() => (found += 1));
      if (attempt < 60) await readBlocks(flipped).catch(() => (foundInBlocks += 1));
    }
    // What changes a name or comment only, further up, is SHA-256's to find.
    expect(found).toBe(60);
    expect(foundInBlocks, "by the reader beside the dump").toBe(60);
  }, 120_000);

  it("by a cut or a tail is found by the reader beside the dump", async () => {
    const bytes = await readFile(artefact.path);
    await expect(readBlocks(bytes)).resolves.toMatchObject({ largeObjects: 2 });
    for (const share of [0, 0.01, 0.3, 0.6, 0.95]) await expect(readBlocks(bytes.subarray(0, Math.floor(bytes.length * share)))).rejects.toThrow("damaged");
    await expect(readBlocks(bytes.subarray(0, -1))).rejects.toThrow("damaged");
    await expect(readBlocks(Buffer.concat([bytes, Buffer.from("\0")]))).rejects.toThrow("damaged");
  });
});

describe("another encoding, settings and a load of writes", () => {
  it("come back as they were", async () => {
    const name = uniqueName("latin");
    await asSuperuser(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`);
    await asSuperuser(`ALTER DATABASE ${name} SET search_path = 'a b', public`);
    await asSuperuser(`ALTER DATABASE ${name} SET "app.note" = E'it''s;\\nALTER DATABASE x'`);
    const connection = testConnection("postgres", urlOf(name), { name });
    await withOwnSession(connection, {}, (session) => session.run("CREATE TABLE public.\"né\" (v text); INSERT INTO public.\"né\" VALUES ('é'), ('ÿ')"));
    const attempt = await makeJob();
    const sink = makeSink(attempt);
    const manifest = await engine.write(connection, sink, attempt.context);
    await sink.finished();
    const file = await artefactAt(sink.path, manifest);
    expect((await engine.verify(file, attempt.context)).objects).toEqual([{ name: 'public."né"', count: 2, checksum: expect.any(String) as string }]);
    const target = `${name}_2`;
    const staged = await engine.stage(file, connection, { name: target }, attempt.context);
    await staged.keep();
    expect(await fingerprint(target)).toEqual(await fingerprint(name));
    const settings = async (database: string): Promise<unknown> =>
      asSuperuser(`SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = '${database}'`);
    expect(await settings(target)).toEqual(await settings(name));
    await close(connection.id);
    await dropDatabase(name);
    await dropDatabase(target);
    await attempt.remove();
  });

  it("that keeps a sum keeps it in the backup", async () => {
    const bank = await makeDatabase("pg_bank");
    await bank.run(
      "CREATE TABLE accounts (id int PRIMARY KEY, balance bigint); INSERT INTO accounts SELECT i, 1000 FROM generate_series(1, 5000) i; CREATE TABLE transfers (id serial, amount int)",
    );
    let writing = true;
    const writer = (async () => {
      for (let turn = 0; writing; turn += 1) {
        await bank.run(
          `BEGIN; UPDATE accounts SET balance = balance - 7 WHERE id = ${1 + (turn % 5000)}; INSERT INTO transfers (amount) VALUES (7); UPDATE accounts SET balance = balance + 7 WHERE id = ${1 + ((turn * 31) % 5000)}; COMMIT`,
        );
      }
    })();
    const attempt = await makeJob();
    for (let round = 0; round < 3; round += 1) {
      const sink = makeSink(attempt, `bank${round}.dump`);
      const manifest = await engine.write(bank.connection, sink, attempt.context);
      await sink.finished();
      const restore = await makeJob();
      const target = uniqueName("bank_back");
      const staged = await engine.stage(await artefactAt(sink.path, manifest), bank.connection, { name: target }, restore.context);
      expect(staged.objects.find((object) => object.name === "public.transfers")?.count).toBe(
        manifest.objects.find((object) => object.name === "public.transfers")?.count,
      );
      await staged.keep();
      const restored = testConnection("postgres", urlOf(target), { name: target });
      expect(await browse(restored, {}, (session) => session.rows("SELECT pg_catalog.sum(balance) FROM public.accounts"))).toEqual([["5000000"]]);
      await close(restored.id);
      await dropDatabase(target);
      await restore.remove();
    }
    writing = false;
    await writer;
    await close(bank.connection.id);
    await bank.drop();
    await attempt.remove();
  }, 120_000);
});
