/** One contract, four real engines: see it, list it, read it, take it out, back it up, bring it back; and lose it and find it again. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Artefact, ManifestContent, Staged } from "@/backups/engine";
import { EngineInfo, EngineOverview } from "@/lib/engine-contract";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { testConnection } from "@/test/connections";
import { mongodbSubject } from "@/test/contract/mongodb.subject";
import { postgresSubject } from "@/test/contract/postgres.subject";
import { redisSubject } from "@/test/contract/redis.subject";
import { sqliteSubject } from "@/test/contract/sqlite.subject";
import { testJob, type ContractSubject, type TestJob } from "@/test/contract/subject";
import { temporaryControlPlane } from "@/test/control-plane";

const subjects: ContractSubject[] = [sqliteSubject, redisSubject, postgresSubject, mongodbSubject];

let plane: Awaited<ReturnType<typeof temporaryControlPlane>>;
const { engineServers } = await import("@/trpc/engine-servers");
const { artefactOf, assertSameCounts } = await import("@/backups/backups.service");
const store = await import("@/backups/store");

beforeAll(async () => {
  plane = await temporaryControlPlane();
});
afterAll(async () => {
  for (const engine of Object.values(engineServers)) await engine.close();
  await plane.remove();
});

function newJob(): TestJob {
  const jobId = randomBytes(6).toString("hex");
  const scratch = join(plane.directory, `scratch-${jobId}`);
  mkdirSync(scratch, { mode: 0o700 });
  return testJob(scratch, jobId);
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString("utf8");
}

/** What the engine threw, which must be an error made for people. */
async function refusal(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  expect(error, String(error)).toBeInstanceOf(AppError);
  return error as AppError;
}

/** A megabyte is compared by its hash, so that a difference can still be read. */
const brief = (values: Map<string, string>): Record<string, string> =>
  Object.fromEntries(
    [...values].map(([label, text]) => [label, text.length <= 2_000 ? text : `${text.length} characters, ${createHash("sha256").update(text).digest("hex")}`]),
  );

/** Of what was found, that which is expected: a server may hold values that it changed when they were written. */
const only = (found: Map<string, string>, expected: Map<string, string>): Map<string, string> => new Map([...found].filter(([label]) => expected.has(label)));

const sorted = (content: ManifestContent, rename: (name: string) => string = (name) => name) =>
  content.objects.map(({ name, kind, count, checksum }) => ({ name: rename(name), kind, count, checksum })).toSorted((a, b) => (a.name < b.name ? -1 : 1));

