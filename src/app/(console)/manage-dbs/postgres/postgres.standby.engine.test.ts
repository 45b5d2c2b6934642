/** A backup of a standby. */
import { Client } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
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
