/** One small database of each engine whose rows all hold one value, so that a mix of two states is seen at once. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import Redis from "ioredis";
import { MongoClient } from "mongodb";
import pg from "pg";
import { root } from "../support/target.ts";
import { databases, freePort } from "./own-console.ts";

export interface SwapSubject {
  engine: "sqlite" | "redis" | "postgres" | "mongodb";
  url: string;
  /** The name of what the connection opens. */
  target: string;
  count: number;
  /** Every row, key or document holds this value afterwards. */
  write: (value: string) => Promise<void>;
  /** The different values that are there, over all tables. */
  read: () => Promise<{ values: string[]; count: number }>;
  /** What restores have left beside it. */
  leftovers: () => Promise<string[]>;
  /** What stands on the server with this job's id in its name, wherever. */
  traces: (jobId: string) => Promise<string[]>;
}

export interface SwapSubjects {
  all: SwapSubject[];
  stop: () => Promise<void>;
}

const COUNT = 3_000;
/** In each of three collections; the test server for MongoDB writes slowly. */
const DOCUMENTS = 300;
const unique = `swap_${Math.random().toString(36).slice(2, 10)}`;

export async function startSwapSubjects(folder: string): Promise<SwapSubjects> {
  const postgres = await postgresSubject();
  const mongodb = await mongodbSubject();
  const redis = await redisSubject(folder);
  const sqlite = sqliteSubject(folder);
  return {
    all: [sqlite, redis.subject, postgres.subject, mongodb.subject],
    stop: async () => {
      for (const { stop } of [postgres, mongodb, redis]) await stop();
    },
  };
}

function sqliteSubject(folder: string): SwapSubject {
  const path = join(folder, "swapped.sqlite");
  const inside = <T>(work: (db: Database.Database) => T): T => {
    const db = new Database(path);
    try {
      db.pragma("journal_mode = WAL");
      return work(db);
    } finally {
      db.close();
    }
  };
  inside((db) => db.exec("CREATE TABLE one (id INTEGER PRIMARY KEY, value TEXT, filler BLOB); CREATE TABLE two (id INTEGER PRIMARY KEY, value TEXT)"));
  return {
    engine: "sqlite",
    url: path,
    target: "swapped.sqlite",
    count: 2 * COUNT,
    write: async (value) =>
      inside((db) => {
        db.exec("DELETE FROM one; DELETE FROM two");
        const rows = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${COUNT})`;
        db.prepare(`INSERT INTO one ${rows} SELECT i, ?, randomblob(1000) FROM n`).run(value);
        db.prepare(`INSERT INTO two ${rows} SELECT i, ? FROM n`).run(value);
      }),
    read: async () =>
      inside((db) => {
        if (db.pragma("integrity_check", { simple: true }) !== "ok") return { values: ["damaged"], count: 0 };
        const values = db.prepare("SELECT value FROM one UNION SELECT value FROM two").pluck().all() as string[];
        return { values, count: db.prepare("SELECT (SELECT count(*) FROM one) + (SELECT count(*) FROM two)").pluck().get() as number };
      }),
    leftovers: async () => {
      const kept = join(folder, "data", "kept");
      return [
        ...readdirSync(folder).filter((name) => !/^(data|redis|swapped\.sqlite(-wal|-shm)?)$/.test(name)),
        ...(existsSync(kept) ? readdirSync(kept) : []),
      ];
    },
    traces: async (jobId) => readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.includes(jobId)),
  };
}

async function postgresSubject(): Promise<{ subject: SwapSubject; stop: () => Promise<void> }> {
  const server = databases()["POSTGRES_ADMIN_URL"] ?? "";
  const at = new URL(server);
  at.pathname = `/${unique}`;
  const inside = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
    const client = new pg.Client({ connectionString: url });
    // A swap cuts the sessions of the database.
    client.on("error", () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  await inside(server, (client) => client.query(`CREATE DATABASE ${unique}`));
  await inside(at.href, (client) => client.query("CREATE TABLE one (id int PRIMARY KEY, value text); CREATE TABLE two (id int PRIMARY KEY, value text)"));
  const names = () =>
    inside(server, async (client) =>
      (await client.query<{ datname: string }>("SELECT datname FROM pg_database WHERE datname LIKE $1", [`${unique}%`])).rows.map((row) => row.datname),
    );
  return {
    subject: {
      engine: "postgres",
      url: at.href,
      target: unique,
      count: 2 * COUNT,
      write: (value) =>
        inside(at.href, async (client) => {
          await client.query("BEGIN; TRUNCATE one, two");
          for (const table of ["one", "two"]) await client.query(`INSERT INTO ${table} SELECT i, $1 FROM generate_series(1, ${COUNT}) AS i`, [value]);
          await client.query("COMMIT");
        }),
      read: () =>
        inside(at.href, async (client) => {
          const { rows } = await client.query<{ value: string; count: number }>(
            "SELECT value, count(*)::int AS count FROM (TABLE one UNION ALL TABLE two) AS a GROUP BY value ORDER BY value",
          );
          return { values: rows.map((row) => row.value), count: rows.reduce((sum, row) => sum + row.count, 0) };
        }),
      leftovers: async () => (await names()).filter((name) => name !== unique),
      traces: (jobId) =>
        inside(server, async (client) =>
          (await client.query<{ datname: string }>("SELECT datname FROM pg_database WHERE datname LIKE $1", [`%${jobId}%`])).rows.map((row) => row.datname),
        ),
    },
    stop: async () => {
      for (const name of await names()) await inside(server, (client) => client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`));
    },
  };
}

