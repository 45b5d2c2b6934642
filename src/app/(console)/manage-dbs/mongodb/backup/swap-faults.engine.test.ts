/** Restores in place that must not come about: what was live stays exactly as it was, and nothing is left beside it. */
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { BSON } from "mongodb";
import { beforeAll, describe, expect, it } from "vitest";

import { writeArchive } from "@/app/(console)/manage-dbs/mongodb/archive/archive-writer";
import { SwapJournal } from "@/app/(console)/manage-dbs/mongodb/backup/swap-record";
import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { artefactAt, emptyManifest, sinkAt, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { documentOf, insertDocuments } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { cuttingProxy } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-proxy";
import { asides, catalogue, rows, testJournal } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import type { Artefact } from "@/backups/engine";
import { startSuite, type TestDatabase } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-suite";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const engine = mongodbBackup as Required<typeof mongodbBackup>;
const { client, directory, database } = await startSuite();
let artefact: Artefact;
let of: TestDatabase;
let live: Record<string, unknown>;

const levels = (count: number): Record<string, unknown> => (count === 1 ? {} : { deeper: levels(count - 1) });

beforeAll(async () => {
  const source = database("source");
  await insertDocuments(source.db.collection("rows"), rows(30, "backup"));
  await insertDocuments(source.db.collection("only in the backup"), rows(2, "backup"));
  await source.db.createCollection("view", { viewOn: "rows", pipeline: [{ $match: { n: 3 } }] });
  const path = directory.path("faults.archive.gz");
  artefact = await artefactAt(path, await engine.write(source.connection, sinkAt(path), testJob()));
  of = database("faults");
  await insertDocuments(of.db.collection("rows"), rows(5, "live"));
  await insertDocuments(of.db.collection("view of before"), rows(1, "live"));
  live = await catalogue(of.db);
});

const target = () => ({ name: of.name, replace: true });

async function expectNothingChanged(): Promise<void> {
  expect(await catalogue(of.db)).toEqual(live);
  expect(await asides(of.db)).toEqual([]);
}

/** An archive of one collection, whole, whose content no server takes. */
async function archiveOf(label: string, documents: Buffer[], { indexes = [], options = {} }: { indexes?: unknown[]; options?: object }): Promise<Artefact> {
  const path = directory.path(label);
  const archive = writeArchive({
    serverVersion: "8.0.0",
    toolVersion: "100.12.0",
    collections: [{ database: "elsewhere", collection: "rows", metadata: JSON.stringify({ options, indexes }), type: "collection" }],
    sources: [
      {
        database: "elsewhere",
        collection: "rows",
        async *batches() {
          yield documents;
        },
      },
    ],
    report: () => undefined,
  });
  await pipeline(Readable.from(archive), createWriteStream(path));
  return artefactAt(path, emptyManifest);
}

describe("nothing is changed", () => {
  it.each([
    ["by documents that break a unique index", rows(20, "same"), [{ v: { $numberInt: "2" }, key: { n: { $numberInt: "1" } }, name: "n_1", unique: true }]],
    ["by an _id that is there twice", [...rows(3, "one"), ...rows(1, "two")], []],
  ])("%s", async (label, documents, indexes) => {
    const broken = await archiveOf(label.replaceAll(" ", "-"), documents, { indexes });
    await expect(engine.stage(broken, of.connection, target(), testJob())).rejects.toMatchObject({ code: "INVALID" });
    await expectNothingChanged();
  });

  it("by old documents that a validator refuses, where it cannot be passed by", async ({ skip }) => {
    const options = { validator: { n: { $gte: { $numberInt: "5" } } } };
    const broken = await archiveOf("by-a-validator", rows(20, "old"), { options });
    const proxy = await cuttingProxy(testServers.mongodb);
    try {
      let passes = 0;
      proxy.alter = (command, message) => {
        const at = message.indexOf("\x08bypassDocumentValidation\0\x01", 0, "latin1");
        if (command !== "insert" || at < 0) return;
        // As a server does that does not let this user pass its validators.
        message[message.indexOf(0, at) + 1] = 0;
        passes++;
      };
      const through = testConnection("mongodb", proxy.url, { database: of.name, name: uniqueName("through") });
      const outcome = await engine.stage(broken, through, target(), testJob()).catch((error: unknown) => error);
      const isLax = !(outcome instanceof Error) && passes > 0;
      if (isLax) await (outcome as Awaited<ReturnType<typeof engine.stage>>).discard();
      skip(isLax, "this server keeps no validators");
      expect(outcome).toMatchObject({ code: "INVALID", message: expect.stringContaining("10 of 20 documents were refused") as string });
      expect(passes).toBe(1);
    } finally {
      proxy.close();
    }
    await expectNothingChanged();
  });

  it("by a restore that is cancelled before its journal is written, or whose journal cannot be", async () => {
    const job = testJob();
    const journal = testJournal(job.jobId, of.name);
    const staged = await engine.stage(artefact, of.connection, target(), job);
    job.abort();
    await expect(staged.swap?.((record) => journal.write(record))).rejects.toMatchObject({ code: "CANCELLED" });
    expect(journal.isWritten).toBe(false);
    await staged.discard();
    await expectNothingChanged();
    const again = await engine.stage(artefact, of.connection, target(), testJob());
    await expect(again.swap?.(() => Promise.reject(new Error("disk full")))).rejects.toBeInstanceOf(Error);
    await again.discard();
    await expectNothingChanged();
  });

  it("for good by a server that refuses a step: it is taken back", async () => {
    const proxy = await cuttingProxy(testServers.mongodb);
    const through = testConnection("mongodb", proxy.url, { database: of.name, name: uniqueName("through") });
    const job = testJob();
    const journal = testJournal(job.jobId, of.name);
    const staged = await engine.stage(artefact, through, target(), job);
    proxy.cutAt({ number: 2, when: "after" });
    await expect(staged.swap?.((record) => journal.write(record))).rejects.toMatchObject({ name: "AppError" });
    proxy.close();
    const record = SwapJournal.parse(journal.swap.record);
    // No server takes this name.
    for (const entry of record.restored.collections) if (entry.name === "rows") entry.name = "";
    await journal.write(record);
    expect(await engine.settle(of.connection, journal.swap, job)).toBe("before");
    expect(job.lines.join("\n")).toContain("taking the exchange back");
    await engine.dropKept(of.connection, journal.swap, job);
    await expectNothingChanged();
  });

  it("by the wrong name, and by a record that is none", async () => {
    await expect(engine.stage(artefact, of.connection, { name: "another", replace: true }, testJob())).rejects.toMatchObject({ code: "INVALID" });
    const swap = { jobId: "0a1b2c3d", target: of.name, record: { what: "else" } };
    await expect(engine.settle(of.connection, swap, testJob())).rejects.toMatchObject({ code: "INTERNAL" });
    await expect(engine.dropKept(of.connection, swap, testJob())).rejects.toMatchObject({ code: "INTERNAL" });
    await expectNothingChanged();
  });
});

describe("another database's backup in the place of this one", () => {
  it("leaves that one alone, takes only views that differ, and settles a swap of views", async () => {
    const source = client.db(artefact.manifest.source);
    const sources = await catalogue(source);
    const job = testJob();
    const journal = testJournal(job.jobId, of.name);
    const staged = await engine.stage(artefact, of.connection, target(), job);
    await staged.swap?.((record) => journal.write(record));
    expect(await catalogue(of.db)).toEqual(sources);
    expect(await catalogue(source)).toEqual(sources);
    await engine.exchange(of.connection, journal.swap, { journal: (record) => journal.write(record), context: job });
    await engine.dropKept(of.connection, journal.swap, job);
    await expectNothingChanged();

    const views = testJob();
    const viewJournal = testJournal(views.jobId, of.name);
    const onlyViews = await engine.stage(artefact, of.connection, { ...target(), objects: ["view"] }, views);
    let writes = 0;
    const lostSecond = onlyViews.swap?.(async (record) => {
      if (++writes === 1) await viewJournal.write(record);
      else throw new Error("the console dies");
    });
    await expect(lostSecond).rejects.toBeInstanceOf(Error);
    const wasMade = (await of.db.listCollections({ name: "view" }).toArray()).length > 0;
    expect(wasMade).toBe(true);
    expect(await engine.settle(of.connection, viewJournal.swap, views)).toBe("restored");
    await engine.exchange(of.connection, viewJournal.swap, { journal: (record) => viewJournal.write(record), context: views });
    await engine.dropKept(of.connection, viewJournal.swap, views);
    await expectNothingChanged();
  });
});

it("documents of 1 MB and of 99 levels come through", async () => {
  const large = database("large");
  await insertDocuments(large.db.collection("large"), [documentOf(1_000_000, 1), Buffer.from(BSON.serialize({ _id: 2, deep: levels(98) }))]);
  const before = await catalogue(large.db);
  const path = directory.path("large.archive.gz");
  const backup = await artefactAt(path, await engine.write(large.connection, sinkAt(path), testJob()));
  await large.db.collection("large").deleteMany({});
  const job = testJob();
  const journal = testJournal(job.jobId, large.name);
  const staged = await engine.stage(backup, large.connection, { name: large.name, replace: true }, job);
  await staged.swap?.((record) => journal.write(record));
  expect(await catalogue(large.db)).toEqual(before);
});
