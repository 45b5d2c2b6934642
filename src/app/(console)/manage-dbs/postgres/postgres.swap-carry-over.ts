import "server-only";
import { z } from "zod";
import type { CatalogQuery, Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { AppError } from "@/server/errors";
import { quoteIdentifier, textLiteral } from "@/sql/identifiers";

/**
 * What belongs to a database but not to its contents: owner, rights, settings, comment, connection limit, security labels. No dump into an
 * existing database brings it back, so the restored copy gets it from the one it is going to replace.
 */

const flag = z.enum(["t", "f"]).transform((text) => text === "t");
const PropertiesRow = z.object({
  owner: z.string(),
  rights: z.string().nullable(),
  limit: z.string().transform(Number),
  comment: z.string().nullable(),
  tablespace: z.string(),
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
});
const PROPERTIES: CatalogQuery<z.infer<typeof PropertiesRow>> = {
  row: PropertiesRow,
  sql: `
    SELECT pg_get_userbyid(d.datdba) AS owner, d.datacl::text AS rights, d.datconnlimit AS limit,
           shobj_description(d.oid, 'pg_database') AS comment, t.spcname AS tablespace,
           pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype
      FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.oid = $1::oid`,
};
const RightRow = z.object({ grantor: z.string(), grantee: z.string().nullable(), privilege: z.string(), grantable: flag });
/** In the order of the array, so that a right comes before those that rest on it. */
const RIGHTS: CatalogQuery<z.infer<typeof RightRow>> = {
  row: RightRow,
  sql: `
    SELECT pg_get_userbyid(a.grantor) AS grantor, CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END AS grantee, a.privilege_type AS privilege, a.is_grantable AS grantable
      FROM pg_database d, LATERAL aclexplode(d.datacl) WITH ORDINALITY AS a (grantor, grantee, privilege_type, is_grantable, place)
     WHERE d.oid = $1::oid ORDER BY a.place`,
};
const SettingRow = z.object({ role: z.string().nullable(), setting: z.string() });
const SETTINGS: CatalogQuery<z.infer<typeof SettingRow>> = {
  row: SettingRow,
  sql: `
    SELECT CASE WHEN s.setrole <> 0 THEN pg_get_userbyid(s.setrole) END AS role, c.setting
      FROM pg_db_role_setting s, LATERAL unnest(s.setconfig) WITH ORDINALITY AS c (setting, place)
     WHERE s.setdatabase = $1::oid ORDER BY s.setrole, c.place`,
};
const LabelRow = z.object({ provider: z.string(), label: z.string() });
const LABELS: CatalogQuery<z.infer<typeof LabelRow>> = {
  row: LabelRow,
  sql: "SELECT provider, label FROM pg_shseclabel WHERE classoid = 'pg_catalog.pg_database'::regclass AND objoid = $1::oid ORDER BY provider",
};

export interface DatabaseProperties extends z.infer<typeof PropertiesRow> {
  grants: z.infer<typeof RightRow>[];
  settings: z.infer<typeof SettingRow>[];
  labels: z.infer<typeof LabelRow>[];
}

export async function readProperties(session: Session, oid: string): Promise<DatabaseProperties> {
  const [row] = await session.all(PROPERTIES, [oid]);
  if (!row) throw new AppError("NOT_FOUND", `There is no database with the OID ${oid}`, { fix: "Reload the list of databases." });
  return { ...row, grants: await session.all(RIGHTS, [oid]), settings: await session.all(SETTINGS, [oid]), labels: await session.all(LABELS, [oid]) };
}

/**
 * Gives `to` what the database with the OID `from` has, in one transaction, and looks whether it came out the same.
 * Throws CONFLICT naming what did not, FORBIDDEN when the role may not; nothing has changed then but the copy.
 */
export async function carryOver(session: Session, { from, to }: { from: string; to: { oid: string; name: string } }): Promise<DatabaseProperties> {
  const properties = await readProperties(session, from);
  await session.run("BEGIN");
  await session.run(`ALTER DATABASE ${quoteIdentifier(to.name)} OWNER TO ${quoteIdentifier(properties.owner)}`);
  for (const statement of propertyStatements(properties, to.name)) await session.run(statement);
  const different = differences(properties, await readProperties(session, to.oid));
  if (different.length > 0) {
    throw new AppError("CONFLICT", `The ${different.join(", ")} of the database cannot be carried over to the restored copy`, {
      fix: "Restore under a new name and set them by hand; nothing was changed.",
      detail: `of ${properties.owner}: ${properties.rights ?? "default rights"}`,
    });
  }
  await session.run("COMMIT");
  return properties;
}

function propertyStatements(properties: DatabaseProperties, name: string): string[] {
  const database = quoteIdentifier(name);
  return [
    ...rightStatements(properties, database),
    ...properties.settings.map(({ role, setting }) => settingStatement({ role, setting, database })),
    ...(properties.comment === null ? [] : [`COMMENT ON DATABASE ${database} IS ${textLiteral(properties.comment)}`]),
    ...(properties.limit < 0 ? [] : [`ALTER DATABASE ${database} CONNECTION LIMIT ${properties.limit}`]),
    ...properties.labels.map(({ provider, label }) => `SECURITY LABEL FOR ${quoteIdentifier(provider)} ON DATABASE ${database} IS ${textLiteral(label)}`),
  ];
}

function rightStatements({ rights, owner, grants }: DatabaseProperties, database: string): string[] {
  if (rights === null) return [];
  const statements = [`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`, `REVOKE ALL ON DATABASE ${database} FROM ${quoteIdentifier(owner)}`];
  for (const { grantor, grantee, privilege, grantable } of grants) {
    const grant = `GRANT ${privilege} ON DATABASE ${database} TO ${grantee === null ? "PUBLIC" : quoteIdentifier(grantee)}${grantable ? " WITH GRANT OPTION" : ""}`;
    // Only the role itself can be the one who granted.
    if (grantor === owner) statements.push(grant);
    else statements.push(`SET LOCAL ROLE ${quoteIdentifier(grantor)}`, grant, "RESET ROLE");
  }
  return statements;
}

/** Variables whose value is a list of names: each is given for itself, or the server would take the whole as one name. */
const LISTS = new Set([
  "local_preload_libraries",
  "search_path",
  "session_preload_libraries",
  "shared_preload_libraries",
  "temp_tablespaces",
  "unix_socket_directories",
]);

function settingStatement({ role, setting, database }: { role: string | null; setting: string; database: string }): string {
  const at = setting.indexOf("=");
  const [variable, value] = [setting.slice(0, at), setting.slice(at + 1)];
  const words = LISTS.has(variable.toLowerCase()) ? listWords(value) : [value];
  const values = words.map(textLiteral).join(", ") || "''";
  const whose = role === null ? `ALTER DATABASE ${database}` : `ALTER ROLE ${quoteIdentifier(role)} IN DATABASE ${database}`;
  return `${whose} SET ${quoteIdentifier(variable)} TO ${values}`;
}

/** `"a b", public` as the names it lists. */
export function listWords(text: string): string[] {
  return [...text.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^",\s][^",]*))\s*(?:,|$)/g)].map((match) => match[1]?.replaceAll('""', '"') ?? (match[2] ?? "").trim());
}

function differences(wanted: DatabaseProperties, found: DatabaseProperties): string[] {
  const same = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);
  return [
    ...(wanted.owner === found.owner ? [] : ["owner"]),
    ...(same(sortedRights(wanted), sortedRights(found)) ? [] : ["rights"]),
    ...(same(wanted.settings, found.settings) ? [] : ["settings"]),
    ...(wanted.comment === found.comment ? [] : ["comment"]),
    ...(wanted.limit === found.limit ? [] : ["connection limit"]),
    ...(same(wanted.labels, found.labels) ? [] : ["security labels"]),
  ];
}

/** Null and an empty list are different rights: the defaults, and none. */
const sortedRights = ({ rights, grants }: DatabaseProperties): unknown => [rights === null, grants.map((grant) => JSON.stringify(grant)).toSorted()];
