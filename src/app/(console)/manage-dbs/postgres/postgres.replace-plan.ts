import "server-only";
import { z } from "zod";
import type { CatalogQuery, Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import type { RestorePlan } from "@/backups/engine";
import { formatBytes } from "@/lib/format";

/** What a restore has to know of the database it replaces: the one the connection opens. */

type PlanCheck = RestorePlan["checks"][number];

const flag = z.enum(["t", "f"]).transform((text) => text === "t");
const LiveRow = z.object({
  name: z.string(),
  /** Null for the server's default one, which nobody needs a right for. */
  tablespace: z.string().nullable(),
  may_use_tablespace: flag,
  /** Where the copy will lie, on the server; null for the server's own directory. */
  tablespace_directory: z.string().nullable(),
  bytes: z.string().transform(Number),
  owner: z.string(),
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
  is_owner: flag,
  superuser: flag,
  may_end_sessions: flag,
  sessions: z.string().transform(Number),
  superuser_sessions: z.string().transform(Number),
  prepared: z.string().transform(Number),
  slots: z.string().nullable(),
  subscriptions: z.string().nullable(),
  publications: z.string().nullable(),
  foreign_grantors: z.string().nullable(),
  role_settings: z.string().transform(Number),
});
export type LiveDatabase = z.infer<typeof LiveRow>;

/** The console's own sessions are not counted: it closes them itself. */
const LIVE: CatalogQuery<LiveDatabase> = {
  row: LiveRow,
  sql: `
    SELECT d.datname AS name, nullif(t.spcname, 'pg_default') AS tablespace,
           has_tablespace_privilege(t.oid, 'CREATE') AS may_use_tablespace,
           CASE WHEN has_tablespace_privilege(t.oid, 'CREATE') THEN nullif(pg_tablespace_location(t.oid), '') END AS tablespace_directory, pg_database_size(d.oid) AS bytes, pg_get_userbyid(d.datdba) AS owner,
           pg_encoding_to_char(d.encoding) AS encoding, d.datcollate AS collate, d.datctype AS ctype,
           pg_has_role(current_user, d.datdba, 'USAGE') AS is_owner, r.rolsuper AS superuser,
           pg_has_role(current_user, 'pg_signal_backend', 'USAGE') AS may_end_sessions,
           (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND a.usesysid IS NOT NULL AND a.application_name IS DISTINCT FROM 'foundry-console'
             AND a.pid <> pg_backend_pid()) AS sessions,
           (SELECT count(*) FROM pg_stat_activity a JOIN pg_roles o ON o.oid = a.usesysid WHERE a.datid = d.oid AND o.rolsuper
             AND a.application_name IS DISTINCT FROM 'foundry-console') AS superuser_sessions,
           (SELECT count(*) FROM pg_prepared_xacts x WHERE x.database = d.datname) AS prepared,
           (SELECT string_agg(s.slot_name, ', ') FROM pg_replication_slots s WHERE s.database = d.datname) AS slots,
           (SELECT string_agg(x.subname, ', ') FROM (SELECT s.subname FROM pg_subscription s
             WHERE s.subdbid = d.oid AND has_column_privilege('pg_catalog.pg_subscription', 'subname', 'SELECT')) x) AS subscriptions,
           (SELECT string_agg(p.pubname, ', ') FROM pg_publication p) AS publications,
           (SELECT string_agg(DISTINCT pg_get_userbyid(a.grantor), ', ') FROM aclexplode(d.datacl) a
             WHERE a.grantor <> d.datdba AND NOT pg_has_role(current_user, a.grantor, 'MEMBER')) AS foreign_grantors,
           (SELECT count(*) FROM pg_db_role_setting s WHERE s.setdatabase = d.oid AND s.setrole <> 0) AS role_settings
      FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace JOIN pg_roles r ON r.rolname = current_user
     WHERE d.datname = current_database()`,
};

/** The database the session is in, which is the connection's own. */
export async function readLive(session: Session): Promise<LiveDatabase> {
  const [live] = await session.all(LIVE);
  if (!live) throw new Error("the current database is not in pg_database");
  return live;
}

/** Where the copy that replaces it is made; null for the server's default. */
export const tablespaceOf = (live: LiveDatabase): string | null => (live.may_use_tablespace ? live.tablespace : null);

/** Throws nothing; the words say why this database cannot be replaced through this connection. */
export function replaceProblem(name: string, live: string): string | null {
  if (name !== live) return `this connection replaces ${live}, and no other database`;
  if (["template0", "template1", "postgres"].includes(name)) return "it is one of the server's own databases, which others need to work from";
  return null;
}

/** Everything that would stop the swap, or that somebody will notice when it happens. */
export function replaceChecks(name: string, live: LiveDatabase): PlanCheck[] {
  const problem = replaceProblem(name, live.name);
  return [
    problem === null
      ? { result: "pass", title: "It replaces this connection's own database", detail: live.name }
      : { result: "fail", title: `The database ${name} cannot be replaced`, detail: problem },
    ownerCheck(live),
    sessionsCheck(live),
    ...standingChecks(live),
  ];
}

function ownerCheck(live: LiveDatabase): PlanCheck {
  if (!live.superuser && !live.is_owner)
    return {
      result: "fail",
      title: "The role may not rename the database",
      detail: `It belongs to ${live.owner}: GRANT ${live.owner} TO the connection's role, or use a connection of the owner.`,
    };
  if (!live.superuser && live.foreign_grantors !== null)
    return {
      result: "fail",
      title: "The rights on the database cannot be carried over",
      detail: `${live.foreign_grantors} granted some of them, and only they or a superuser can do so again.`,
    };
  const title = "Owner, rights, settings and comment of the database are carried over";
  if (live.role_settings > 0 && !live.superuser)
    return { result: "warn", title, detail: "Settings of roles in this database need the right to change these roles; without it nothing is swapped." };
  return { result: "pass", title, detail: `It belongs to ${live.owner}.` };
}

function sessionsCheck(live: LiveDatabase): PlanCheck {
  const detail = "An application that connects again finds the restored data.";
  if (live.sessions === 0) return { result: "pass", title: "No session is open", detail };
  const title = live.sessions === 1 ? "One open session is ended" : `${live.sessions} open sessions are ended`;
  if (!live.superuser && live.superuser_sessions > 0)
    return { result: "warn", title, detail: `${live.superuser_sessions} of them belong to superusers, and only a superuser can end these: close them before.` };
  if (!live.superuser && !live.may_end_sessions)
    return { result: "warn", title, detail: "Those of other roles only with the role pg_signal_backend: grant it, or close them before." };
  return { result: "warn", title, detail };
}

/** What belongs to the live database by its OID stays with it, also when it is renamed. */
function standingChecks(live: LiveDatabase): PlanCheck[] {
  const checks: PlanCheck[] = [];
  if (live.tablespace !== null && tablespaceOf(live) === null)
    checks.push({ result: "warn", title: "The restored copy goes into another tablespace", detail: `The role may not create anything in ${live.tablespace}.` });
  if (live.prepared > 0)
    checks.push({
      result: "fail",
      title: `${live.prepared} prepared transactions are open`,
      detail: "PostgreSQL renames no database that has any: COMMIT PREPARED or ROLLBACK PREPARED them.",
    });
  if (live.slots !== null)
    checks.push({
      result: "warn",
      title: "Logical replication slots stay with the old state",
      detail: `${live.slots}: who reads from them gets nothing of the restored data, and they are dropped with the old state`,
    });
  if (live.subscriptions !== null)
    checks.push({
      result: "warn",
      title: "Subscriptions stay with the old state",
      detail: `${live.subscriptions}: they stop while it is kept, the restored copy's come back disabled, and the old state can only be dropped when they are gone`,
    });
  if (live.publications !== null)
    checks.push({
      result: "warn",
      title: "Subscribers have to be set up again",
      detail: `The publications ${live.publications} come back if the backup has them; what is restored is not sent to who already subscribes.`,
    });
  return checks;
}

export const replaceSteps = (live: LiveDatabase): RestorePlan["steps"] => [
  {
    title: "Carry over what is not in a dump",
    detail: `owner ${live.owner}, rights, settings, comment and connection limit of ${live.name}; compared afterwards`,
  },
  {
    title: "Close and end sessions",
    detail: `${live.name} takes no connections for the moment, and its ${live.sessions} sessions are ended`,
  },
  { title: "Swap the names", detail: "two ALTER DATABASE RENAME in one transaction: both or none" },
  { title: "Keep the old state", detail: `${formatBytes(live.bytes)}, closed to connections, until it is dropped or the restore is undone` },
];

export const REPLACE_WAY = "swap: two renames in one transaction";
