/**
 * What the console does with a restore that replaces live data: restore, undo, redo, drop, and what it makes of the journal after a
 * crash. Also a console of its own that kills itself at a point, in redis.test-child.ts.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Artefact, Swap } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { redisBackup } from "./redis.backup";
import { testJob } from "./redis.test-artefact";
import type { ChildOrder } from "./redis.test-child";

/** Its row in the journal. */
export interface SwapRow {
  swap: Swap;
  state: "staging" | "swapping" | "restored" | "exchanging" | "undone" | "dropping";
}

export function newRow(): SwapRow {
  return { swap: { jobId: Math.random().toString(16).slice(2, 10), target: "0", record: {} }, state: "staging" };
}

interface Run {
  connection: Connection;
  artefact: Artefact;
  row: SwapRow;
  /** After every change of the row. */
  save?: () => void;
}

/** Restore, undo, redo, drop. */
export async function runAll({ connection, artefact, row, save }: Run): Promise<void> {
  const context = testJob(row.swap.jobId);
  const enter = (state: SwapRow["state"]) => {
    row.state = state;
    save?.();
  };
  const journal = async (record: Swap["record"]) => {
    row.swap.record = JSON.parse(JSON.stringify(record)) as Swap["record"];
    enter(row.state === "staging" ? "swapping" : row.state);
  };
  const staged = await redisBackup.stage(artefact, connection, { name: "0", replace: true }, context);
  await staged.swap?.(journal);
  enter("restored");
  for (const next of ["undone", "restored"] as const) {
    enter("exchanging");
    await redisBackup.exchange?.(connection, row.swap, { journal, context });
    enter(next);
  }
  enter("dropping");
  await redisBackup.dropKept?.(connection, row.swap, context);
}

/** What the console does at its next start. @returns what it says is live, and whether the other one is kept */
export async function recover(connection: Connection, row: SwapRow): Promise<{ live: "restored" | "before"; isKept: boolean }> {
  const context = testJob(row.swap.jobId);
  if (row.state === "staging") {
    await redisBackup.sweep(connection, { jobId: row.swap.jobId, target: "0" });
    return { live: "before", isKept: false };
  }
  if (row.state === "dropping") {
    await redisBackup.dropKept?.(connection, row.swap, context);
    return { live: "restored", isKept: false };
  }
  const live = await redisBackup.settle?.(connection, row.swap, context);
  if (live === undefined || live !== (await redisBackup.settle?.(connection, row.swap, context))) throw new Error("settled twice, differently");
  const isNothing = row.state === "swapping" && live === "before";
  if (isNothing) await redisBackup.dropKept?.(connection, row.swap, context);
  return { live, isKept: !isNothing };
}

const CHILD = "app/(console)/manage-dbs/redis/redis.test-child.ts";

/** The aliases and missing extensions of our imports, for plain Node, which strips types itself. */
const loader = (source: string): string =>
  `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  import { existsSync } from "node:fs";
  import { fileURLToPath, pathToFileURL } from "node:url";
  const source = ${JSON.stringify(source)};
  registerHooks({ resolve(name, context, next) {
    if (name === "server-only") return { url: "data:text/javascript,", shortCircuit: true };
    const isOurs = name.startsWith("@/") || (name.startsWith(".") && context.parentURL?.includes("node_modules") === false);
    if (!isOurs) return next(name, context);
    const path = name.startsWith("@/") ? source + name.slice(1) : fileURLToPath(new URL(name, context.parentURL));
    return next(pathToFileURL(existsSync(path + ".ts") ? path + ".ts" : path).href, context);
  } });
`)}`;

/** Resolves when a console of its own has killed itself. @throws with what it said when it ended otherwise */
export async function killedConsole(order: ChildOrder): Promise<void> {
  const source = join(process.cwd(), "src");
  const file = `${order.journal}.order`;
  writeFileSync(file, JSON.stringify(order));
  const child = spawn(process.execPath, ["--import", loader(source), join(source, CHILD), file], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  await once(child, "close");
  if (child.signalCode !== "SIGKILL") throw new Error(`the console ended with code ${child.exitCode} before point ${order.dieAt}: ${said}`);
}
