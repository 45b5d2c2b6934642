import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { close } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { makeDatabase, quote, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { postgresTables } from "@/app/(console)/manage-dbs/postgres/tables/tables.service";
import type { ExportFormat, Filter, RowsPage, Sort, TableName } from "@/sql/tables.schema";

let database: TestDatabase;

beforeAll(async () => {
  database = await makeDatabase("pg_tables");
});
afterAll(async () => {
  await close();
  await database.drop();
});

interface PageRequest {
  limit?: number;
  after?: string | undefined;
  sort?: Sort[];
  filters?: Filter[];
}
const page = (table: TableName, request: PageRequest = {}): Promise<RowsPage> =>
  postgresTables.rows(
    database.connection,
    { ...table, limit: request.limit ?? 100, after: request.after, sort: JSON.stringify(request.sort ?? []), filters: JSON.stringify(request.filters ?? []) },
    {},
  );

/** Every row's text, page by page. */
async function readAll(table: TableName, request: PageRequest = {}): Promise<(string | null)[][]> {
  const rows: (string | null)[][] = [];
  let after: string | undefined;
  for (let pages = 0; pages < 1000; pages += 1) {
    const found: RowsPage = await page(table, { ...request, after });
    rows.push(...found.rows.map((row) => row.map((cell) => cell?.text ?? null)));
    if (found.nextCursor === null) return rows;
    after = found.nextCursor;
  }
  throw new Error("pages never end");
}

async function exported(table: TableName, format: ExportFormat, filters: Filter[] = []): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of postgresTables.export(database.connection, { ...table, format, filters }, {})) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** Values that tools like to change, with their types. */
const AWKWARD: Record<string, string[]> = {
  int8: ["9223372036854775807", "-9223372036854775808"],
  numeric: ["0.10", "1e-20", "NaN", "Infinity", "123456789012345678901234567890.123456789", "0.000"],
  "numeric(38,18)": ["0.000000000000000001", "12345678901234567890.123456789012345678"],
  float8: ["0.1", "-0", "NaN", "-Infinity", "1.7976931348623157e308", "5e-324", "9007199254740993"],
  float4: ["0.1", "16777217", "3.4028235e38"],
  bool: ["t", "f"],
  text: ["", " ", "a\tb\nc\\d\\.", "\\N", "NULL", "żółć 🙂 שלום", "x".repeat(5000), "\u0001\u007f", "'; DROP TABLE x; --", '"quoted", and comma'],
  "varchar(12)": ["", "abc  "],
  "char(6)": ["ab", ""],
  '"char"': ["a", ""],
  name: ["a name"],
  bytea: ["\\x", "\\x00ff0a5c", `\\x${"00ff".repeat(2000)}`],
  json: ['{"b": 1,  "a": 1.0, "a": 12345678901234567890}', "[1,\n 2]", "null", '"\\u0000"'],
  jsonb: ['{"a": 12345678901234567890.10, "b": [null, true, "x\\"y"]}', "null", '""'],
  xml: ["<a>b</a>"],
  uuid: ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
  date: ["0001-01-01 BC", "infinity", "-infinity", "5874897-12-31", "2026-02-28"],
  timestamp: ["2026-11-23 09:40:58.113001", "infinity", "4713-01-01 00:00:00 BC", "294276-12-31 23:59:59.999999"],
  timestamptz: ["2026-11-23 09:40:58.113001+05:30", "-infinity", "0001-01-01 00:00:00+00 BC"],
  "timestamp(3)": ["2026-11-23 09:40:58.113"],
  time: ["24:00:00", "00:00:00.000001"],
  timetz: ["12:00:00+15:59:59"],
  interval: ["1 year 2 mons -3 days +04:05:06.789", "-00:00:00.000001", "0"],
  money: ["-12.34"],
  inet: ["192.168.1.1", "192.168.1.1/24", "::1"],
  cidr: ["10.0.0.0/8"],
  macaddr: ["08:00:2b:01:02:03"],
  macaddr8: ["08:00:2b:01:02:03:04:05"],
  "bit(5)": ["10101"],
  varbit: ["", "1", "101010101"],
  point: ["(1,2.5)"],
  box: ["(1,1),(0,0)"],
  path: ["[(0,0),(1,1)]"],
  polygon: ["((0,0),(1,1),(1,0))"],
  circle: ["<(0,0),1>"],
  line: ["{1,2,3}"],
  lseg: ["[(0,0),(1,1)]"],
  tsvector: ["'a':1 'b c':2A"],
  tsquery: ["'a' & !'b'"],
  int4range: ["[1,10)", "empty", "(,)"],
  numrange: ["[0.10,NaN]"],
  tstzrange: ['["2026-01-01 00:00:00+00",infinity)'],
  int4multirange: ["{[1,2),[5,9)}"],
  "int4[]": ["{}", "{1,NULL,3}", "{{1,2},{3,4}}", "[0:1]={7,8}"],
  "text[]": ['{"",NULL,"NULL","a,b","c\\"d","{}"}'],
  "bytea[]": ['{"\\\\x00ff"}'],
  "jsonb[]": ['{"{\\"a\\": 1}"}'],
  "timestamptz[]": ['{"2026-11-23 09:40:58+00"}'],
  oid: ["4294967295"],
  pg_lsn: ["16/B374D848"],
  txid_snapshot: ["10:20:10,14,15"],
  regclass: ["pg_class"],
  xid8: ["18446744073709551615"],
  "public.mood": ["sad", "so so", "it's"],
  "public.positive": ["5"],
  "public.label": ["  spaced  "],
  "public.pair": ['(1,"a b")', "(,)"],
  "public.pair[]": ['{"(1,x)"}'],
  "public.citext": ["Hello", "HELLO"],
};
const TYPES = Object.keys(AWKWARD);

