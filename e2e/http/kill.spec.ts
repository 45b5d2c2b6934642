/** I10: kill -9 of the console in the middle of backups and a restore: nothing says complete, nothing runs on, nothing lies about. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@playwright/test";
import Database from "better-sqlite3";
import pg from "pg";
import { databases, ownConsole, type OwnConsole } from "./own-console.ts";

const large = `kill_${Math.random().toString(36).slice(2, 10)}`;
const target = `${large}_restored`;
const folder = mkdtempSync(join(tmpdir(), "console-kill-"));
const data = join(folder, "data");
const sqlite = join(folder, "files", "large.sqlite");
let own: OwnConsole;

const server = () => databases()["POSTGRES_ADMIN_URL"] ?? "";
const inDatabase = (name: string): string => {
  const url = new URL(server());
  url.pathname = `/${name}`;
  return url.href;
};

async function sql(url: string, ...statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  let rows: Record<string, unknown>[] = [];
  try {
    for (const statement of statements) ({ rows } = await client.query(statement));
  } finally {
    await client.end();
  }
  return rows;
}

test.beforeAll(async () => {
  test.setTimeout(180_000);
  await sql(server(), `CREATE DATABASE ${large}`);
  await sql(
    inDatabase(large),
    "CREATE TABLE large AS SELECT id, md5(id::text) || repeat(md5((id * 7)::text), 12) AS body FROM generate_series(1, 400000) AS id",
    "ALTER TABLE large ADD PRIMARY KEY (id)",
  );
  mkdirSync(join(folder, "files"), { recursive: true });
  const database = new Database(sqlite);
  database.exec("CREATE TABLE large (id INTEGER PRIMARY KEY, body BLOB)");
  database.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) INSERT INTO large SELECT i, randomblob(4000) FROM n");
  database.close();
  own = await ownConsole({ data, settings: { SQLITE_ADMIN_PATH: sqlite } });
  await own.start();
});

test.afterAll(async () => {
  await own?.stop();
  await sql(server(), `DROP DATABASE IF EXISTS ${large} WITH (FORCE)`, `DROP DATABASE IF EXISTS ${target} WITH (FORCE)`);
  rmSync(folder, { recursive: true, force: true });
});

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${own.baseURL}/api/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${own.token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.status >= 400) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

const stored = (): string[] => (existsSync(join(data, "backups")) ? readdirSync(join(data, "backups")) : []);

/** Processes of PostgreSQL's tools that work on this database; its name is in their environment, not in their arguments. */
function tools(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return /pg_dump|pg_restore/.test(readFileSync(`/proc/${pid}/cmdline`, "utf8")) && readFileSync(`/proc/${pid}/environ`, "utf8").includes(large);
      } catch {
        return false;
      }
    });
}

const backends = async () => (await sql(server(), `SELECT pid FROM pg_stat_activity WHERE datname IN ('${large}', '${target}')`)).length;

interface Backup {
  id: string;
  state: string;
  bytes: number | null;
  verifiedAt: string | null;
}

test("in the middle of backups", async () => {
  test.setTimeout(240_000);
  await ask("POST", "/connections", { engine: "postgres", name: "large", environment: "development", url: inDatabase(large) });
  const started = [
    await ask<{ jobId: string; backupId: string }>("POST", "/postgres/backups", { connection: "large" }),
    await ask<{ jobId: string; backupId: string }>("POST", "/sqlite/backups", {}),
    await ask<{ jobId: string; backupId: string }>("POST", "/redis/backups", {}),
    await ask<{ jobId: string; backupId: string }>("POST", "/mongodb/backups", {}),
  ];
  await expect.poll(() => stored().filter((name) => name.includes(".partial")).length, { timeout: 20_000, intervals: [5] }).toBeGreaterThan(0);
  await expect.poll(() => tools().length, { timeout: 20_000, intervals: [5] }).toBeGreaterThan(0);
  await own.kill();
  expect(
    stored().some((name) => name.includes(".partial")),
    "it was killed too late to tell anything",
  ).toBe(true);
  await own.start();
  const backups: Backup[] = [];
  for (const [engine, connection] of [
    ["postgres", "large"],
    ["sqlite", "main"],
    ["redis", "main"],
    ["mongodb", "main"],
  ] as const) {
    backups.push(...(await ask<{ backups: Backup[] }>("GET", `/${engine}/backups?connection=${connection}`)).backups);
  }
  const killed = started.map(({ backupId }) => backups.find(({ id }) => id === backupId));
  expect(killed.filter((backup) => backup?.state === "running")).toEqual([]);
  expect(killed[0]).toMatchObject({ state: "failed", verifiedAt: null });
  for (const { jobId } of started) expect(["failed", "succeeded"]).toContain((await ask<{ state: string }>("GET", `/jobs/${jobId}`)).state);
  expect(stored().filter((name) => name.includes(".partial"))).toEqual([]);
  for (const name of stored()) expect(backups.find(({ id }) => name.startsWith(id))?.state, name).toBe("complete");
  await expect.poll(() => tools(), { timeout: 10_000 }).toEqual([]);
  await expect.poll(backends, { timeout: 10_000 }).toBe(0);
  expect(readdirSync(tmpdir()).filter((name) => started.some(({ jobId }) => name.includes(jobId)))).toEqual([]);
});

test("in the middle of a restore, and everything works after", async () => {
  test.setTimeout(240_000);
  const names = async () => (await sql(server(), `SELECT datname FROM pg_database WHERE datname LIKE '${large}%' ORDER BY 1`)).map(({ datname }) => datname);
  const { jobId, backupId } = await ask<{ jobId: string; backupId: string }>("POST", "/postgres/backups", { connection: "large" });
  const token = own.token;
  const ended = async (id: string) => {
    for (;;) {
      const job = await ask<{ state: string; error: unknown }>("GET", `/jobs/${id}`);
      if (["succeeded", "failed"].includes(job.state)) return job;
      await delay(100);
    }
  };
  expect(await ended(jobId)).toMatchObject({ state: "succeeded" });
  const restore = () => ask<{ jobId: string }>("POST", `/postgres/backups/${backupId}/restore`, { connection: "large", target, confirm: target });
  const interrupted = await restore();
  await expect.poll(async () => (await names()).length, { timeout: 30_000, intervals: [5] }).toBeGreaterThan(1);
  await delay(200);
  await own.kill();
  await own.start();
  expect(own.token).toBe(token);
  expect(await ask<{ state: string }>("GET", `/jobs/${interrupted.jobId}`)).toMatchObject({ state: "failed" });
  await expect.poll(names, { timeout: 20_000 }).toEqual([large]);
  await expect.poll(() => tools(), { timeout: 10_000 }).toEqual([]);
  const again = await restore();
  expect(await ended(again.jobId)).toMatchObject({ state: "succeeded" });
  expect((await sql(inDatabase(target), "SELECT count(*)::int AS rows FROM large"))[0]).toEqual({ rows: 400_000 });
});
