import "server-only";
import { z } from "zod";
import type { CatalogQuery } from "@/app/(console)/manage-dbs/postgres/postgres.client";

/** Catalog queries of a table's schema page; $1 is always the relation's oid. The server's own pg_get_* functions write all definitions. */

const maybeNumber = z
  .string()
  .nullable()
  .transform((text) => (text === null ? null : Number(text)));
const flag = z.enum(["t", "f"]).transform((text) => text === "t");

const IndexRow = z.object({
  name: z.string(),
  definition: z.string(),
  unique: flag,
  primary: flag,
  bytes: maybeNumber,
  scans: maybeNumber,
  of_constraint: flag,
  /** A part of the parent table's index, which makes it. */
  of_parent: flag,
  clustered: flag,
  replica_identity: flag,
  comment: z.string().nullable(),
});
export type IndexRow = z.infer<typeof IndexRow>;
export const INDEXES: CatalogQuery<IndexRow> = {
  row: IndexRow,
  sql: `
    SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition, i.indisunique AS unique, i.indisprimary AS primary,
           CASE WHEN c.relkind = 'i' THEN pg_relation_size(i.indexrelid) END AS bytes, pg_stat_get_numscans(i.indexrelid) AS scans,
           EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')) AS of_constraint, c.relispartition AS of_parent,
           i.indisclustered AS clustered, i.indisreplident AS replica_identity, obj_description(i.indexrelid, 'pg_class') AS comment
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = $1 ORDER BY i.indisprimary DESC, c.relname`,
};

const ConstraintRow = z.object({
  name: z.string(),
  kind: z.enum(["p", "u", "f", "c", "x", "t", "n"]),
  definition: z.string(),
  local: flag,
  comment: z.string().nullable(),
});
export type ConstraintRow = z.infer<typeof ConstraintRow>;
export const CONSTRAINTS: CatalogQuery<ConstraintRow> = {
  row: ConstraintRow,
  sql: `
    SELECT k.conname AS name, k.contype AS kind, pg_get_constraintdef(k.oid) AS definition, k.conislocal AND k.conparentid = 0 AS local,
           obj_description(k.oid, 'pg_constraint') AS comment
      FROM pg_constraint k WHERE k.conrelid = $1 ORDER BY position(k.contype::text IN 'puxcnft'), k.conname`,
};

const TriggerRow = z.object({ name: z.string(), definition: z.string(), enabled: z.enum(["O", "D", "R", "A"]), comment: z.string().nullable() });
export type TriggerRow = z.infer<typeof TriggerRow>;
export const TRIGGERS: CatalogQuery<TriggerRow> = {
  row: TriggerRow,
  sql: `
    SELECT t.tgname AS name, pg_get_triggerdef(t.oid) AS definition, t.tgenabled AS enabled, obj_description(t.oid, 'pg_trigger') AS comment
      FROM pg_trigger t WHERE t.tgrelid = $1 AND NOT t.tgisinternal AND t.tgparentid = 0 ORDER BY t.tgname`,
};

const ReferenceRow = z.object({ schema: z.string(), table: z.string(), constraint: z.string() });
/** Foreign keys of other tables; those of partitions only follow their parent's. */
export const REFERENCED_BY: CatalogQuery<z.infer<typeof ReferenceRow>> = {
  row: ReferenceRow,
  sql: `
    SELECT n.nspname AS schema, c.relname AS table, k.conname AS constraint
      FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE k.confrelid = $1 AND k.contype = 'f' AND k.conparentid = 0 ORDER BY 1, 2, 3`,
};

