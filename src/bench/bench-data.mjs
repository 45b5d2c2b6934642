/**
 * A million of everything, made once and kept under `.bench/`; BENCH_ITEMS and BENCH_ROW_BYTES say how many and how large. The servers
 * make rows and keys themselves, and documents go batch by batch: the memory it takes does not grow with them.
 */
import Database from "better-sqlite3";
import { Redis } from "ioredis";
import { MongoClient } from "mongodb";
import pg from "pg";
import { say, step } from "../setup/progress.mjs";
import { ITEMS, ROW_BYTES } from "./bench-console.mjs";

/** What is there is kept when it was made for the same figures. */
const LABEL = `${ITEMS} rows of ${ROW_BYTES} bytes`;

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
  const known = await client.query("SELECT obj_description(to_regclass('events')) AS label");
  if (known.rows[0].label !== LABEL) {
    await client.query("DROP TABLE IF EXISTS events");
    await client.query(
      `CREATE TABLE events (id int8 PRIMARY KEY, kind text, amount numeric(20,4), happened timestamptz, note text, payload jsonb, hash bytea${ROW_BYTES > 0 ? ", filler text" : ""})`,
    );
    // As many bytes as were asked for: not compressed by the server.
    if (ROW_BYTES > 0) await client.query("ALTER TABLE events ALTER filler SET STORAGE EXTERNAL");
    await client.query(
      `INSERT INTO events SELECT n, (ARRAY['order','refund','visit','mail'])[1 + n % 4], n * 1.2345, timestamptz '2020-01-01' + n * interval '1 minute',
         'note ' || md5(n::text), jsonb_build_object('n', n, 'via', 'web'), decode(md5((n * 7)::text), 'hex')${ROW_BYTES > 0 ? `, ${filler(ROW_BYTES)}` : ""}
         FROM generate_series(1, $1::int) AS n`,
      [ITEMS],
    );
    await client.query("VACUUM ANALYZE events");
    await client.query(`COMMENT ON TABLE events IS '${LABEL}'`);
  }
  await client.end();
  return target.href;
}

/** SQL for text of that many bytes that hardly compresses: digests of the row's number, beyond 1 KiB the same ones again. */
function filler(bytes) {
  const digests = Array.from({ length: Math.min(32, Math.ceil(bytes / 32)) }, (_, index) => `md5(n || '-${index}')`).join(" || ");
  return `left(repeat(${digests}, ${Math.ceil(bytes / 1024)}), ${bytes})`;
}

const KEYS_AT_ONCE = 50_000;
const SET_KEYS = `local x = string.rep('x', 40)
for n = tonumber(ARGV[1]), tonumber(ARGV[2]) - 1 do redis.call('SET', 'app:' .. (n % 50) .. ':item:' .. n, 'value ' .. n .. ' ' .. x) end`;

async function fillRedis(url) {
  const redis = new Redis(url);
  if ((await redis.dbsize()) !== ITEMS) {
    await redis.flushdb();
    for (let start = 0; start < ITEMS; start += KEYS_AT_ONCE) await redis.eval(SET_KEYS, 0, start, Math.min(start + KEYS_AT_ONCE, ITEMS));
  }
  redis.disconnect();
}

const ROWS_AT_ONCE = 100_000;

function fillSqlite(path) {
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  db.exec("CREATE TABLE IF NOT EXISTS made (label TEXT)");
  if (db.prepare("SELECT label FROM made").get()?.label !== LABEL) {
    db.exec("DELETE FROM made; DROP TABLE IF EXISTS events");
    db.exec("CREATE TABLE events (id INTEGER PRIMARY KEY, kind TEXT, amount REAL, note TEXT, hash BLOB, filler BLOB)");
    const insert = db.prepare(
      `INSERT INTO events WITH RECURSIVE counted(n) AS (SELECT @first UNION ALL SELECT n + 1 FROM counted WHERE n < @last)
       SELECT n, CASE n % 4 WHEN 0 THEN 'order' WHEN 1 THEN 'refund' ELSE 'visit' END, n * 1.25, 'note ' || hex(n * 2654435761), randomblob(16),
         CASE WHEN @bytes > 0 THEN randomblob(@bytes) END FROM counted`,
    );
    // In pieces, so that the WAL does not grow to the size of the database.
    for (let first = 1; first <= ITEMS; first += ROWS_AT_ONCE) insert.run({ first, last: Math.min(first + ROWS_AT_ONCE - 1, ITEMS), bytes: ROW_BYTES });
    db.exec("ANALYZE");
    db.prepare("INSERT INTO made VALUES (?)").run(LABEL);
  }
  db.pragma("wal_checkpoint(TRUNCATE)");
  db.close();
}

const DOCUMENTS_AT_ONCE = 10_000;

async function fillMongodb(url) {
  const client = new MongoClient(url);
  const events = client.db("bench").collection("events");
  if ((await events.countDocuments()) !== ITEMS) {
    await events.drop().catch(() => undefined);
    // One batch on its way while the next is made.
    let onItsWay = Promise.resolve();
    for (let start = 0; start < ITEMS; start += DOCUMENTS_AT_ONCE) {
      const batch = documents(start, Math.min(DOCUMENTS_AT_ONCE, ITEMS - start));
      await onItsWay;
      onItsWay = events.insertMany(batch, { ordered: false });
      onItsWay.catch(() => undefined);
      if (start % 500_000 === 0) say("MongoDB", `${start} documents`);
    }
    await onItsWay;
  }
  await client.close();
}

const documents = (start, count) =>
  Array.from({ length: count }, (_, index) => ({
    _id: start + index + 1,
    kind: "order",
    amount: (start + index) * 1.25,
    note: `note ${start + index}`,
    tags: ["a", "b"],
  }));
