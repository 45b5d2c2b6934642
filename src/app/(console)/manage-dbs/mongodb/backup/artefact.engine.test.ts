/** What is done with an artefact beside restoring it whole: chosen collections, a look inside, a proof of the content, files made elsewhere. */
import { execFile, execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";

import { BSON } from "mongodb";
import { beforeAll, describe, expect, it } from "vitest";

import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { artefactAt, sinkAt, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { documentOf, insertDocuments } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { asides, catalogue, fillAwkward, LONG_NAME, rows, testJournal } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import { tarOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-tar";
import { type Artefact, ManifestContent, Peek } from "@/backups/engine";
import { buildMongoTools } from "@/setup/mongo-tools.mjs";
import { startSuite, type TestDatabase } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-suite";
import { testServers } from "@/test/servers";

const engine = mongodbBackup as Required<typeof mongodbBackup>;
const { directory, database } = await startSuite();
let source: TestDatabase;
let artefact: Artefact;
let whole: Record<string, unknown>;
let keepsViews = false;

beforeAll(async () => {
  source = database("artefact");
  await source.db.createCollection("view", { viewOn: "rows", pipeline: [] });
  keepsViews = (await source.db.listCollections({ name: "view" }).toArray())[0]?.type === "view";
  await source.db.dropCollection("view");
  await fillAwkward(source.db, { label: "old", dots: keepsViews });
  await insertDocuments(source.db.collection("large"), [documentOf(1_000_000, 1)]);
  const path = directory.path("artefact.archive.gz");
  artefact = await artefactAt(path, await engine.write(source.connection, sinkAt(path), testJob()));
  whole = await catalogue(source.db);
});

const pick = (from: Record<string, unknown>, names: readonly string[]) => Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));

describe("chosen collections", () => {
  const objects = ["rows", LONG_NAME, "with space"];

  it("are restored alone into a new database", async () => {
    const of = database("chosen");
    const plan = await engine.plan(artefact, source.connection, { name: of.name, objects }, {});
    expect(plan.objects.map((object) => object.name).sort()).toEqual([...objects].sort());
    const staged = await engine.stage(artefact, source.connection, { name: of.name, objects }, testJob());
    expect(staged.objects.map((object) => object.name).sort()).toEqual([...objects].sort());
    await staged.keep();
    expect(await catalogue(of.db)).toEqual(pick(whole, objects));
  });

  it("are exchanged alone, and undone alone", async () => {
    const of = database("chosen");
    await insertDocuments(of.db.collection("rows"), rows(3, "live"));
    await insertDocuments(of.db.collection("others"), rows(4, "live"));
    const live = await catalogue(of.db);
    const job = testJob();
    const journal = testJournal(job.jobId, of.name);
    const write = (record: Parameters<typeof journal.write>[0]) => journal.write(record);
    const staged = await engine.stage(artefact, of.connection, { name: of.name, replace: true, objects }, job);
    await staged.swap?.(write);
    expect(await catalogue(of.db)).toEqual({ ...pick(whole, objects), ...pick(live, ["others"]) });
    await insertDocuments(of.db.collection("others"), [Buffer.from(BSON.serialize({ _id: "meanwhile" }))]);
    const others = pick(await catalogue(of.db), ["others"]);
    await engine.exchange(of.connection, journal.swap, { journal: write, context: job });
    expect(await catalogue(of.db)).toEqual({ ...live, ...others });
    await engine.dropKept(of.connection, journal.swap, job);
    expect(await asides(of.db)).toEqual([]);
  });

  it("that the backup does not hold fail the plan", async () => {
    const plan = await engine.plan(artefact, source.connection, { name: source.name, replace: true, objects: ["rows", "nothing"] }, {});
    expect(plan.checks.filter((check) => check.result === "fail").map((check) => check.detail)).toEqual(["The backup does not hold nothing"]);
  });
});

describe("a look inside", () => {
  it("shows the first documents as canonical Extended JSON", async () => {
    const peek = Peek.parse(await engine.peek(artefact, "rows", { limit: 3 }));
    expect(peek).toMatchObject({ columns: ["document"], hasMore: true });
    expect(peek.rows.map(([text]) => JSON.parse(text ?? "") as unknown)).toEqual(
      [0, 1, 2].map((index) => ({ _id: { $numberInt: String(index) }, label: "old", n: { $numberInt: String(index) } })),
    );
    expect(await engine.peek(artefact, LONG_NAME, { limit: 3 })).toMatchObject({
      hasMore: false,
      rows: [[expect.any(String)], [expect.any(String)], [expect.any(String)]],
    });
    expect(await engine.peek(artefact, "empty", { limit: 3 })).toMatchObject({ hasMore: false, rows: [] });
    if (keepsViews) expect(await engine.peek(artefact, "view", { limit: 3 })).toMatchObject({ hasMore: false, rows: [] });
    const large = await engine.peek(artefact, "large", { limit: 1 });
    expect(large.rows[0]?.[0]).toHaveLength(501);
    expect(large.rows[0]?.[0]?.endsWith("…")).toBe(true);
  });

  it("names what is not there, and stops when told to", async () => {
    await expect(engine.peek(artefact, "nothing", { limit: 1 })).rejects.toMatchObject({ code: "NOT_FOUND" });
    const controller = new AbortController();
    controller.abort();
    await expect(engine.peek(artefact, "rows", { limit: 1, signal: controller.signal })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("the content is compared", () => {
  it("passes for a whole copy, finds one byte, and bears another order", async () => {
    const of = database("compared");
    const job = testJob();
    const staged = await engine.stage(artefact, of.connection, { name: of.name, replace: true }, job);
    expect((await staged.compareContent?.())?.method).toMatch(/^CRC-64/);
    const prefix = `__restore_${job.jobId}___`;
    const first = await of.db.collection<{ _id: number; label: string; n: number }>(`${prefix}rows`).findOneAndDelete({ _id: 0 });
    await of.db.collection(`${prefix}rows`).insertOne({ _id: 0, label: first?.label, n: 0 } as object);
    // Some servers hand the documents out by their _id all the same.
    const isReordered = (await of.db.collection(`${prefix}rows`).findOne({}, { hint: { $natural: 1 } }))?.["_id"] !== (0 as unknown);
    expect((await staged.compareContent?.())?.method).toContain(isReordered ? "SHA-256" : "CRC-64");
    await of.db.collection(`${prefix}with space`).updateOne({}, { $set: { label: "olD" } });
    await expect(staged.compareContent?.()).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("with space") as string });
    await staged.discard();
    expect(await asides(of.db)).toEqual([]);
  });
});

const describeAt = async (path: string) => ManifestContent.parse(await engine.describe({ path, bytes: statSync(path).size }, testJob()));

/** Described, verified, looked into and restored as any other. @returns what is live then */
async function restoredFrom(path: string, format: string): Promise<Record<string, unknown>> {
  const manifest = await describeAt(path);
  expect(manifest).toMatchObject({ format, source: source.name });
  const foreign = await artefactAt(path, manifest);
  const verified = await engine.verify(foreign, testJob());
  expect(verified.objects).toEqual(manifest.objects.map(({ name, count, checksum }) => ({ name, count, checksum })));
  expect((await engine.peek(foreign, "rows", { limit: 1 })).rows[0]?.[0]).toContain('"label":"old"');
  const of = database("foreign");
  await insertDocuments(of.db.collection("rows"), rows(1, "live"));
  const job = testJob();
  const journal = testJournal(job.jobId, of.name);
  const plan = await engine.plan(foreign, of.connection, { name: of.name, replace: true }, {});
  expect(plan.checks.filter((check) => check.result === "fail")).toEqual([]);
  const staged = await engine.stage(foreign, of.connection, { name: of.name, replace: true }, job);
  expect((await staged.compareContent?.())?.method).toContain("collections");
  await staged.swap?.((record) => journal.write(record));
  return catalogue(of.db);
}

describe("files made elsewhere", () => {
  it("our own archive, compressed and not", async () => {
    expect(await restoredFrom(artefact.path, "mongodump-archive-gzip")).toEqual(whole);
    const plain = directory.path("plain");
    writeFileSync(plain, gunzipSync(readFileSync(artefact.path)));
    expect(await restoredFrom(plain, "mongodump-archive")).toEqual(whole);
  });

  it("anything else is refused, and named", async () => {
    const archive = gunzipSync(readFileSync(artefact.path));
    for (const [content, words] of [
      [Buffer.from("PGDMP\u0001\u000e\u0000"), "PostgreSQL"],
      [gzipSync("-- PostgreSQL database dump\n"), "SQL"],
      [Buffer.alloc(0), "empty"],
      [archive.subarray(0, -100), "not good"],
      [Buffer.concat([archive, Buffer.from("more")]), "not good"],
      [tarOf([{ path: "readme.txt", content: "hello" }]), "holds no dump"],
      [tarOf([{ path: "dump/../../x.bson" }]), "leads out"],
    ] as const) {
      const path = directory.path("refused");
      writeFileSync(path, content);
      await expect(describeAt(path), words).rejects.toMatchObject({ code: "INVALID", message: expect.stringContaining(words) as string });
    }
  });
});

const tools = buildMongoTools(process.cwd());
const bin = "directory" in tools ? tools.directory : "";
const run = promisify(execFile);

describe.skipIf(!("directory" in tools))(`files of the real mongodump${"reason" in tools ? ` (skipped: ${tools.reason})` : ""}`, () => {
  it.each([
    ["archive", [], "mongodump-archive"],
    ["archive-gzip", ["--gzip"], "mongodump-archive-gzip"],
  ])("%s", async (label, options, format) => {
    const path = directory.path(`real-${label}`);
    await run(`${bin}/mongodump`, [`--uri=${testServers.mongodb}`, `--db=${source.name}`, `--archive=${path}`, ...options]);
    expect(await restoredFrom(path, format)).toEqual(whole);
  });

  it.each([
    ["folder", [], "cf", "mongodump-tar"],
    ["folder-gzip", ["--gzip"], "cf", "mongodump-tar"],
    ["folder-tar-gzip", [], "czf", "mongodump-tar-gzip"],
  ])("%s", async (label, options, tarOptions, format) => {
    const out = directory.path(`out-${label}`);
    await run(`${bin}/mongodump`, [`--uri=${testServers.mongodb}`, `--db=${source.name}`, `--out=${out}/dump`, ...options]);
    const path = directory.path(`${label}.tar`);
    execFileSync("tar", [`-${tarOptions}`, path, "-C", out, "dump"]);
    expect(await restoredFrom(path, format)).toEqual(whole);
  });

  it("restores what we back up after it came from elsewhere", async () => {
    const of = database("again");
    await run(`${bin}/mongorestore`, [
      `--uri=${testServers.mongodb}`,
      `--archive=${artefact.path}`,
      "--gzip",
      "--bypassDocumentValidation",
      `--nsFrom=${source.name}.*`,
      `--nsTo=${of.name}.*`,
    ]);
    expect((await of.db.listCollections().toArray()).length).toBe((await source.db.listCollections().toArray()).length);
  });
});
