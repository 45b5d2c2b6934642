/** Files made elsewhere, looking inside, chosen tables, content compared: what is said of a file is what is in it. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Artefact } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { dumpOf, integrityOf, restoreBench } from "./sqlite.test-restores";

const bench = await restoreBench();
const { engine } = bench;
const { waitOf } = await import("./sqlite.plan");
afterAll(() => bench.remove());

const described = (path: string) => {
  if (!engine.describe) throw new Error("no describe");
  return engine.describe({ path, bytes: statSync(path).size }, bench.newContext());
};
const file = (name: string, content: string | Buffer): string => {
  const path = join(bench.folder, name);
  writeFileSync(path, content);
  return path;
};

/** All that SQLite can hold: F36. */
function awkward(db: Database.Database): void {
  db.pragma("foreign_keys = OFF");
  db.pragma("user_version = 42");
  db.pragma("application_id = 305419896");
  db.exec(
    `
    CREATE TABLE plain (id INTEGER PRIMARY KEY AUTOINCREMENT, value);
    CREATE TABLE norowid (a TEXT, b BLOB, c, PRIMARY KEY (b, a)) WITHOUT ROWID;
    CREATE TABLE typed (n INT NOT NULL, r REAL, t TEXT, b BLOB, a ANY) STRICT;
    CREATE TABLE made (price INTEGER, taxed GENERATED ALWAYS AS (price * 2) STORED, shown AS (price || ' EUR') VIRTUAL);
    CREATE TABLE "We""ird 'näme' 🐟" ("a b" TEXT, "c""d" INT);
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES plain (id));
    CREATE TABLE hidden_rowid (rowid TEXT, oid TEXT);
    CREATE INDEX partial ON plain (value) WHERE value IS NOT NULL;
    CREATE INDEX by_expression ON plain (lower(value), id DESC);
    CREATE VIEW first AS SELECT id FROM plain;
    CREATE VIEW second AS SELECT count(*) AS n FROM first;
    CREATE TRIGGER log AFTER INSERT ON child BEGIN UPDATE plain SET value = 'touched' WHERE id = new.parent; END;
    CREATE VIRTUAL TABLE words USING fts5 (body);
    CREATE VIRTUAL TABLE boxes USING rtree (id, x0, x1);
    INSERT INTO words VALUES ('a quick fox'), ('naïve café');
    INSERT INTO boxes VALUES (1, 0.5, 2.5);
    INSERT INTO made (price) VALUES (7), (NULL);
    INSERT INTO "We""ird 'näme' 🐟" VALUES ('x', 1);
    INSERT INTO hidden_rowid VALUES ('one', 'two');
    INSERT INTO child VALUES (1, 999), (2, 1);
    INSERT INTO plain (value) VALUES (9223372036854775807), (-9223372036854775808), (x'00ff00'), (CAST(x'ff00c3' AS TEXT)), ('a' || char(0) || 'b'),
      (''), (x''), (NULL), (1.0), (-0.0), (1e308), (9e999), (0.1), ('${"long ".repeat(300)}'), (zeroblob(3000));
    INSERT INTO norowid VALUES ('k', x'00', 1), ('k', NULL, 2), ('nan', x'02', 9e999 - 9e999);
    INSERT INTO typed VALUES (1, 2.5, 'three', x'04', 'five');
    DELETE FROM plain WHERE id = 15;
  `.replace("('k', NULL, 2)", "('k', x'0000', 2)"),
  );
}

