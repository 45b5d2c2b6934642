import "server-only";
import { z } from "zod";
import type { CatalogQuery } from "@/app/(console)/manage-dbs/postgres/postgres.client";

/** Catalog queries of the tables feature. $1 is the schema and $2 the name, or $1 the oid, as each says. */

const number = z.string().transform(Number);
const maybeNumber = z
  .string()
  .nullable()
  .transform((text) => (text === null ? null : Number(text)));
const flag = z.enum(["t", "f"]).transform((text) => text === "t");

export const RelationKind = z.enum(["r", "v", "m", "p", "f"]);
export type RelationKind = z.infer<typeof RelationKind>;

/** Above so many tables the file system is not asked for the size of each: that takes a second for ten thousand. */
export const EXACT_SIZES_MAX = 3_000;

const OF_PEOPLE = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'";

export const TABLE_COUNT: CatalogQuery<{ count: number }> = {
  row: z.object({ count: number }),
  sql: "SELECT count(*) AS count FROM pg_class WHERE relkind IN ('r', 'm')",
};

/** Sizes and pages as the file system has them now. */
const STORED_EXACT = `
      SELECT c.oid, c.reltuples, c.relpages, pg_total_relation_size(c.oid) AS bytes, pg_relation_size(c.oid) / current_setting('block_size')::int AS pages
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND ${OF_PEOPLE}`;

/** Sizes as the last vacuum or analyze left them in the catalog; of a table that neither has seen, its own file without indexes. */
const STORED_CATALOG = `
      SELECT c.oid, c.reltuples, c.relpages, pages.now AS pages,
             (pages.now + coalesce(t.relpages, 0) + coalesce(i.relpages, 0)) * current_setting('block_size')::int AS bytes
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
             LEFT JOIN (SELECT x.indrelid, sum(xc.relpages) AS relpages FROM pg_index x JOIN pg_class xc ON xc.oid = x.indexrelid GROUP BY x.indrelid) i ON i.indrelid = c.oid,
             LATERAL (SELECT CASE WHEN c.relpages > 0 THEN c.relpages ELSE pg_relation_size(c.oid) / current_setting('block_size')::int END AS now) pages
       WHERE c.relkind IN ('r', 'm') AND ${OF_PEOPLE}`;

/**
 * Every table and view of people. A partitioned table has the sum of its partitions. The estimate is the planner's: rows a page at the
 * last vacuum, times the pages of now; without one, the statistics' live rows. A table without pages has no rows for sure.
 */
const listSql = (stored: string): string => `
    WITH stored AS (
      SELECT s.oid, s.bytes, s.pages,
             CASE WHEN s.pages = 0 THEN 0
                  WHEN s.reltuples >= 0 AND s.relpages > 0 THEN round(s.reltuples / s.relpages * s.pages)
                  ELSE nullif(pg_stat_get_live_tuples(s.oid), 0) END AS rows
        FROM (${stored}) s),
    partitioned AS (
      SELECT c.oid, sum(s.bytes) AS bytes, CASE WHEN count(s.rows) = count(*) THEN sum(s.rows) END AS rows, bool_and(s.pages = 0) AS empty
        FROM pg_class c, LATERAL pg_partition_tree(c.oid) t JOIN stored s ON s.oid = t.relid
       WHERE c.relkind = 'p' GROUP BY c.oid)
    SELECT n.nspname AS schema, c.relname AS name, c.relkind AS relkind,
           coalesce(s.bytes, p.bytes, CASE WHEN c.relkind = 'p' THEN 0 END) AS bytes,
           coalesce(s.rows, p.rows, CASE WHEN c.relkind = 'f' AND c.reltuples >= 0 THEN c.reltuples END)::bigint AS rows,
           coalesce(s.pages = 0, p.empty, false) AS rows_exact,
           d.description AS comment
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN stored s ON s.oid = c.oid LEFT JOIN partitioned p ON p.oid = c.oid
           LEFT JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0
     WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND ${OF_PEOPLE}
     ORDER BY n.nspname, c.relname`;

