import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";

import { BSON, type Db, MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { uuidOf } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { describeCollection } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import { Journal } from "@/app/(console)/manage-dbs/mongodb/backup/restore-staged";
import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { closeAll } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { rawCommand } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";
import { artefactAt, emptyManifest, sinkAt, testDirectory, type TestJob, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { brokenTypes, documentOf, everyType, farDates, insertDocuments, oldTypes, rawContent } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { cuttingProxy } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-proxy";
import { indexText } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import { type Artefact, ManifestContent, RestorePlan } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { buildMongoTools } from "@/setup/mongo-tools.mjs";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const source = uniqueName("backup");
const connection = testConnection("mongodb", testServers.mongodb, { database: source });
const client = new MongoClient(testServers.mongodb);
const db = client.db(source);
const made = new Set<string>([source]);
let directory: Awaited<ReturnType<typeof testDirectory>>;
/** The whole database, and one of a few documents for what is done many times. */
let whole: Backup;
let small: Backup;
/** Servers that speak the protocol differ in what they keep: the tests ask once. */
const server = { keepsOptions: false };

const rows = (count: number, label: string) =>
  Array.from({ length: count }, (_, index) => Buffer.from(BSON.serialize({ _id: index, label, n: index % 10, text: "x".repeat(index % 50) })));

beforeAll(async () => {
  directory = await testDirectory();
  await client.connect();
  await insertDocuments(db.collection("types"), [everyType(), oldTypes()]);
  for (const make of [farDates, brokenTypes]) await insertDocuments(db.collection("types"), [make()]).catch(() => undefined);
  await insertDocuments(db.collection("rows"), rows(1_500, "rows"));
  await insertDocuments(db.collection("big"), [documentOf(16 * 1024 * 1024, 1), documentOf(100, 2)]);
  for (const name of ["with space", "emoji 🦊", "a.b.c", 'quo"te', "system.js"])
    await insertDocuments(db.collection(name), rows(3, name)).catch(() => undefined);
  await db.createCollection("empty");
  await db.collection("rows").createIndexes([
    {
      key: new Map([
        ["label", 1],
        ["2", -1],
      ] as [string, 1 | -1][]),
      name: "ordered",
    },
    { key: { n: 1 }, name: "partial", partialFilterExpression: { n: { $gt: 5 } } },
    { key: { label: -1, _id: 1 }, name: "unique", unique: true },
  ]);
  await db.createCollection("capped", { capped: true, size: 65_536 });
  await insertDocuments(db.collection("capped"), rows(20, "capped").toReversed());
  await db.createCollection("checked", { validator: { n: { $type: "int" } }, validationLevel: "strict" });
  await db.command({
    insert: "checked",
    documents: [
      { _id: 1, n: 1 },
      { _id: 2, n: "old and invalid" },
    ],
    bypassDocumentValidation: true,
  });
  await db.createCollection("view", { viewOn: "rows", pipeline: [{ $match: { n: 1 } }] });
  // Kept where the server can; where it cannot, they are plain collections in the backup too.
  await db.createCollection("series", { timeseries: { timeField: "at", metaField: "sensor" } });
  await db.collection("series").insertMany(Array.from({ length: 20 }, (_, index) => ({ at: new Date(index * 1_000), sensor: index % 2, value: index })));
  await db.createCollection("collated", { collation: { locale: "en", strength: 2 } });
  await db
    .collection("collated")
    .createIndex({ name: 1 }, { name: "plain", collation: { locale: "simple" } })
    .catch(() => undefined);
  await insertDocuments(db.collection("collated"), rows(5, "collated"));
  await db.createCollection("clustered", { clusteredIndex: { key: { _id: 1 }, unique: true } });
  await insertDocuments(db.collection("clustered"), rows(5, "clustered"));
  const smallDatabase = uniqueName("small");
  made.add(smallDatabase);
  await insertDocuments(client.db(smallDatabase).collection("rows"), rows(40, "rows"));
  await insertDocuments(client.db(smallDatabase).collection("types"), [everyType()]);
  await client.db(smallDatabase).collection("rows").createIndex({ n: 1 });
  await client.db(smallDatabase).createCollection("checked", { validator: { n: { $type: "int" } } });
  await client.db(smallDatabase).createCollection("view", { viewOn: "rows", pipeline: [] });
  whole = await backUp(connection, "whole.archive.gz");
  small = await backUp(testConnection("mongodb", testServers.mongodb, { database: smallDatabase, name: smallDatabase }), "small.archive.gz");
  server.keepsOptions = (await db.listCollections({ name: "view" }).toArray())[0]?.type === "view";
});

afterAll(async () => {
  for (const name of made) await client.db(name).dropDatabase();
  await client.close();
  await closeAll();
  await directory.remove();
});

const target = (): string => {
  const name = uniqueName("restored");
  made.add(name);
  return name;
};

interface Backup {
  path: string;
  manifest: ManifestContent;
  artefact: Artefact;
  job: TestJob;
}

async function backUp(from: Connection, name: string): Promise<Backup> {
  const path = directory.path(name);
  const job = testJob();
  const manifest = ManifestContent.parse(await mongodbBackup.write(from, sinkAt(path), job));
  return { path, manifest, job, artefact: await artefactAt(path, manifest) };
}

const collectionNames = async (of: Db): Promise<string[]> => (await of.listCollections({}, { nameOnly: true }).toArray()).map((entry) => entry.name).sort();

/** Options and indexes in words, key order included, without what differs by nature. */
async function structure(of: Db): Promise<Record<string, unknown>> {
  const described: Record<string, unknown> = {};
  for (const entry of await of.listCollections().toArray()) {
    const raw = entry.type === "view" ? [] : await rawCommand(of, { listIndexes: entry.name });
    described[entry.name] = { type: entry.type, options: "options" in entry ? entry.options : {}, indexes: raw.map(indexText).sort() };
  }
  return described;
}

describe("write and verify", () => {
  it("counts what it wrote, and reads it back the same", async () => {
    const { manifest, artefact, job } = whole;
    expect(manifest).toMatchObject({ format: "mongodump-archive-gzip", source, consistency: "per collection" });
    const counts = new Map(manifest.objects.map((object) => [object.name, object.count]));
    expect(counts.get("rows")).toBe(1_500);
    expect(counts.get("big")).toBe(2);
    expect(counts.get("empty")).toBe(0);
    expect(counts.get("view")).toBe(server.keepsOptions ? null : 0);
    for (const name of ["with space", "emoji 🦊", "a.b.c", 'quo"te']) expect(counts.get(name), name).toBe(3);
    const verified = await mongodbBackup.verify(artefact, testJob());
    expect(verified.objects).toEqual(manifest.objects.map(({ name, count, checksum }) => ({ name, count, checksum })));
    expect(job.last.itemsDone).toBe(manifest.objects.reduce((sum, object) => sum + (object.count ?? 0), 0));
  });

  it("refuses a database that has nothing", async () => {
    const nothing = testConnection("mongodb", testServers.mongodb, { database: uniqueName("nothing") });
    await expect(mongodbBackup.write(nothing, sinkAt(directory.path("nothing")), testJob())).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("refuses every one of 200 truncated or flipped files", async () => {
    const [wholeBytes, smallBytes] = [await readFile(whole.path), await readFile(small.path)];
    let state = 7;
    const random = (below: number) => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % below;
    let survivors = 0;
    for (let round = 0; round < 200; round++) {
      const file = Buffer.from(round < 4 ? wholeBytes : smallBytes);
      const damaged = round % 2 === 0 ? file.subarray(0, random(file.length)) : flip(file, 10 + random(file.length - 10), 1 << random(8));
      const at = directory.path("damaged-now");
      await writeFile(at, damaged);
      const artefact = await artefactAt(at, round < 4 ? whole.manifest : small.manifest);
      // A bit that deflate does not use changes nothing that comes out; the file's SHA-256 in the console's manifest finds it.
      const answer = await mongodbBackup.verify(artefact, testJob()).then(
        ({ objects }) => objects,
        (error: { code?: string }) => error.code,
      );
      const unchanged = artefact.manifest.objects.map(({ name, count, checksum }) => ({ name, count, checksum }));
      expect(["INVALID", JSON.stringify(unchanged)], `round ${round}`).toContain(typeof answer === "string" ? answer : JSON.stringify(answer));
      if (Array.isArray(answer)) survivors++;
    }
    expect(survivors).toBeLessThan(5);
  });

  it("rejects when a collection is dropped meanwhile, when it is cancelled, and when the disk fails", async () => {
    const name = uniqueName("moving");
    made.add(name);
    const moving = testConnection("mongodb", testServers.mongodb, { database: name, name });
    await insertDocuments(client.db(name).collection("a"), rows(10, "a"));
    await insertDocuments(client.db(name).collection("b"), rows(10, "b"));
    const job = testJob();
    job.progress = (change) => {
      if (change.object === "a") dropCollection(name, "b");
    };
    const outcome = mongodbBackup.write(moving, sinkAt(directory.path("moving")), job);
    await expect(outcome).rejects.toMatchObject({ code: "CONFLICT" });

    const cancelled = testJob();
    cancelled.progress = (change) => {
      if (change.object !== undefined) cancelled.abort();
    };
    await expect(mongodbBackup.write(connection, sinkAt(directory.path("cancelled")), cancelled)).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(mongodbBackup.verify(await artefactAt(directory.path("cancelled"), emptyManifest), testJob())).rejects.toMatchObject({ code: "INVALID" });
    await expect(mongodbBackup.write(connection, sinkAt("/proc/none/file"), testJob())).rejects.toBeInstanceOf(Error);
  });

  it("rejects when the server goes away in the middle, and leaves no end", async () => {
    const relay = await cuttingProxy(testServers.mongodb);
    const relayed = testConnection("mongodb", relay.url, { database: source, name: "relayed" });
    const job = testJob();
    job.progress = (change) => {
      if (change.object === "rows") relay.close();
    };
    await expect(mongodbBackup.write(relayed, sinkAt(directory.path("gone")), job)).rejects.toMatchObject({ code: "UNREACHABLE" });
    await expect(mongodbBackup.verify(await artefactAt(directory.path("gone"), emptyManifest), testJob())).rejects.toMatchObject({ code: "INVALID" });
  });
});

describe("plan", () => {
  it("passes for a new name and fails for others", async () => {
    const { artefact } = whole;
    const plan = async (name: string) => RestorePlan.parse(await mongodbBackup.plan(artefact, connection, { name }, {}));
    const good = await plan(target());
    expect(good.checks.filter((check) => check.result === "fail")).toEqual([]);
    expect(good.objects.find((object) => object.name === "rows")).toEqual({ name: "rows", kind: "collection", inBackup: 1_500, liveNow: null, after: 1_500 });
    for (const name of [source, "admin", "local", "a/b", "x".repeat(64)])
      expect(
        (await plan(name)).checks.some((check) => check.result === "fail"),
        name,
      ).toBe(true);
  });
});

describe("restore", () => {
  it("brings back every byte, index and option under a new name", async () => {
    const { artefact, manifest } = whole;
    const name = target();
    const job = testJob();
    const staged = await mongodbBackup.stage(artefact, connection, { name }, job);
    expect((await collectionNames(client.db(name))).filter((entry) => !entry.startsWith("__restore_"))).toEqual(
      expect.not.arrayContaining(["rows", "types", "big"]),
    );
    const found = new Map(staged.objects.map((object) => [object.name, object.count]));
    const skipped = new Set(staged.skipped.map((entry) => entry.name));
    for (const object of manifest.objects) if (object.count !== null) expect(found.get(object.name), object.name).toBe(object.count);
    if (server.keepsOptions) expect(staged.skipped).toEqual([]);
    const kept = await staged.keep();
    expect(kept.connection).toMatchObject({ database: name });
    const restored = client.db(name);
    expect(await collectionNames(restored)).toEqual((await collectionNames(db)).filter((entry) => !entry.startsWith("system.views")));
    for (const object of manifest.objects) {
      if (object.count !== null) expect(await rawContent(restored.collection(object.name)), object.name).toEqual(await rawContent(db.collection(object.name)));
    }
    expect(await structure(restored)).toEqual(await structure(db));
    expect(skipped.size).toBe(0);
    const again = await mongodbBackup.write(
      testConnection("mongodb", testServers.mongodb, { database: name, name: "again" }),
      sinkAt(directory.path("again")),
      testJob(),
    );
    expect(again.objects).toEqual(manifest.objects);
  });

  it("removes every trace when it is discarded, cancelled or damaged", async () => {
    const { artefact, path, manifest } = small;
    const discarded = target();
    await (await mongodbBackup.stage(artefact, connection, { name: discarded }, testJob())).discard();
    expect(await collectionNames(client.db(discarded))).toEqual([]);

    const cancelled = target();
    const job = testJob();
    job.progress = (change) => {
      if (change.object === "rows") job.abort();
    };
    await expect(mongodbBackup.stage(artefact, connection, { name: cancelled }, job)).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await collectionNames(client.db(cancelled))).toEqual([]);

    const cut = target();
    const damaged = directory.path("cut");
    await writeFile(damaged, (await readFile(path)).subarray(0, -50));
    await expect(mongodbBackup.stage(await artefactAt(damaged, manifest), connection, { name: cut }, testJob())).rejects.toMatchObject({ code: "INVALID" });
    expect(await collectionNames(client.db(cut))).toEqual([]);
  });

  it("touches nothing in a database that has something", async () => {
    const { artefact } = small;
    const before = await collectionNames(db);
    await expect(mongodbBackup.stage(artefact, connection, { name: source }, testJob())).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await collectionNames(db)).toEqual(before);
  });

  it("rolls back when a name is taken between staging and keeping, and leaves that one alone", async () => {
    const { artefact } = small;
    const name = target();
    const staged = await mongodbBackup.stage(artefact, connection, { name }, testJob());
    await insertDocuments(client.db(name).collection("rows"), rows(2, "somebody else"));
    await expect(staged.keep()).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await collectionNames(client.db(name))).toEqual(["rows"]);
    expect(await rawContent(client.db(name).collection("rows"))).toHaveLength(2);
  });

  it("sweeps a restore that died while it gave collections their names", async () => {
    const name = target();
    const job = testJob();
    await mongodbBackup.stage(small.artefact, connection, { name }, job);
    const restored = client.db(name);
    const stagedName = (await collectionNames(restored)).find((entry) => entry.endsWith("_rows")) ?? "";
    await new Journal(restored, job.jobId).note([
      { _id: "rows", stagedName, uuid: null },
      { _id: "types", stagedName: stagedName.replace("_rows", "_types"), uuid: null },
    ]);
    await client.db("admin").command({ renameCollection: `${name}.${stagedName}`, to: `${name}.rows` });
    // Made by somebody else while the console was down: its staged counterpart is still there, so it cannot be ours.
    await insertDocuments(restored.collection("types"), rows(1, "somebody else"));
    await mongodbBackup.sweep(connection, { jobId: job.jobId, target: name });
    expect(await collectionNames(restored)).toEqual(["types"]);
  });

  it("sweeps what a crash left, and nothing of others", async () => {
    const { artefact } = small;
    const name = target();
    const job = testJob();
    await mongodbBackup.stage(artefact, connection, { name }, job);
    await insertDocuments(client.db(name).collection("mine"), rows(1, "mine"));
    await mongodbBackup.sweep(connection, { jobId: "00000000", target: name });
    expect((await collectionNames(client.db(name))).length).toBeGreaterThan(2);
    await mongodbBackup.sweep(connection, { jobId: job.jobId, target: name });
    expect(await collectionNames(client.db(name))).toEqual(["mine"]);
  });
});

const tools = buildMongoTools(process.cwd());
const bin = "directory" in tools ? tools.directory : "";
const run = promisify(execFile);

describe.skipIf(!("directory" in tools))(`the real tools${"reason" in tools ? ` (skipped: ${tools.reason})` : ""}`, () => {
  it("restore our archive: every document the same bytes, indexes equal", async () => {
    const { path, manifest } = whole;
    const name = target();
    const { stderr } = await run(`${bin}/mongorestore`, [
      `--uri=${testServers.mongodb}`,
      `--archive=${path}`,
      "--gzip",
      "--stopOnError",
      "--bypassDocumentValidation",
      "--maintainInsertionOrder",
      `--nsFrom=${source}.*`,
      `--nsTo=${name}.*`,
    ]);
    expect(stderr).toContain("0 document(s) failed to restore");
    const restored = client.db(name);
    for (const object of manifest.objects) {
      // The tool puts a time series into buckets this server does not read: its own dumps of one come back empty as well.
      if (object.kind === "collection")
        expect(await rawContent(restored.collection(object.name)), object.name).toEqual(await rawContent(db.collection(object.name)));
    }
    const [ours, theirs] = [await structure(db), await structure(restored)];
    expect((theirs["rows"] as { indexes: unknown }).indexes).toEqual((ours["rows"] as { indexes: unknown }).indexes);
  });

  it.each([
    ["plain", []],
    ["gzip", ["--gzip"]],
    ["interleaved", ["--numParallelCollections=8"]],
  ])("write archives we read and restore: %s", async (label, options) => {
    const path = directory.path(`mongodump-${label}`);
    await run(`${bin}/mongodump`, [`--uri=${testServers.mongodb}`, `--db=${source}`, `--archive=${path}`, ...options]);
    const artefact = await artefactAt(path, emptyManifest);
    const verified = await mongodbBackup.verify(artefact, testJob());
    const counts = new Map(verified.objects.map((object) => [object.name, object.count]));
    expect(counts.get("rows")).toBe(1_500);
    expect(counts.get("big")).toBe(2);
    const name = target();
    const staged = await mongodbBackup.stage(artefact, connection, { name }, testJob());
    await staged.keep();
    for (const collection of ["types", "rows", "big", "checked"])
      expect(await rawContent(client.db(name).collection(collection)), collection).toEqual(await rawContent(db.collection(collection)));
  });

  it("read each other's bytes: what bsondump sees in our archive is what is there", async () => {
    const { path, manifest } = whole;
    expect(gunzipSync(await readFile(path)).readUInt32LE(0)).toBe(0x8199e26d);
    expect(existsSync(`${bin}/bsondump`)).toBe(true);
    const identities = (await rawCommand(db, { listCollections: 1, cursor: {} })).map(describeCollection).map(uuidOf);
    expect(identities.length).toBeGreaterThanOrEqual(manifest.objects.length);
  });
});

/** Drops it before this process does anything else. */
function dropCollection(database: string, collection: string): void {
  const script = `const {MongoClient}=require("mongodb");const c=new MongoClient(process.argv[1]);c.db(process.argv[2]).collection(process.argv[3]).drop().finally(()=>c.close())`;
  execFileSync(process.execPath, ["-e", script, testServers.mongodb, database, collection]);
}

function flip(bytes: Buffer, at: number, bit: number): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ bit;
  return bytes;
}