describe("values", () => {
  const table = { schema: "public", name: "awkward" };
  let server: (string | null)[][];

  beforeAll(async () => {
    await database.run(`
      CREATE EXTENSION citext;
      CREATE TYPE public.mood AS ENUM ('sad', 'so so', 'it''s');
      CREATE DOMAIN public.positive AS int CHECK (VALUE > 0);
      CREATE DOMAIN public.label AS char(12);
      CREATE TYPE public.pair AS (a int, b text)`);
    const columns = TYPES.map((type, index) => `c${index} ${type}`);
    await database.run(`CREATE TABLE awkward (id int PRIMARY KEY, ${columns.join(", ")})`);
    let id = 0;
    for (const [index, type] of TYPES.entries()) {
      for (const value of AWKWARD[type] ?? []) await database.run(`INSERT INTO awkward (id, c${index}) VALUES ($1, $2::text::${type})`, [(id += 1), value]);
    }
    await database.run("INSERT INTO awkward (id) VALUES (0)");
    await database.run("SET bytea_output = 'hex'; SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET search_path = ''; SET IntervalStyle = 'postgres'");
    server = await database.run("SELECT * FROM public.awkward ORDER BY id");
    await database.run("RESET search_path");
  });

  it("are the server's own text, in pages and whole", async () => {
    const found = await page(table, { limit: 500 });
    expect(found.pagedBy).toBe("primary key");
    expect(found.rows.length).toBe(server.length);
    const keyed = found.rows.map((row, index) => ({ row, key: found.keys[index] ?? "" }));
    for (const [index, { row, key }] of keyed.entries()) {
      for (const [at, cell] of row.entries()) {
        const raw = server[index]?.[at] ?? null;
        const type = at === 0 ? "int4" : (TYPES[at - 1] ?? "");
        const expected = raw !== null && type === "bytea" ? raw.slice(2) : raw;
        if (cell?.length === undefined) expect(cell?.text ?? null, `${type} ${raw}`).toBe(expected);
        else {
          expect(expected?.startsWith(cell.text)).toBe(true);
          expect(cell.length).toBe(type === "bytea" ? (expected?.length ?? 0) / 2 : [...(expected ?? "")].length);
          const whole = await postgresTables.cell(database.connection, { ...table, key, column: found.columns[at]?.name ?? "" }, {});
          expect(whole.cell).toEqual({ text: expected });
        }
      }
    }
  });

  it("can be found again by their own text, for every type that compares", async () => {
    for (const [index, type] of TYPES.entries()) {
      for (const [rowIndex, row] of server.entries()) {
        const value = row[index + 1];
        if (value === null || value === undefined || value.length > 4000) continue;
        const found = await page(table, { filters: [{ column: `c${index}`, operator: "=", values: [value] }] });
        const ids = found.rows.map((cells) => cells[0]?.text);
        // float NaN equals itself in PostgreSQL; a path has no equality of text but is printed the same.
        expect(ids, `${type} ${value}`).toContain(server[rowIndex]?.[0]);
      }
    }
  });

  it("sort and page by every type that has an order, forwards and back", async () => {
    for (const [index, type] of TYPES.entries()) {
      for (const direction of ["asc", "desc"] as const) {
        const sort = [{ column: `c${index}`, direction }];
        const reading = readAll(table, { sort, limit: 40 });
        if (["json", "xml", "point", "box", "path", "polygon", "circle", "line", "lseg", "txid_snapshot"].includes(type)) {
          await expect(reading, type).rejects.toMatchObject({ code: "INVALID" });
          continue;
        }
        const rows = await reading;
        const expected = await database.run(`SELECT id FROM awkward ORDER BY c${index} ${direction}, id ${direction}`);
        expect(
          rows.map((row) => row[0]),
          type,
        ).toEqual(expected.map((row) => row[0]));
      }
    }
  }, 120_000);

  it("survive the CSV export and its import", async () => {
    const csv = await exported(table, "csv");
    await database.run("CREATE TABLE awkward_csv (LIKE awkward)");
    const { from } = await import("pg-copy-streams");
    const { Client } = await import("pg");
    const { pipeline } = await import("node:stream/promises");
    const { Readable } = await import("node:stream");
    const client = new Client({ connectionString: database.url });
    await client.connect();
    await pipeline(Readable.from([Buffer.from(csv)]), client.query(from("COPY awkward_csv FROM STDIN (FORMAT csv, HEADER true)")));
    await client.end();
    expect(await database.run("SELECT a::text FROM awkward_csv a ORDER BY id")).toEqual(await database.run("SELECT a::text FROM awkward a ORDER BY id"));
  });

  it("survive the SQL export into an empty database", async () => {
    const sql = await exported(table, "sql");
    const other = await makeDatabase("pg_sql_import");
    try {
      await other.run(`CREATE EXTENSION citext; CREATE TYPE public.mood AS ENUM ('sad', 'so so', 'it''s'); CREATE DOMAIN public.positive AS int CHECK (VALUE > 0);
        CREATE DOMAIN public.label AS char(12); CREATE TYPE public.pair AS (a int, b text)`);
      await other.run(sql);
      expect(await other.run("SELECT a::text FROM awkward a ORDER BY id")).toEqual(await database.run("SELECT a::text FROM awkward a ORDER BY id"));
      expect((await postgresTables.schema(other.connection, table, {})).ddl).toBe((await postgresTables.schema(database.connection, table, {})).ddl);
    } finally {
      await close(other.connection.id);
      await other.drop();
    }
  });

  it("stand in JSON lines with their exact digits", async () => {
    const lines = (await exported(table, "jsonl")).trimEnd().split("\n");
    expect(lines.length).toBe(server.length);
    for (const line of lines) JSON.parse(line);
    const text = lines.join("\n");
    for (const exact of [
      '"c0":9223372036854775807',
      '"c1":0.10',
      '"c1":"NaN"',
      '"c7":"abc  "',
      '"c12":{"b": 1,  "a": 1.0, "a": 12345678901234567890}',
      '"c5":true',
      '"c5":false',
    ])
      expect(text).toContain(exact);
  });
});

