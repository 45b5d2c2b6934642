/**
 * Restores in place that die: at twenty places spread over staging and swapping, before a command reaches the server and after it was
 * done but not answered, in the middle of an undo, and with the console's process killed. Each time what is live afterwards is exactly the
 * old or exactly the new state, undo works, and nothing is left behind.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { MongoClient } from "mongodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { closeAll } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import type { ChildOrder } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-child";
import { artefactAt, sinkAt, testDirectory, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { insertDocuments } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { type CuttingProxy, cuttingProxy } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-proxy";
import { asides, catalogue, rows, testJournal } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import type { Artefact } from "@/backups/engine";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const engine = mongodbBackup as Required<typeof mongodbBackup>;
const name = uniqueName("crash");
const connection = testConnection("mongodb", testServers.mongodb, { database: name });
const client = new MongoClient(testServers.mongodb);
const db = client.db(name);
const target = { name, replace: true };
/** Stages that died: they end by themselves when they give up on their server. */
const dying: Promise<unknown>[] = [];
const log: string[] = [];
let directory: Awaited<ReturnType<typeof testDirectory>>;
let artefact: Artefact;
let before: Record<string, unknown>;
let after: Record<string, unknown>;
/** Commands that change something, by phase: servers differ in how many they need. */
let commands: Record<Point["phase"], string[]>;

beforeAll(async () => {
  directory = await testDirectory();
  await client.connect();
  await insertDocuments(db.collection("rows"), rows(50, "old"));
  await db.collection("rows").createIndex({ n: 1, label: -1 });
  await insertDocuments(db.collection("only restored"), rows(3, "old"));
  await db.createCollection("checked", { validator: { n: { $type: "int" } } });
  await db.command({ insert: "checked", documents: [{ _id: 1, n: "invalid" }], bypassDocumentValidation: true });
  await db.createCollection("capped", { capped: true, size: 8_192 });
  await insertDocuments(db.collection("capped"), rows(4, "old").toReversed());
  await db.createCollection("view", { viewOn: "rows", pipeline: [{ $match: { n: 1 } }] });
  await db.createCollection("only restored view", { viewOn: "view", pipeline: [] });
  const path = directory.path("crash.archive.gz");
  artefact = await artefactAt(path, await engine.write(connection, sinkAt(path), testJob()));
  after = await catalogue(db);
  await db.collection("rows").deleteMany({ n: 1 });
  await db.collection("only restored").drop();
  await db.collection("view").drop();
  await db.collection("only restored view").drop();
  await db.createCollection("view", { viewOn: "rows", pipeline: [{ $match: { n: 2 } }] });
  await insertDocuments(db.collection("only before"), rows(3, "new"));
  before = await catalogue(db);
  commands = await rehearse();
});

afterAll(async () => {
  await Promise.allSettled(dying);
  await db.dropDatabase();
  await client.close();
  await closeAll();
  await directory.remove();
  process.stdout.write(`mongodb: died at ${log.length} points:\n${log.join("\n")}\n`);
});

interface Point {
  phase: "stage" | "swap" | "undo";
  /** Of the commands that change something in this phase, from 1. */
  number: number;
  when: "before" | "after";
}

/** A whole restore and its undo through a proxy: how many commands each phase has. */
async function rehearse(): Promise<Record<Point["phase"], string[]>> {
  const proxy = await cuttingProxy(testServers.mongodb);
  const through = testConnection("mongodb", proxy.url, { database: name, name: uniqueName("through") });
  const job = testJob();
  const journal = testJournal(job.jobId, name);
  const take = () => proxy.passed.splice(0);
  const staged = await engine.stage(artefact, through, target, job);
  const stage = take();
  await staged.swap?.((record) => journal.write(record));
  const swap = take();
  await engine.exchange(through, journal.swap, { journal: (record) => journal.write(record), context: job });
  const undo = take();
  await engine.dropKept(connection, journal.swap, job);
  proxy.close();
  expect(await catalogue(db)).toEqual(before);
  return { stage, swap, undo };
}

