/**
 * K1: secrets that are known here are looked for in everything the console gives out or leaves behind, while it connects, fails to connect,
 * browses, backs up, verifies, restores and is asked wrongly: answers, pages, log, audit, arguments of processes, temporary files, store.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { Client } from "./client.ts";
import { databases, ownConsole, type OwnConsole } from "./own-console.ts";

const folder = mkdtempSync(join(tmpdir(), "console-secrets-"));
const data = join(folder, "data");
const log = join(folder, "console.log");
const canary = (): string => `canary${randomBytes(12).toString("hex")}`;
const admin = { email: "own@foundry.example", password: `${canary()} ${canary()}` };
const wrong = { postgres: canary(), redis: canary(), mongodb: canary() };
const target = `secrets_${randomBytes(4).toString("hex")}`;
const keys = { AUTH_SECRET: `${canary()}${canary()}`, ENCRYPTION_KEY: randomBytes(32).toString("base64") };
const passwordOf = (url = ""): string => decodeURIComponent(new URL(url).password);

let own: OwnConsole;
let client: Client;
const secrets = (): string[] =>
  [
    passwordOf(databases()["POSTGRES_ADMIN_URL"]),
    passwordOf(databases()["REDIS_ADMIN_URL"]),
    admin.password,
    own.token,
    ...Object.values(wrong),
    ...Object.values(keys),
  ].filter((secret) => secret.length > 8);
/** Everything that was answered, with where. */
const said: { where: string; text: string }[] = [];

test.beforeAll(async () => {
  own = await ownConsole({
    data,
    log,
    settings: { ADMIN_PASSWORD: admin.password, LOG_LEVEL: "debug", ...keys, NEXTAUTH_SECRET: keys.AUTH_SECRET, TMPDIR: folder },
  });
  await own.start();
  client = new Client(own.baseURL);
});

test.afterAll(async () => {
  await own?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${own.baseURL}/api/admin${path}`, {
    method,
    redirect: "manual",
    headers: { authorization: `Bearer ${own.token}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  said.push({ where: `${method} ${path}: ${response.status}`, text: `${text}${JSON.stringify([...response.headers])}` });
  return text === "" ? {} : (JSON.parse(text) as unknown);
}

async function ended(started: unknown): Promise<void> {
  const { jobId } = started as { jobId?: string };
  expect(jobId, JSON.stringify(started)).toBeTruthy();
  await expect
    .poll(async () => ((await ask("GET", `/jobs/${jobId}`)) as { endedAt: string | null }).endedAt, { timeout: 60_000, intervals: [50] })
    .not.toBeNull();
}

/** Arguments of every process, and the environment of the console's children, looked at until `stop`. */
function watchProcesses(): { found: string[]; stop: () => void } {
  const found: string[] = [];
  let isOn = true;
  const read = (path: string): string => {
    try {
      return readFileSync(path, "latin1");
    } catch {
      return "";
    }
  };
  const look = (): void => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      const line = read(`/proc/${pid}/cmdline`);
      const isTool = /pg_dump|pg_restore/.test(line);
      const text = isTool ? `${line}\0${read(`/proc/${pid}/environ`)}` : line;
      for (const secret of secrets()) if (text.includes(secret)) found.push(line);
    }
    if (isOn) setTimeout(look, 1);
  };
  look();
  return { found, stop: () => void (isOn = false) };
}

/** Every file below, with its bytes as text. */
function* filesIn(path: string): Generator<{ path: string; text: string }> {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inside = join(path, entry.name);
    if (entry.isDirectory()) yield* filesIn(inside);
    else if (entry.isFile() && statSync(inside).size < 100_000_000) yield { path: inside, text: readFileSync(inside, "latin1") };
  }
}

test("secrets are nowhere", async () => {
  test.setTimeout(180_000);
  test.skip(process.platform !== "linux", "reads /proc");
  const processes = watchProcesses();
  await client.signIn({ email: admin.email, password: `${admin.password}x` });
  expect((await client.signIn(admin)).status).toBe(200);
  // Connections that cannot sign in, or not at all.
  const postgres = new URL(databases()["POSTGRES_ADMIN_URL"] ?? "");
  postgres.password = wrong.postgres;
  const redis = new URL(databases()["REDIS_ADMIN_URL"] ?? "");
  redis.password = wrong.redis;
  const bad = { postgres: postgres.href, redis: redis.href, mongodb: `mongodb://reader:${wrong.mongodb}@127.0.0.1:1/?serverSelectionTimeoutMS=500` };
  for (const [engine, url] of Object.entries(bad)) {
    await ask("POST", "/connections/test", { engine, url });
    await ask("POST", "/connections", { engine, name: "wrong", environment: "development", url });
    await ask("GET", `/${engine}/info?connection=wrong`);
    await ask("GET", `/${engine}/overview?connection=wrong`);
    await ask("POST", `/${engine}/backups`, { connection: "wrong" });
  }
  await ask("GET", "/connections");
  // What works, and what is asked wrongly of it.
  for (const engine of ["sqlite", "redis", "postgres", "mongodb"]) {
    await ask("GET", `/${engine}/info`);
    await ask("GET", `/${engine}/overview`);
    const started = await ask("POST", `/${engine}/backups`, {});
    await ended(started);
    const { backupId } = started as { backupId: string };
    await ask("GET", `/${engine}/backups/${backupId}`);
    await ended(await ask("POST", `/${engine}/backups/${backupId}/verify`, {}));
    await ask("POST", `/${engine}/backups/${backupId}/plan`, { target });
    await ask("POST", `/${engine}/backups/${backupId}/restore`, { target, confirm: `${target}x` });
  }
  await ask("GET", `/postgres/tables/nothing/rows?filter=${encodeURIComponent("not json")}`);
  await ask("GET", "/postgres/tables/nothing");
  await ask("GET", "/audit?limit=200");
  await ask("GET", "/jobs?limit=100");
  for (const path of [
    "/",
    "/settings",
    "/settings/connections",
    "/audit",
    "/jobs",
    "/backups",
    "/manage-dbs/postgres/main",
    "/manage-dbs/postgres/wrong",
    "/manage-dbs/redis/wrong/backups",
  ]) {
    for (const headers of [{}, { rsc: "1" }]) {
      const response = await client.ask(path, { headers });
      said.push({ where: `page ${path}: ${response.status}`, text: await response.text() });
    }
  }
  processes.stop();
  await own.stop();

  expect(said.length).toBeGreaterThan(60);
  expect(said.filter(({ where }) => where.endsWith(" 200")).length, "answers to look through").toBeGreaterThan(30);
  const hits: string[] = [];
  for (const secret of secrets()) {
    for (const { where, text } of said) if (text.includes(secret)) hits.push(`${where} tells secret ${secrets().indexOf(secret)}`);
    for (const { path, text } of filesIn(folder)) if (text.includes(secret)) hits.push(`${path} holds secret ${secrets().indexOf(secret)}`);
  }
  expect(hits).toEqual([]);
  expect(processes.found, "arguments and environments").toEqual([]);
  expect(readFileSync(log, "utf8").length, "the log was looked through").toBeGreaterThan(100);
});
