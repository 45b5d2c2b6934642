/** Some tables of a file as a file of their own. Runs in a worker; no aliases. */
import { rmSync } from "node:fs";
import Database from "better-sqlite3";
import type { ExtractRequest } from "./sqlite.swap-protocol.ts";
import { syncPath } from "./sqlite.swap-put.ts";

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * Drops from a private copy what was not chosen, then writes what is left into a new file, so that nothing of the rest is in its free pages.
 * Indexes, triggers, shadow tables, counters of AUTOINCREMENT and rowids stay with their tables.
 */
export function extract({ path, target, keep }: ExtractRequest): void {
  const kept = new Set(keep);
  const db = new Database(path, { fileMustExist: true });
  try {
    db.pragma("journal_mode = MEMORY");
    db.pragma("synchronous = OFF");
    db.pragma("foreign_keys = OFF");
    const listed = db
      .prepare("SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type <> 'shadow' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'")
      .all() as { name: string; type: string }[];
    const dropped = listed.filter(({ name }) => !kept.has(name));
    // Views first: they may speak of tables that go. Virtual tables before others: they take their shadow tables along.
    for (const type of ["view", "virtual", "table"]) {
      for (const { name } of dropped.filter((entry) => entry.type === type)) db.exec(`DROP ${type === "view" ? "VIEW" : "TABLE"} IF EXISTS ${quoted(name)}`);
    }
    rmSync(target, { force: true });
    db.prepare("VACUUM INTO ?").run(target);
  } finally {
    db.close();
  }
  syncPath(target);
}
