/** A swap that dies at every point, in every way: after settle the target is exactly old or exactly new, undo works, nothing is left. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keptName } from "@/app/(console)/manage-dbs/postgres/postgres.aside-names";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import { close } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { SWAP_POINTS, type SwapPoint } from "@/app/(console)/manage-dbs/postgres/postgres.swap";
import { swapApplication } from "@/app/(console)/manage-dbs/postgres/postgres.swap-sides";
import type { ChildOrder } from "@/app/(console)/manage-dbs/postgres/postgres.test-child";
import { killedConsole } from "@/app/(console)/manage-dbs/postgres/postgres.test-console";
import { quote } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { artefactAt, makeJob, makeSink, type TestJob } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import { makeServer, type OwnServer } from "@/app/(console)/manage-dbs/postgres/postgres.test-server";
import type { Artefact, BackupEngine, Swap } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { testConnection } from "@/test/connections";
import { testServers } from "@/test/servers";

const toolsDir = testServers.postgresBinDir;
const search = () => ({ toolsDir, packageDirs: [] });
const engine = makePostgresBackup(search);
const NAME = `o'r"ders 🙂`;
let server: OwnServer;
let connection: Connection;
let backupJob: TestJob;
let artefact: Artefact;

const url = (database: string): string => `postgres://postgres@127.0.0.1:${server.port}/${encodeURIComponent(database)}`;

async function ask(statement: string, database = "postgres"): Promise<string[]> {
  const client = new Client({ host: "127.0.0.1", port: server.port, user: "postgres", database });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const result = await client.query<string[]>({ text: statement, rowMode: "array" });
    return Array.isArray(result) ? [] : result.rows.map((row) => String(row[0]));
  } finally {
    await client.end();
  }
}

/** What is live, found by asking the database as an application would. */
const live = async (): Promise<string> => (await ask("SELECT string_agg(state, ',' ORDER BY state) FROM t", NAME))[0] ?? "";
const leftOf = async (jobId: string): Promise<string[]> => ask(`SELECT datname FROM pg_database WHERE datname LIKE '%${jobId}%'`);

beforeAll(async () => {
  backupJob = await makeJob();
  server = await makeServer({ settings: ["max_prepared_transactions = 2", "wal_level = logical"] });
  await ask(`CREATE DATABASE ${quote(NAME)}`);
  connection = testConnection("postgres", url(NAME), { name: "faults" });
  await ask("CREATE TABLE t AS SELECT 'saved' AS state; CREATE TABLE filler AS SELECT i, md5(i::text) FROM generate_series(1, 5000) i", NAME);
  const sink = makeSink(backupJob);
  const content = await engine.write(connection, sink, backupJob.context);
  await sink.finished();
  artefact = await artefactAt(sink.path, content);
  await ask("UPDATE t SET state = 'live'", NAME);
});
afterAll(async () => {
  await close();
  await server.remove();
  await backupJob.remove();
});

interface Attempt {
  job: TestJob;
  swap: Swap | null;
  error: unknown;
}

/** A restore in place with an engine that breaks; the journal is what the console would have. */
async function attempt(broken: BackupEngine, job: TestJob): Promise<Attempt> {
  const staged = await broken.stage(artefact, connection, { name: NAME, replace: true }, job.context);
  let swap: Swap | null = null;
  const error: unknown = await staged
    .swap?.(async (record) => {
      swap = { jobId: job.context.jobId, target: NAME, record };
    })
    .then(
      () => null,
      (failure: unknown) => failure,
    );
  if (swap === null) await staged.discard();
  return { job, swap, error };
}

const context = (job: TestJob) => ({ log: () => undefined, signal: job.context.signal });

/** Settled, undone where it went through, dropped: then everything is as it was, and nothing is left. */
async function settleAndTidy({ job, swap }: Attempt, expected: "before" | "restored"): Promise<void> {
  if (swap) {
    for (let again = 0; again < 2; again += 1) expect(await engine.settle?.(connection, swap, context(job))).toBe(expected);
    expect(await live()).toBe(expected === "before" ? "live" : "saved");
    const steps = { journal: async () => undefined, context: job.context };
    if (expected === "restored") await engine.exchange?.(connection, swap, steps);
    await engine.dropKept?.(connection, swap, context(job));
  }
  expect(await live()).toBe("live");
  expect(await leftOf(job.context.jobId)).toEqual([]);
  await job.remove();
}

const outcome = (point: SwapPoint): "before" | "restored" => (point === "committed" ? "restored" : "before");

/** An engine that does something at one point of a swap. */
const breaking = (point: SwapPoint, act: () => void | Promise<void>): BackupEngine => makePostgresBackup(search, (at) => (at === point ? act() : undefined));