const spread = (count: number, of: number): number[] =>
  Array.from({ length: count }, (_, index) => 1 + Math.floor((index * (of - 1)) / Math.max(1, count - 1)));

async function die(point: Point): Promise<void> {
  const proxy = await cuttingProxy(testServers.mongodb);
  const through = testConnection("mongodb", proxy.url, { database: name, name: uniqueName("through") });
  const job = testJob();
  const journal = testJournal(job.jobId, name);
  const write = (record: Parameters<typeof journal.write>[0]) => journal.write(record);
  if (point.phase === "stage") {
    proxy.cutAt(point);
    const dead = engine.stage(artefact, through, target, job);
    dying.push(dead.catch(() => undefined));
    await expect.poll(() => proxy.isGone()).toBe(true);
  } else {
    const staged = await engine.stage(artefact, through, target, job);
    if (point.phase === "swap") proxy.cutAt(point);
    const swapped = staged.swap?.(write);
    if (point.phase === "swap") await expect(swapped).rejects.toMatchObject({ name: "AppError" });
    await swapped?.catch(() => undefined);
    if (point.phase === "undo") {
      proxy.cutAt(point);
      await expect(engine.exchange(through, journal.swap, { journal: write, context: job })).rejects.toMatchObject({ name: "AppError" });
    }
  }
  proxy.close();
  await recover(point, { job, journal });
}

/** As the console does at its next start. */
async function recover(point: Point, { job, journal }: { job: ReturnType<typeof testJob>; journal: ReturnType<typeof testJournal> }): Promise<void> {
  const { swap } = journal;
  const live = journal.isWritten ? await engine.settle(connection, swap, job) : "before";
  log.push(`${point.phase} ${point.number} ${point.when}: ${live} is live${journal.isWritten ? "" : ", swept"}`);
  if (!journal.isWritten) await engine.sweep(connection, { jobId: job.jobId, target: name });
  expect(await catalogue(db)).toEqual(live === "restored" ? after : before);
  expect(journal.isWritten ? await engine.settle(connection, swap, job) : "before").toBe(live);
  if (live === "restored") {
    await engine.exchange(connection, swap, { journal: (record) => journal.write(record), context: job });
    expect(await catalogue(db)).toEqual(before);
  }
  if (journal.isWritten) await engine.dropKept(connection, swap, job);
  expect(await catalogue(db)).toEqual(before);
  expect(await asides(db)).toEqual([]);
}

describe("the connection is lost", () => {
  it.each([
    ["eight places of staging", "stage", 8],
    ["ten places of swapping", "swap", 10],
    ["six places of undoing", "undo", 6],
  ] as const)("at %s", async (_label, phase, count) => {
    const points = spread(count, commands[phase].length);
    const known = log.length;
    for (const [index, number] of points.entries()) await die({ phase, number, when: index % 2 === 0 ? "before" : "after" });
    expect(log.length - known).toBe(count);
  });
});

