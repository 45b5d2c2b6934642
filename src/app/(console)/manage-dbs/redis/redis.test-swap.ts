/** The console's half of a restore that replaces live data, for tests: a journal in memory. */
import { expect } from "vitest";
import { z } from "zod";
import type { Artefact, RestorePlan, Staged, Swap, Swapped } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { redisBackup } from "./redis.backup";
import { MARKERS } from "./redis.backup-marker";
import { closeAll } from "./redis.client";
import { testJob, writeArtefact, type TestJob } from "./redis.test-artefact";
import { contentsOf } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";

export interface Replaced {
  staged: Staged;
  swapped: Swapped;
  swap: Swap;
  /** Logical databases of what is kept, in the order of the live ones. */
  spares: number[];
  exchange: () => Promise<Swapped>;
  drop: () => Promise<void>;
}

export async function replaceLive(connection: Connection, artefact: Artefact, options: { name?: string; job?: TestJob } = {}): Promise<Replaced> {
  const restore = await replaceInPlace(connection, artefact, options);
  const record = z.object({ pairs: z.array(z.object({ spare: z.number() })) }).parse(restore.swap.record);
  return { ...restore, spares: record.pairs.map(({ spare }) => spare) };
}

/** The same without databases that stand aside. */
export async function replaceInPlace(
  connection: Connection,
  artefact: Artefact,
  { name = "0", job = testJob() }: { name?: string; job?: TestJob } = {},
): Promise<Omit<Replaced, "spares">> {
  const staged = await redisBackup.stage(artefact, connection, { name, replace: true }, job);
  const swap: Swap = { jobId: job.jobId, target: name, record: {} };
  const journal = async (record: Swap["record"]) => {
    // As the console's own journal keeps it.
    swap.record = JSON.parse(JSON.stringify(record)) as Swap["record"];
  };
  if (!staged.swap || !redisBackup.exchange || !redisBackup.dropKept) throw new Error("cannot replace");
  const swapped = await staged.swap(journal);
  return {
    staged,
    swapped,
    swap,
    exchange: async () => (await redisBackup.exchange?.(connection, swap, { journal, context: testJob(job.jobId) })) ?? swapped,
    drop: async () => redisBackup.dropKept?.(connection, swap, testJob(job.jobId)),
  };
}

export const REPLACE = { name: "0", replace: true };

export const planFor = (artefact: Artefact, target: TestRedis): Promise<RestorePlan> => redisBackup.plan(artefact, target.connection, REPLACE, {});

export const failsOf = (plan: RestorePlan): string[] => plan.checks.filter(({ result }) => result === "fail").map(({ title }) => title);

/** A backup of these keys in db0, from another server. */
export async function backupOf(keys: Record<string, string>, path: string): Promise<Artefact> {
  const source = await startRedis();
  try {
    await source.driver().mset(keys);
    return await writeArtefact(source.connection, path);
  } finally {
    await source.stop();
  }
}

export async function withServer(args: string[], test: (own: TestRedis) => Promise<void>): Promise<void> {
  const own = await startRedis(args);
  try {
    await test(own);
  } finally {
    closeAll();
    await own.stop();
  }
}

/** Logical databases that hold anything, and the markers in db0. */
export async function filledDatabases(own: TestRedis): Promise<{ databases: number[]; markers: number }> {
  const databases = [...(await own.driver().info("keyspace")).matchAll(/^db(\d+):/gm)].map(([, db]) => Number(db));
  return { databases, markers: await own.driver().exists(...Object.values(MARKERS)) };
}

/** Exactly what was there, in db0 and nowhere else. */
export async function assertUntouched(own: TestRedis, before: Map<string, string>): Promise<void> {
  expect(await contentsOf(own.driver())).toEqual(before);
  expect(await filledDatabases(own)).toEqual({ databases: [0], markers: 0 });
}
