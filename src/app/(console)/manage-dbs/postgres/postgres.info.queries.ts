import "server-only";
import { z } from "zod";
import type { CatalogQuery } from "@/app/(console)/manage-dbs/postgres/postgres.client";

const number = z.string().transform(Number);
const maybeNumber = z
  .string()
  .nullable()
  .transform((text) => (text === null ? null : Number(text)));
const flag = z.enum(["t", "f"]).transform((text) => text === "t");
const maybeFlag = z
  .enum(["t", "f"])
  .nullable()
  .transform((text) => text === "t");

/** Everything of the server card that one row can say. */
const ServerRow = z.object({
  version: z.string(),
  long_version: z.string(),
  version_number: number,
  uptime_seconds: number,
  database: z.string(),
  size: maybeNumber,
  encoding: z.string(),
  shared_buffers: number,
  max_connections: number,
  in_recovery: flag,
  role: z.string(),
  superuser: flag,
  create_database: flag,
  create_role: flag,
  replication: flag,
  bypass_rls: flag,
  monitor: flag,
  tls: maybeFlag,
  tls_version: z.string().nullable(),
});
export type ServerRow = z.infer<typeof ServerRow>;
export const SERVER: CatalogQuery<ServerRow> = {
  row: ServerRow,
  sql: `
    SELECT current_setting('server_version') AS version, version() AS long_version, current_setting('server_version_num') AS version_number,
           extract(epoch FROM now() - pg_postmaster_start_time())::bigint AS uptime_seconds,
           current_database() AS database,
           CASE WHEN has_database_privilege(current_database(), 'CONNECT') THEN pg_database_size(current_database()) END AS size,
           current_setting('server_encoding') AS encoding,
           pg_size_bytes(current_setting('shared_buffers')) AS shared_buffers,
           current_setting('max_connections') AS max_connections,
           pg_is_in_recovery() AS in_recovery,
           current_user AS role, r.rolsuper AS superuser, r.rolcreatedb AS create_database, r.rolcreaterole AS create_role,
           r.rolreplication AS replication, r.rolbypassrls AS bypass_rls,
           pg_has_role(current_user, 'pg_monitor', 'USAGE') AS monitor,
           ssl.ssl AS tls, ssl.version AS tls_version
      FROM pg_roles r LEFT JOIN pg_stat_ssl ssl ON ssl.pid = pg_backend_pid()
     WHERE r.rolname = current_user`,
};

const HoldsRow = z.object({ tables: number, views: number, indexes: number });
export type HoldsRow = z.infer<typeof HoldsRow>;
/** Objects of people, not of the system. A partition is a table; its parent counts too. */
export const HOLDS: CatalogQuery<HoldsRow> = {
  row: HoldsRow,
  sql: `
    SELECT count(*) FILTER (WHERE c.relkind IN ('r', 'p', 'f')) AS tables, count(*) FILTER (WHERE c.relkind IN ('v', 'm')) AS views,
           count(*) FILTER (WHERE c.relkind IN ('i', 'I')) AS indexes
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'`,
};

/** Whether the role could change any table: what the badge beside the role says. */
const MayWriteRow = z.object({ may_write: flag, may_create: flag });
export type MayWriteRow = z.infer<typeof MayWriteRow>;
export const MAY_WRITE: CatalogQuery<MayWriteRow> = {
  row: MayWriteRow,
  sql: `
    SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relkind IN ('r', 'p', 'f', 'v') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
                      AND n.nspname !~ '^pg_(toast|temp)' AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')) AS may_write,
           EXISTS (SELECT FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
                      AND has_schema_privilege(n.oid, 'CREATE')) AS may_create`,
};

const CountersRow = z.object({
  transactions: number,
  blocks_hit: number,
  blocks_read: number,
  sessions: number,
  active: number,
  idle: number,
  in_transaction: number,
  wal_bytes: maybeNumber,
});
export type CountersRow = z.infer<typeof CountersRow>;
/** Counters of the tiles. States of other roles' sessions are only visible to pg_monitor. */
export const COUNTERS: CatalogQuery<CountersRow> = {
  row: CountersRow,
  sql: `
    SELECT d.xact_commit + d.xact_rollback AS transactions, d.blks_hit AS blocks_hit, d.blks_read AS blocks_read,
           a.sessions, a.active, a.idle, a.in_transaction,
           CASE WHEN pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') END AS wal_bytes
      FROM pg_stat_database d,
           (SELECT count(*) AS sessions, count(*) FILTER (WHERE state = 'active') AS active, count(*) FILTER (WHERE state = 'idle') AS idle,
                   count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS in_transaction
              FROM pg_stat_activity WHERE backend_type IN ('client backend', 'walsender')) a
     WHERE d.datname = current_database()`,
};

const LargestRow = z.object({ schema: z.string(), name: z.string(), bytes: number, rows: maybeNumber });
export type LargestRow = z.infer<typeof LargestRow>;
/**
 * The ten largest tables. What the catalog knows of pages (or one look at the table's own file, where it knows nothing yet) chooses fifty,
 * then their real sizes order them: asking the file system for every index and TOAST table takes seconds with many tables.
 */
export const LARGEST: CatalogQuery<LargestRow> = {
  row: LargestRow,
  sql: `
    WITH chosen AS (
      SELECT c.oid, c.relname, n.nspname, c.reltuples, c.relpages,
             CASE WHEN c.relpages > 0 THEN c.relpages ELSE pg_relation_size(c.oid) / current_setting('block_size')::int END + coalesce(t.relpages, 0) + coalesce(i.relpages, 0) AS pages
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
             LEFT JOIN (SELECT x.indrelid, sum(xc.relpages) AS relpages FROM pg_index x JOIN pg_class xc ON xc.oid = x.indexrelid GROUP BY x.indrelid) i ON i.indrelid = c.oid
       WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
       ORDER BY pages DESC LIMIT 50)
    SELECT c.nspname AS schema, c.relname AS name, pg_total_relation_size(c.oid) AS bytes,
           CASE WHEN c.reltuples >= 0 AND c.relpages > 0 THEN c.reltuples::bigint
                WHEN pg_relation_size(c.oid) = 0 THEN 0
                ELSE nullif(pg_stat_get_live_tuples(c.oid), 0) END AS rows
      FROM chosen c
     ORDER BY pg_total_relation_size(c.oid) DESC NULLS LAST, c.nspname, c.relname LIMIT 10`,
};
