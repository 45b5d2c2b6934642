import { sql, type Kysely } from "kysely";

const statements = [
  `CREATE TABLE users (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer','operator','admin')), password_hash TEXT NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0, failed_sign_ins INTEGER NOT NULL DEFAULT 0, locked_until TEXT, created_at TEXT NOT NULL) STRICT`,
  `CREATE TABLE grants (user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE, connection_id TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('none','viewer','operator','admin')), PRIMARY KEY (user_id, connection_id)) STRICT`,
  `CREATE TABLE sessions (id_hash TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE, created_at TEXT NOT NULL,
    signed_in_at TEXT NOT NULL, last_seen_at TEXT NOT NULL, address TEXT NOT NULL, user_agent TEXT NOT NULL, revoked_at TEXT) STRICT`,
  `CREATE INDEX sessions_user ON sessions (user_id)`,
  `CREATE TABLE api_tokens (id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE, name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL, expires_at TEXT, revoked_at TEXT, last_used_at TEXT) STRICT`,
  `CREATE TABLE connections (id TEXT PRIMARY KEY, engine TEXT NOT NULL CHECK (engine IN ('sqlite','redis','postgres','mongodb')), name TEXT NOT NULL,
    environment TEXT NOT NULL CHECK (environment IN ('production','staging','development')), address TEXT NOT NULL, secret TEXT NOT NULL,
    "database" TEXT, tls_ca TEXT, created_by TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (engine, name)) STRICT`,
  `CREATE TABLE jobs (id TEXT PRIMARY KEY, kind TEXT NOT NULL, connection_id TEXT NOT NULL, user_id TEXT NOT NULL, user_name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued','running','succeeded','failed','cancelled')), progress TEXT NOT NULL DEFAULT '{}', outcome TEXT, error TEXT,
    boot_id TEXT NOT NULL, children TEXT NOT NULL DEFAULT '[]', request TEXT NOT NULL DEFAULT '{}', idempotency_key TEXT UNIQUE,
    created_at TEXT NOT NULL, started_at TEXT, ended_at TEXT) STRICT`,
  `CREATE INDEX jobs_created ON jobs (created_at DESC, id)`,
  `CREATE INDEX jobs_running ON jobs (state) WHERE state IN ('queued','running')`,
  `CREATE TABLE job_lines (id INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, at TEXT NOT NULL, text TEXT NOT NULL) STRICT`,
  `CREATE INDEX job_lines_job ON job_lines (job_id, id)`,
  `CREATE TABLE backups (id TEXT PRIMARY KEY, connection_id TEXT NOT NULL, engine TEXT NOT NULL, environment TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running','complete','failed')), job_id TEXT NOT NULL, file_name TEXT NOT NULL UNIQUE, format TEXT, bytes INTEGER,
    sha256 TEXT, consistency TEXT, object_count INTEGER, item_count INTEGER, server_version TEXT, tool TEXT, manifest TEXT, verified_at TEXT, verified_how TEXT,
    error TEXT, created_by TEXT NOT NULL, created_by_name TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT) STRICT`,
  `CREATE INDEX backups_connection ON backups (connection_id, started_at DESC)`,
  `CREATE INDEX backups_started ON backups (started_at DESC, id)`,
  `CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, actor_id TEXT, actor_name TEXT NOT NULL, role TEXT, session TEXT, address TEXT,
    action TEXT NOT NULL, connection_id TEXT, procedure TEXT NOT NULL, target TEXT NOT NULL, input TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('started','allowed','refused','failed')), detail TEXT NOT NULL, completes INTEGER UNIQUE REFERENCES audit(seq),
    request_id TEXT NOT NULL, previous_hash TEXT NOT NULL, hash TEXT NOT NULL) STRICT`,
  // The log is append-only for every statement the console can send, not only by convention.
  `CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
  `CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
  `CREATE INDEX audit_at ON audit (at)`,
  `CREATE TABLE download_tickets (id_hash TEXT PRIMARY KEY, kind TEXT NOT NULL, user_id TEXT NOT NULL, session TEXT NOT NULL, request TEXT NOT NULL,
    created_at TEXT NOT NULL, expires_at TEXT NOT NULL, used_at TEXT) STRICT`,
  `CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
