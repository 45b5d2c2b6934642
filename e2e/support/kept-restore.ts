/** A small SQLite file of its own that was backed up, changed and replaced: what restores leave on the screens. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "@playwright/test";
import Database from "better-sqlite3";
import { rest } from "../http/client.ts";

export interface KeptRestore {
  /** Name of the connection; its file is `notes.sqlite`. */
  connection: string;
  backup: string;
  /** Jobs: one that replaced the file and can be undone, and one that failed. */
  restored: string;
  failed: string;
}

/** Waits for the end of a job, whatever it is. */
export async function ended(job: string): Promise<void> {
  await expect.poll(async () => (await rest<{ endedAt: string | null }>("GET", `/jobs/${job}`)).endedAt, { timeout: 60_000 }).not.toBeNull();
}

export async function prepareKept(): Promise<{ kept: KeptRestore; remove: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "console-kept-"));
  const path = join(folder, "notes.sqlite");
  const connection = `notes-${Math.random().toString(36).slice(2, 6)}`;
  const run = (sql: string): void => {
    const db = new Database(path);
    db.exec(sql);
    db.close();
  };
  run(`
    CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT, text TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
    INSERT INTO notes SELECT i, 'Note ' || i, CASE WHEN i % 3 = 0 THEN NULL WHEN i % 5 = 0 THEN '' ELSE 'What was said on day ' || i END FROM n;
    CREATE TABLE tags (name TEXT);
    INSERT INTO tags VALUES ('plan'), ('review'), ('release');
    CREATE VIEW titles AS SELECT title FROM notes
  `);
  await rest("POST", "/connections", { body: { engine: "sqlite", name: connection, environment: "production", url: path } });
  const change =
    "DELETE FROM notes WHERE id > 1100; INSERT INTO tags VALUES ('later'), ('last'); CREATE TABLE drafts (id INTEGER); INSERT INTO drafts VALUES (1), (2)";
  const { jobId, backupId } = await rest<{ jobId: string; backupId: string }>("POST", "/sqlite/backups", { body: { connection } });
  await ended(jobId);
  run(change);
  const restore = async (target: string, replace: boolean): Promise<string> => {
    const body = { connection, target, confirm: target, ...(replace ? { replace } : {}) };
    const started = await rest<{ jobId: string }>("POST", `/sqlite/backups/${backupId}/restore`, { body });
    await ended(started.jobId);
    return started.jobId;
  };
  // A new place must not be there yet: the file itself is.
  const failed = await restore("notes.sqlite", false);
  const restored = await restore("notes.sqlite", true);
  run(change);
  await rest("POST", "/sqlite/schedules", { body: { connection, kind: "backup", cron: "12 3 * * *", timeZone: "UTC", keepLast: 14 } });
  return {
    kept: { connection, backup: backupId, restored, failed },
    async remove() {
      const dropped = await rest<{ jobId: string }>("POST", `/sqlite/restores/${restored}/drop`, { body: { connection, confirm: "notes.sqlite" } });
      await ended(dropped.jobId);
      await rest("POST", "/connections/remove", { body: { id: `sqlite/${connection}` } });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
