/** SQLite's tables on real files: every value comes out as it went in, pages follow keys, nothing is counted. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import Database from "better-sqlite3";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Connection } from "@/server/connection";
import type { Cell, ExportFormat, RowsInput } from "@/sql/tables.schema";
import { testConnection } from "@/test/connections";
import { closeSqlite } from "../sqlite.client";
import { sqliteTables } from "./sqlite-tables.service";

const directory = mkdtempSync(join(tmpdir(), "sqlite-tables-"));
const path = join(directory, "test.sqlite");
const connection: Connection = testConnection("sqlite", path);
let db: Database.Database;

beforeAll(() => {
  db = new Database(path);
  db.pragma("journal_mode = WAL");
});
afterAll(async () => {
  db.close();
  await closeSqlite(connection.id);
  rmSync(directory, { recursive: true });
});

const input = (table: string, more: Partial<RowsInput> = {}): RowsInput => ({ name: table, limit: 100, ...more });
const readRows = (table: string, more: Partial<RowsInput> = {}) => sqliteTables.rows(connection, input(table, more), {});

async function allRows(table: string, more: Partial<RowsInput>): Promise<Cell[][]> {
  const rows: Cell[][] = [];
  for (let after: string | undefined; ;) {
    const page = await readRows(table, { ...more, ...(after ? { after } : {}) });
    rows.push(...page.rows);
    if (page.nextCursor === null) return rows;
    after = page.nextCursor;
  }
}

async function exported(table: string, format: ExportFormat): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of sqliteTables.export(connection, { name: table, format, filters: [] }, {})) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

test("cells that begin as a formula are text in a CSV for spreadsheets (C9), and as they are in every other", async () => {
  db.exec(`CREATE TABLE formulas ("=1+1" TEXT); INSERT INTO formulas VALUES ('=1+1'), ('-2'), ('@x'), (NULL)`);
  expect(await exported("formulas", "csv-spreadsheet")).toBe("'=1+1\n'=1+1\n-2\n'@x\n\n");
  expect(await exported("formulas", "csv")).toBe("=1+1\n=1+1\n-2\n@x\n\n");
});

type Value = null | bigint | number | string | Buffer;

/** What a cell must be for a value that was stored. */
function cellOf(value: Value): Cell {
  if (value === null) return null;
  if (typeof value === "bigint") return { text: value.toString(), storage: "integer" };
  if (typeof value === "string") return { text: value, storage: "text" };
  if (Buffer.isBuffer(value)) return { text: value.toString("hex"), storage: "blob" };
  return { text: realText(value), storage: "real" };
}
const realText = (value: number): string => (/^-?\d+$/.test(String(value)) ? `${value}.0` : String(value));

const anyValue: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n),
  // NaN is NULL in SQLite, and it stores -0.0 as 0.0.
  fc.double({ noNaN: true }).map((value) => (Object.is(value, -0) ? 0 : value)),
  fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
  fc.constantFrom("", "a\0b", "\u{1F4DA} שלום", "1", "1.0", "'; DROP TABLE x; --"),
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
);

