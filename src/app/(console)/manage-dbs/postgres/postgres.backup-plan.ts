import "server-only";
import { estimates, liveCounts, type LiveCounts } from "@/app/(console)/manage-dbs/postgres/postgres.live-counts";
import { statfs } from "node:fs/promises";
import { z } from "zod";
import type { ArchiveToc } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import { ownersOfArchive, rolesOfArchive } from "@/app/(console)/manage-dbs/postgres/postgres.archive-roles";
import { listRelations, type DumpRelation } from "@/app/(console)/manage-dbs/postgres/postgres.backup-objects";
import { CHOSEN_FIX, chooseEntries, chosenObjects, type Chosen } from "@/app/(console)/manage-dbs/postgres/postgres.chosen";
import { readToc, toolsForArchive } from "@/app/(console)/manage-dbs/postgres/postgres.backup-verify";
import { browse, type CatalogQuery, type Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { readLive, REPLACE_WAY, replaceChecks, replaceSteps, type LiveDatabase } from "@/app/(console)/manage-dbs/postgres/postgres.replace-plan";
import { isLocal } from "@/app/(console)/manage-dbs/postgres/postgres.target";
import type { ToolSearch } from "@/app/(console)/manage-dbs/postgres/postgres.tools";
import type { Artefact, ManifestContent, RestorePlan, RestoreTarget } from "@/backups/engine";
import { formatBytes } from "@/lib/format";
import type { CallContext, Connection } from "@/server/connection";
import { AppError } from "@/server/errors";

type PlanCheck = RestorePlan["checks"][number];

/** What write put into the manifest for a restore; every field may be missing in an older or edited one. */
const Details = z.object({
  databaseBytes: z.number().nullable().default(null),
  encoding: z.string().nullable().default(null),
  collate: z.string().nullable().default(null),
  ctype: z.string().nullable().default(null),
  provider: z.string().nullable().default(null),
  locale: z.string().nullable().default(null),
  extensions: z.array(z.string()).default([]),
  /** The name of a file that was made elsewhere. */
  uploadedAs: z.string().nullable().default(null),
  roles: z
    .object({ owners: z.array(z.string()), rights: z.array(z.string()), policies: z.array(z.string()) })
    .default({ owners: [], rights: [], policies: [] }),
});
export type Details = z.infer<typeof Details>;
export const detailsOf = (manifest: ManifestContent): Details => Details.parse(manifest.details);

const flag = z.enum(["t", "f"]).transform((text) => text === "t");
const ServerRow = z.object({
  version: z.string(),
  version_number: z.string().transform(Number),
  in_recovery: flag,
  superuser: flag,
  create_database: flag,
  role: z.string(),
  data_directory: z.string().nullable(),
});
const SERVER: CatalogQuery<z.infer<typeof ServerRow>> = {
  row: ServerRow,
  sql: `
    SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS version_number, pg_is_in_recovery() AS in_recovery,
           r.rolsuper AS superuser, r.rolcreatedb AS create_database, r.rolname AS role,
           CASE WHEN pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END AS data_directory
      FROM pg_roles r WHERE r.rolname = current_user`,
};
const NamesRow = z.object({ name: z.string() });
const DATABASES: CatalogQuery<{ name: string }> = { row: NamesRow, sql: "SELECT datname AS name FROM pg_database" };
const AVAILABLE_EXTENSIONS: CatalogQuery<{ name: string }> = { row: NamesRow, sql: "SELECT name FROM pg_available_extensions" };
const TABLESPACES: CatalogQuery<{ name: string }> = { row: NamesRow, sql: "SELECT spcname AS name FROM pg_tablespace" };
/** The names of locales, as this server has them. */
const LOCALES: CatalogQuery<{ name: string }> = { row: NamesRow, sql: "SELECT DISTINCT collcollate AS name FROM pg_collation WHERE collcollate <> ''" };
const RoleRow = z.object({ name: z.string(), may_be: flag, inherited: flag });
const ROLES: CatalogQuery<z.infer<typeof RoleRow>> = {
  row: RoleRow,
  sql: "SELECT rolname AS name, pg_has_role(current_user, oid, 'MEMBER') AS may_be, pg_has_role(current_user, oid, 'USAGE') AS inherited FROM pg_roles",
};

/** What the server has of what the backup needs. */
export interface RestoreNeeds {
  server: z.infer<typeof ServerRow>;
  databases: Set<string>;
  /** Whom the original belonged to, where the copy can too: what its owner may do in it, others of its objects may rest on. */
  databaseOwner: string | null;
  /** Owners and rights cannot be brought back: a role is missing, or the console's role may not act for it. */
  withoutOwners: string[];
  withoutRights: string[];
  missingForPolicies: string[];
  missingExtensions: string[];
  missingTablespaces: string[];
  /** Locales of the backup's database that the server did not know when it was made. */
  missingLocales: string[];
}

export async function readNeeds(session: Session, toc: ArchiveToc, details: Details): Promise<RestoreNeeds> {
  const [server] = await session.all(SERVER);
  if (!server) throw new AppError("INTERNAL", "PostgreSQL does not know the role of its own session", { fix: "Try again." });
  const names = async (query: CatalogQuery<{ name: string }>): Promise<Set<string>> => new Set((await session.all(query)).map((row) => row.name));
  const roles = new Map((await session.all(ROLES)).map((role) => [role.name, role]));
  const extensions = await names(AVAILABLE_EXTENSIONS);
  const tablespaces = await names(TABLESPACES);
  const locales = new Set([...(await names(LOCALES))].map(plainLocale));
  const owners = distinct([...ownersOfArchive(toc.entries), ...details.roles.owners]);
  const databaseOwner = toc.entries.find((entry) => entry.kind === "DATABASE")?.owner ?? "";
  return {
    server,
    databaseOwner: roles.get(databaseOwner)?.inherited ? databaseOwner : null,
    databases: await names(DATABASES),
    withoutOwners: owners.filter((owner) => (server.superuser ? !roles.has(owner) : roles.get(owner)?.may_be !== true)),
    withoutRights: distinct(details.roles.rights).filter((role) => !roles.has(role)),
    missingForPolicies: distinct(details.roles.policies).filter((role) => !roles.has(role)),
    missingExtensions: distinct(toc.entries.filter((entry) => entry.kind === "EXTENSION").map((entry) => entry.name)).filter((name) => !extensions.has(name)),
    missingTablespaces: distinct(toc.entries.map((entry) => entry.tablespace ?? "")).filter((name) => !tablespaces.has(name)),
    missingLocales: distinct([details.collate ?? "", details.ctype ?? ""]).filter((name) => !locales.has(plainLocale(name))),
  };
}

/** `en_US.UTF-8` and `en_US.utf8` are one. */
const plainLocale = (name: string): string => name.toLowerCase().replaceAll("-", "");

const distinct = (names: readonly string[]): string[] => [...new Set(names)].filter((name) => name !== "").toSorted();

/** What a restore into a new database would do here, with everything that would stop it. Changes nothing. */
export async function planRestore(options: {
  artefact: Artefact;
  connection: Connection;
  target: RestoreTarget;
  context: CallContext & { checksOnly?: boolean | undefined };
  search: ToolSearch;
}): Promise<RestorePlan> {
  const { artefact, connection, target, context, search } = options;
  const { toc, details, skipped } = wantedOf(await readToc(artefact), artefact.manifest, target);
  const objects = chosenObjects(artefact.manifest.objects, target);
  const tool = await toolCheck(toc, search);
  return browse(connection, context, async (session) => {
    const needs = await readNeeds(session, toc, details);
    const relations = await listRelations(session);
    const counts = context.checksOnly ? estimates(relations) : await liveCounts(session, relations);
    const live = target.replace ? await readLive(session) : null;
    const bytesNeeded = details.databaseBytes ?? rowBytes(objects);
    const checks = [
      ...(live ? replaceChecks(target.name, live) : [nameCheck(target.name, needs)]),
      ...chosenChecks(target, skipped),
      tool,
      versionCheck(artefact.manifest, needs),
      rightsCheck(needs),
      ...foreignChecks(toc, details, needs),
      ...extensionChecks(toc, needs),
      ...roleChecks(needs).map((check) => (live && check.result === "warn" ? ownersOrNothing(check) : check)),
      ...tablespaceChecks(needs),
      ...localeChecks(needs),
      ...(live ? [...encodingChecks(details, live), ...onlyLiveChecks(artefact.manifest, relations)] : databaseRightsChecks(toc)),
      await spaceCheck({ bytesNeeded, directory: live?.tablespace_directory ?? needs.server.data_directory, local: isLocal(session.target.host) }),
    ];
    return {
      target: target.name,
      way: live ? REPLACE_WAY : "new database",
      objects: planObjects({ objects, relations, counts, replaces: live !== null }),
      liveIsEstimate: !counts.isExact,
      checks,
      bytesNeeded,
      steps: [
        ...stageSteps(artefact.manifest, needs),
        ...(live ? replaceSteps(live) : [{ title: "Give it its name", detail: `ALTER DATABASE RENAME TO ${target.name}` }]),
      ],
      ...(live
        ? {
            replaces: { place: `database ${live.name} on ${connection.address}`, items: counts.total, bytes: live.bytes, sessions: live.sessions },
            undo: { how: "The two names are swapped back; open sessions are ended again.", bytes: live.bytes },
          }
        : {}),
    };
  });
}

/** The archive and its facts, of the chosen objects only where some are chosen. */
export function wantedOf(toc: ArchiveToc, manifest: ManifestContent, target: RestoreTarget): Chosen & { details: Details } {
  const details = detailsOf(manifest);
  if (!target.objects) return { toc, skipped: [], details };
  const wanted = chooseEntries(toc, target.objects);
  return { ...wanted, details: { ...details, databaseBytes: null, roles: rolesOfArchive(wanted.toc.entries) } };
}

/** Of the rows as text, which is what is known of a file that was made elsewhere, and of chosen objects. Null when it is not of all. */
function rowBytes(objects: ManifestContent["objects"]): number | null {
  const counted = objects.filter((object) => object.count !== null);
  return counted.some((object) => object.bytes === null) ? null : counted.reduce((sum, object) => sum + (object.bytes ?? 0), 0);
}

function chosenChecks({ objects, replace }: RestoreTarget, skipped: Chosen["skipped"]): PlanCheck[] {
  if (!objects) return [];
  if (replace)
    return [
      {
        result: "fail",
        title: "Chosen objects cannot replace a database",
        detail: `The swap exchanges whole databases: what is not chosen would be gone. ${CHOSEN_FIX}`,
      },
    ];
  if (skipped.length === 0) return [{ result: "pass", title: "The chosen objects come whole", detail: `${objects.length} with all that belongs to them` }];
  const words = skipped.slice(0, 20).map(({ name, reason }) => `${name}: ${reason}`);
  return [{ result: "warn", title: `${skipped.length} things that belong to the chosen objects are left out`, detail: words.join("; ") }];
}

function stageSteps(manifest: ManifestContent, needs: RestoreNeeds): RestorePlan["steps"] {
  return [
    { title: "Create a database aside", detail: `CREATE DATABASE, empty, with the encoding and collation of ${manifest.source}` },
    {
      title: "Restore into it",
      detail: `pg_restore, stopping at the first error${needs.withoutOwners.length > 0 ? "; owners and rights are left out" : ""}`,
    },
    { title: "Count every table", detail: "and compare with the manifest; if one row is missing the database is dropped and nothing has changed" },
  ];
}

/** What is only live now goes with a replaced database, so it is listed too. */
function planObjects(options: {
  objects: ManifestContent["objects"];
  relations: readonly DumpRelation[];
  counts: LiveCounts;
  replaces: boolean;
}): RestorePlan["objects"] {
  const { objects, relations, replaces } = options;
  const live = options.counts.byName;
  const known = new Set(objects.map((object) => object.name));
  const gone = replaces ? relations.filter((relation) => !known.has(relation.name)) : [];
  return [
    ...objects.map(({ name, kind, count }) => ({ name, kind, inBackup: count, liveNow: live.get(name) ?? null, after: count })),
    ...gone.map(({ name, kind }) => ({ name, kind, inBackup: null, liveNow: live.get(name) ?? null, after: null })),
  ];
}

/** Beside live data a copy without owners is of use; in its place no application could read it. */
const ownersOrNothing = (check: PlanCheck): PlanCheck => ({
  result: "fail",
  title: check.title.replace("are left out", "would be lost"),
  detail: `${check.detail}. CREATE ROLE ... NOLOGIN before, or use a connection whose role may act for them.`,
});

function encodingChecks(details: Details, live: LiveDatabase): PlanCheck[] {
  const wanted = [details.encoding, details.collate, details.ctype].map((word) => word ?? "?").join(", ");
  const found = [live.encoding, live.collate, live.ctype].join(", ");
  if (details.encoding === null || wanted === found) return [];
  return [
    {
      result: "warn",
      title: "Encoding or collation change",
      detail: `${live.name} has ${found}, the backup ${wanted}, and the restored copy comes with the backup's`,
    },
  ];
}

function onlyLiveChecks(manifest: ManifestContent, relations: readonly DumpRelation[]): PlanCheck[] {
  const known = new Set(manifest.objects.map((object) => object.name));
  const gone = relations.filter((relation) => !known.has(relation.name)).map((relation) => relation.name);
  if (gone.length === 0) return [];
  const names = `${gone.slice(0, 5).join(", ")}${gone.length > 5 ? ` and ${gone.length - 5} more` : ""}`;
  return [
    { result: "warn", title: `${gone.length} objects of now are not in the backup`, detail: `${names}: gone after the restore, kept with the old state` },
  ];
}

async function toolCheck(toc: ArchiveToc, search: ToolSearch): Promise<PlanCheck> {
  try {
    const tools = await toolsForArchive(toc, search);
    return { result: "pass", title: "pg_restore reads this backup", detail: `pg_restore ${tools.version}, backup written by pg_dump ${toc.dumpVersion}` };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { result: "fail", title: error.message, detail: error.fix ?? "" };
  }
}

/** Throws nothing; the words say what is wrong with the name. */
export function nameProblem(name: string, databases: ReadonlySet<string>): string | null {
  if (name.includes("\0") || !name.isWellFormed()) return "it holds a character that no database accepts";
  if (Buffer.byteLength(name) > 63) return "it is longer than 63 bytes";
  if (["template0", "template1", "postgres"].includes(name)) return "it is one of the server's own databases";
  return databases.has(name) ? "a database of this name exists" : null;
}

function nameCheck(name: string, needs: RestoreNeeds): PlanCheck {
  const problem = nameProblem(name, needs.databases);
  return problem === null
    ? { result: "pass", title: "The name is free", detail: name }
    : { result: "fail", title: `The name ${name} cannot be used`, detail: problem };
}

function versionCheck(manifest: ManifestContent, needs: RestoreNeeds): PlanCheck {
  const from = Number.parseInt(manifest.server.version, 10);
  const to = Math.floor(needs.server.version_number / 10_000);
  const detail = `backup of PostgreSQL ${manifest.server.version}, server ${needs.server.version.split(" ")[0] ?? ""}`;
  if (to < from)
    return {
      result: "warn",
      title: "The server is older than the backup's",
      detail: `${detail}: PostgreSQL does not promise that this works; it is tried aside and nothing changes if it fails`,
    };
  return { result: "pass", title: "The versions fit", detail };
}

function rightsCheck({ server }: RestoreNeeds): PlanCheck {
  if (server.in_recovery) return { result: "fail", title: "The server is a standby", detail: "Nothing can be written here; restore to the primary." };
  if (server.superuser || server.create_database) return { result: "pass", title: "The role may create databases", detail: server.role };
  return { result: "fail", title: "The role may not create databases", detail: `ALTER ROLE ${server.role} CREATEDB, or use another connection.` };
}

const RUNNING = ["FUNCTION", "PROCEDURE", "TRIGGER", "RULE", "EVENT TRIGGER"];

/** What is ours was written from a database that ran the same SQL; of a file from elsewhere nobody knows. */
function foreignChecks(toc: ArchiveToc, details: Details, { server }: RestoreNeeds): PlanCheck[] {
  if (details.uploadedAs === null) return [];
  const counts = RUNNING.map((kind) => ({ kind, count: toc.entries.filter((entry) => entry.kind === kind).length })).filter(({ count }) => count > 0);
  const held = counts.map(({ kind, count }) => `${count} ${kind.toLowerCase()}${count === 1 ? "" : "s"}`).join(", ");
  const who = server.superuser ? `${server.role}, a superuser, who may also read files and run programs there` : server.role;
  const advice = server.superuser
    ? "Restore it only if you trust who made it, or through a connection that is no superuser."
    : "Restore it only if you trust who made it.";
  const detail = `${held === "" ? "" : `It holds ${held}. `}What it creates runs on the server with the rights of ${who}. ${advice}`;
  return [{ result: "warn", title: "Restoring runs the file's own SQL: it was made elsewhere", detail }];
}

function extensionChecks(toc: ArchiveToc, needs: RestoreNeeds): PlanCheck[] {
  const needed = distinct(toc.entries.filter((entry) => entry.kind === "EXTENSION").map((entry) => entry.name));
  if (needed.length === 0) return [];
  if (needs.missingExtensions.length > 0)
    return [{ result: "fail", title: "Extensions are missing on the server", detail: `Install ${needs.missingExtensions.join(", ")}.` }];
  return [{ result: "pass", title: "The extensions are there", detail: needed.join(", ") }];
}

function roleChecks(needs: RestoreNeeds): PlanCheck[] {
  const checks: PlanCheck[] = [];
  if (needs.missingForPolicies.length > 0) {
    checks.push({ result: "fail", title: "Row security names roles that are missing", detail: `CREATE ROLE ${needs.missingForPolicies.join(", ")} NOLOGIN.` });
  }
  if (needs.withoutOwners.length > 0) {
    checks.push({
      result: "warn",
      title: "Owners and rights are left out",
      detail: `${needs.withoutOwners.join(", ")} ${needs.server.superuser ? "is missing" : `cannot be acted for by ${needs.server.role}`}: everything will belong to ${needs.server.role}`,
    });
  } else if (needs.withoutRights.length > 0) {
    checks.push({
      result: "warn",
      title: "Rights are left out",
      detail: `${needs.withoutRights.join(", ")} is missing: create it NOLOGIN before to keep them`,
    });
  }
  return checks.length > 0 ? checks : [{ result: "pass", title: "The roles are there", detail: "owners and rights come back" }];
}

function tablespaceChecks(needs: RestoreNeeds): PlanCheck[] {
  if (needs.missingTablespaces.length === 0) return [];
  return [{ result: "warn", title: "Tablespaces are missing", detail: `${needs.missingTablespaces.join(", ")}: everything goes into the default one` }];
}

/** One that was installed since cannot be told from one that is missing: what is tried aside changes nothing. */
function localeChecks({ missingLocales }: RestoreNeeds): PlanCheck[] {
  if (missingLocales.length === 0) return [];
  const detail = `${missingLocales.join(", ")}: install it on the server, or the database cannot be created`;
  return [{ result: "warn", title: "The server may lack the backup's collation", detail }];
}

function databaseRightsChecks(toc: ArchiveToc): PlanCheck[] {
  if (!toc.entries.some((entry) => entry.kind === "ACL" && entry.name.startsWith("DATABASE "))) return [];
  return [
    {
      result: "warn",
      title: "Rights on the database itself are left out",
      detail: "Who may connect and create schemas is set again when it goes live; its settings come back",
    },
  ];
}

/** The server's free space is seen where its disk is this machine's; else nobody but its own administrator knows it. */
async function spaceCheck(options: { bytesNeeded: number | null; directory: string | null; local: boolean }): Promise<PlanCheck> {
  const { bytesNeeded, directory, local } = options;
  const need = bytesNeeded === null ? "as much as the original" : formatBytes(bytesNeeded);
  const unknown: PlanCheck = { result: "warn", title: "The server's free space is not known", detail: `The restore needs about ${need} there.` };
  if (!local || directory === null || bytesNeeded === null) return unknown;
  const disk = await statfs(directory).catch(() => null);
  if (!disk) return unknown;
  const free = disk.bavail * disk.bsize;
  const detail = `needs about ${need}, free ${formatBytes(free)}`;
  return free > bytesNeeded ? { result: "pass", title: "There is space", detail } : { result: "fail", title: "The server's disk has too little space", detail };
}