describe("paging", () => {
  it("visits every row once: composite key, unique index, ctid, with filters", async () => {
    await database.run(`
      CREATE TABLE composite (a text COLLATE "C", b int, v int, PRIMARY KEY (a, b));
      INSERT INTO composite SELECT 'k' || i % 7, i, i % 13 FROM generate_series(1, 500) i;
      CREATE TABLE by_unique (u int NOT NULL, n int, v int); CREATE UNIQUE INDEX ON by_unique (u) INCLUDE (v); CREATE UNIQUE INDEX ON by_unique (n);
      INSERT INTO by_unique SELECT i, NULL, i % 13 FROM generate_series(1, 500) i;
      CREATE TABLE by_ctid (v int, filler text); INSERT INTO by_ctid SELECT i, repeat('x', 900) FROM generate_series(1, 3000) i; DELETE FROM by_ctid WHERE v BETWEEN 200 AND 2500`);
    for (const [name, pagedBy] of [
      ["composite", "primary key"],
      ["by_unique", "unique index"],
      ["by_ctid", "ctid"],
    ] as const) {
      const table = { schema: "public", name };
      expect((await page(table)).pagedBy).toBe(pagedBy);
      const expected = (await database.run(`SELECT t::text FROM ${name} t`)).map((row) => row[0]).toSorted();
      const rows = await readAll(table, { limit: 37 });
      expect(rows.length, name).toBe(expected.length);
      const sorted = await readAll(table, { limit: 37, sort: [{ column: "v", direction: "desc" }] });
      expect(sorted.map((row) => row.join()).toSorted()).toEqual(rows.map((row) => row.join()).toSorted());
      expect(sorted.map((row) => Number(row.at(name === "by_ctid" ? 0 : 2)))).toEqual(
        rows.map((row) => Number(row.at(name === "by_ctid" ? 0 : 2))).toSorted((left, right) => right - left),
      );
    }
    const filtered = await readAll({ name: "by_ctid" }, { limit: 2, filters: [{ column: "v", operator: "between", values: ["2990", "3000"] }] });
    expect(filtered.map((row) => row[0])).toEqual(["2990", "2991", "2992", "2993", "2994", "2995", "2996", "2997", "2998", "2999", "3000"]);
  });

  it("gives only the first page of what has no key, and says so", async () => {
    await database.run(`CREATE VIEW numbers AS SELECT i AS n FROM generate_series(1, 300) i; CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent);
      INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1)`);
    const view = await page({ name: "numbers" }, { sort: [{ column: "n", direction: "desc" }] });
    expect(view).toMatchObject({ nextCursor: null, pagedBy: null });
    expect(view.rows[0]).toEqual([{ text: "300" }]);
    expect(view.keys[0]).toBeNull();
    const parent = await page({ name: "parent" });
    expect(parent.rows.length).toBe(2);
    expect(parent.pagedBy).toBeNull();
  });

  it("reads views and row security with the role's own search_path", async () => {
    await database.run(`CREATE SCHEMA app; CREATE TABLE app.rates (r int); INSERT INTO app.rates VALUES (7);
      CREATE FUNCTION app.rate() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT r FROM rates); END';
      CREATE VIEW app.rated AS SELECT app.rate() AS rate; ALTER DATABASE ${quote(database.name)} SET search_path = app, public`);
    await close(database.connection.id);
    const table = { schema: "app", name: "rated" };
    expect((await page(table)).rows).toEqual([[{ text: "7" }]]);
    expect(await exported(table, "csv")).toBe("rate\n7\n");
    expect((await postgresTables.count(database.connection, { ...table, filters: [] }, {})).count).toBe(1);
  });

  it("cannot be led astray by operators that people made", async () => {
    await database.run(`CREATE SCHEMA evil; CREATE TABLE evil.log (t text); CREATE TABLE evil.victim (v varchar(20) PRIMARY KEY); INSERT INTO evil.victim VALUES ('a'), ('b'), ('c');
      CREATE FUNCTION evil.run(varchar, text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''hijacked''; END';
      CREATE OPERATOR evil.= (LEFTARG = varchar, RIGHTARG = text, FUNCTION = evil.run);
      CREATE OPERATOR evil.> (LEFTARG = varchar, RIGHTARG = text, FUNCTION = evil.run);
      CREATE VIEW evil.shown AS SELECT v FROM evil.victim;
      ALTER DATABASE ${quote(database.name)} SET search_path = evil, public`);
    await close(database.connection.id);
    for (const name of ["victim", "shown"]) {
      const found = await page(
        { schema: "evil", name },
        { filters: [{ column: "v", operator: "=", values: ["b"] }], sort: [{ column: "v", direction: "asc" }] },
      );
      expect(found.rows).toEqual([[{ text: "b" }]]);
    }
    expect(await readAll({ schema: "evil", name: "victim" }, { limit: 1 })).toEqual([["a"], ["b"], ["c"]]);
    await database.run(`ALTER DATABASE ${quote(database.name)} RESET search_path`);
    await close(database.connection.id);
  });
});

