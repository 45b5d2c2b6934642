/** Somebody else writes into the target while a restore runs there: the restore fails, and theirs stays. */
import { beforeAll, expect, it } from "vitest";

import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { artefactAt, sinkAt, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { cuttingProxy } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-proxy";
import { refusal, startSuite } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-suite";
import type { Artefact } from "@/backups/engine";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const { directory, database } = await startSuite();
const { db: source, connection } = database("others");
const refused = new Map<string, string>();
let artefact: Artefact;
let keepsViews = false;

beforeAll(async () => {
  for (const name of ["a.b", "system.js", "rows"]) {
    const words = await refusal(source.collection<{ _id: string }>(name).insertOne({ _id: "of the backup" }));
    if (words !== null) refused.set(name, words);
  }
  await source.createCollection("view", { viewOn: "rows", pipeline: [] });
  keepsViews = (await source.listCollections({ name: "view" }).toArray())[0]?.type === "view";
  const path = directory.path("others.archive.gz");
  artefact = await artefactAt(path, await mongodbBackup.write(connection, sinkAt(path), testJob()));
});

it.for(["a.b", "system.js", "rows"])("a collection %s that appears before its own is made is left alone", async (name, { skip }) => {
  skip(refused.has(name), `this server refuses the name: ${refused.get(name)}`);
  const { name: target, db } = database("taken");
  const job = testJob();
  const theirs: Promise<unknown>[] = [];
  job.progress = (change) => {
    if (change.itemsDone === 0 && theirs.length === 0) theirs.push(db.collection<{ _id: string }>(name).insertOne({ _id: "theirs" }));
  };
  const outcome = mongodbBackup.stage(artefact, connection, { name: target }, job).then((staged) => staged.keep());
  await expect(outcome).rejects.toMatchObject({ name: "AppError" });
  await Promise.all(theirs);
  expect(await db.collection<{ _id: string }>(name).find().toArray()).toEqual([{ _id: "theirs" }]);
  expect((await db.listCollections({}, { nameOnly: true }).toArray()).map((entry) => entry.name)).toEqual([name]);
});

it("a collection that appears in the very moment its own is made is left alone", async () => {
  // Both are made under their own names at once, on the servers that have them.
  const name = refused.has("system.js") ? "a.b" : "system.js";
  const proxy = await cuttingProxy(testServers.mongodb);
  try {
    const { name: target, db } = database("taken");
    let isTaken = false;
    proxy.alter = async (command, message) => {
      if (command !== "create" || isTaken || !message.includes(`create\0${String.fromCharCode(name.length + 1)}\0\0\0${name}\0`, 0, "latin1")) return;
      isTaken = true;
      await db.collection<{ _id: string }>(name).insertOne({ _id: "theirs" });
    };
    const through = testConnection("mongodb", proxy.url, { name: uniqueName("through") });
    const staging = mongodbBackup.stage(artefact, through, { name: target }, testJob());
    await expect(staging).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("appeared") as string });
    expect(isTaken).toBe(true);
    expect(await db.collection<{ _id: string }>(name).find().toArray()).toEqual([{ _id: "theirs" }]);
    expect((await db.listCollections({}, { nameOnly: true }).toArray()).map((entry) => entry.name)).toEqual([name]);
  } finally {
    proxy.close();
  }
});

it("a collection that appears under a view's name is left alone", async ({ skip }) => {
  skip(!keepsViews, "this server keeps no views");
  const { name: target, db } = database("taken");
  const staged = await mongodbBackup.stage(artefact, connection, { name: target }, testJob());
  await db.collection<{ _id: string }>("view").insertOne({ _id: "theirs" });
  await expect(staged.keep()).rejects.toMatchObject({ name: "AppError" });
  expect(await db.collection<{ _id: string }>("view").find().toArray()).toEqual([{ _id: "theirs" }]);
  expect((await db.listCollections({}, { nameOnly: true }).toArray()).map((entry) => entry.name)).toEqual(["view"]);
});

it("what it made and cannot remove, because the server is gone, is named in the error", async () => {
  const { name: target } = database("taken");
  const proxy = await cuttingProxy(testServers.mongodb);
  const through = testConnection("mongodb", proxy.url, { name: uniqueName("through") });
  const job = testJob();
  job.progress = (change) => {
    if (change.object !== undefined) proxy.close();
  };
  await expect(mongodbBackup.stage(artefact, through, { name: target }, job)).rejects.toMatchObject({
    code: "CONFLICT",
    message: expect.stringContaining("could not be removed") as string,
    fix: expect.stringContaining(job.jobId) as string,
  });
});
