/** Runs one operation that changes files, in a worker thread that ends with it. Loaded by path, so it imports nothing through aliases. */
import { parentPort, workerData } from "node:worker_threads";
import { compare } from "./sqlite.compare.ts";
import { extract } from "./sqlite.extract.ts";
import { makePlain, put } from "./sqlite.swap-put.ts";
import type { FileAnswer, FileRequest, Report } from "./sqlite.swap-protocol.ts";
import { which } from "./sqlite.swap-which.ts";

const port = parentPort;
if (!port) throw new Error("sqlite.swap.worker.ts runs as a worker only");
const send = (answer: FileAnswer): void => port.postMessage(answer);
const report: Report = { log: (line) => send({ log: line }), progress: (done, total) => send({ progress: { done, total } }) };

async function run(request: FileRequest): Promise<unknown> {
  switch (request.op) {
    case "put":
      return put(request, report);
    case "which":
      return which(request);
    case "plain":
      return makePlain(request.path);
    case "extract":
      return extract(request);
    case "compare":
      return compare(request, report);
  }
}

run(workerData as FileRequest).then(
  (value) => send({ value }),
  (error: unknown) =>
    send({ error: { message: error instanceof Error ? error.message : String(error), code: (error as { code?: string } | null)?.code ?? null } }),
);