const ListRow = z.object({
  schema: z.string(),
  name: z.string(),
  relkind: RelationKind,
  bytes: maybeNumber,
  rows: maybeNumber,
  rows_exact: flag,
  comment: z.string().nullable(),
});
export const LIST: CatalogQuery<z.infer<typeof ListRow>> = { row: ListRow, sql: listSql(STORED_EXACT) };
export const LIST_OF_MANY: CatalogQuery<z.infer<typeof ListRow>> = { row: ListRow, sql: listSql(STORED_CATALOG) };

const RelationRow = z.object({
  oid: z.string(),
  relkind: RelationKind,
  has_children: flag,
  row_security: flag,
  pages: number,
  rows: maybeNumber,
  comment: z.string().nullable(),
});
export type RelationRow = z.infer<typeof RelationRow>;
/** One relation by schema ($1) and name ($2): what paging and estimates need. */
export const RELATION: CatalogQuery<RelationRow> = {
  row: RelationRow,
  sql: `
    SELECT c.oid, c.relkind, c.relhassubclass AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid) AS has_children,
           c.relrowsecurity AS row_security, pages.now AS pages, obj_description(c.oid, 'pg_class') AS comment,
           CASE WHEN c.relkind IN ('r', 'm') AND pages.now = 0 THEN 0
                WHEN c.reltuples >= 0 AND c.relpages > 0 THEN round(c.reltuples / c.relpages * pages.now)
                WHEN c.relkind IN ('p', 'f') AND c.reltuples >= 0 THEN c.reltuples
                ELSE nullif(pg_stat_get_live_tuples(c.oid), 0) END::bigint AS rows
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
           LATERAL (SELECT CASE WHEN c.relkind IN ('r', 'm') THEN pg_relation_size(c.oid) / current_setting('block_size')::int ELSE 0 END AS now) pages
     WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'v', 'm', 'p', 'f')`,
};

const ColumnRow = z.object({
  name: z.string(),
  /** format_type: what DDL needs. */
  type: z.string(),
  /** Of the type itself, or of what a domain is over. */
  base_schema: z.string(),
  base_name: z.string(),
  base_length: number,
  type_modifier: number,
  category: z.string(),
  /** By itself or by its domain. */
  not_null: flag,
  own_not_null: flag,
  /** Not only inherited from a parent table. */
  local: flag,
  default_expression: z.string().nullable(),
  identity: z.string(),
  generated: z.string(),
  collation: z.string().nullable(),
  order_schema: z.string().nullable(),
  comment: z.string().nullable(),
  references_schema: z.string().nullable(),
  references_table: z.string().nullable(),
  references_column: z.string().nullable(),
});
export type ColumnRow = z.infer<typeof ColumnRow>;
/**
 * Columns of the relation with oid $1. Domains are followed to their base type, because a filter's value must not meet the
 * domain's checks. order_schema is where the comparison operators of the type live (extensions bring their own); null when it has none.
 */