const broken = (): void => {
  throw new Error("broken");
};
const killServer = (): Promise<void> => server.stop("SIGKILL");
const endSession = (job: TestJob) => async (): Promise<void> =>
  void (await ask(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${swapApplication(job.context.jobId)}'`));

function orderOf(job: TestJob, dieAt: ChildOrder["dieAt"], exchange: Swap["record"] | null): ChildOrder {
  const { path, manifest } = artefact;
  const { directory: scratchDir } = job;
  const order = { path, manifest, url: url(NAME), target: NAME, jobId: job.context.jobId, scratchDir, toolsDir, journal: join(scratchDir, "journal.json") };
  return { ...order, dieAt, exchange };
}

describe("a swap that fails", () => {
  it.each(["before journal", "journal written", "live closed", "committed"] as const)("at: %s", async (point) => {
    const result = await attempt(breaking(point, broken), await makeJob());
    expect(result.error).toMatchObject({ message: expect.stringContaining("broken") as string });
    expect(result.swap === null).toBe(point === "before journal");
    // Without any settling by the console: applications get in again at once.
    expect(await live()).toBe(outcome(point) === "before" ? "live" : "saved");
    await settleAndTidy(result, outcome(point));
  });

  it("because it is cancelled counts until the journal is written, and not after", async () => {
    for (const point of ["before journal", "live closed"] as const) {
      const job = await makeJob();
      const result = await attempt(
        makePostgresBackup(search, (at) => (at === point ? job.controller.abort() : undefined)),
        job,
      );
      expect(result.error).toEqual(point === "before journal" ? expect.objectContaining({ code: "CANCELLED" }) : null);
      const uncancelled = await makeJob();
      await settleAndTidy({ ...result, job: { ...uncancelled, context: { ...uncancelled.context, jobId: job.context.jobId } } }, "restored");
      await job.remove();
    }
  });

  it("because the second name is taken leaves live as it was and open", async () => {
    const job = await makeJob();
    let stolen = false;
    const broken = makePostgresBackup(search, async (at) => {
      if (at !== "first rename" || stolen) return;
      stolen = true;
      // The staged database goes away under the transaction, which holds only the live one.
      await ask(`DROP DATABASE ${quote((await leftOf(job.context.jobId)).find((name) => name.includes("_restore_")) ?? "")}`);
    });
    const result = await attempt(broken, job);
    expect(result.error).toMatchObject({ code: "NOT_FOUND" });
    expect(await live()).toBe("live");
    if (!result.swap) throw new Error("nothing was journaled");
    expect(await engine.settle?.(connection, result.swap, context(job))).toBe("before");
    await engine.dropKept?.(connection, result.swap, context(job));
    expect(await leftOf(job.context.jobId)).toEqual([]);
    await job.remove();
  });
});

describe("a restore in place, by kill -9", () => {
  it.each(["staging", "before journal", "live closed", "second rename"] as const)("of the console at: %s", async (dieAt) => {
    const job = await makeJob();
    const order = orderOf(job, dieAt, null);
    expect(await killedConsole(order)).toBe("SIGKILL");
    const hasJournal = dieAt !== "staging" && dieAt !== "before journal";
    const record = hasJournal ? (JSON.parse(readFileSync(order.journal, "utf8")) as Swap["record"]) : null;
    if (record === null) await engine.sweep(connection, { jobId: job.context.jobId, target: NAME });
    await settleAndTidy({ job, swap: record && { jobId: job.context.jobId, target: NAME, record }, error: null }, "before");
  });

  it("of the server while it is staged", async () => {
    const job = await makeJob();
    const progress = ({ object }: { object?: string }): void => void (object === undefined ? undefined : killServer());
    await expect(engine.stage(artefact, connection, { name: NAME, replace: true }, { ...job.context, progress })).rejects.toBeDefined();
    await server.start();
    await engine.sweep(connection, { jobId: job.context.jobId, target: NAME });
    await settleAndTidy({ job, swap: null, error: null }, "before");
  });

  it("of the server with live closed", async () => {
    const result = await attempt(breaking("live closed", killServer), await makeJob());
    expect(result.error).toMatchObject({ code: "UNREACHABLE" });
    if (!result.swap) throw new Error("nothing was journaled");
    await expect(engine.settle?.(connection, result.swap, context(result.job))).rejects.toMatchObject({ code: "UNREACHABLE" });
    await server.start();
    await settleAndTidy(result, "before");
  });
});

/** What is swapped once is exchanged again and again: the same steps as a first swap, without staging anew. */
describe("an undo or redo", () => {
  let pair: Attempt & { swap: Swap };
  beforeAll(async () => {
    const { swap, ...result } = await attempt(engine, await makeJob());
    if (!swap) throw new Error("nothing was journaled");
    pair = { ...result, swap };
  });
  afterAll(async () => settleAndTidy(pair, (await engine.settle?.(connection, pair.swap, context(pair.job))) ?? "before"));

  const settled = async (): Promise<string> => (await engine.settle?.(connection, pair.swap, context(pair.job))) ?? "";
  const exchange = (by: BackupEngine): Promise<unknown> =>
    Promise.resolve(by.exchange?.(connection, pair.swap, { journal: async () => undefined, context: pair.job.context })).then(
      () => null,
      (error: unknown) => error,
    );

  /** Lets it die at a point. Then one of the two is live, whole and open, and settle says which; before the commit it is the one of before. */
  async function dying(point: SwapPoint, run: () => Promise<unknown>): Promise<unknown> {
    const before = await settled();
    const error = await run();
    const found = await settled();
    expect(found === before).toBe(point !== "committed");
    expect(await settled()).toBe(found);
    expect(await live()).toBe(found === "before" ? "live" : "saved");
    return error;
  }

  it.each(SWAP_POINTS)("that fails at: %s", async (point) => {
    expect(await dying(point, () => exchange(breaking(point, broken)))).toMatchObject({ message: expect.stringContaining("broken") as string });
  });

  it.each(SWAP_POINTS.slice(1))("whose session is ended at: %s", async (point) => {
    const error = await dying(point, () => exchange(breaking(point, endSession(pair.job))));
    // Nothing more is to be done after the commit.
    expect(error).toEqual(point === "committed" ? null : expect.objectContaining({ code: "UNREACHABLE" }));
  });

  it.each(["journal written", "first rename", "committed"] as const)("by a console that is killed at: %s", async (point) => {
    expect(await dying(point, () => killedConsole(orderOf(pair.job, point, pair.swap.record)))).toBe("SIGKILL");
  });

  it.each(SWAP_POINTS.slice(1))("on a server that is killed at: %s", async (point) => {
    await dying(point, async () => {
      const error = await exchange(breaking(point, killServer));
      await server.start();
      return error;
    });
    expect(await exchange(engine)).toBe(null);
  });
});

describe("what stands in the way", () => {
  it("prepared transactions: refused by the plan, by the swap before its journal, and by an undo", async () => {
    const done = await attempt(engine, await makeJob());
    if (!done.swap) throw new Error("nothing was journaled");
    await ask("BEGIN; INSERT INTO t VALUES ('prepared'); PREPARE TRANSACTION 'held'", NAME);
    const plan = await engine.plan(artefact, connection, { name: NAME, replace: true }, {});
    expect(plan.checks.find((check) => check.title.includes("prepared"))).toMatchObject({ result: "fail" });
    const result = await attempt(engine, await makeJob());
    expect(result).toMatchObject({ swap: null, error: { code: "CONFLICT", detail: "held" } });
    await expect(engine.exchange?.(connection, done.swap, { journal: async () => undefined, context: done.job.context })).rejects.toMatchObject({
      code: "CONFLICT",
    });
    expect(await live()).toBe("saved");
    await ask("ROLLBACK PREPARED 'held'", NAME);
    await settleAndTidy(done, "restored");
    await result.job.remove();
  });

  it("replication slots: said in the plan, and dropped with the old state", async () => {
    await ask("SELECT pg_create_logical_replication_slot('held', 'pgoutput')", NAME);
    const plan = await engine.plan(artefact, connection, { name: NAME, replace: true }, {});
    expect(plan.checks.find((check) => check.title.includes("slots"))).toMatchObject({ result: "warn", detail: expect.stringContaining("held") as string });
    const result = await attempt(engine, await makeJob());
    expect(result.error).toBe(null);
    await settleAndTidy(result, "restored");
    expect(await ask("SELECT slot_name FROM pg_replication_slots")).toEqual(["held"]);
    await ask("SELECT pg_drop_replication_slot('held')", NAME);
  });

  it("other names, the server's own databases and standing ones are refused by the plan", async () => {
    for (const [target, at] of [
      ["another", connection],
      ["postgres", testConnection("postgres", url("postgres"), { name: "own" })],
    ] as const) {
      const plan = await engine.plan(artefact, at, { name: target, replace: true }, {});
      expect(plan.checks[0]).toMatchObject({ result: "fail", title: expect.stringContaining(target) as string });
    }
    await expect(engine.stage(artefact, connection, { name: "another", replace: true }, backupJob.context)).rejects.toMatchObject({ code: "CONFLICT" });
  });

  it("applications that connect again and again do not keep the swap away", async () => {
    let going = true;
    const knocking = Array.from({ length: 4 }, async () => {
      while (going) await ask("SELECT 1", NAME).catch(() => undefined);
    });
    const result = await attempt(engine, await makeJob());
    going = false;
    await Promise.all(knocking);
    expect(result.error).toBe(null);
    await settleAndTidy(result, "restored");
  });

  it("a later restore: the earlier one can only be dropped, and only what it kept itself", async () => {
    const first = await attempt(engine, await makeJob());
    const second = await attempt(engine, await makeJob());
    if (!first.swap || !second.swap) throw new Error("nothing was journaled");
    await expect(engine.exchange?.(connection, first.swap, { journal: async () => undefined, context: first.job.context })).rejects.toMatchObject({
      code: "CONFLICT",
    });
    await engine.dropKept?.(connection, second.swap, context(second.job));
    expect(await leftOf("_before_")).toEqual([keptName(NAME, first.job.context.jobId)]);
    await engine.dropKept?.(connection, first.swap, context(first.job));
    expect(await leftOf("_before_")).toEqual([]);
    expect(await live()).toBe("saved");
    await first.job.remove();
    await second.job.remove();
  });
});
