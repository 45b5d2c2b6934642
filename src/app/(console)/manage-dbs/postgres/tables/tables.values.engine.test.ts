/** Property tests: any value of a type is shown, paged, found and exported as the server's own text. */
import fc from "fast-check";
import { from } from "pg-copy-streams";
import { Client } from "pg";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { close } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { makeDatabase, serverOf, type TestDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { postgresTables } from "@/app/(console)/manage-dbs/postgres/tables/tables.service";
import { LIMITS } from "@/server/limits";
import type { RowsPage } from "@/sql/tables.schema";

const digits = (length: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${length}}$`));
const sign = fc.constantFrom("", "-");
const anyText = fc
  .oneof(fc.string({ unit: "binary", maxLength: 40 }), fc.stringMatching(/^[\\\t\n\r"',.NaulL =+-]{0,12}$/))
  .filter((text) => !text.includes("\0"));
const moment = fc.tuple(fc.date({ min: new Date("0002-01-01"), max: new Date("9990-01-01"), noInvalidDate: true }), fc.integer({ min: 0, max: 999_999 }));
const iso = moment.map(([date, micros]) => `${date.toISOString().slice(0, 19)}.${String(micros).padStart(6, "0")}`);

const TYPES: Record<string, fc.Arbitrary<string>> = {
  int2: fc.integer({ min: -32768, max: 32767 }).map(String),
  int4: fc.integer().map(String),
  int8: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
  numeric: fc.oneof(
    fc.tuple(sign, digits(60), digits(60)).map(([minus, whole, part]) => `${minus}${whole}.${part}`),
    fc.constantFrom("NaN", "Infinity", "-Infinity", "0", "-0.00"),
  ),
  float8: fc.double().map(String),
  float4: fc.float().map(String),
  bool: fc.boolean().map(String),
  text: anyText,
  "varchar(40)": anyText.map((text) => [...text].slice(0, 40).join("")),
  "char(50)": anyText.map((text) => [...text].slice(0, 40).join("")),
  bytea: fc.uint8Array({ maxLength: 60 }).map((bytes) => `\\x${Buffer.from(bytes).toString("hex")}`),
  json: fc.jsonValue().map((value) => JSON.stringify(value, null, 1)),
  jsonb: fc
    .jsonValue({ noUnicodeString: false })
    .map((value) => JSON.stringify(value))
    .filter((text) => !/\\u0000|\\ud[89a-f]/i.test(text)),
  uuid: fc.uuid(),
  date: iso.map((text) => text.slice(0, 10)),
  timestamp: iso,
  timestamptz: fc
    .tuple(iso, fc.integer({ min: -15, max: 15 }))
    .map(([text, hours]) => `${text}${hours < 0 ? "-" : "+"}${String(Math.abs(hours)).padStart(2, "0")}`),
  time: iso.map((text) => text.slice(11)),
  interval: fc
    .tuple(fc.integer({ min: -999, max: 999 }), fc.integer({ min: -999, max: 999 }), fc.integer())
    .map(([months, days, micros]) => `${months} mons ${days} days ${micros} microseconds`),
  inet: fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([address, bits]) => `${address}/${bits}`),
  "text[]": fc
    .array(fc.option(anyText, { nil: null }), { maxLength: 4 })
    .map((values) => `{${values.map((value) => (value === null ? "NULL" : `"${value.replace(/["\\]/g, "\\$&")}"`)).join(",")}}`),
  "int8[]": fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 5 }).map((values) => `{${values.join(",")}}`),
  int8range: fc.tuple(fc.integer(), fc.integer()).map(([left, right]) => `[${Math.min(left, right)},${Math.max(left, right)})`),
  varbit: fc.stringMatching(/^[01]{0,40}$/),
};
const NO_ORDER = ["json"];
const SAMPLES = 60;

let database: TestDatabase;
let client: Client;

beforeAll(async () => {
  database = await makeDatabase("pg_values");
  client = new Client({ ...serverOf(), database: database.name, types: { getTypeParser: () => (value: unknown) => value } });
  await client.connect();
  await client.query("SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET IntervalStyle = 'postgres'");
});
afterAll(async () => {
  await client.end();
  await close();
  await database.drop();
});

describe.each(Object.entries(TYPES))("%s", (type, arbitrary) => {
  const table = `values_of_${type.replaceAll(/[^a-z0-9]/g, "_")}`;

  it("round-trips through pages, filters and exports", async () => {
    const values = fc.sample(fc.option(arbitrary, { nil: null, freq: 8 }), SAMPLES);
    await client.query(`CREATE TABLE ${table} (id int PRIMARY KEY, v ${type})`);
    await client.query(`INSERT INTO ${table} SELECT ordinality, value::${type} FROM unnest($1::text[]) WITH ORDINALITY u (value, ordinality)`, [values]);
    const server = (await client.query<(string | null)[]>({ text: `SELECT id, v FROM ${table} ORDER BY id`, rowMode: "array" })).rows;
    const plain = (text: string | null): string | null =>
      text === null ? null : type === "bytea" ? text.slice(2) : [...text].slice(0, LIMITS.cellPrefix).join("");

    const page = await postgresTables.rows(database.connection, { name: table, limit: 500 }, {});
    expect(page.rows.map((row) => row[1]?.text ?? null)).toEqual(server.map((row) => plain(row[1] ?? null)));

    if (!NO_ORDER.includes(type)) {
      for (const direction of ["asc", "desc"] as const) {
        const expected = (
          await client.query<(string | null)[]>({ text: `SELECT id FROM ${table} ORDER BY v ${direction}, id ${direction}`, rowMode: "array" })
        ).rows.map((row) => row[0]);
        expect(await readSorted(table, direction), direction).toEqual(expected);
      }
    }
    for (const [id, value] of server.slice(0, 15)) {
      if (value == null) continue;
      const found = await postgresTables.rows(
        database.connection,
        { name: table, limit: 500, filters: JSON.stringify([{ column: "v", operator: "=", values: [value] }]) },
        {},
      );
      expect(
        found.rows.map((row) => row[0]?.text),
        value,
      ).toContain(id);
    }

    const whole = await client.query<(string | null)[]>({ text: `SELECT t::text FROM ${table} t ORDER BY id`, rowMode: "array" });
    await client.query(`CREATE TABLE ${table}_csv (LIKE ${table})`);
    await pipeline(Readable.from([Buffer.from(await exported(table, "csv"))]), client.query(from(`COPY ${table}_csv FROM STDIN (FORMAT csv, HEADER true)`)));
    expect((await client.query<(string | null)[]>({ text: `SELECT t::text FROM ${table}_csv t ORDER BY id`, rowMode: "array" })).rows).toEqual(whole.rows);

    const sql = await exported(table, "sql");
    await client.query(`DROP TABLE ${table}`);
    await client.query(sql);
    expect((await client.query<(string | null)[]>({ text: `SELECT t::text FROM ${table} t ORDER BY id`, rowMode: "array" })).rows).toEqual(whole.rows);

    const lines = (await exported(table, "jsonl")).trimEnd().split("\n");
    expect(lines.length).toBe(SAMPLES);
    for (const [index, line] of lines.entries()) {
      const text = server[index]?.[1] ?? null;
      const { v } = JSON.parse(line) as { v: unknown };
      if (text === null) expect(v).toBeNull();
      else if (type === "bool") expect(v).toBe(text === "t");
      else if (type.startsWith("json")) expect(v).toEqual(JSON.parse(text));
      else if (typeof v === "number") expect(line).toContain(`"v":${text}}`);
      else expect(v).toBe(text);
    }
  });
});

async function readSorted(table: string, direction: "asc" | "desc"): Promise<(string | undefined)[]> {
  const ids: (string | undefined)[] = [];
  let after: string | undefined;
  for (;;) {
    const page: RowsPage = await postgresTables.rows(
      database.connection,
      { name: table, limit: 13, after, sort: JSON.stringify([{ column: "v", direction }]) },
      {},
    );
    ids.push(...page.rows.map((row) => row[0]?.text));
    if (page.nextCursor === null) return ids;
    after = page.nextCursor;
  }
}

async function exported(table: string, format: "csv" | "sql" | "jsonl"): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of postgresTables.export(database.connection, { name: table, format, filters: [] }, {})) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
