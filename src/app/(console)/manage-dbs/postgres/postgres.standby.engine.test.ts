/** A backup of a standby: whole, or failed when the primary's changes end what it reads. */
import { Client } from "pg";
import { Writable } from "node:stream";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { close } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { artefactAt, makeJob, makeSink } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import { makeServer, type OwnServer } from "@/app/(console)/manage-dbs/postgres/postgres.test-server";
import type { Connection } from "@/server/connection";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const engine = makePostgresBackup(() => ({ toolsDir: testServers.postgresBinDir, packageDirs: [] }));
const ROWS = 30_000;
const servers: OwnServer[] = [];
let primary: OwnServer;
let standby: OwnServer;
let connection: Connection;

async function ask(server: OwnServer, sql: string): Promise<string[]> {
  const client = new Client({ host: "127.0.0.1", port: server.port, user: "postgres", database: "postgres" });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const result = await client.query<string[]>({ text: sql, rowMode: "array" });
    return result.rows.map((row) => String(row[0]));
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  primary = await makeServer({ settings: ["autovacuum = off"] });
  servers.push(primary);
  // Bodies that no compression makes small: the dump is more than what is held on its way.
  const body = "(SELECT string_agg(md5(random()::text || i || part), '') FROM generate_series(1, 32) AS part)";
  await ask(primary, `CREATE TABLE t AS SELECT i, ${body} AS x FROM generate_series(1, ${ROWS}) i`);
  standby = await makeServer({ standbyOf: primary, settings: ["max_standby_streaming_delay = 0"] });
  servers.unshift(standby);
  connection = testConnection("postgres", `postgres://postgres@127.0.0.1:${standby.port}/postgres`, { name: uniqueName("standby") });
}, 120_000);
afterAll(async () => {
  await close();
  for (const server of servers) await server.remove();
});

it("is whole while nothing is in its way", async () => {
  const job = await makeJob();
  try {
    const sink = makeSink(job);
    const content = await engine.write(connection, sink, job.context);
    await sink.finished();
    expect(content).toMatchObject({ objects: [{ name: "public.t", count: ROWS }] });
    const plan = await engine.plan(await artefactAt(sink.path, content), connection, { name: uniqueName("never") }, {});
    expect(plan.checks.find((check) => check.title === "The server is a standby")).toMatchObject({ result: "fail" });
  } finally {
    await job.remove();
  }
});

it("fails when the primary removes rows it still reads, and says that", async () => {
  const job = await makeJob();
  // The store takes nothing until the standby has the primary's change before it.
  let isOpen = false;
  const waiting: (() => void)[] = [];
  const write = (_chunk: Buffer, _encoding: string, done: () => void): void => void (isOpen ? done() : waiting.push(done));
  const slow = { path: "", stream: () => new Writable({ highWaterMark: 1, write }) };
  const goOn = (): void => {
    isOpen = true;
    for (const done of waiting.splice(0)) done();
  };
  try {
    const writing = engine.write(connection, slow, job.context);
    let isOver = false;
    writing.catch(() => undefined).finally(() => (isOver = true));
    const reading = "SELECT pid FROM pg_stat_activity WHERE application_name = 'foundry-console' AND query LIKE 'COPY%'";
    await vi.waitUntil(async () => isOver || (await ask(standby, reading)).length > 0, { timeout: 60_000, interval: 20 });
    await ask(primary, "DELETE FROM t");
    await ask(primary, "VACUUM t");
    // The standby ends one reader after the other, and pg_dump's session only hears of it when its rows are taken: until then nothing is replayed.
    const [target = ""] = await ask(primary, "SELECT pg_current_wal_flush_lsn()");
    const stuck = `SELECT 1 WHERE pg_last_wal_receive_lsn() >= '${target}' AND pg_last_wal_replay_lsn() < '${target}'`;
    let stuckFor = 0;
    const look = async (): Promise<boolean> => {
      stuckFor = (await ask(standby, stuck)).length > 0 ? stuckFor + 1 : 0;
      return isOver || stuckFor >= 10;
    };
    await vi.waitUntil(look, { timeout: 60_000, interval: 20 });
    goOn();
    const failure = await writing.then(
      () => "it came to its end",
      ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
    );
    // The last words of a session may be lost with it.
    expect(failure).toMatch(/^(CONFLICT: .*the primary removed what it still read|UNREACHABLE: )/);
  } finally {
    goOn();
    await job.remove();
  }
});