/** What the test runner does for imports, for plain Node, which strips types itself. */
const hooks = (source: string): string =>
  `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  registerHooks({ resolve: (name, context, next) => name === "server-only" ? { url: "data:text/javascript,", shortCircuit: true }
    : name.startsWith("@/") ? next(${JSON.stringify(pathToFileURL(source).href)} + name.slice(1).replaceAll("(", "%28").replaceAll(")", "%29") + ".ts", context) : next(name, context) });
`)}`;

describe("the console is killed", () => {
  it.each([
    ["while it stages", () => 9],
    ["when its first collection has left", () => commands.stage.length + 3],
    ["in the middle of the swap", () => commands.stage.length + Math.ceil(commands.swap.length / 2)],
    ["before its last step", () => commands.stage.length + commands.swap.length],
  ])("%s", async (_label, place) => {
    const number = place();
    const proxy = await cuttingProxy(testServers.mongodb);
    const job = testJob();
    const [orderPath, journalPath] = [directory.path(`order-${number}`), directory.path(`journal-${number}`)];
    const order: ChildOrder = { url: proxy.url, database: name, jobId: job.jobId, path: artefact.path, manifest: artefact.manifest, journalPath };
    writeFileSync(orderPath, JSON.stringify(order));
    const source = join(process.cwd(), "src");
    const script = join(source, "app/(console)/manage-dbs/mongodb/mongodb.test-child.ts");
    const child = spawn(process.execPath, ["--import", hooks(source), script, orderPath], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    const ended = once(child, "close");
    proxy.interruptAt({
      number,
      async run() {
        child.kill("SIGKILL");
        await ended;
      },
    });
    const [, signal] = (await ended) as [number | null, NodeJS.Signals | null];
    expect(signal, said).toBe("SIGKILL");
    proxy.close();
    const journal = testJournal(job.jobId, name);
    if (existsSync(journalPath)) await journal.write(JSON.parse(readFileSync(journalPath, "utf8")) as Parameters<typeof journal.write>[0]);
    await recover({ phase: "swap", number, when: "before" }, { job, journal });
  });
});

describe("others", () => {
  it("what an application writes to a name between its leaving and its coming is kept aside", async () => {
    const restore = await watched(async (names) => {
      const free = ["checked", "rows"].find((one) => !names.includes(one));
      if (free !== undefined) await db.collection<{ _id: string }>(free).insertOne({ _id: "late" });
      return free !== undefined;
    });
    await restore.swapped;
    expect(await catalogue(db)).toEqual(after);
    const late = (await asides(db)).filter((one) => one.includes("__late"));
    expect(late).toHaveLength(1);
    expect(await db.collection(late[0] ?? "").countDocuments()).toBe(1);
    await recover({ phase: "swap", number: 0, when: "after" }, restore);
  });

  it("goes back when a staged collection is gone, and says so when neither state is whole", async () => {
    for (const [dropped, live] of [
      [["__restore_ID___only restored"], "before"],
      [["__restore_ID___only restored", "__before_ID___checked"], "neither"],
    ] as const) {
      const { swapped, job, journal } = await watched((names, proxy) => {
        const isThere = names.includes("checked") && names.some((one) => one.startsWith("__before_") && one.endsWith("_checked"));
        if (isThere) proxy.close();
        return isThere;
      });
      await expect(swapped).rejects.toMatchObject({ name: "AppError" });
      for (const one of dropped) await db.collection(one.replace("ID", job.jobId)).drop();
      const names = await allNames();
      if (live === "before") {
        await recover({ phase: "swap", number: 0, when: "before" }, { job, journal });
      } else {
        await expect(engine.settle(connection, journal.swap, job)).rejects.toMatchObject({ code: "CONFLICT" });
        await expect(engine.dropKept(connection, journal.swap, job)).rejects.toMatchObject({ code: "CONFLICT" });
        expect(await allNames()).toEqual(names);
      }
    }
  });
});

const allNames = async (): Promise<string[]> => (await db.listCollections({}, { nameOnly: true }).toArray()).map((entry) => entry.name).sort();

/** A swap that is looked at before each of its commands goes on, until something was done about it. */
async function watched(act: (names: string[], proxy: CuttingProxy) => Promise<boolean> | boolean) {
  const proxy = await cuttingProxy(testServers.mongodb);
  const through = testConnection("mongodb", proxy.url, { database: name, name: uniqueName("through") });
  const job = testJob();
  const journal = testJournal(job.jobId, name);
  const staged = await engine.stage(artefact, through, target, job);
  const watch = (): void =>
    proxy.interruptAt({
      number: 1,
      async run() {
        if (!(await act(await allNames(), proxy))) watch();
      },
    });
  watch();
  const swapped = staged.swap?.((record) => journal.write(record));
  await swapped?.catch(() => undefined);
  proxy.close();
  return { swapped, job, journal };
}
