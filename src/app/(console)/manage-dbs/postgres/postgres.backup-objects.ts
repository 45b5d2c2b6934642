import "server-only";
import { z } from "zod";
import { objectName, type ArchiveToc } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import type { CatalogQuery, Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { quoteQualified } from "@/sql/identifiers";

/** What a backup of a database holds, asked of the server and of the archive in the same words. */

const maybeNumber = z
  .string()
  .nullable()
  .transform((text) => (text === null ? null : Number(text)));

const RelationRow = z.object({
  schema: z.string(),
  name: z.string(),
  relkind: z.enum(["r", "p", "v", "m", "f"]),
  condition: z.string().nullable(),
  rows: maybeNumber,
  server: z.string().nullable(),
  unreadable: z.enum(["t", "f"]).transform((text) => text === "t"),
});
/**
 * Every relation that pg_dump writes, by its own rules: no system or temporary schema, of extensions only their configuration
 * tables, and of these only the rows the extension's condition selects; no rows of unlogged tables from a standby, which has none.
 */
const RELATIONS: CatalogQuery<z.infer<typeof RelationRow>> = {
  row: RelationRow,
  sql: `
    SELECT n.nspname AS schema, c.relname AS name, c.relkind, e.condition, CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END AS rows,
           (SELECT s.srvname FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = c.oid) AS server,
           c.relpersistence = 'u' AND pg_is_in_recovery() AS unreadable
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           LEFT JOIN LATERAL (
             SELECT x.extcondition[array_position(x.extconfig, c.oid)] AS condition, c.oid = ANY (coalesce(x.extconfig, '{}')) AS configuration
               FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
              WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e') e ON true
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND (e.configuration IS NULL OR (e.configuration AND c.relkind = 'r'))
     ORDER BY n.nspname, c.relname`,
};

const LARGE_OBJECTS: CatalogQuery<{ count: number }> = {
  row: z.object({ count: z.string().transform(Number) }),
  sql: "SELECT count(*) AS count FROM pg_largeobject_metadata",
};

export const KIND_WORDS = { r: "table", p: "partitioned table", v: "view", m: "materialized view", f: "foreign table" } as const;
export const LARGE_OBJECTS_NAME = "large objects";

export interface DumpRelation {
  /** As objectName writes it. */
  name: string;
  kind: (typeof KIND_WORDS)[keyof typeof KIND_WORDS];
  /** `"schema"."name"` and the extension's condition: what to count; null where there are no rows of its own. */
  countFrom: string | null;
  /** countFrom has an extension's condition, whose operators must be found in no schema of the database. */
  isFiltered: boolean;
  estimate: number | null;
  /** Why its rows are not in a backup, where a person would expect them. */
  withoutRows: string | null;
}

export async function listRelations(session: Session): Promise<DumpRelation[]> {
  return (await session.all(RELATIONS)).map((row) => ({
    name: objectName(row.schema, row.name),
    kind: KIND_WORDS[row.relkind],
    countFrom: row.relkind === "r" && !row.unreadable ? `${quoteQualified(row)}${row.condition ? ` ${row.condition}` : ""}` : null,
    isFiltered: row.condition !== null && row.condition !== "",
    estimate: row.rows,
    withoutRows: row.unreadable ? "a standby has no rows of unlogged tables" : row.server === null ? null : `its rows live on the foreign server ${row.server}`,
  }));
}

const TABLES_A_QUERY = 50;

/**
 * Exact rows per table in one snapshot: the transaction the session is in, which must be there. Partitions and inheriting tables count
 * for themselves. Each batch gives its locks back, because pg_dump already holds one a table and the server's lock table is small.
 */
export async function countRelations(
  session: Session,
  relations: readonly DumpRelation[],
  onCount?: (name: string, rows: number) => void,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const tables = relations.filter((relation) => relation.countFrom !== null);
  for (const batch of [...batchesOf(tables.filter((table) => !table.isFiltered)), ...batchesOf(tables.filter((table) => table.isFiltered))]) {
    await session.run("SAVEPOINT counted");
    // The planner looks into the expressions of indexes, and their functions may find others only by the database's own path.
    if (!batch[0]?.isFiltered) await session.rows("SELECT pg_catalog.set_config('search_path', $1, true)", [session.ownSearchPath]);
    const rows = await session.rows(batch.map((table, index) => `SELECT ${index}, pg_catalog.count(*) FROM ONLY ${table.countFrom}`).join(" UNION ALL "));
    await session.run("ROLLBACK TO SAVEPOINT counted; RELEASE SAVEPOINT counted");
    for (const row of rows) {
      const name = batch[Number(row[0])]?.name ?? "";
      counts.set(name, Number(row[1]));
      onCount?.(name, Number(row[1]));
    }
  }
  return counts;
}

const batchesOf = (tables: readonly DumpRelation[]): DumpRelation[][] =>
  Array.from({ length: Math.ceil(tables.length / TABLES_A_QUERY) }, (_none, index) => tables.slice(index * TABLES_A_QUERY, (index + 1) * TABLES_A_QUERY));

export async function countLargeObjects(session: Session): Promise<number> {
  return (await session.all(LARGE_OBJECTS))[0]?.count ?? 0;
}

const TOC_KINDS: Record<string, DumpRelation["kind"]> = {
  TABLE: "table",
  "TABLE DATA": "table",
  VIEW: "view",
  "MATERIALIZED VIEW": "materialized view",
  "FOREIGN TABLE": "foreign table",
};

export interface ArchiveRelation {
  kind: DumpRelation["kind"];
  /** Rows follow as COPY, which are counted. */
  hasData: boolean;
  /** Why there are no rows to count, where a person would expect them. */
  withoutCount: string | null;
}

/** The relations of an archive by name, and whether rows of theirs follow. */
export function relationsOfArchive(toc: ArchiveToc): Map<string, ArchiveRelation> {
  const relations = new Map<string, ArchiveRelation>();
  for (const entry of toc.entries) {
    const kind = TOC_KINDS[entry.kind];
    if (!kind || entry.schema === null) continue;
    const name = objectName(entry.schema, entry.name);
    const known = relations.get(name);
    if (entry.kind !== "TABLE DATA") {
      const isPartitioned = entry.kind === "TABLE" && /\nPARTITION BY /.test(entry.definition ?? "");
      relations.set(name, { kind: isPartitioned ? "partitioned table" : kind, hasData: false, withoutCount: null, ...(known?.hasData ? known : {}) });
    } else if (entry.copyStatement !== null) relations.set(name, { kind: known?.kind ?? kind, hasData: true, withoutCount: null });
    else relations.set(name, { kind: known?.kind ?? kind, hasData: false, withoutCount: "its rows are INSERT statements, which are restored but not counted" });
  }
  return relations;
}

const DatabaseRow = z.object({
  version: z.string(),
  version_number: z.string().transform(Number),
  bytes: maybeNumber,
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
  provider: z.string().nullable(),
  locale: z.string().nullable(),
  sequences: z.string().transform(Number),
  subscriptions: z.string().nullable(),
});
export type DatabaseRow = z.infer<typeof DatabaseRow>;
/** The database itself. The provider and locale columns have changed their names over the versions, so they are read by name. */
const DATABASE: CatalogQuery<DatabaseRow> = {
  row: DatabaseRow,
  sql: `
    SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS version_number, pg_database_size(d.oid) AS bytes,
           pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype, j.row ->> 'datlocprovider' AS provider,
           coalesce(j.row ->> 'datlocale', j.row ->> 'daticulocale') AS locale,
           (SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relpersistence <> 't') AS sequences,
           (SELECT string_agg(x.subname, ', ') FROM (SELECT s.subname FROM pg_subscription s WHERE s.subdbid = d.oid AND has_column_privilege('pg_catalog.pg_subscription', 'subname', 'SELECT')) x) AS subscriptions
      FROM pg_database d, LATERAL (SELECT to_jsonb(d) AS row) j WHERE d.datname = current_database()`,
};

const NamesRow = z.object({ name: z.string() });
const EXTENSIONS: CatalogQuery<{ name: string }> = { row: NamesRow, sql: "SELECT extname AS name FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1" };

const RoleRow = z.object({ name: z.string(), use: z.enum(["o", "a", "r"]) });
/** Roles that objects of this database name: as owner, in rights, in row security. */
const ROLES: CatalogQuery<z.infer<typeof RoleRow>> = {
  row: RoleRow,
  sql: `
    SELECT DISTINCT r.rolname AS name, d.deptype AS use
      FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
     WHERE d.refclassid = 'pg_catalog.pg_authid'::regclass AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND d.deptype IN ('o', 'a', 'r') ORDER BY 1, 2`,
};

export interface DatabaseFacts {
  database: DatabaseRow;
  extensions: string[];
  roles: { owners: string[]; rights: string[]; policies: string[] };
}

export async function readDatabaseFacts(session: Session): Promise<DatabaseFacts> {
  const [database] = await session.all(DATABASE);
  if (!database) throw new Error("the current database is not in pg_database");
  const roles = await session.all(ROLES);
  const named = (use: "o" | "a" | "r"): string[] => roles.filter((role) => role.use === use).map((role) => role.name);
  return {
    database,
    extensions: (await session.all(EXTENSIONS)).map((row) => row.name),
    roles: { owners: named("o"), rights: named("a"), policies: named("r") },
  };
}
