/** A million of everything, made once and kept under `.bench/`. */
import Database from "better-sqlite3";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import pg from "pg";
import { say, step } from "../setup/progress.mjs";
import { ITEMS } from "./bench-console.mjs";

/** @returns addresses of the filled databases */
export async function fillAll(urls, engines = ["postgres", "redis", "sqlite", "mongodb"]) {
  const filled = { ...urls };
  if (engines.includes("postgres"))
    filled.postgres = await step({ subject: "PostgreSQL", doing: `${ITEMS} rows`, done: "filled" }, () => fillPostgres(urls.postgres));
  if (engines.includes("redis")) await step({ subject: "Redis", doing: `${ITEMS} keys`, done: "filled" }, () => fillRedis(urls.redis));
  if (engines.includes("sqlite")) await step({ subject: "SQLite", doing: `${ITEMS} rows`, done: "filled" }, async () => fillSqlite(urls.sqlite));
  if (engines.includes("mongodb") && urls.mongodb)
    await step({ subject: "MongoDB", doing: `${ITEMS} documents`, done: "filled" }, () => fillMongodb(urls.mongodb));
  return filled;
}

async function fillPostgres(url) {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  const { rowCount } = await admin.query("SELECT 1 FROM pg_database WHERE datname = 'bench'");
  if (rowCount === 0) await admin.query("CREATE DATABASE bench TEMPLATE template0");
  await admin.end();
  const target = new URL(url);
  target.pathname = "/bench";
  const client = new pg.Client({ connectionString: target.href });
  await client.connect();
  const known = await client
    .query("SELECT to_regclass('events') IS NOT NULL AND (SELECT max(id) FROM events) = $1 AS full", [ITEMS])
    .catch(() => ({ rows: [{ full: false }] }));
  if (!known.rows[0].full) {
    await client.query("DROP TABLE IF EXISTS events");
    await client.query(
      "CREATE TABLE events (id int8 PRIMARY KEY, kind text, amount numeric(20,4), happened timestamptz, note text, payload jsonb, hash bytea)",
    );
    await client.query(
      `INSERT INTO events SELECT n, (ARRAY['order','refund','visit','mail'])[1 + n % 4], n * 1.2345, timestamptz '2020-01-01' + n * interval '1 minute',
         'note ' || md5(n::text), jsonb_build_object('n', n, 'via', 'web'), decode(md5((n * 7)::text), 'hex') FROM generate_series(1, $1::int) AS n`,
      [ITEMS],
    );
    await client.query("VACUUM ANALYZE events");
  }
  await client.end();
  return target.href;
}

async function fillRedis(url) {
  const redis = new Redis(url);
  if ((await redis.dbsize()) < ITEMS) {
    for (let start = 0; start < ITEMS; start += 10_000) {
      const batch = redis.pipeline();
      for (let n = start; n < Math.min(start + 10_000, ITEMS); n += 1) batch.set(`app:${n % 50}:item:${n}`, `value ${n} ${"x".repeat(40)}`);
      await batch.exec();
    }
  }
  redis.disconnect();
}

function fillSqlite(path) {
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  db.exec("CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, kind TEXT, amount REAL, note TEXT, hash BLOB)");
  if ((db.prepare("SELECT max(id) AS last FROM events").get().last ?? 0) < ITEMS) {
    db.exec("DELETE FROM events");
    db.prepare(
      `INSERT INTO events WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ?)
       SELECT n, CASE n % 4 WHEN 0 THEN 'order' WHEN 1 THEN 'refund' ELSE 'visit' END, n * 1.25, 'note ' || hex(n * 2654435761), randomblob(16) FROM counted`,
    ).run(ITEMS);
    db.exec("ANALYZE");
  }
  db.pragma("wal_checkpoint(TRUNCATE)");
  db.close();
}

async function fillMongodb(url) {
  const client = new MongoClient(url);
  const events = client.db("bench").collection("events");
  if ((await events.estimatedDocumentCount()) < ITEMS) {
    await events.drop().catch(() => undefined);
    for (let start = 0; start < ITEMS; start += 10_000) {
      const count = Math.min(10_000, ITEMS - start);
      await events.insertMany(
        Array.from({ length: count }, (_, index) => ({
          _id: start + index + 1,
          kind: "order",
          amount: (start + index) * 1.25,
          note: `note ${start + index}`,
          tags: ["a", "b"],
        })),
        { ordered: false },
      );
      if (start % 200_000 === 0) say("MongoDB", `${start} documents`);
    }
  }
  await client.close();
}