const StorageRow = z.object({
  persistence: z.enum(["p", "u", "t"]),
  options: z.string().nullable(),
  tablespace: z.string().nullable(),
  access_method: z.string().nullable(),
  partition_key: z.string().nullable(),
  partition_of: z.string().nullable(),
  partition_bound: z.string().nullable(),
  inherits: z.string().nullable(),
  view: z.string().nullable(),
  populated: flag,
  row_security: flag,
  force_row_security: flag,
  server: z.string().nullable(),
  server_options: z.string().nullable(),
});
export type StorageRow = z.infer<typeof StorageRow>;
/** What stands around the columns in CREATE TABLE. Names come quoted from the server. */
export const STORAGE: CatalogQuery<StorageRow> = {
  row: StorageRow,
  sql: `
    SELECT c.relpersistence AS persistence, (SELECT string_agg(o.name, ', ') FROM (SELECT replace(unnest(c.reloptions), '=', ' = ') AS name) o) AS options,
           (SELECT quote_ident(s.spcname) FROM pg_tablespace s WHERE s.oid = c.reltablespace) AS tablespace,
           (SELECT quote_ident(am.amname) FROM pg_am am WHERE am.oid = c.relam AND am.amname <> 'heap') AS access_method,
           CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
           CASE WHEN c.relispartition THEN (SELECT i.inhparent::regclass::text FROM pg_inherits i WHERE i.inhrelid = c.oid) END AS partition_of,
           CASE WHEN c.relispartition THEN pg_get_expr(c.relpartbound, c.oid) END AS partition_bound,
           CASE WHEN NOT c.relispartition THEN (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno) FROM pg_inherits i WHERE i.inhrelid = c.oid) END AS inherits,
           CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END AS view, c.relispopulated AS populated,
           c.relrowsecurity AS row_security, c.relforcerowsecurity AS force_row_security,
           (SELECT quote_ident(s.srvname) FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid) AS server,
           (SELECT string_agg(quote_ident(o.option_name) || ' ' || quote_literal(o.option_value), ', ') FROM pg_foreign_table f, pg_options_to_table(f.ftoptions) o WHERE f.ftrelid = c.oid) AS server_options
      FROM pg_class c WHERE c.oid = $1`,
};

const SequenceRow = z.object({
  name: z.string(),
  column: z.string(),
  column_quoted: z.string(),
  definition: z.string(),
  identity: flag,
  last_value: z.string().nullable(),
});
export type SequenceRow = z.infer<typeof SequenceRow>;
/** Sequences that belong to columns (serial and identity). last_value is NULL until the first use, or without the right to read it. */
export const SEQUENCES: CatalogQuery<SequenceRow> = {
  row: SequenceRow,
  sql: `
    SELECT s.seqrelid::regclass::text AS name, a.attname AS column, quote_ident(a.attname) AS column_quoted, d.deptype = 'i' AS identity,
           format('AS %s START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement,
                  s.seqmin, s.seqmax, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END) AS definition,
           CASE WHEN has_sequence_privilege(s.seqrelid, 'USAGE, SELECT') THEN pg_sequence_last_value(s.seqrelid) END AS last_value
      FROM pg_depend d JOIN pg_sequence s ON s.seqrelid = d.objid JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
     WHERE d.refobjid = $1 AND d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
     ORDER BY a.attnum`,
};

const PolicyRow = z.object({ definition: z.string() });
export const POLICIES: CatalogQuery<z.infer<typeof PolicyRow>> = {
  row: PolicyRow,
  sql: `
    SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, p.polrelid::regclass, CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                  CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
                  (SELECT string_agg(CASE WHEN role = 0 THEN 'PUBLIC' ELSE role::regrole::text END, ', ') FROM unnest(p.polroles) role),
                  ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')') AS definition
      FROM pg_policy p WHERE p.polrelid = $1 ORDER BY p.polname`,
};

const RuleRow = z.object({ definition: z.string() });
export const RULES: CatalogQuery<z.infer<typeof RuleRow>> = {
  row: RuleRow,
  sql: `SELECT pg_get_ruledef(r.oid) AS definition FROM pg_rewrite r WHERE r.ev_class = $1 AND r.rulename <> '_RETURN' ORDER BY r.rulename`,
};

const StatisticsRow = z.object({ definition: z.string() });
export const STATISTICS: CatalogQuery<z.infer<typeof StatisticsRow>> = {
  row: StatisticsRow,
  sql: `SELECT pg_get_statisticsobjdef(s.oid) AS definition FROM pg_statistic_ext s WHERE s.stxrelid = $1 ORDER BY s.stxname`,
};
