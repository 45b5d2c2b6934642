import "server-only";
import { z } from "zod";
import type { CatalogQuery, Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import type { ServerRow } from "@/app/(console)/manage-dbs/postgres/postgres.info.queries";
import type { EngineWarning } from "@/lib/engine-contract";
import { formatBytes, formatCount, formatDuration } from "@/lib/format";

const number = z.string().transform(Number);

/** Slots that hold back write-ahead log while nobody reads them. */
const SLOTS: CatalogQuery<{ name: string; bytes: number }> = {
  row: z.object({ name: z.string(), bytes: number }),
  sql: `
    SELECT slot_name AS name, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn) AS bytes
      FROM pg_replication_slots WHERE NOT active AND restart_lsn IS NOT NULL ORDER BY 2 DESC LIMIT 5`,
};
const SLOT_BYTES = 256 * 1024 * 1024;

/** Open transactions that do nothing keep dead rows alive and may hold locks. Seen for other roles only with pg_monitor. */
const IDLE_TRANSACTIONS: CatalogQuery<{ pid: string; role: string; seconds: number }> = {
  row: z.object({ pid: z.string(), role: z.string(), seconds: number }),
  sql: `
    SELECT pid, coalesce(usename, '') AS role, extract(epoch FROM now() - xact_start)::bigint AS seconds
      FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND now() - xact_start > interval '10 minutes' ORDER BY xact_start LIMIT 5`,
};
const PREPARED: CatalogQuery<{ name: string; seconds: number }> = {
  row: z.object({ name: z.string(), seconds: number }),
  sql: `
    SELECT gid AS name, extract(epoch FROM now() - prepared)::bigint AS seconds
      FROM pg_prepared_xacts WHERE now() - prepared > interval '1 hour' ORDER BY prepared LIMIT 5`,
};

/** One row of single figures that are worth a warning. */
const HealthRow = z.object({
  sessions: number,
  session_limit: number,
  freeze_age: number,
  checksum_failures: z.string().nullable().transform(Number),
  archive_failing: z.enum(["t", "f"]).nullable(),
  never_analyzed: number,
  invalid_indexes: number,
  invalid_index: z.string().nullable(),
});
const HEALTH: CatalogQuery<z.infer<typeof HealthRow>> = {
  row: HealthRow,
  sql: `
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS sessions,
           current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS session_limit,
           (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS freeze_age,
           (SELECT to_jsonb(d) ->> 'checksum_failures' FROM pg_stat_database d WHERE datname = current_database()) AS checksum_failures,
           (SELECT last_failed_time > coalesce(last_archived_time, '-infinity') FROM pg_stat_archiver) AS archive_failing,
           (SELECT count(*) FROM pg_stat_user_tables WHERE last_analyze IS NULL AND last_autoanalyze IS NULL AND n_live_tup > 1000) AS never_analyzed,
           (SELECT count(*) FROM pg_index WHERE NOT indisvalid) AS invalid_indexes,
           (SELECT min(i.indexrelid::regclass::text) FROM pg_index i WHERE NOT i.indisvalid) AS invalid_index`,
};

/** What a person should know of this server, worst first. `encrypted` and `local` describe the console's own way there. */
export async function findWarnings(session: Session, server: ServerRow, way: { encrypted: boolean; local: boolean }): Promise<EngineWarning[]> {
  const health = (await session.all(HEALTH))[0];
  const warnings = [
    ...(health ? healthWarnings(health) : []),
    ...(await session.all(SLOTS)).filter((slot) => slot.bytes >= SLOT_BYTES).map(slotWarning),
    ...(await session.all(IDLE_TRANSACTIONS)).map(idleWarning),
    ...(await session.all(PREPARED)).map(preparedWarning),
    ...roleWarnings(server),
    ...wayWarnings(server, way),
  ];
  const rank = { danger: 0, warn: 1, info: 2 };
  return warnings.toSorted((left, right) => rank[left.level] - rank[right.level]);
}

function healthWarnings(health: z.infer<typeof HealthRow>): EngineWarning[] {
  const warnings: EngineWarning[] = [];
  if (health.checksum_failures > 0) {
    warnings.push({
      level: "danger",
      title: `${formatCount(health.checksum_failures)} data pages failed their checksum`,
      detail: "The disk gives back other bytes than PostgreSQL wrote.",
      fix: "Take a backup now, check the disk, and restore from the last good backup.",
    });
  }
  if (health.freeze_age > 1_000_000_000) {
    warnings.push({
      level: health.freeze_age > 1_600_000_000 ? "danger" : "warn",
      title: `${formatCount(health.freeze_age)} transactions without a full vacuum`,
      detail: "PostgreSQL stops accepting writes at about 2.1 billion.",
      fix: "Find what keeps vacuum from working (old transactions, slots), then run VACUUM (FREEZE).",
    });
  }
  if (health.sessions > health.session_limit * 0.9) {
    warnings.push({
      level: "warn",
      title: `${health.sessions} of ${health.session_limit} connections are in use`,
      detail: "New sessions will be refused soon.",
      fix: "Close idle sessions, use a pooler, or raise max_connections.",
    });
  }
  if (health.archive_failing === "t") {
    warnings.push({
      level: "warn",
      title: "Archiving of the write-ahead log fails",
      detail: "Log files pile up on the disk, and point-in-time recovery has a gap.",
      fix: "Read the server's log and correct archive_command.",
    });
  }
  if (health.invalid_indexes > 0) {
    warnings.push({
      level: "warn",
      title: `${health.invalid_indexes} invalid ${health.invalid_indexes === 1 ? "index" : "indexes"}`,
      detail: `${health.invalid_index ?? ""} costs writes and serves no reads.`,
      fix: "Drop it, or rebuild it with REINDEX INDEX CONCURRENTLY.",
    });
  }
  if (health.never_analyzed > 0) {
    warnings.push({
      level: "info",
      title: `${formatCount(health.never_analyzed)} tables were never analyzed`,
      detail: "Their row estimates are missing and their query plans are guesses.",
      fix: "Run ANALYZE.",
    });
  }
  return warnings;
}

const slotWarning = (slot: { name: string; bytes: number }): EngineWarning => ({
  level: "warn",
  title: `${formatBytes(slot.bytes)} of write-ahead log are held back`,
  detail: `The replication slot ${slot.name} is not read by anybody.`,
  fix: "Start its reader again, or drop the slot if it is no longer needed.",
});

const idleWarning = (transaction: { pid: string; role: string; seconds: number }): EngineWarning => ({
  level: "warn",
  title: `One transaction has been open for ${formatDuration(transaction.seconds)}`,
  detail: `pid ${transaction.pid}, ${transaction.role}, idle in transaction`,
  fix: "End it in the application, or with pg_terminate_backend.",
});

const preparedWarning = (transaction: { name: string; seconds: number }): EngineWarning => ({
  level: "warn",
  title: `A prepared transaction has waited for ${formatDuration(transaction.seconds)}`,
  detail: `${transaction.name} holds its locks and keeps dead rows alive.`,
  fix: "COMMIT PREPARED or ROLLBACK PREPARED it.",
});

function roleWarnings(server: ServerRow): EngineWarning[] {
  if (server.superuser) {
    return [
      {
        level: "warn",
        title: `Role ${server.role} is a superuser`,
        detail: "PostgreSQL cannot hold it to reading: it may read files and run programs on the server.",
        fix: "Give the console a role with CONNECT and pg_read_all_data, and CREATEDB for restores.",
      },
    ];
  }
  const rights = [server.create_role && "create roles", server.replication && "replicate", server.bypass_rls && "bypass row security"].filter(
    (right) => right !== false,
  );
  if (rights.length === 0) return [];
  return [
    {
      level: "warn",
      title: `Role ${server.role} can ${rights.join(", ")}`,
      detail: "The console does not need these rights.",
      fix: `ALTER ROLE without them, or use another role.`,
    },
  ];
}

function wayWarnings(server: ServerRow, way: { encrypted: boolean; local: boolean }): EngineWarning[] {
  const warnings: EngineWarning[] = [];
  if (!way.encrypted && !way.local) {
    warnings.push({
      level: "warn",
      title: "The connection is not encrypted",
      detail: "Passwords and data can be read on the network.",
      fix: "Turn on TLS at the server and set sslmode=verify-full.",
    });
  }
  if (server.encoding === "SQL_ASCII") {
    warnings.push({
      level: "info",
      title: "The database has no encoding (SQL_ASCII)",
      detail: "Text that is not UTF-8 is shown with replacement characters; exports as CSV and backups are exact.",
      fix: "Move the data to a UTF8 database.",
    });
  }
  return warnings;
}
