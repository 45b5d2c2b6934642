/** What befalls the source while it is read: the backup fails, and what it left is no archive. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { artefactAt, emptyManifest, sinkAt, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { insertDocuments } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { cuttingProxy } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-proxy";
import { startSuite } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-suite";
import { rows } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import { testConnection } from "@/test/connections";
import { testServers } from "@/test/servers";

const { directory, database } = await startSuite();
const { name, db } = database("source_faults");

beforeAll(async () => {
  // More than one reply holds, whatever the server says of their size.
  await insertDocuments(db.collection("a"), rows(10_500, "a"));
});

beforeEach(async () => {
  await db.collection("b").drop();
  await insertDocuments(db.collection("b"), rows(20, "b"));
});

async function expectNoArchive(path: string): Promise<void> {
  await expect(mongodbBackup.verify(await artefactAt(path, emptyManifest), testJob())).rejects.toMatchObject({ code: "INVALID" });
}

it("the server does not know the cursor any more", async () => {
  const proxy = await cuttingProxy(testServers.mongodb);
  try {
    let altered = 0;
    proxy.alter = (command, message) => {
      if (command !== "getMore") return;
      // The cursor's number is the first value: another one, which no server gave.
      const at = message.indexOf("getMore\0", 0, "latin1") + "getMore\0".length;
      message.writeBigInt64LE(message.readBigInt64LE(at) ^ 0x5a5a5an, at);
      altered++;
    };
    const through = testConnection("mongodb", proxy.url, { database: name, name });
    const path = directory.path("cursor");
    await expect(mongodbBackup.write(through, sinkAt(path), testJob())).rejects.toMatchObject({ code: "CONFLICT" });
    expect(altered).toBeGreaterThan(0);
    await expectNoArchive(path);
  } finally {
    proxy.close();
  }
});

describe("another client meanwhile", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["renames a collection that is still to come", () => db.collection("b").rename("c")],
    ["drops it and makes it again", () => db.dropCollection("b").then(() => insertDocuments(db.collection("b"), rows(3, "another")))],
    ["renames the one that is being read", () => db.collection("a").rename("c")],
  ])("%s", async (label, change) => {
    const proxy = await cuttingProxy(testServers.mongodb);
    try {
      let isDone = false;
      proxy.alter = async (command) => {
        if (command !== "getMore" || isDone) return;
        isDone = true;
        await change();
      };
      const through = testConnection("mongodb", proxy.url, { database: name, name });
      const path = directory.path(label.replaceAll(" ", "-"));
      await expect(mongodbBackup.write(through, sinkAt(path), testJob())).rejects.toMatchObject({
        code: expect.stringMatching(/^(CONFLICT|NOT_FOUND)$/) as string,
      });
      expect(isDone).toBe(true);
    } finally {
      proxy.close();
      const isAway = (await db.listCollections({ name: "a" }).toArray()).length === 0;
      if (isAway) await db.collection("c").rename("a");
      else await db.collection("c").drop();
    }
  });
});

it("under writes, what is written is whole in itself, and called a snapshot only where the server keeps one", async () => {
  const proxy = await cuttingProxy(testServers.mongodb);
  const connection = testConnection("mongodb", proxy.url, { database: name, name });
  let isOver = false;
  let written = 0;
  const writing = (async () => {
    for (; !isOver; written++) await db.collection<{ _id: number }>("b").insertOne({ _id: 1_000 + written });
  })();
  // The backup goes on only when something more was written: before each of its replies.
  let replies = 0;
  proxy.alter = async (command) => {
    if (command !== "find" && command !== "getMore") return;
    const before = written;
    await expect.poll(() => written, { interval: 1 }).toBeGreaterThan(before);
    replies++;
  };
  try {
    const path = directory.path("written");
    const manifest = await mongodbBackup.write(connection, sinkAt(path), testJob());
    expect(replies).toBeGreaterThan(2);
    expect(written).toBeGreaterThan(replies);
    const found = await mongodbBackup.verify(await artefactAt(path, manifest), testJob());
    expect(found.objects).toEqual(manifest.objects.map(({ name: object, count, checksum }) => ({ name: object, count, checksum })));
    if (manifest.server.product !== "MongoDB") expect(manifest.consistency).toBe("per collection");
    if (manifest.consistency !== "snapshot") expect(manifest.details["consistencyReason"]).toEqual(expect.stringMatching(/\w/));
  } finally {
    isOver = true;
    await writing;
    proxy.close();
  }
});
