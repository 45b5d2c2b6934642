/** The seed is what it says: every awkward value reads back as listed, straight from the servers. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import pg from "pg";
import { afterAll, describe, expect, test } from "vitest";
import { awkwardNames, mongodbShapes, mongodbValues, postgresValues, redisValues, sqliteValues } from "@/setup/seed/awkward.mjs";
import { rawDocument } from "@/setup/seed/mongodb-raw.mjs";
import { seed as seedMongodb } from "@/setup/seed/seed-mongodb.mjs";
import { oddSchema, seed as seedPostgres } from "@/setup/seed/seed-postgres.mjs";
import { seed as seedRedis } from "@/setup/seed/seed-redis.mjs";
import { seed as seedSqlite } from "@/setup/seed/seed-sqlite.mjs";
import { testServers, uniqueName } from "@/test/servers";

const folder = mkdtempSync(join(tmpdir(), "seed-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("PostgreSQL prints every awkward value as listed", async () => {
  const database = uniqueName("seed");
  const url = await seedPostgres(testServers.postgres, { database });
  expect(await seedPostgres(testServers.postgres, { database })).toBe(url);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET IntervalStyle = 'postgres'");
    const { rows: version } = await client.query<{ major: number }>("SELECT current_setting('server_version_num')::int / 10000 AS major");
    for (const [index, { label, column, text, from }] of postgresValues.entries()) {
      if (from !== undefined && (version[0]?.major ?? 0) < from) continue;
      // Output functions only: a cast to text trims char and prints booleans in words.
      const query = {
        text: `SELECT ${column} AS value FROM awkward_values WHERE id = $1`,
        values: [index + 1],
        types: { getTypeParser: () => (value: string) => value },
      };
      const { rows } = await client.query<{ value: string | null }>(query);
      expect(rows[0]?.value, label).toBe(text);
    }
    for (const name of awkwardNames) {
      const quote = (identifier: string) => `"${identifier.replaceAll('"', '""')}"`;
      const { rows } = await client.query<{ value: string }>(`SELECT ${quote(name)} AS value FROM ${quote(oddSchema)}.${quote(name)}`);
      expect(rows).toEqual([{ value: name }]);
    }
    const { rows: counts } = await client.query<{ books: string; orders: string; months: string }>(
      "SELECT (SELECT count(*) FROM books) AS books, (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM monthly_revenue) AS months",
    );
    expect(counts[0]).toEqual({ books: "200", orders: "500", months: "36" });
  } finally {
    await client.end();
  }
  const server = new pg.Client({ connectionString: testServers.postgres });
  await server.connect();
  await server.query(`DROP DATABASE "${database}"`);
  await server.end();
});

test("SQLite stores every awkward value as listed", async () => {
  const file = join(folder, "bookshop.sqlite");
  await seedSqlite(file);
  await seedSqlite(file);
  const database = new Database(file, { readonly: true });
  database.defaultSafeIntegers();
  for (const [index, { label, storage, text, hex }] of sqliteValues.entries()) {
    const row = database.prepare("SELECT value, typeof(value) AS storage, hex(CAST(value AS BLOB)) AS hex FROM awkward_values WHERE id = ?").get(index + 1) as {
      value: unknown;
      storage: string;
      hex: string;
    };
    expect(row.storage, label).toBe(storage);
    if (text !== undefined) expect(String(row.value), label).toBe(text);
    if (hex !== undefined) expect(row.hex, label).toBe(hex);
  }
  expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
  expect(database.pragma("foreign_key_check")).toEqual([]);
  expect(database.prepare("SELECT count(*) AS found FROM books_search WHERE books_search MATCH 'lighthouse'").get()).not.toEqual({ found: 0n });
  database.close();
});

test("Redis holds every awkward key as listed", async () => {
  await seedRedis(testServers.redis);
  const redis = new Redis(testServers.redis);
  const bytes = (value: { text: string } | { base64: string }) => ("text" in value ? Buffer.from(value.text) : Buffer.from(value.base64, "base64"));
  const asDouble = (score: string | null) => Number(score?.replace("inf", "Infinity") ?? Number.NaN);
  const sorted = (values: Buffer[]) => values.map((value) => value.toString("hex")).toSorted();
  try {
    for (const entry of redisValues) {
      await redis.select(entry.database);
      const key = bytes(entry.key);
      expect(await redis.type(key), entry.label).toBe(entry.type);
      if (entry.value) expect(await redis.getBuffer(key), entry.label).toEqual(bytes(entry.value));
      if (entry.type === "list") expect(await redis.lrangeBuffer(key, 0, -1), entry.label).toEqual(entry.items?.map(bytes));
      if (entry.type === "set") expect(sorted(await redis.smembersBuffer(key)), entry.label).toEqual(sorted((entry.items ?? []).map(bytes)));
      for (const [field, value] of entry.fields ?? []) expect(await redis.hgetBuffer(key, bytes(field)), entry.label).toEqual(bytes(value));
      for (const [member, score] of entry.members ?? [])
        expect(asDouble(await redis.zscore(key, bytes(member))), `${entry.label} ${score}`).toBe(asDouble(score));
      if (entry.expiresInSeconds) expect(await redis.ttl(key)).toBeGreaterThan(0);
    }
    await redis.select(0);
    expect(await redis.xpending("orders:events", "packing")).toHaveLength(4);
    expect(await redis.pfcount("visitors:2026-11-23")).toBeGreaterThan(100);
  } finally {
    redis.disconnect();
  }
});

describe("MongoDB", () => {
  test("stores every awkward document byte for byte, but for those that the server cannot keep", async () => {
    const database = uniqueName("seed");
    await seedMongodb(testServers.mongodb, { database });
    await seedMongodb(testServers.mongodb, { database });
    const client = new MongoClient(testServers.mongodb);
    const db = client.db(database);
    try {
      const mark = await db.collection<{ _id: string; notKept: { label: string }[] }>("about").findOne({ _id: "seed" });
      const notKept = new Set(mark?.notKept.map(({ label }) => label));
      expect(notKept.size).toBeLessThan(8);
      const stored = async (collection: string, id: number) => db.collection<{ _id: number }>(collection).findOne({ _id: id }, { raw: true });
      for (const [index, { label, value }] of mongodbValues.entries()) {
        if (notKept.has(label)) continue;
        const wanted = rawDocument([
          ["_id", { $numberInt: String(index + 1) }],
          ["label", label],
          ["value", value],
        ]);
        expect(wanted.equals((await stored("awkward_values", index + 1)) as unknown as Uint8Array), label).toBe(true);
      }
      for (const [index, { label, fields }] of mongodbShapes.entries()) {
        if (notKept.has(label)) continue;
        const wanted = rawDocument([["_id", { $numberInt: String(index + 1) }], ["label", label], ...fields]);
        expect(wanted.equals((await stored("awkward_shapes", index + 1)) as unknown as Uint8Array), label).toBe(true);
      }
      expect(await db.collection("books").countDocuments()).toBe(200);
      expect(await db.collection("mixed_ids").countDocuments()).toBe(17);
    } finally {
      await db.dropDatabase();
      await client.close();
    }
  });
});
