import "server-only";
/** SQLite backups: one consistent copy, checked by reading every page and row; restored beside as a new file, or in place. */
import { z } from "zod";
import type { BackupEngine, JobContext, Verification } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { checkFile, objectsOf } from "./sqlite.check";
import { call, warmReaders } from "./sqlite.client";
import type { CopyResult } from "./sqlite.copy";
import { describe } from "./sqlite.describe";
import { peek } from "./sqlite.peek";
import { plan } from "./sqlite.plan";
import { stage, sweep } from "./sqlite.stage";
import { dropKept, exchange, settle } from "./sqlite.swap";
import { ListedTable, TABLE_LIST } from "./tables/sqlite-catalog";

/** A process that copies ends with the job. */
async function copy(connection: Connection, target: string, context: JobContext): Promise<CopyResult> {
  let child: number | null = null;
  const end = () => child !== null && endProcess(child);
  context.signal.addEventListener("abort", end, { once: true });
  try {
    return (await call(connection, { op: "copy", target, list: TABLE_LIST }, context.signal, (answer) => {
      if ("child" in answer) child = answer.child;
      if ("child" in answer && answer.child !== null) context.child(answer.child);
      if ("progress" in answer) context.progress({ itemsDone: answer.progress.done, itemsTotal: answer.progress.total });
    })) as CopyResult;
  } finally {
    context.signal.removeEventListener("abort", end);
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

export const sqliteBackup: BackupEngine = {
  extension: ".sqlite",

  async write(connection, sink, context) {
    warmReaders();
    context.progress({ phase: "Copy one consistent state" });
    const { pages, how, counts, tables, foreignKeys, version } = await copy(connection, sink.path, context);
    context.log(`${pages} pages copied in one consistent state: ${how}`);
    const { violations, mismatches } = foreignKeys;
    if (violations > 0) context.log(`${violations} rows break a foreign key; they are in the backup as they are in the database`);
    for (const mismatch of mismatches.slice(0, 5)) context.log(`${mismatch}: SQLite cannot check this key; its rows are in the backup all the same`);
    return {
      format: "sqlite",
      server: { product: "SQLite", version },
      source: connection.address,
      tool: `SQLite ${version}, ${how}`,
      consistency: "snapshot",
      objects: objectsOf(z.array(ListedTable).parse(tables), counts),
      skipped: [],
      details: { pages, foreignKeyViolations: violations },
    };
  },

  async verify(artefact, context): Promise<Verification> {
    const { objects } = await checkFile(artefact.path, context.signal, { foreignKeys: false });
    return { method: "every page and row read: integrity_check, counts", objects: objects.map(({ name, count }) => ({ name, count })) };
  },

  plan: (artefact, connection, target, { signal }) => plan(artefact, connection, target, signal),
  stageProvesBytes: true,
  stage,
  sweep,
  settle,
  exchange,
  dropKept,
  peek,
  describe,
};