describe("values", () => {
  beforeEach(() => db.exec("DROP TABLE IF EXISTS x; CREATE TABLE x (id INTEGER PRIMARY KEY, v)"));

  test("any value of any storage class is read as it was stored, in the page and alone", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyValue, { minLength: 1, maxLength: 30 }), async (values) => {
        db.exec("DELETE FROM x");
        const insert = db.prepare("INSERT INTO x (id, v) VALUES (?, ?)");
        for (const [index, value] of values.entries()) insert.run(index + 1, value);
        const page = await readRows("x");
        expect(page.rows.map((row) => row[1])).toEqual(values.map(cellOf));
        const key = page.keys.at(-1) ?? "";
        expect((await sqliteTables.cell(connection, { name: "x", key, column: "v" }, {})).cell).toEqual(cellOf(values.at(-1) ?? null));
      }),
      { numRuns: 60 },
    );
  });

  test("an SQL export makes the same values of the same storage class again", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyValue, { maxLength: 30 }), async (values) => {
        db.exec("DELETE FROM x");
        const insert = db.prepare("INSERT INTO x (v) VALUES (?)");
        for (const value of values) insert.run(value);
        const copy = new Database(":memory:");
        copy.exec(await exported("x", "sql"));
        const read = (from: Database.Database) =>
          from.prepare("SELECT id, typeof(v) AS type, hex(v) AS bytes, CASE typeof(v) WHEN 'real' THEN v END AS real FROM x ORDER BY id").all();
        expect(read(copy)).toEqual(read(db));
        copy.close();
      }),
      { numRuns: 40 },
    );
  });

  test("a long value travels as its beginning and its length, and whole when asked", async () => {
    const text = "é".repeat(600_000);
    db.prepare("INSERT INTO x (v) VALUES (?), (?)").run(text, Buffer.alloc(100_000, 7));
    const page = await readRows("x");
    expect(page.rows[0]?.[1]).toEqual({ text: "é".repeat(512), storage: "text", length: 600_000 });
    expect(page.rows[1]?.[1]).toMatchObject({ storage: "blob", length: 100_000 });
    expect((await sqliteTables.cell(connection, { name: "x", key: page.keys[0] ?? "", column: "v" }, {})).cell).toEqual({ text, storage: "text" });
  });

  test("64-bit integers are filtered exactly", async () => {
    db.exec("DROP TABLE IF EXISTS big; CREATE TABLE big (n INTEGER); INSERT INTO big VALUES (9007199254740992), (9007199254740993)");
    const filters = JSON.stringify([{ column: "n", operator: "=", values: ["9007199254740993"] }]);
    expect((await readRows("big", { filters })).rows).toEqual([[{ text: "9007199254740993", storage: "integer" }]]);
  });

  test("CSV tells NULL from the empty text, JSON lines keep every digit", async () => {
    db.exec("INSERT INTO x (v) VALUES (NULL), (''), (9223372036854775807), ('=1+1')");
    expect(await exported("x", "csv")).toBe('id,v\n1,\n2,""\n3,9223372036854775807\n4,=1+1\n');
    expect(await exported("x", "jsonl")).toBe('{"id":1,"v":null}\n{"id":2,"v":""}\n{"id":3,"v":9223372036854775807}\n{"id":4,"v":"=1+1"}\n');
  });
});

describe("pages", () => {
  beforeAll(() => {
    db.exec(`CREATE TABLE pages (id INTEGER PRIMARY KEY, kind TEXT, mixed);
      INSERT INTO pages SELECT value, CASE value % 5 WHEN 0 THEN NULL ELSE 'kind ' || (value % 5) END,
        CASE value % 4 WHEN 0 THEN NULL WHEN 1 THEN value WHEN 2 THEN 'text ' || value ELSE CAST(value AS BLOB) END
      FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 997) SELECT value FROM n);
      CREATE TABLE pairs (a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;
      INSERT INTO pairs SELECT 'a' || (id % 7), id FROM pages;
      CREATE TABLE taken (rowid TEXT, _rowid_ TEXT); INSERT INTO taken VALUES ('x', 'y'), ('x', 'y');
      CREATE VIEW seen AS SELECT kind FROM pages;
      CREATE VIEW endless AS WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n) SELECT v FROM n`);
  });

  const orders = [
    [],
    [{ column: "kind", direction: "asc" }],
    [{ column: "kind", direction: "desc" }],
    [{ column: "mixed", direction: "asc" }],
    [
      { column: "mixed", direction: "desc" },
      { column: "kind", direction: "asc" },
    ],
  ];
  test.each(orders)("every row comes once and in order: %j", async (...sort) => {
    const rows = await allRows("pages", { sort: JSON.stringify(sort), limit: 83 });
    const by = [...sort.map((entry) => `${entry.column} ${entry.direction}`), "id"].join(", ");
    const wanted = (db.prepare(`SELECT id FROM pages ORDER BY ${by}`).all() as { id: number }[]).map((row) => String(row.id));
    expect(rows.map((row) => row[0]?.text)).toEqual(wanted);
  });

  test("a table without rowid is paged by its key, one whose rowid names are taken by the free one", async () => {
    expect((await allRows("pairs", { limit: 50 })).length).toBe(997);
    expect((await readRows("taken")).pagedBy).toBe("rowid");
    expect((await readRows("taken")).rows.length).toBe(2);
  });

  test("a view shows its first page and says that there is nothing to page by; an endless one does not hang", async () => {
    expect(await readRows("seen")).toMatchObject({ nextCursor: null, pagedBy: null });
    expect((await readRows("endless", { limit: 10 })).rows.length).toBe(10);
  });

  test("a cursor of another order is refused", async () => {
    const { nextCursor } = await readRows("pages", { limit: 5 });
    await expect(readRows("pages", { after: nextCursor ?? "", sort: JSON.stringify([{ column: "kind", direction: "asc" }]) })).rejects.toMatchObject({
      code: "INVALID",
    });
  });
});

