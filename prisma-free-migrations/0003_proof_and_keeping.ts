import { sql, type Kysely } from "kysely";

const statements = [
  // The last drill of a backup, when it failed.
  `ALTER TABLE backups ADD COLUMN drill_failed_at TEXT`,
  `ALTER TABLE backups ADD COLUMN drill_error TEXT`,
  // Which schedule took it: retention prunes what its own schedule made and nothing else.
  `ALTER TABLE backups ADD COLUMN schedule_id TEXT`,
  `CREATE TABLE schedules (id TEXT PRIMARY KEY, connection_id TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('backup','drill')), cron TEXT NOT NULL,
    time_zone TEXT NOT NULL, keep_last INTEGER CHECK (keep_last >= 1), keep_days INTEGER CHECK (keep_days >= 1), enabled INTEGER NOT NULL,
    created_by TEXT NOT NULL, created_by_name TEXT NOT NULL, created_at TEXT NOT NULL, last_run_at TEXT, last_job_id TEXT, last_error TEXT, next_run_at TEXT) STRICT`,
  `CREATE INDEX schedules_connection ON schedules (connection_id, created_at)`,
  `CREATE INDEX schedules_due ON schedules (next_run_at) WHERE enabled = 1`,
  // Grave acts that a second person must agree to; "hash" binds the approval to exactly what was asked for.
  `CREATE TABLE approvals (id TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('restore','rule off')), connection_id TEXT NOT NULL, backup_id TEXT,
    target TEXT NOT NULL, objects TEXT, hash TEXT NOT NULL, requested_by TEXT NOT NULL, requested_by_name TEXT NOT NULL, requested_at TEXT NOT NULL,
    expires_at TEXT NOT NULL, decision TEXT CHECK (decision IN ('approved','refused')), decided_by TEXT, decided_by_name TEXT, decided_at TEXT,
    used_at TEXT, job_id TEXT) STRICT`,
  `CREATE INDEX approvals_connection ON approvals (connection_id, requested_at DESC)`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