async function mongodbSubject(): Promise<{ subject: SwapSubject; stop: () => Promise<void> }> {
  const url = new URL(databases()["MONGODB_ADMIN_URL"] ?? "");
  url.pathname = `/${unique}`;
  const client = await MongoClient.connect(url.href);
  const db = client.db(unique);
  const collections = ["one", "two", "three"];
  return {
    subject: {
      engine: "mongodb",
      url: url.href,
      target: unique,
      count: collections.length * DOCUMENTS,
      async write(value) {
        for (const name of collections) {
          await db.collection(name).deleteMany({});
          await db.collection<{ _id: number; value: string }>(name).insertMany(Array.from({ length: DOCUMENTS }, (_, index) => ({ _id: index, value })));
        }
      },
      async read() {
        const values = new Set<string>();
        let count = 0;
        for (const name of collections) {
          for await (const entry of db.collection(name).find()) {
            values.add(String(entry["value"]));
            count += 1;
          }
        }
        return { values: [...values].toSorted(), count };
      },
      leftovers: async () => (await db.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name).filter((name) => !collections.includes(name)),
      // A drill's database is named by its job.
      async traces(jobId) {
        const namesIn = async (of: typeof db) => (await of.listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name);
        return [...(await namesIn(client.db(`drill_${jobId}`))), ...(await namesIn(db)).filter((name) => name.includes(jobId))];
      },
    },
    async stop() {
      await db.dropDatabase();
      await client.close();
    },
  };
}

/** The one that the test servers were started with, else the one on PATH. */
function redisServer(): string {
  const file = join(root, ".test", "servers.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { redisServer: string }).redisServer : "redis-server";
}

/** A server of its own: a swap works on whole logical databases. */
export async function redisSubject(folder: string, options: string[] = []): Promise<{ subject: SwapSubject; stop: () => Promise<void> }> {
  const port = await freePort();
  const child = spawn(redisServer(), ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder, ...options], { stdio: "ignore" });
  const client = new Redis({ port, host: "127.0.0.1", lazyConnect: true, maxRetriesPerRequest: 50 });
  client.on("error", () => undefined);
  for (let tries = 0; tries < 100 && (await client.ping().catch(() => "")) !== "PONG"; tries += 1) await delay(50);
  const subject: SwapSubject = {
    engine: "redis",
    url: `redis://127.0.0.1:${port}/0`,
    target: "0",
    count: COUNT,
    async write(value) {
      await client.flushdb();
      const pipeline = client.pipeline();
      for (let index = 0; index < COUNT; index += 1) pipeline.set(`key:${index}`, value);
      await pipeline.exec();
    },
    async read() {
      const keys: string[] = [];
      for await (const batch of client.scanStream({ count: 1_000 })) keys.push(...(batch as string[]));
      const values = keys.length > 0 ? await client.mget(keys) : [];
      return { values: [...new Set(values.map(String))].toSorted(), count: new Set(keys).size };
    },
    async leftovers() {
      const info = await client.info("keyspace");
      return [...info.matchAll(/^db(\d+):/gm)].map(([, number]) => `db${number}`).filter((name) => name !== "db0");
    },
    // No key of a logical database carries the job's id but the markers of those that are not empty.
    traces: () => subject.leftovers(),
  };
  return {
    subject,
    async stop() {
      client.disconnect();
      child.kill("SIGTERM");
    },
  };
}
