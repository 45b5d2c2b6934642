/** The database server is killed while a restore in place stages, swaps and is undone, and started again. */
import { mkdirSync } from "node:fs";

import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, it } from "vitest";

import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { closeAll } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { artefactAt, sinkAt, testDirectory, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { insertDocuments } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { cuttingProxy } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-proxy";
import { type OwnServer, ownServer } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-server";
import { asides, catalogue, rows, testJournal } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import type { Artefact } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { testConnection } from "@/test/connections";

const engine = mongodbBackup as Required<typeof mongodbBackup>;
const name = "killed";
let directory: Awaited<ReturnType<typeof testDirectory>>;
let server: OwnServer | null = null;
let artefact: Artefact;
let connection: Connection;
let before: Record<string, unknown>;
let after: Record<string, unknown>;
const dying: Promise<unknown>[] = [];

beforeAll(async () => {
  directory = await testDirectory();
  mkdirSync(directory.path("data"));
  server = await ownServer(directory.path("data"));
  if (!server) return;
  await server.start();
  connection = testConnection("mongodb", server.url, { database: name, name });
  await onServer(async (db) => {
    await insertDocuments(db.collection("rows"), rows(50, "old"));
    await db.collection("rows").createIndex({ n: 1 });
    await insertDocuments(db.collection("only restored"), rows(3, "old"));
    await db.createCollection("view", { viewOn: "rows", pipeline: [{ $match: { n: 1 } }] });
    const path = directory.path("killed.archive.gz");
    artefact = await artefactAt(path, await engine.write(connection, sinkAt(path), testJob()));
    after = await catalogue(db);
    await db.collection("only restored").drop();
    await db.collection("rows").deleteMany({ n: 1 });
    await insertDocuments(db.collection("only before"), rows(3, "new"));
    before = await catalogue(db);
    await db.admin().command({ fsync: 1 });
  });
});

afterAll(async () => {
  await Promise.allSettled(dying);
  await server?.kill();
  await closeAll();
  await directory.remove();
});

/** With a client that knows nothing of a server before. */
async function onServer<T>(work: (db: ReturnType<MongoClient["db"]>) => Promise<T>): Promise<T> {
  const client = new MongoClient(server?.url ?? "");
  try {
    return await work(client.db(name));
  } finally {
    await client.close();
  }
}

it.each([
  ["staging", 6],
  ["swapping", 1],
  ["swapping", 3],
  ["undoing", 3],
] as const)("is killed while %s, at its command %i", async (phase, number) => {
  if (!server) return expect(server).toBeNull();
  const own = server;
  const proxy = await cuttingProxy(own.url);
  const through = testConnection("mongodb", proxy.url, { database: name, name: `through ${phase} ${number}` });
  const job = testJob();
  const journal = testJournal(job.jobId, name);
  const write = (record: Parameters<typeof journal.write>[0]) => journal.write(record);
  const arm = () => {
    proxy.cutAt({ number, when: "before" });
    proxy.interruptAt({ number, run: () => own.kill() });
  };
  if (phase === "staging") arm();
  const staging = engine.stage(artefact, through, { name, replace: true }, job);
  if (phase === "staging") {
    dying.push(staging.catch(() => undefined));
    await expect.poll(() => proxy.isGone(), { timeout: 20_000 }).toBe(true);
  } else {
    const staged = await staging;
    if (phase === "swapping") arm();
    const swapped = staged.swap?.(write);
    if (phase === "swapping") await expect(swapped).rejects.toMatchObject({ name: "AppError" });
    else {
      await swapped;
      arm();
      await expect(engine.exchange(through, journal.swap, { journal: write, context: job })).rejects.toMatchObject({ name: "AppError" });
    }
  }
  proxy.close();
  await own.start();
  const live = journal.isWritten ? await engine.settle(connection, journal.swap, job) : "before";
  if (!journal.isWritten) await engine.sweep(connection, { jobId: job.jobId, target: name });
  expect(await onServer(catalogue)).toEqual(live === "restored" ? after : before);
  if (live === "restored") await engine.exchange(connection, journal.swap, { journal: write, context: job });
  if (journal.isWritten) await engine.dropKept(connection, journal.swap, job);
  expect(await onServer(catalogue)).toEqual(before);
  expect(await onServer(asides)).toEqual([]);
  await onServer((db) => db.admin().command({ fsync: 1 }));
});