describe("the awkward catalogue", () => {
  let live: { path: string; connection: Connection };
  let artefact: Artefact;
  beforeAll(async () => {
    live = bench.live(awkward);
    artefact = await bench.backUp(live.connection);
  });

  test("backed up, restored in place over something else, undone: the same text each time; and once more around", async () => {
    const inBackup = dumpOf(live.path);
    for (const round of [1, 2]) {
      const target = bench.live((db) => db.exec("CREATE TABLE other (x); INSERT INTO other VALUES (1)"));
      const before = dumpOf(target.path);
      const swap = await bench.replace(artefact, target.connection);
      expect(dumpOf(target.path), `round ${round}`).toBe(inBackup);
      const again = await bench.backUp(target.connection);
      expect(again.manifest.objects).toEqual(artefact.manifest.objects);
      // AUTOINCREMENT goes on where it was, also after the last row was deleted.
      const db = new Database(target.path);
      expect(db.prepare("INSERT INTO plain (value) VALUES ('next') RETURNING id").pluck().get()).toBe(16);
      db.close();
      await bench.exchange(target.connection, swap);
      expect(dumpOf(target.path)).toBe(before);
      await bench.dropKept(target.connection, swap);
      artefact = again;
    }
  });

  test("as a file of other pages under a WAL database: every value and rowid is the same", async () => {
    const target = bench.live((db) => {
      db.pragma("page_size = 1024");
      db.pragma("journal_mode = WAL");
      db.exec("CREATE TABLE other (x)");
    });
    const swap = await bench.replace(artefact, target.connection);
    expect(dumpOf(target.path)).toBe(dumpOf(live.path));
    await bench.dropKept(target.connection, swap);
  });

  test("chosen tables come with their indexes and triggers into a new file, and nothing of the others", async () => {
    const objects = ["plain", "child", "words", "We\"ird 'näme' 🐟"];
    const target = { name: "chosen.sqlite", objects };
    const plan = await engine.plan(artefact, live.connection, target, {});
    expect(plan.objects.map(({ name }) => name).toSorted()).toEqual(objects.toSorted());
    const staged = await engine.stage(artefact, live.connection, target, bench.newContext());
    expect(staged.objects.map(({ name }) => name).toSorted()).toEqual(objects.toSorted());
    expect(await staged.compareContent?.()).toMatchObject({ method: expect.stringContaining("every value of 4 tables") as string });
    const { place } = await staged.keep();
    const db = new Database(place, { readonly: true });
    const names = db.prepare("SELECT name FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY name").pluck().all();
    expect(names).toEqual(["by_expression", "log", "partial"]);
    expect(db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'plain'").pluck().get()).toBe(15);
    expect(db.prepare("SELECT count(*) FROM words WHERE words MATCH 'fox'").pluck().get()).toBe(1);
    db.close();
    expect(integrityOf(place)).toBe("ok");
    expect(readFileSync(place).includes("EUR")).toBe(false);
    expect(readdirSync(bench.folder).filter((name) => name.includes(".restore-"))).toEqual([]);
    const alone = await engine.plan(artefact, live.connection, { name: "other.sqlite", objects: ["child"] }, {});
    expect(alone.checks.find(({ title }) => title.includes("not chosen"))?.detail).toBe("child to plain");
    const inPlace = await engine.plan(artefact, live.connection, { name: live.path.split("/").at(-1) ?? "", replace: true, objects }, {});
    expect(inPlace.checks.find(({ result }) => result === "fail")?.title).toContain("replaced as a whole");
  });

  test("a changed byte is found by comparing, with and without chosen tables", async () => {
    for (const objects of [undefined, ["plain"]]) {
      const target = { name: `compared-${objects ? 1 : 0}.sqlite`, ...(objects ? { objects } : {}) };
      const staged = await engine.stage(artefact, live.connection, target, bench.newContext());
      expect(await staged.compareContent?.()).toBeDefined();
      const aside = readdirSync(bench.folder).find((name) => name.includes(".restore-")) ?? "";
      const db = new Database(join(bench.folder, aside));
      db.exec("UPDATE plain SET value = 9223372036854775806 WHERE id = 1");
      db.close();
      await expect(staged.compareContent?.()).rejects.toMatchObject({
        code: "CONFLICT",
        message: expect.stringContaining(objects ? "plain" : "bytes") as string,
      });
      await staged.discard();
    }
  });

  test("its first rows are shown as they are", async () => {
    const shown = await engine.peek?.(artefact, "plain", { limit: 14 });
    expect(shown?.columns).toEqual(["id", "value"]);
    expect(shown?.hasMore).toBe(false);
    const values = shown?.rows.map(([, value]) => value) ?? [];
    expect(values.slice(0, 9)).toEqual(["9223372036854775807", "-9223372036854775808", "x'00ff00'", "x'ff00c3'", "a\0b", "", "x''", null, "1.0"]);
    expect(values[13]).toHaveLength(500);
    expect(values[13]?.endsWith("…")).toBe(true);
    expect((await engine.peek?.(artefact, "norowid", { limit: 1 }))?.hasMore).toBe(true);
    expect((await engine.peek?.(artefact, "words", { limit: 5 }))?.rows).toEqual([["a quick fox"], ["naïve café"]]);
    expect((await engine.peek?.(artefact, "We\"ird 'näme' 🐟", { limit: 5 }))?.columns).toEqual(["a b", 'c"d']);
    expect((await engine.peek?.(artefact, "made", { limit: 1 }))?.rows).toEqual([["7", "14", "7 EUR"]]);
    await expect(engine.peek?.(artefact, "no such", { limit: 1 })).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await engine.peek(artefact, "first", { limit: 2 })).toEqual({ columns: ["id"], rows: [["1"], ["2"]], hasMore: true });
    expect(await engine.peek(artefact, "second", { limit: 2 })).toEqual({ columns: ["n"], rows: [["14"]], hasMore: false });
  });

  test("a view that cannot be computed is shown by its definition, with the reason", async () => {
    const { connection } = bench.live((db) => {
      db.exec(`CREATE TABLE t (x); INSERT INTO t VALUES (1), (2);
        CREATE VIEW endless AS WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;
        CREATE VIEW reads_endless AS SELECT * FROM endless;
        CREATE VIEW steps AS WITH one AS (SELECT x FROM t) SELECT x * 2 AS twice FROM one;
        CREATE VIEW broken AS SELECT gone FROM t`);
    });
    const views = await bench.backUp(connection);
    const look = (name: string) => engine.peek(views, name, { limit: 5 });
    expect((await look("steps")).rows).toEqual([["2"], ["4"]]);
    for (const name of ["endless", "reads_endless"])
      expect(await look(name)).toEqual({
        columns: ["rows", "definition"],
        rows: [["not shown: it may be recursive and never end", expect.stringContaining(`CREATE VIEW ${name}`) as string]],
        hasMore: false,
      });
    expect((await look("broken")).rows[0]?.[0]).toMatch(/not shown: .*no such column: gone/);
  });

  test("made elsewhere, it is described with what breaks a foreign key", async () => {
    const content = await described(artefact.path);
    expect(content.objects).toEqual(artefact.manifest.objects);
    expect(content).toMatchObject({ format: "sqlite", consistency: "snapshot", skipped: [] });
    expect(content.details).toMatchObject({ foreignKeyViolations: 1, userVersion: 42, applicationId: 305_419_896 });
    const verified = await engine.verify({ ...artefact, manifest: content }, bench.newContext());
    expect(verified.objects.map(({ name, count }) => ({ name, count }))).toEqual(content.objects.map(({ name, count }) => ({ name, count })));
    const plan = await engine.plan({ ...artefact, manifest: content }, live.connection, { name: "new.sqlite" }, {});
    expect(plan.checks.find(({ result }) => result === "warn")?.title).toContain("break a foreign key");
  });
});

