import { sql, type Kysely } from "kysely";

const statements = [
  // The journal of restores that replaced live data: what is kept aside, where, and until when it can be undone.
  `CREATE TABLE swaps (id TEXT PRIMARY KEY, connection_id TEXT NOT NULL, backup_id TEXT NOT NULL, target TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('swapping','restored','exchanging','undone','dropped')), record TEXT NOT NULL, kept_bytes INTEGER,
    user_id TEXT NOT NULL, user_name TEXT NOT NULL, boot_id TEXT NOT NULL, created_at TEXT NOT NULL, changed_at TEXT NOT NULL, kept_until TEXT NOT NULL, error TEXT) STRICT`,
  `CREATE INDEX swaps_connection ON swaps (connection_id, created_at DESC)`,
  `CREATE INDEX swaps_kept ON swaps (kept_until) WHERE state <> 'dropped'`,
  // A drill has restored this backup aside and compared it with its manifest.
  `ALTER TABLE backups ADD COLUMN proved_at TEXT`,
  `ALTER TABLE backups ADD COLUMN proved_how TEXT`,
  // "console" or "upload": a file that was made elsewhere.
  `ALTER TABLE backups ADD COLUMN origin TEXT NOT NULL DEFAULT 'console' CHECK (origin IN ('console','upload'))`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
