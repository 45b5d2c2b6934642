import "server-only";
/** Restoring the console's own database under the running console: what a file must be for that, and what a person should know before. */
import type { Artefact, RestorePlan } from "@/backups/engine";
import { formatCounted } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { secretBinding } from "@/server/connections";
import { migrate, MIGRATIONS, openControlPlane } from "@/server/control-plane/database";
import { open } from "@/server/secrets";
import { withFile } from "./sqlite.check";
import { sqliteObjects } from "./sqlite.client";
import { listTables } from "./tables/sqlite-catalog";

type Check = RestorePlan["checks"][number];

/** Tables that are after a restore as they are live: what was done, ran and is kept does not go back in time. */
export const KEPT_LIVE: ReadonlySet<string> = new Set(["audit", "jobs", "job_lines", "swaps", "approvals", "settings", "sessions", "download_tickets"]);

export const consoleStep = {
  title: "Carry over",
  detail:
    "bring the copy to this console's tables; the audit log, jobs, the catalogue of backups, open sessions and revoked tokens are taken from what is live",
};

/** Brings a private copy of a control plane to the tables of this console. @throws Error with the failed migration's name */
export async function migrateFile(path: string): Promise<void> {
  const db = openControlPlane(path);
  try {
    await migrate(db);
  } finally {
    await db.destroy();
  }
}

interface Person {
  id: string;
  name: string;
  role: string;
  disabled: number;
}

interface Sealed {
  id: string;
  address: string;
  secret: string;
}

/** What a person should know before the console's own database goes back in time. */
export async function consoleChecks(artefact: Artefact, live: Connection, signal: AbortSignal | undefined): Promise<Check[]> {
  return withFile(artefact.path, async (file) => {
    const tables = new Set((await listTables(file, signal)).map(({ name }) => name));
    if (!["users", "sessions", "audit", "connections", "jobs", "backups", "kysely_migration"].every((name) => tables.has(name)))
      return [{ result: "fail", title: "This is no backup of a console", detail: "the console would not start on it: restore it into a new file" }];
    const read = <T>(sql: string) => sqliteObjects<T>(file, sql, [], signal);
    const migrations = await read<{ name: string }>("SELECT name FROM kysely_migration ORDER BY name");
    const unknown = migrations.filter(({ name }) => !(name in MIGRATIONS));
    if (unknown.length > 0)
      return [{ result: "fail", title: "The backup is of a newer console", detail: `this one does not know ${unknown.map(({ name }) => name).join(", ")}` }];
    const people = "SELECT id, name, role, disabled FROM users";
    const tokens = "SELECT id, name FROM api_tokens WHERE revoked_at IS NULL";
    const sealed = await read<Sealed>("SELECT id, address, secret FROM connections");
    return [
      {
        result: "pass",
        title: "The console goes on",
        detail: `${migrations.length} of ${Object.keys(MIGRATIONS).length} migrations are in the backup; the rest is applied to the copy`,
      },
      ...tokenChecks({ before: await sqliteObjects<Token>(live, tokens, [], signal), after: await read<Token>(tokens) }),
      ...peopleChecks({ before: await sqliteObjects<Person>(live, people, [], signal), after: await read<Person>(people) }),
      ...keyChecks(sealed),
    ];
  });
}

interface Token {
  id: string;
  name: string;
}

/** Tokens made since the backup are not in it. */
function tokenChecks({ before, after }: { before: Token[]; after: Token[] }): Check[] {
  const known = new Set(after.map(({ id }) => id));
  const gone = before.filter(({ id }) => !known.has(id));
  if (gone.length === 0) return [];
  return [
    {
      result: "warn",
      title: `${formatCounted(gone.length, { one: "API token stops", many: "API tokens stop" })} working`,
      detail: `${gone
        .slice(0, 5)
        .map(({ name }) => name)
        .join(", ")}: made since the backup; undo brings them back`,
    },
  ];
}

function peopleChecks({ before, after }: { before: Person[]; after: Person[] }): Check[] {
  const restored = new Map(after.map((person) => [person.id, person]));
  const isAdmin = (person: Person | undefined) => person?.role === "admin" && person.disabled === 0;
  if (!after.some(isAdmin))
    return [{ result: "fail", title: "The backup holds no admin who can sign in", detail: "the console would be without one: restore it into a new file" }];
  const names = (list: Person[]) =>
    list
      .slice(0, 5)
      .map(({ name }) => name)
      .join(", ") + (list.length > 5 ? ` and ${list.length - 5} more` : "");
  const checks: Check[] = [];
  const gone = before.filter((person) => !restored.has(person.id));
  if (gone.length > 0)
    checks.push({
      result: "warn",
      title: `${formatCounted(gone.length, { one: "person is", many: "people are" })} not in the backup`,
      detail: `${names(gone)}: signed out at once and unable to sign in; undo brings the people back, not their sessions. Admins of the backup: ${names(after.filter(isAdmin))}`,
    });
  const demoted = before.filter((person) => isAdmin(person) && restored.has(person.id) && !isAdmin(restored.get(person.id)));
  if (demoted.length > 0)
    checks.push({
      result: "warn",
      title: `${formatCounted(demoted.length, { one: "admin is", many: "admins are" })} none in the backup`,
      detail: `${names(demoted)}: unable to undo this restore`,
    });
  const known = new Map(before.map((person) => [person.id, person]));
  const revived = after.filter((person) => person.disabled === 0 && known.get(person.id)?.disabled !== 0);
  if (revived.length > 0)
    checks.push({
      result: "warn",
      title: `${formatCounted(revived.length, { one: "person", many: "people" })} can sign in again`,
      detail: `${names(revived)}: removed or disabled since the backup`,
    });
  checks.push({
    result: "warn",
    title: "Passwords and rights are those of the backup",
    detail:
      "who is signed in now and is in the backup stays signed in, also when that was after the backup, with the rights of that time; undo leaves them signed in too",
  });
  return checks;
}

/** Credentials are sealed under ENCRYPTION_KEY and bound to their connection. */
function keyChecks(sealed: Sealed[]): Check[] {
  const closed = sealed.filter(({ id, address, secret }) => {
    try {
      open(secret, secretBinding(id, address));
      return false;
    } catch {
      return true;
    }
  });
  if (closed.length === 0) return [];
  return [
    {
      result: "warn",
      title: `${formatCounted(closed.length, { one: "connection cannot", many: "connections cannot" })} be opened after it`,
      detail: `${closed
        .slice(0, 5)
        .map(({ id }) => id)
        .join(", ")}: sealed under another ENCRYPTION_KEY; enter their credentials again`,
    },
  ];
}