describe("a file that is none, or not whole", () => {
  const words = (path: string) =>
    described(path).then(
      () => "taken",
      (error: { code: string; message: string; fix: string; detail?: string }) => `${error.code}: ${error.message} | ${error.fix} | ${error.detail ?? ""}`,
    );
  test("is refused in words that say what it looks like", async () => {
    const cases: [name: string, content: string | Buffer, said: string][] = [
      ["empty", "", "it is empty"],
      ["sql", "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (x);\n", "SQL text"],
      ["html", "<!DOCTYPE html><title>502 Bad Gateway</title>", "a web page"],
      ["text", "pg_dump: error: connection refused\n", "it is text"],
      ["gz", gzipSync("SQLite format 3"), "gzip"],
      ["pg", Buffer.concat([Buffer.from("PGDMP\x01\x0f"), Buffer.alloc(200)]), "PostgreSQL"],
      ["rdb", Buffer.concat([Buffer.from("REDIS0011"), Buffer.alloc(200)]), "Redis"],
      ["random", createHash("sha512").update("x").digest(), "encrypted"],
      ["header", "SQLite format 3\0", "cut before the end of its header"],
    ];
    for (const [name, content, said] of cases) expect(await words(file(`none-${name}`, content)), name).toContain(said);
    mkdirSync(join(bench.folder, "directory"));
    expect(await engine.describe?.({ path: join(bench.folder, "directory"), bytes: 1 }, bench.newContext()).catch(String)).toContain("a directory");
    execFileSync("mkfifo", [join(bench.folder, "fifo")]);
    expect(await engine.describe?.({ path: join(bench.folder, "fifo"), bytes: 1 }, bench.newContext()).catch(String)).toContain("a fifo");
  });

  test("cut anywhere, followed by something else, or with a page that is broken: INVALID", async () => {
    const { path } = bench.live((db) => {
      db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT); CREATE INDEX bodies ON t (body)");
      db.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO t SELECT i, hex(randomblob(40)) FROM n");
    });
    const { size } = statSync(path);
    for (const length of [1, 50, 100, 4096, Math.floor(size * 0.3), Math.floor((size * 0.95) / 4096) * 4096, size - 1]) {
      const cut = join(bench.folder, `cut-${length}`);
      copyFileSync(path, cut);
      truncateSync(cut, length);
      expect(await words(cut), String(length)).toMatch(/^INVALID/);
    }
    for (const tail of ["text", "\0\0x", readFileSync(path)]) {
      const longer = join(bench.folder, "longer");
      writeFileSync(longer, Buffer.concat([readFileSync(path), Buffer.from(tail)]));
      expect(await words(longer)).toMatch(/^INVALID: Something else follows the database/);
    }
    // Room that a program has asked for in advance.
    const roomy = await described(file("roomy", Buffer.concat([readFileSync(path), Buffer.alloc(65_536)])));
    expect(roomy.skipped).toEqual([{ name: "65536 bytes after the end of the database", reason: expect.stringContaining("zeros") as string }]);
    expect(bench.lines.join("\n")).toContain("65536 bytes after the end of the database are ignored");
    const broken = readFileSync(path);
    broken.fill(0xee, 4096 * 20, 4096 * 20 + 200);
    expect(await words(file("broken", broken))).toMatch(/^INVALID: The SQLite file cannot be read whole/);
  });

  test("in WAL mode without its log: said, and taken only when it can be read whole; reading leaves no sidecars", async () => {
    const { path } = bench.live((db) => {
      db.pragma("journal_mode = WAL");
      db.exec("CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    });
    const alone = join(bench.folder, "uploaded-wal");
    copyFileSync(path, alone);
    const content = await described(alone);
    expect(content.consistency).toBe("fuzzy");
    expect(content.skipped).toEqual([{ name: "-wal", reason: expect.stringContaining("WAL mode") as string }]);
    const artefact = bench.artefactOf(alone, content);
    expect(await engine.peek?.(artefact, "t", { limit: 5 })).toMatchObject({ rows: [["1"]] });
    await engine.verify(artefact, bench.newContext());
    expect([existsSync(`${alone}-wal`), existsSync(`${alone}-shm`)]).toEqual([false, false]);
    const { connection, path: live } = bench.live((db) => db.exec("CREATE TABLE other (x)"));
    const staged = await engine.stage(artefact, connection, { name: "from-wal.sqlite" }, bench.newContext());
    expect(await staged.compareContent?.()).toMatchObject({ method: expect.stringContaining("every value") as string });
    await staged.discard();
    const swap = await bench.replace(artefact, connection);
    const db = new Database(live);
    expect(db.pragma("journal_mode", { simple: true })).toBe("delete");
    expect(db.prepare("SELECT x FROM t").pluck().get()).toBe(1);
    db.close();
    await bench.dropKept(connection, swap);
  });
});

test("a plan to replace says how the two differ", async () => {
  const { connection, path } = bench.live((db) => {
    db.pragma("journal_mode = WAL");
    db.pragma("user_version = 3");
    db.exec("CREATE TABLE kept (x); CREATE TABLE only_live (x); INSERT INTO only_live VALUES (1), (2); INSERT INTO kept VALUES (1)");
  });
  const origin = bench.live((db) => {
    db.pragma("page_size = 8192");
    db.pragma("encoding = 'UTF-16le'");
    db.pragma("application_id = 7");
    db.exec("CREATE TABLE kept (x); CREATE TABLE only_backup (x)");
  });
  const artefact = await bench.backUp(origin.connection);
  const name = path.split("/").at(-1) ?? "";
  const plan = await engine.plan(artefact, connection, { name, replace: true }, {});
  expect(plan.objects).toEqual([
    { name: "kept", kind: "table", inBackup: 0, liveNow: 1, after: 0 },
    { name: "only_backup", kind: "table", inBackup: 0, liveNow: null, after: 0 },
    { name: "only_live", kind: "table", inBackup: null, liveNow: 2, after: null },
  ]);
  expect(plan.replaces).toMatchObject({ place: path, items: 3, sessions: null });
  const warned = plan.checks.filter(({ result }) => result === "warn").map(({ title }) => title);
  expect(warned.join("; ")).toMatch(/Pages of 8192.*UTF-16le.*another program.*another schema version/);
  expect(plan.checks.filter(({ result }) => result === "fail")).toEqual([]);
  expect(plan.checks.find(({ title }) => title.includes("go on"))?.detail).toContain("writers wait less than a second");
  expect(plan.steps.find(({ title }) => title === "Swap")?.detail).toMatch(/writers wait less than a second$/);
  expect([0, 301e6, 1_026e6, 900e9].map(waitOf)).toEqual(["less than a second", "about 2 s", "about 4 s", "about 3,000 s"]);
  const wrong = await engine.plan(artefact, connection, { name: "elsewhere.sqlite", replace: true }, {});
  expect(wrong.checks.find(({ result }) => result === "fail")?.detail).toContain(`the right name is ${name}`);
  await expect(engine.stage(artefact, connection, { name: "elsewhere.sqlite", replace: true }, bench.newContext())).rejects.toMatchObject({ code: "INVALID" });
});