describe.for(subjects)("$engine", (subject) => {
  const server = engineServers[subject.engine];
  const { backup } = server;
  let connection: Connection;

  beforeAll(async () => {
    await subject.open();
    connection = subject.connection();
  }, 120_000);
  afterAll(async () => {
    await server.close();
    await subject.close();
  }, 60_000);

  test("info says that it is there, and what it is", async () => {
    const info = EngineInfo.parse(await server.info(connection, {}));
    if (info.state !== "connected") throw new Error(info.reason);
    expect(info.version).toMatch(/^\d+\.\d+/);
    expect(info.product).not.toBe("");
    expect(info.holds.count).toBeGreaterThan(5);
    expect(info.latencyMs).toBeLessThan(5_000);
  });

  test("info of what cannot work is a clear state, never an exception", async () => {
    for (const { title, connection: wrong, code } of subject.wrong()) {
      const started = performance.now();
      const info = EngineInfo.parse(await server.info(wrong, {}));
      if (info.state !== "not-connected") throw new Error(`${title}: connected`);
      expect({ title, code: info.code }).toEqual({ title, code });
      expect(info.reason.length, title).toBeGreaterThan(10);
      expect(info.fix.length, title).toBeGreaterThan(10);
      expect(JSON.stringify(info), title).not.toContain("not-this-one");
      expect(performance.now() - started, title).toBeLessThan(8_000);
      const error = await refusal(server.overview(wrong, {}));
      expect({ title, code: error.code }).toEqual({ title, code });
      await server.close(wrong.id);
    }
  }, 120_000);

  test("overview has four tiles, at most ten largest objects in order, and facts", async () => {
    const overview = EngineOverview.parse(await server.overview(connection, {}));
    expect(overview.tiles).toHaveLength(4);
    expect(new Set(overview.tiles.map(({ id }) => id)).size).toBe(4);
    expect(overview.largest.length).toBeGreaterThan(0);
    expect(overview.largest.length).toBeLessThanOrEqual(10);
    const sizes = overview.largest.flatMap(({ bytes }) => (bytes === null ? [] : [bytes]));
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    expect(overview.facts.length).toBeGreaterThanOrEqual(3);
    for (const { label, value } of overview.facts) expect(label.length * value.length, label).toBeGreaterThan(0);
    const sample = await server.sample(connection);
    for (const [tile, figure] of Object.entries(sample)) {
      expect(overview.tiles.map(({ id }) => id)).toContain(tile);
      expect(Number.isFinite(figure)).toBe(true);
    }
  });

  test("objects holds every name, however awkward", async () => {
    expect(await subject.objects(connection)).toEqual(expect.arrayContaining(subject.holds));
  });

  test("browsing reads every awkward value exactly", async () => {
    expect(brief(await subject.browse(connection))).toEqual(brief(await subject.expected()));
  });

  test("an export to its end holds every awkward value exactly", async () => {
    const expected = await subject.expected();
    const found = new Map<string, string>();
    for (const { request, values } of subject.exports) {
      const stream = await server.openExport(connection, request, {});
      expect(stream.fileName).not.toBe("");
      for (const [label, value] of values(await textOf(stream.chunks))) found.set(label, value);
    }
    expect(brief(only(found, expected))).toEqual(brief(expected));
  });

  describe("backup", () => {
    let artefact: Artefact;
    let content: ManifestContent;

    test("write, then verify with the counts of the manifest", async () => {
      const { context } = newJob();
      const pending = await store.createArtefact(`sq-contract-${context.jobId}${backup.extension}`);
      content = await backup.write(connection, pending, context);
      const { bytes } = await pending.finish();
      artefact = artefactOf(pending.path, bytes, content);
      const verification = await backup.verify(artefact, newJob().context);
      assertSameCounts(content, verification);
      expect(verification.method).not.toBe("");
      expect(content.objects.reduce((sum, { count }) => sum + (count ?? 0), 0)).toBeGreaterThan(500);
      expect(JSON.stringify(content)).not.toContain(new URL(subject.engine === "sqlite" ? "x://y" : connection.url.reveal()).password || "\0");
    }, 120_000);

    test("plan says what would happen and changes nothing", async () => {
      const before = await subject.places();
      const plan = await backup.plan(artefact, connection, { name: subject.target() }, {});
      expect(plan.checks.filter(({ result }) => result === "fail")).toEqual([]);
      expect(plan.objects.map(({ name }) => name).toSorted()).toEqual(content.objects.map(({ name }) => name).toSorted());
      expect(plan.steps.length).toBeGreaterThan(1);
      expect(await subject.places()).toEqual(before);
    });

    test("a place that is taken or cannot be is refused, by the plan and by stage", async () => {
      const before = await subject.places();
      for (const name of subject.refused()) {
        const failed = await backup.plan(artefact, connection, { name }, {}).then(
          (plan) => plan.checks.some(({ result }) => result === "fail"),
          (error: unknown) => error instanceof AppError,
        );
        expect({ name, failed }).toEqual({ name, failed: true });
        const staged = await backup.stage(artefact, connection, { name }, newJob().context).then(
          async (done) =>
            done.keep().then(
              () => "kept",
              async (error: unknown) => {
                await done.discard();
                return error instanceof AppError ? "refused" : String(error);
              },
            ),
          (error: unknown) => (error instanceof AppError ? "refused" : String(error)),
        );
        expect({ name, staged }).toEqual({ name, staged: "refused" });
      }
      expect(await subject.places()).toEqual(before);
    }, 180_000);

    test("discard leaves nothing", async () => {
      const before = await subject.places();
      const staged = await backup.stage(artefact, connection, { name: subject.target() }, newJob().context);
      expect(staged.objects.length).toBeGreaterThan(0);
      await staged.discard();
      expect(await subject.places()).toEqual(before);
    }, 120_000);

    test("a cancelled restore leaves nothing", async () => {
      const before = await subject.places();
      const job = newJob();
      const work = backup.stage(artefact, connection, { name: subject.target() }, job.context).then(
        async (staged) => staged.discard(),
        (error: unknown) => error,
      );
      setTimeout(() => job.abort(), 20);
      await work;
      expect(await subject.places()).toEqual(before);
    }, 120_000);

    test("what a crash left is swept, and only that", async () => {
      const before = await subject.places();
      const target = subject.target();
      const job = newJob();
      // As after a kill -9: staged, and nobody left to keep or discard it.
      await backup.stage(artefact, connection, { name: target }, job.context);
      await backup.sweep(connection, { jobId: job.context.jobId, target });
      expect(await subject.places()).toEqual(before);
      await backup.sweep(connection, { jobId: job.context.jobId, target });
    }, 120_000);

    test("stage, compare, keep: the new place has the same values, and its own backup the same manifest", async () => {
      const staged: Staged = await backup.stage(artefact, connection, { name: subject.target() }, newJob().context);
      expect(staged.skipped).toEqual([]);
      expect(new Map(staged.objects.map(({ name, count }) => [name, count]))).toEqual(new Map(content.objects.map(({ name, count }) => [name, count])));
      const restored = subject.restored(await staged.keep());
      expect(brief(await subject.browse(restored, true))).toEqual(brief(await subject.expected()));
      const { context } = newJob();
      const pending = await store.createArtefact(`sq-again-${context.jobId}${backup.extension}`);
      const again = await backup.write(restored, pending, context);
      await pending.abandon();
      expect(sorted(again)).toEqual(expect.arrayContaining(sorted(content, subject.restoredName)));
      await server.close(restored.id);
    }, 180_000);
  });
});