describe("what is sent", () => {
  const sent: string[] = [];
  afterEach(() => vi.restoreAllMocks());

  test("browsing sends no count and no OFFSET", async () => {
    const post = Reflect.get(Worker.prototype, "postMessage") as (this: Worker, message: unknown) => void;
    vi.spyOn(Worker.prototype, "postMessage").mockImplementation(function (this: Worker, message: unknown) {
      sent.push((message as { sql?: string }).sql ?? "");
      return post.call(this, message);
    });
    const first = await readRows("pages", { limit: 10 });
    await readRows("pages", { limit: 10, after: first.nextCursor ?? "" });
    await sqliteTables.list(connection, {});
    await sqliteTables.schema(connection, { name: "pages" }, {});
    expect(sent.some((sql) => sql.includes('FROM "pages"'))).toBe(true);
    expect(sent.filter((sql) => /\bOFFSET\b|\bcount\s*\(/i.test(sql))).toEqual([]);
  });
});

describe("odd names and bad input", () => {
  test.each(['a"b', "a'b; DROP TABLE x", "$x", "with space", "emoji \u{1F4DA}", "--", "select", "line\nbreak"])(
    "a table and a column named %j",
    async (name) => {
      const quoted = `"${name.replaceAll('"', '""')}"`;
      db.exec(`DROP TABLE IF EXISTS ${quoted}; CREATE TABLE ${quoted} (${quoted} TEXT); INSERT INTO ${quoted} VALUES ('here')`);
      expect((await readRows(name)).rows).toEqual([[{ text: "here", storage: "text" }]]);
      const filters = JSON.stringify([{ column: name, operator: "contains", values: ["HER"] }]);
      expect((await readRows(name, { filters, sort: JSON.stringify([{ column: name, direction: "desc" }]) })).rows.length).toBe(1);
      expect((await sqliteTables.schema(connection, { name }, {})).columns[0]?.name).toBe(name);
      db.exec(`DROP TABLE ${quoted}`);
    },
  );

  test("an empty database has no tables; a table that is not there is said so", async () => {
    const emptyPath = join(directory, "empty.sqlite");
    new Database(emptyPath).exec("VACUUM").close();
    const empty = testConnection("sqlite", emptyPath, { name: "empty" });
    expect((await sqliteTables.list(empty, {})).tables).toEqual([]);
    await closeSqlite(empty.id);
    await expect(readRows("nothing")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(readRows("pages", { filters: JSON.stringify([{ column: "no", operator: "=", values: ["1"] }]) })).rejects.toMatchObject({ code: "INVALID" });
  });

  test("a statement that does not end is stopped, and the next one works", async () => {
    const filters = JSON.stringify([{ column: "v", operator: "=", values: ["-1"] }]);
    await expect(sqliteTables.rows(connection, input("endless", { filters }), { signal: AbortSignal.timeout(300) })).rejects.toMatchObject({ code: "TIMEOUT" });
    expect((await readRows("pages")).rows.length).toBe(100);
  });
});
