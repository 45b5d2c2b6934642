/** Somebody else writes into the target while a restore runs there: the restore fails, and theirs stays. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, it } from "vitest";

import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { closeAll } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { artefactAt, sinkAt, testDirectory, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import type { Artefact } from "@/backups/engine";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const source = uniqueName("others");
const connection = testConnection("mongodb", testServers.mongodb, { database: source });
const client = new MongoClient(testServers.mongodb);
const made = new Set([source]);
let directory: Awaited<ReturnType<typeof testDirectory>>;
let artefact: Artefact;
let keepsViews = false;

beforeAll(async () => {
  directory = await testDirectory();
  await client.connect();
  const db = client.db(source);
  for (const name of ["a.b", "system.js", "rows"]) await db.collection<{ _id: string }>(name).insertOne({ _id: "of the backup" });
  await db.createCollection("view", { viewOn: "rows", pipeline: [] });
  keepsViews = (await db.listCollections({ name: "view" }).toArray())[0]?.type === "view";
  const path = directory.path("others.archive.gz");
  artefact = await artefactAt(path, await mongodbBackup.write(connection, sinkAt(path), testJob()));
});

afterAll(async () => {
  for (const name of made) await client.db(name).dropDatabase();
  await client.close();
  await closeAll();
  await directory.remove();
});

function target() {
  const name = uniqueName("taken");
  made.add(name);
  return { name, db: client.db(name) };
}

it.each(["a.b", "system.js", "rows"])("a collection %s that appears before its own is made is left alone", async (name) => {
  const { name: database, db } = target();
  const job = testJob();
  const theirs: Promise<unknown>[] = [];
  job.progress = (change) => {
    if (change.itemsDone === 0 && theirs.length === 0) theirs.push(db.collection<{ _id: string }>(name).insertOne({ _id: "theirs" }));
  };
  const outcome = mongodbBackup.stage(artefact, connection, { name: database }, job).then((staged) => staged.keep());
  await expect(outcome).rejects.toMatchObject({ name: "AppError" });
  await Promise.all(theirs);
  expect(await db.collection<{ _id: string }>(name).find().toArray()).toEqual([{ _id: "theirs" }]);
  expect((await db.listCollections({}, { nameOnly: true }).toArray()).map((entry) => entry.name)).toEqual([name]);
});

it("a collection that appears under a view's name is left alone", async ({ skip }) => {
  skip(!keepsViews, "this server keeps no views");
  const { name: database, db } = target();
  const staged = await mongodbBackup.stage(artefact, connection, { name: database }, testJob());
  await db.collection<{ _id: string }>("view").insertOne({ _id: "theirs" });
  await expect(staged.keep()).rejects.toMatchObject({ name: "AppError" });
  expect(await db.collection<{ _id: string }>("view").find().toArray()).toEqual([{ _id: "theirs" }]);
  expect((await db.listCollections({}, { nameOnly: true }).toArray()).map((entry) => entry.name)).toEqual(["view"]);
});

it("what it made and cannot remove, because the server is gone, is named in the error", async () => {
  const { name: database } = target();
  const sockets = new Set<Socket>();
  const { hostname, port } = new URL(testServers.mongodb);
  const proxy = createServer((socket) => {
    const onward = connect(Number(port), hostname);
    for (const [from, to] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(from);
      from.on("error", () => undefined).on("close", () => to.destroy());
      from.pipe(to);
    }
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const through = testConnection("mongodb", `mongodb://127.0.0.1:${(proxy.address() as AddressInfo).port}/?directConnection=true`, {
    name: uniqueName("through"),
  });
  const job = testJob();
  job.progress = (change) => {
    if (change.object === undefined) return;
    proxy.close();
    for (const socket of sockets) socket.destroy();
  };
  await expect(mongodbBackup.stage(artefact, through, { name: database }, job)).rejects.toMatchObject({
    code: "CONFLICT",
    message: expect.stringContaining("could not be removed") as string,
    fix: expect.stringContaining(job.jobId) as string,
  });
});
