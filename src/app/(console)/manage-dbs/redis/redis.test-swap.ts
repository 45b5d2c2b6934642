/** The console's half of a restore that replaces live data, for tests: a journal in memory. */
import type { Artefact, Staged, Swap, Swapped } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { redisBackup } from "./redis.backup";
import { testJob, type TestJob } from "./redis.test-artefact";

export interface Replaced {
  staged: Staged;
  swapped: Swapped;
  swap: Swap;
  exchange(): Promise<Swapped>;
  drop(): Promise<void>;
}

export async function replaceLive(
  connection: Connection,
  artefact: Artefact,
  { name = "0", job = testJob() }: { name?: string; job?: TestJob } = {},
): Promise<Replaced> {
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