describe.for(subjects)("$engine goes away and comes back", (subject) => {
  const server = engineServers[subject.engine];
  const { outage } = subject;
  let connection: Connection;

  beforeAll(async () => {
    connection = await outage.open();
    if ((await server.info(connection, {})).state !== "connected") throw new Error(`${subject.engine} did not start`);
  }, 120_000);
  afterAll(async () => {
    await server.close();
    await outage.close();
  }, 60_000);

  async function isBack(): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      const info = await server.info(connection, {});
      if (info.state === "connected") return;
      if (tries > 60) throw new Error(`still not connected: ${info.reason}`);
      await delay(250);
    }
  }

  async function isGone(): Promise<void> {
    const started = performance.now();
    const info = await server.info(connection, {});
    if (info.state !== "not-connected") throw new Error("it still answers");
    expect(["UNREACHABLE", "NOT_FOUND"]).toContain(info.code);
    expect(info.fix.length).toBeGreaterThan(10);
    expect(performance.now() - started).toBeLessThan(8_000);
    const error = await refusal(server.overview(connection, {}));
    expect(["UNREACHABLE", "NOT_FOUND", "TIMEOUT"]).toContain(error.code);
  }

  test("between two calls", async () => {
    await outage.crash();
    await isGone();
    await outage.start();
    await isBack();
    expect((await server.overview(connection, {})).tiles).toHaveLength(4);
  }, 120_000);

  test("in the middle of an export: it throws, it never ends short", async () => {
    const whole = (await textOf((await server.openExport(connection, outage.request, {})).chunks)).length;
    const { chunks } = await server.openExport(connection, outage.request, {});
    const iterator = chunks[Symbol.asyncIterator]();
    let read = (await iterator.next()).value?.length ?? 0;
    await outage.crash();
    const rest = async () => {
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) read += next.value.length;
    };
    const error = await rest().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (outage.survivesCrash) expect(read).toBe(whole);
    else {
      expect(error, `${read} of ${whole} characters came, without an error`).toBeInstanceOf(AppError);
      expect(["UNREACHABLE", "TIMEOUT", "CONFLICT"]).toContain((error as AppError).code);
    }
    await outage.start();
    await isBack();
  }, 120_000);

  test("in the middle of a backup: it fails, with nothing left", async () => {
    const before = readdirSync(store.storeDir());
    const job = newJob();
    const pending = await store.createArtefact(`sq-outage-${job.context.jobId}${server.backup.extension}`);
    const work = server.backup.write(connection, pending, job.context).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    for (let waited = 0; !existsSync(pending.path) && waited < 200; waited += 1) await delay(5);
    await delay(60);
    await outage.crash();
    const error = await work;
    await pending.abandon();
    if (!outage.survivesCrash) {
      expect(error, "the backup did not notice").toBeInstanceOf(AppError);
      expect((error as AppError).code).not.toBe("UNSUPPORTED");
    }
    expect(readdirSync(store.storeDir())).toEqual(before);
    for (const pid of job.children) expect(existsSync(`/proc/${pid}`), `child ${pid} is still there`).toBe(false);
    await outage.start();
    await isBack();
  }, 120_000);
});

test("a SQLite file that was replaced is read anew, not from its open handle", async () => {
  const { default: Database } = await import("better-sqlite3");
  const path = join(plane.directory, "replaced.sqlite");
  const make = (file: string, tables: number) => {
    const database = new Database(file);
    for (let index = 0; index < tables; index += 1) database.exec(`CREATE TABLE t${index} (a)`);
    database.close();
  };
  make(path, 1);
  const connection = testConnection("sqlite", path, { name: "replaced" });
  expect(await engineServers.sqlite.info(connection, {})).toMatchObject({ holds: { count: 1 } });
  make(`${path}.new`, 3);
  renameSync(`${path}.new`, path);
  expect(await engineServers.sqlite.info(connection, {})).toMatchObject({ holds: { count: 3 } });
});
