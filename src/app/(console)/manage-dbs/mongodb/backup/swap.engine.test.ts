/** Restores in the place of live collections: swap, undo, redo, drop. */
import { beforeAll, describe, expect, it } from "vitest";

import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { listCollections } from "@/app/(console)/manage-dbs/mongodb/collections/collections.service";
import { artefactAt, sinkAt, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { insertDocuments } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-documents";
import { asides, catalogue, fillAwkward, LONG_NAME, rows, testJournal } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-swaps";
import type { Artefact } from "@/backups/engine";
import { RestorePlan } from "@/backups/engine";
import { startSuite, type TestDatabase } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-suite";

const { directory, database } = await startSuite();
const server = { keepsViews: false, renamesDots: false };

beforeAll(async () => {
  const probe = database("probe");
  await probe.db.createCollection("view", { viewOn: "none", pipeline: [] });
  server.keepsViews = (await probe.db.listCollections({ name: "view" }).toArray())[0]?.type === "view";
  server.renamesDots = server.keepsViews;
});

async function backUp(of: TestDatabase): Promise<Artefact> {
  const path = directory.path(`${of.name}.archive.gz`);
  return artefactAt(path, await mongodbBackup.write(of.connection, sinkAt(path), testJob()));
}

const engine = mongodbBackup as Required<typeof mongodbBackup>;

/** Stages and swaps as the console does. */
async function replace(of: TestDatabase, artefact: Artefact, objects?: string[]) {
  const job = testJob();
  const journal = testJournal(job.jobId, of.name);
  const staged = await engine.stage(artefact, of.connection, { name: of.name, replace: true, ...(objects ? { objects } : {}) }, job);
  const swapped = await staged.swap?.((record) => journal.write(record));
  return { job, journal, staged, swapped };
}

const exchange = (of: TestDatabase, { journal, job }: Awaited<ReturnType<typeof replace>>) =>
  engine.exchange(of.connection, journal.swap, { journal: (record) => journal.write(record), context: job });

describe("replace, undo, redo, drop", () => {
  it("goes between exactly the old and exactly the restored state", async () => {
    const of = database("swap");
    await fillAwkward(of.db, { label: "old", dots: server.renamesDots, series: true });
    const artefact = await backUp(of);
    const restored = await catalogue(of.db);

    await of.db.collection("rows").deleteMany({ n: 1 });
    await of.db.collection("types").drop();
    await insertDocuments(of.db.collection("made since"), rows(7, "new"));
    await of.db.collection("made since").createIndex({ label: 1 });
    if (server.keepsViews) {
      await of.db.collection("view").drop();
      await of.db.createCollection("view", { viewOn: "made since", pipeline: [{ $match: { n: 2 } }] });
      await of.db.collection("view on view").drop();
      await insertDocuments(of.db.collection("view on view"), rows(2, "a collection now"));
      await of.db.createCollection("view made since", { viewOn: "rows", pipeline: [] });
    }
    const live = await catalogue(of.db);

    const plan = RestorePlan.parse(await engine.plan(artefact, of.connection, { name: of.name, replace: true }, {}));
    const isCollection = (object: { kind: string }) => object.kind !== "view";
    const leaving = (Object.values(live) as { kind: string }[]).filter(isCollection).length;
    const coming = artefact.manifest.objects.filter(isCollection).length;
    const moment = plan.checks.find((check) => check.title === "The moment of the exchange");
    expect(moment?.detail).toMatch(new RegExp(`^${leaving + coming} renames one after the other, in all about \\d+(?:\\.\\d)? m?s or less`));
    expect(moment?.detail).toContain("They are no transaction");

    const done = await replace(of, artefact);
    expect(done.job.lines.join("\n")).toMatch(/the exchange took \d/);
    expect(done.swapped?.place).toContain(of.name);
    expect(await catalogue(of.db)).toEqual(restored);
    expect((await asides(of.db)).every((name) => name.startsWith(`__before_${done.job.jobId}__`))).toBe(true);
    expect((await listCollections(of.connection, {}, {})).collections.map((entry) => entry.name)).not.toContain(expect.stringContaining("__before_"));
    expect(await engine.settle(of.connection, done.journal.swap, done.job)).toBe("restored");

    await exchange(of, done);
    expect(await catalogue(of.db)).toEqual(live);
    expect(await engine.settle(of.connection, done.journal.swap, done.job)).toBe("before");
    await exchange(of, done);
    expect(await catalogue(of.db)).toEqual(restored);

    await engine.dropKept(of.connection, done.journal.swap, done.job);
    await engine.dropKept(of.connection, done.journal.swap, done.job);
    expect(await asides(of.db)).toEqual([]);
    expect(await catalogue(of.db)).toEqual(restored);
    await expect(exchange(of, done)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(await catalogue(of.db)).toEqual(restored);
  });
});

it("collections of the server are left as they are, and said to be", async ({ skip }) => {
  const of = database("system");
  await insertDocuments(of.db.collection("rows"), rows(3, "old"));
  const isTaken = await insertDocuments(of.db.collection("system.js"), rows(2, "old")).then(
    () => true,
    () => false,
  );
  skip(!isTaken, "this server takes no document there");
  const artefact = await backUp(of);
  await of.db.collection("system.js").deleteMany({ n: 1 });
  await of.db.collection("rows").deleteMany({});
  const plan = await engine.plan(artefact, of.connection, { name: of.name, replace: true }, {});
  expect(plan.checks.find((check) => check.title === "Collections of the server")).toMatchObject({ result: "warn" });
  const { staged } = await replace(of, artefact);
  expect(staged.skipped).toMatchObject([{ name: "system.js", count: 2 }]);
  expect(await of.db.collection("system.js").countDocuments()).toBe(1);
  expect(await of.db.collection("rows").countDocuments()).toBe(3);
});

it("the plan says what is replaced, and what cannot be", async () => {
  const of = database("plan");
  await insertDocuments(of.db.collection("rows"), rows(20, "old"));
  await insertDocuments(of.db.collection(LONG_NAME), rows(2, "old"));
  const artefact = await backUp(of);
  await insertDocuments(of.db.collection("made since"), rows(7, "new"));
  const plan = RestorePlan.parse(await engine.plan(artefact, of.connection, { name: of.name, replace: true }, {}));
  expect(plan.checks.filter((check) => check.result === "fail")).toEqual([]);
  expect(plan.way).toContain("swap");
  expect(plan.objects).toContainEqual({ name: "rows", kind: "collection", inBackup: 20, liveNow: 20, after: 20 });
  expect(plan.objects).toContainEqual({ name: "made since", kind: "collection", inBackup: null, liveNow: 7, after: null });
  expect(plan.replaces).toMatchObject({ items: 29, sessions: null });
  expect(plan.undo?.bytes).toBeGreaterThan(0);
  const other = await engine.plan(artefact, of.connection, { name: "another", replace: true }, {});
  expect(other.checks.find((check) => check.result === "fail")?.detail).toContain(of.name);
});
