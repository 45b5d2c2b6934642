/** Questions whose answer takes every page of a file. Run in a reader's worker; no aliases. */
import type Database from "better-sqlite3";

export interface Counted {
  name: string;
  count: number;
}

export interface ForeignKeys {
  /** Rows that break one. */
  violations: number;
  /** Keys that SQLite cannot check, in its words. */
  mismatches: string[];
}

const PROBLEMS_MAX = 20;

/** Every page, every row, every entry of every index. "ok" alone, or what is wrong. */
export function integrity(db: Database.Database): string[] {
  return (db.pragma(`integrity_check(${PROBLEMS_MAX})`) as { integrity_check: string }[]).map((row) => row.integrity_check);
}

const TABLES =
  "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";

/** Rows of every table. Views are never counted: one may be endless. */
export function countAll(db: Database.Database): Counted[] {
  const names = db.prepare(TABLES).pluck().all() as string[];
  return names.map((name) => ({
    name,
    count: db
      .prepare(`SELECT count(*) FROM "${name.replaceAll('"', '""')}"`)
      .pluck()
      .get() as number,
  }));
}

/** Table by table: a key that fits no key of its parent is an error of the whole check to SQLite, and no damage of the data. */
export function checkForeignKeys(db: Database.Database): ForeignKeys {
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%references%'").pluck().all() as string[];
  const broken = db.prepare("SELECT count(*) FROM pragma_foreign_key_check(?)").pluck();
  const found: ForeignKeys = { violations: 0, mismatches: [] };
  for (const name of tables) {
    try {
      found.violations += broken.get(name) as number;
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("foreign key mismatch")) throw error;
      found.mismatches.push(error.message);
    }
  }
  return found;
}