describe("filters", () => {
  beforeAll(async () => {
    await database.run(`CREATE TABLE things (id int PRIMARY KEY, name text, price numeric(10,2), raw bytea, payload json);
      INSERT INTO things VALUES (1, '50% off_now\\', 1.01, '\\x00ff10', '{"a":1}'), (2, 'it''s', 1.00, '\\x', NULL), (3, NULL, NULL, NULL, '[]'), (4, 'HELLO', 99999999.99, '\\xdeadbeef', '{}')`);
  });
  const ids = async (...filters: Filter[]): Promise<string> => (await readAll({ name: "things" }, { filters })).map((row) => row[0]).join();

  it("take values as values", async () => {
    expect(await ids({ column: "name", operator: "contains", values: ["% off_"] })).toBe("1");
    expect(await ids({ column: "name", operator: "contains", values: ["now\\"] })).toBe("1");
    expect(await ids({ column: "name", operator: "contains", values: ["hell"] })).toBe("4");
    expect(await ids({ column: "name", operator: "=", values: ["it's"] })).toBe("2");
    expect(await ids({ column: "name", operator: "=", values: ["x' OR true --"] })).toBe("");
    expect(await ids({ column: "name", operator: "is null", values: [] })).toBe("3");
    expect(await ids({ column: "id", operator: "in", values: ["1", "4", "9"] })).toBe("1,4");
    expect(await ids({ column: "price", operator: ">=", values: ["1.005"] })).toBe("1,4");
    expect(await ids({ column: "price", operator: "=", values: ["1.005"] })).toBe("");
    expect(await ids({ column: "raw", operator: "=", values: ["deadbeef"] })).toBe("4");
    expect(await ids({ column: "raw", operator: "=", values: [""] })).toBe("2");
    expect(await ids({ column: "raw", operator: "contains", values: ["ff10"] })).toBe("1");
    expect(await ids({ column: "payload", operator: "=", values: ["{}"] })).toBe("4");
    expect(await ids({ column: "payload", operator: "contains", values: ['"a"'] })).toBe("1");
  });

  it("say what is wrong with them", async () => {
    await expect(ids({ column: "id", operator: "=", values: ["abc"] })).rejects.toMatchObject({ code: "INVALID", detail: expect.stringContaining("22P02") });
    await expect(ids({ column: "id", operator: "=", values: ["9999999999"] })).rejects.toMatchObject({ code: "INVALID" });
    await expect(ids({ column: "nope", operator: "=", values: ["1"] })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(ids({ column: "payload", operator: "<", values: ["1"] })).rejects.toMatchObject({ code: "INVALID" });
    await expect(ids({ column: "id", operator: "between", values: ["1"] })).rejects.toMatchObject({ code: "INVALID" });
    await expect(ids({ column: "name", operator: "=", values: ["a\0b"] })).rejects.toMatchObject({ code: "INVALID" });
    await expect(page({ name: "nope" })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(page({ name: "things" }, { after: "bm90IGEgY3Vyc29y" })).rejects.toMatchObject({ code: "INVALID" });
  });

  it("hold in exports and counts too", async () => {
    const filters: Filter[] = [{ column: "name", operator: "=", values: ["it's"] }];
    expect(await exported({ name: "things" }, "csv-spreadsheet", filters)).toBe("id,name,price,raw,payload\n2,it's,1.00,\\x,\n");
    expect(await exported({ name: "things" }, "csv", filters)).toBe("id,name,price,raw,payload\n2,it's,1.00,\\x,\n");
    expect(await exported({ name: "things" }, "jsonl", filters)).toBe('{"id":2,"name":"it\'s","price":1.00,"raw":"\\\\x","payload":null}\n');
    expect(await postgresTables.count(database.connection, { name: "things", filters }, {})).toMatchObject({ count: 1, exact: true });
  });
});

describe("names", () => {
  const names = ['a"b', "a'b; DROP TABLE x", "$x", "with space", "emoji 🙂", "-rf", "x".repeat(63), "a.b", "UPPER", "żółw", "select", "ctid_", "a\nb"];

  it("that begin as a formula are text in a CSV for spreadsheets (C9), and as they are in every other", async () => {
    await database.run(`CREATE TABLE formulas ("=1+1" text)`);
    await database.run(`INSERT INTO formulas VALUES ('=HYPERLINK("x")'), ('+1 x'), ('-2'), ('@SUM(A1)'), (E'\tx'), ('plain'), (NULL)`);
    expect(await exported({ name: "formulas" }, "csv-spreadsheet")).toBe(`'=1+1\n"'=HYPERLINK(""x"")"\n'+1 x\n-2\n'@SUM(A1)\n'\tx\nplain\n\n`);
    expect(await exported({ name: "formulas" }, "csv")).toBe(`=1+1\n"=HYPERLINK(""x"")"\n+1 x\n-2\n@SUM(A1)\n\tx\nplain\n\n`);
  });

  it("of any kind are read, exported and described", async () => {
    for (const name of names) {
      const schema = `s ${name}`.slice(0, 40);
      await database.run(
        `CREATE SCHEMA ${quote(schema)}; CREATE TABLE ${quote(schema)}.${quote(name)} (${quote(name)} int PRIMARY KEY, v text DEFAULT 'x'); INSERT INTO ${quote(schema)}.${quote(name)} VALUES (1), (2)`,
      );
      const table = { schema, name };
      expect(await readAll(table, { limit: 1, sort: [{ column: name, direction: "desc" }] })).toEqual([
        ["2", "x"],
        ["1", "x"],
      ]);
      const csv = await exported(table, "csv");
      expect(csv.endsWith(",v\n1,x\n2,x\n")).toBe(true);
      const schemaPage = await postgresTables.schema(database.connection, table, {});
      await database.run(`DROP TABLE ${quote(schema)}.${quote(name)}`);
      await database.run(schemaPage.ddl);
      expect((await postgresTables.schema(database.connection, table, {})).ddl).toBe(schemaPage.ddl);
    }
    const { tables } = await postgresTables.list(database.connection, {});
    for (const name of names) expect(tables.some((table) => table.name === name)).toBe(true);
  });

  it("with a NUL are refused", async () => {
    await expect(page({ name: "a\0b" })).rejects.toMatchObject({ code: "INVALID" });
  });
});