export const COLUMNS: CatalogQuery<ColumnRow> = {
  row: ColumnRow,
  sql: `
    WITH RECURSIVE bases AS (
      SELECT t.oid AS type, t.oid AS base, t.typtype, t.typbasetype, t.typtypmod, t.typnotnull
        FROM pg_type t WHERE t.oid IN (SELECT atttypid FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped)
      UNION ALL
      SELECT b.type, t.oid, t.typtype, t.typbasetype, CASE WHEN b.typtypmod >= 0 THEN b.typtypmod ELSE t.typtypmod END, b.typnotnull OR t.typnotnull
        FROM bases b JOIN pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd')
    SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, bn.nspname AS base_schema, bt.typname AS base_name, bt.typlen AS base_length,
           CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE b.typtypmod END AS type_modifier, bt.typcategory AS category,
           a.attnotnull OR b.typnotnull AS not_null, a.attnotnull AS own_not_null, a.attislocal AS local,
           pg_get_expr(d.adbin, d.adrelid) AS default_expression, a.attidentity AS identity, a.attgenerated AS generated,
           CASE WHEN a.attcollation <> t.typcollation THEN format('%I.%I', cn.nspname, co.collname) END AS collation,
           CASE WHEN bt.typtype IN ('e', 'r', 'm', 'c') OR bt.typcategory = 'A' THEN 'pg_catalog' ELSE ordering.schema END AS order_schema,
           col_description(a.attrelid, a.attnum) AS comment,
           fk.schema AS references_schema, fk.name AS references_table, fk.attname AS references_column
      FROM pg_attribute a
           JOIN pg_type t ON t.oid = a.atttypid
           JOIN bases b ON b.type = a.atttypid AND b.typtype <> 'd'
           JOIN pg_type bt ON bt.oid = b.base JOIN pg_namespace bn ON bn.oid = bt.typnamespace
           LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
           LEFT JOIN pg_collation co ON co.oid = a.attcollation LEFT JOIN pg_namespace cn ON cn.oid = co.collnamespace
           LEFT JOIN LATERAL (
             SELECT opn.nspname AS schema
               FROM pg_opclass oc JOIN pg_am am ON am.oid = oc.opcmethod AND am.amname = 'btree'
                    JOIN pg_amop op ON op.amopfamily = oc.opcfamily AND op.amoplefttype = oc.opcintype AND op.amoprighttype = oc.opcintype AND op.amopstrategy = 1
                    JOIN pg_operator o ON o.oid = op.amopopr JOIN pg_namespace opn ON opn.oid = o.oprnamespace
              WHERE oc.opcdefault AND (oc.opcintype = bt.oid OR oc.opcintype IN (
                      SELECT casttarget FROM pg_cast WHERE castsource = bt.oid AND castmethod = 'b' AND castcontext = 'i'))
              ORDER BY oc.opcintype = bt.oid DESC LIMIT 1) ordering ON true
           LEFT JOIN LATERAL (
             SELECT rn.nspname AS schema, rc.relname AS name, ra.attname
               FROM pg_constraint k JOIN pg_class rc ON rc.oid = k.confrelid JOIN pg_namespace rn ON rn.oid = rc.relnamespace
                    JOIN pg_attribute ra ON ra.attrelid = k.confrelid AND ra.attnum = k.confkey[1]
              WHERE k.contype = 'f' AND k.conrelid = a.attrelid AND k.conkey = ARRAY[a.attnum] ORDER BY k.oid LIMIT 1) fk ON true
     WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY a.attnum`,
};

const KeyRow = z.object({ primary: flag, column: z.string(), position: number });
/**
 * The columns to page by: the primary key of the relation with oid $1, else its unique index with the fewest columns that tells every
 * row apart (no NULLs, no predicate, no expression, checked at once, compared the way ORDER BY compares).
 */
export const KEY: CatalogQuery<z.infer<typeof KeyRow>> = {
  row: KeyRow,
  sql: `
    SELECT k.indisprimary AS primary, a.attname AS column, p.position
      FROM (SELECT i.indexrelid, i.indrelid, i.indisprimary, i.indkey, i.indnkeyatts FROM pg_index i
             WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
               AND NOT EXISTS (SELECT FROM generate_series(0, i.indnkeyatts - 1) s(n)
                                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[s.n]
                                 JOIN pg_opclass oc ON oc.oid = i.indclass[s.n]
                                WHERE NOT a.attnotnull OR NOT oc.opcdefault OR i.indcollation[s.n] <> a.attcollation)
             ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) k
           CROSS JOIN LATERAL generate_series(1, k.indnkeyatts) p(position)
           JOIN pg_attribute a ON a.attrelid = k.indrelid AND a.attnum = k.indkey[p.position - 1]
     ORDER BY p.position`,
};
