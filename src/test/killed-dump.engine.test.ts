/** F1: pg_dump is killed in the middle of a real job: the job says failed at once, nothing of it lies in the store, what stood stands. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Connection } from "@/server/connection";
import { testConnection } from "@/test/connections";
import { temporaryControlPlane } from "@/test/control-plane";
import { failureOf } from "@/test/outcomes";
import { testServers, uniqueName } from "@/test/servers";

const plane = await temporaryControlPlane();
const { createBackup } = await import("@/backups/backups.service");
const { artefactPath, storeDir } = await import("@/backups/store");
const { controlPlane } = await import("@/server/control-plane/database");
const { engineServers } = await import("@/trpc/engine-servers");

const database = uniqueName("killed_dump");
const user = { id: "test", name: "Test" };
const engine = engineServers.postgres.backup;
let connection: Connection;

async function run(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  const url = new URL(testServers.postgres);
  url.pathname = `/${database}`;
  await run(testServers.postgres, `CREATE DATABASE ${database}`);
  await run(url.href, "CREATE TABLE small (a int); INSERT INTO small VALUES (1)");
  connection = testConnection("postgres", url.href, { name: database.replaceAll("_", "-") });
}, 60_000);
afterAll(async () => {
  await engineServers.postgres.close();
  await run(testServers.postgres, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  await plane.remove();
}, 60_000);

const job = (id: string) => controlPlane().selectFrom("jobs").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
const backup = (id: string) => controlPlane().selectFrom("backups").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
const ended = (id: string) => expect.poll(async () => (await job(id)).ended_at, { timeout: 30_000, interval: 20 }).not.toBeNull();

test("the job has failed, its partial file is gone, and the older backup is as it was", async () => {
  const first = await createBackup({ connection, engine, user });
  await ended(first.jobId);
  const good = await backup(first.backupId);
  expect(good.state).toBe("complete");
  const bytes = readFileSync(artefactPath(good.file_name));
  const stored = readdirSync(storeDir()).toSorted();
  await run(connection.url.reveal(), "CREATE TABLE large AS SELECT i, md5(i::text) || md5((i * 7)::text) AS x FROM generate_series(1, 900000) AS i");

  const { jobId, backupId } = await createBackup({ connection, engine, user });
  const partial = `${artefactPath((await backup(backupId)).file_name)}.partial`;
  await expect.poll(() => statSync(partial, { throwIfNoEntry: false })?.size ?? 0, { timeout: 30_000, interval: 5 }).toBeGreaterThan(100_000);
  const children = JSON.parse((await job(jobId)).children) as { pid: number }[];
  expect(children).toHaveLength(1);
  process.kill(children[0]?.pid ?? 0, "SIGKILL");
  await ended(jobId);

  const row = await backup(backupId);
  expect((await job(jobId)).state).toBe("failed");
  expect(row).toMatchObject({ state: "failed", manifest: null, sha256: null, verified_at: null });
  expect(failureOf(row).message?.length).toBeGreaterThan(10);
  expect(readdirSync(storeDir()).toSorted()).toEqual(stored);
  expect(await backup(good.id)).toEqual(good);
  expect(readFileSync(artefactPath(good.file_name)).equals(bytes)).toBe(true);
}, 120_000);
