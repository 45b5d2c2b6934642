/** F7: the server's own disk is full in the middle of a restore: said so, nothing left, and the live database goes on. */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { close, withOwnSession } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { makeServer, type OwnServer } from "@/app/(console)/manage-dbs/postgres/postgres.test-server";
import { artefactAt, makeJob, makeSink } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import type { Connection } from "@/server/connection";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";
import { smallDisk } from "@/test/small-disk";

const engine = makePostgresBackup(() => ({ toolsDir: testServers.postgresBinDir, packageDirs: [] }));
const directory = mkdtempSync(join(tmpdir(), "pg-small-"));
const disk = smallDisk(join(directory, "disk"), 96);
const name = uniqueName("pg_full");
let server: OwnServer;
let connection: Connection;

/** Rows of one statement, in the database of that name. */
const ask = (sql: string, database = name): Promise<(string | null)[][]> => withOwnSession(connection, { database }, (session) => session.rows(sql));

describe.skipIf(disk === null)("a server whose disk is too small for a second copy", () => {
  beforeAll(async () => {
    // Not the shared one: while a disk of it is full, its checkpoints fail.
    server = await makeServer();
    connection = testConnection("postgres", `postgres://postgres@127.0.0.1:${server.port}/${name}`, { name });
  });
  afterAll(async () => {
    await close();
    await server.remove();
    disk?.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  it("fails a restore in place, removes what it made, and the live database reads and writes", async () => {
    const owner = spawnSync("id", ["-u", "postgres"], { encoding: "utf8" });
    chmodSync(directory, 0o755);
    chownSync(join(directory, "disk"), Number(owner.stdout), -1);
    await ask(`CREATE TABLESPACE small LOCATION '${join(directory, "disk")}'`, "postgres");
    await ask(`CREATE DATABASE ${name} TEMPLATE template0 TABLESPACE small`, "postgres");
    await ask("CREATE TABLE public.t AS SELECT i, pg_catalog.repeat(pg_catalog.md5(i::pg_catalog.text), 8) AS x FROM pg_catalog.generate_series(1, 180000) i");
    await ask("CHECKPOINT");
    const job = await makeJob();
    try {
      const sink = makeSink(job);
      const content = await engine.write(connection, sink, job.context);
      await sink.finished();
      const artefact = await artefactAt(sink.path, content);
      const target = { name, replace: true };
      const free = (): number => statfsSync(join(directory, "disk")).bfree;
      const before = free();

      const { checks } = await engine.plan(artefact, connection, target, {});
      expect(checks.find((check) => check.title.includes("space"))).toMatchObject({ result: "fail", title: "The server's disk has too little space" });
      await expect(engine.stage(artefact, connection, target, job.context)).rejects.toMatchObject({
        code: "LIMIT_EXCEEDED",
        message: expect.stringContaining("disk is full") as string,
      });
      expect(await ask(`SELECT datname FROM pg_database WHERE datname LIKE '%${job.context.jobId}%'`)).toEqual([]);
      await ask("CHECKPOINT");
      expect(free()).toBeGreaterThan(before - 256);

      await ask("INSERT INTO public.t VALUES (0, 'written since')");
      expect(await ask("SELECT pg_catalog.count(*) FROM public.t")).toEqual([["180001"]]);
    } finally {
      await job.remove();
    }
  });
});
