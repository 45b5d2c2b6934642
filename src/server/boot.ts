import "server-only";
/** The start and the end of the process: settings, migrations, sweep, first admin, samples; and everything closed again. */
import { runner, stopJobs } from "@/backups/jobs";
import { sweepLeftBehind } from "@/backups/left-behind.service";
import { runDueSchedules } from "@/backups/schedules.service";
import { sweepAfterCrash } from "@/backups/sweep";
import { tendSwaps } from "@/backups/swaps.service";
import type { EngineId } from "@/engines";
import { env, keys } from "@/env";
import { startAuth, stopAuth } from "@/server/auth/start";
import { connectionById, listConnections } from "@/server/connections";
import { controlPlane, migrate } from "@/server/control-plane/database";
import { logger } from "@/server/logger";
import { recordSample, SAMPLE_EVERY_MS } from "@/server/samples";
import { single } from "@/server/single";
import { engineServers } from "@/trpc/engine-servers";

const engineOf = (connectionId: string) => engineServers[connectionId.split("/")[0] as EngineId].backup;

const STOP_WITHIN_MS = 5_000;

export async function boot(): Promise<void> {
  try {
    env();
    keys();
    await migrate(controlPlane());
  } catch (error) {
    // The one clear line a person needs; a stack would hide it.
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
  const swept = await sweepAfterCrash(engineOf);
  if (swept > 0) logger().warn({ jobs: swept }, "jobs of an earlier run were marked failed");
  const { setUpUrl } = await startAuth();
  if (setUpUrl) process.stdout.write(`\nFirst start: open this link once to make the admin\n  ${setUpUrl}\n\n`);
  logger().info({ boot: runner().bootId }, "console started");
  startSampling();
  startTending();
  startSchedules();
  stopOnSignals();
}

const TEND_EVERY_MS = 60_000;

/** What restores keep for undo: settled when a crash left it open, dropped when its time is over; and what others left aside. */
function startTending(): void {
  let sweeping: Promise<void> | null = null;
  const sweep = () => (sweeping ??= sweepLeftBehind(engineOf).finally(() => (sweeping = null)));
  // A restore that waits for its server, or takes its time, holds up no other.
  const tend = () => Promise.all([tendSwaps(engineOf), sweep()]).catch((error: unknown) => logger().error({ error }, "tending restores failed"));
  const timer = setInterval(() => void tend(), TEND_EVERY_MS);
  timer.unref();
  single("tending", () => timer);
  void tend();
}

const SCHEDULES_EVERY_MS = 15_000;

/** Backups and drills at their times; what was due while the console was down is run now, once. */
function startSchedules(): void {
  const run = () => runDueSchedules(engineOf).catch((error: unknown) => logger().error({ error }, "running schedules failed"));
  const timer = setInterval(() => void run(), SCHEDULES_EVERY_MS);
  timer.unref();
  single("scheduling", () => timer);
  void run();
}

/** Samples the environment's connections, one after the other; one that is down costs its time-out and no more. */
function startSampling(): void {
  const timer = setInterval(() => void sampleAll(), SAMPLE_EVERY_MS);
  timer.unref();
  single("sampling", () => timer);
  void sampleAll();
}

async function sampleAll(): Promise<void> {
  try {
    await sampleEach();
  } catch (error) {
    // Left to itself a rejection would end the process.
    logger().error({ error }, "sampling failed");
  }
}

async function sampleEach(): Promise<void> {
  for (const entry of await listConnections()) {
    if (entry.missing !== null || entry.source !== "environment") continue;
    try {
      recordSample(entry.id, await engineServers[entry.engine].sample(await connectionById(entry.id)));
    } catch {
      // A server that is down has no figures; its tab says so.
    }
  }
}

/** The signal that ends open subscriptions at shutdown: they would hold the process otherwise. */
export const stopping = (): AbortController => single("stopping", () => new AbortController());

function stopOnSignals(): void {
  const stop = async () => {
    if (stopping().signal.aborted) return;
    stopping().abort();
    await stopJobs(STOP_WITHIN_MS);
    await Promise.race([
      Promise.allSettled(Object.values(engineServers).map((engine) => engine.close())),
      new Promise((resolve) => setTimeout(resolve, STOP_WITHIN_MS).unref()),
    ]);
    stopAuth();
    await controlPlane().destroy();
    process.exit(0);
  };
  process.on("SIGTERM", () => void stop());
  process.on("SIGINT", () => void stop());
}
