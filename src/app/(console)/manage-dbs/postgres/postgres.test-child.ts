/**
 * A console of its own for tests that kill it: it restores in place and dies by SIGKILL at a point of the swap. Bundled and started by
 * `killedConsole`. Its argument is a file with ChildOrder as JSON; the journal goes to a file beside it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { makePostgresBackup } from "@/app/(console)/manage-dbs/postgres/postgres.backup";
import type { SwapPoint } from "@/app/(console)/manage-dbs/postgres/postgres.swap";
import { artefactAt } from "@/app/(console)/manage-dbs/postgres/postgres.test-job";
import type { JobContext, ManifestContent, SwapRecord } from "@/backups/engine";
import { testConnection } from "@/test/connections";

export interface ChildOrder {
  path: string;
  manifest: ManifestContent;
  url: string;
  target: string;
  jobId: string;
  scratchDir: string;
  toolsDir: string;
  journal: string;
  /** A point of the swap, or "staging" for the middle of pg_restore. */
  dieAt: SwapPoint | "staging";
  /** The swap to exchange, instead of a restore. */
  exchange: SwapRecord | null;
}

const order = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as ChildOrder;
const die = (): void => process.kill(process.pid, "SIGKILL") as unknown as undefined;
const engine = makePostgresBackup(
  () => ({ toolsDir: order.toolsDir, packageDirs: [] }),
  (point) => (point === order.dieAt ? die() : undefined),
);
const connection = testConnection("postgres", order.url, { name: `child_${order.jobId}` });
const context: JobContext = {
  signal: new AbortController().signal,
  progress: ({ object }) => (order.dieAt === "staging" && object !== undefined ? die() : undefined),
  log: () => undefined,
  jobId: order.jobId,
  scratchDir: order.scratchDir,
  child: () => undefined,
};
const journal = async (record: SwapRecord): Promise<void> => writeFileSync(order.journal, JSON.stringify(record));

if (order.exchange) {
  await engine.exchange?.(connection, { jobId: order.jobId, target: order.target, record: order.exchange }, { journal, context });
} else {
  const artefact = await artefactAt(order.path, order.manifest);
  const staged = await engine.stage(artefact, connection, { name: order.target, replace: true }, context);
  await staged.swap?.(journal);
}
