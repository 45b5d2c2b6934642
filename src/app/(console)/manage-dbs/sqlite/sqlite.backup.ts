import "server-only";
/** SQLite backups: one consistent copy by the backup API, checked by reading every page and row; restored beside as a new file, or in place. */
import type { BackupEngine, Verification } from "@/backups/engine";
import { checkFile } from "./sqlite.check";
import { call, sqliteObjects } from "./sqlite.client";
import { describe } from "./sqlite.describe";
import { peek } from "./sqlite.peek";
import { plan } from "./sqlite.plan";
import { stage, sweep } from "./sqlite.stage";
import { dropKept, exchange, settle } from "./sqlite.swap";

export const sqliteBackup: BackupEngine = {
  extension: ".sqlite",

  async write(connection, sink, context) {
    context.progress({ phase: "Copy with SQLite's backup API" });
    const { pages } = (await call(connection, { op: "copy", target: sink.path }, context.signal, (done, total) =>
      context.progress({ itemsDone: done, itemsTotal: total }),
    )) as { pages: number };
    context.log(`${pages} pages copied in one consistent state`);
    const [version] = await sqliteObjects<{ version: string }>(connection, "SELECT sqlite_version() AS version");
    const { objects, foreignKeyViolations, mismatches } = await checkFile(sink.path, context.signal);
    if (foreignKeyViolations > 0) context.log(`${foreignKeyViolations} rows break a foreign key; they are in the backup as they are in the database`);
    for (const mismatch of mismatches.slice(0, 5)) context.log(`${mismatch}: SQLite cannot check this key; its rows are in the backup all the same`);
    return {
      format: "sqlite",
      server: { product: "SQLite", version: version?.version ?? "" },
      source: connection.address,
      tool: `SQLite ${version?.version ?? ""} backup API`,
      consistency: "snapshot",
      objects,
      skipped: [],
      details: { pages, foreignKeyViolations },
    };
  },

  async verify(artefact, context): Promise<Verification> {
    const { objects } = await checkFile(artefact.path, context.signal);
    return { method: "every page and row read: integrity_check, foreign_key_check, counts", objects: objects.map(({ name, count }) => ({ name, count })) };
  },

  plan: (artefact, connection, target, { signal }) => plan(artefact, connection, target, signal),
  stage,
  sweep,
  settle,
  exchange,
  dropKept,
  peek,
  describe,
};
