/**
 * For tests: a console that dies. Run by sqlite.swap-kill.engine.test.ts as a process of its own; it ends itself with SIGKILL at the point
 * it was told, or is killed from outside. Each point is printed before it is passed.
 */
import { readFileSync, writeFileSync, writeSync } from "node:fs";
import type { PutRequest } from "./sqlite.swap-protocol.ts";

export type Order =
  /** The put alone, in this thread: each point is exact. */
  | { kind: "put"; request: PutRequest; killAt: number }
  /** Stage and swap as the console does them. */
  | { kind: "restore"; live: string; artefact: string; manifest: string; jobId: string; record: string; killAt: number }
  /** A backup of the live file, or some of its tables restored beside it. */
  | { kind: "beside"; live: string; target: string; chosen: { artefact: string; manifest: string; objects: string[] } | null; jobId: string; killAt: number };

const order = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Order;
let points = 0;

function point(name: string): void {
  points += 1;
  writeSync(1, `${points} ${name}\n`);
  if (points === order.killAt) process.kill(process.pid, "SIGKILL");
}

async function putOnly(request: PutRequest): Promise<void> {
  const { put } = await import("./sqlite.swap-put.ts");
  point("before the put");
  await put(request, { log: (line) => point(line.replaceAll(/\d+/g, "n")), progress: (done, total) => point(`written ${done} of ${total} pages`) });
  point("after the put");
}

const contextOf = (jobId: string) => ({
  signal: new AbortController().signal,
  progress: () => point("progress"),
  log: (line: string) => point(line),
  jobId,
  scratchDir: "/nonexistent",
  child: () => undefined,
});

const artefactOf = (path: string, manifest: string) => ({
  path,
  bytes: readFileSync(path).length,
  manifest: JSON.parse(readFileSync(manifest, "utf8")),
  open: () => Promise.reject(new Error("not used")) as never,
});

async function beside({ live, target, chosen, jobId }: Extract<Order, { kind: "beside" }>): Promise<void> {
  const { sqliteBackup } = await import("./sqlite.backup.ts");
  const { testConnection } = await import("../../../../test/connections.ts");
  const connection = testConnection("sqlite", live);
  point("before the first step");
  if (chosen) {
    const artefact = artefactOf(chosen.artefact, chosen.manifest);
    await sqliteBackup.stage(artefact, connection, { name: target, objects: chosen.objects }, contextOf(jobId));
  } else {
    await sqliteBackup.write(connection, { path: target, stream: () => Promise.reject(new Error("not used")) as never }, contextOf(jobId));
  }
  point("done");
}

async function restore({ live, artefact: path, manifest, jobId, record }: Extract<Order, { kind: "restore" }>): Promise<void> {
  const { sqliteBackup } = await import("./sqlite.backup.ts");
  const { testConnection } = await import("../../../../test/connections.ts");
  const connection = testConnection("sqlite", live);
  const artefact = artefactOf(path, manifest);
  const context = contextOf(jobId);
  point("before the stage");
  const staged = await sqliteBackup.stage(artefact, connection, { name: live.split("/").at(-1) ?? "", replace: true }, context);
  point("staged");
  await staged.swap?.(async (written) => {
    writeFileSync(record, JSON.stringify(written));
    point("journal written");
  });
  point("swapped");
}

if (order.kind === "put") await putOnly(order.request);
else await (order.kind === "beside" ? beside(order) : restore(order));
process.exit(0);
