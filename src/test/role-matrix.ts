/**
 * Who may call what: every procedure of the router with the action it must ask for, and an input that reaches it.
 * Written by hand on purpose: a new procedure fails the matrix test until somebody decides here who may call it.
 */
import type { EngineId } from "@/engines";

/** The roles and their actions as the design promises them; deliberately not imported from the code under test. */
export const MAY: Record<"viewer" | "operator" | "admin", readonly string[]> = {
  viewer: ["read", "query"],
  operator: ["read", "query", "export", "backup"],
  admin: ["read", "query", "export", "backup", "download", "restore", "write", "administer"],
};

export interface Rule {
  /** What the procedure must ask for; "public" needs no session. */
  action: string;
  input?: unknown;
}

/** What a call may name: a complete backup of sqlite/main and its job, and a user nobody signs in as. */
export interface Names {
  backupId: string;
  jobId: string;
  /** Key of a row of sqlite/main's books. */
  cellKey: string;
  userEmail: string;
}

const backups = (names: Names): Record<string, Rule> => ({
  "backups.list": { action: "read" },
  "backups.get": { action: "read", input: { id: names.backupId } },
  "backups.create": { action: "backup", input: {} },
  "backups.verify": { action: "backup", input: { id: names.backupId } },
  "backups.download": { action: "download", input: { id: names.backupId } },
  "backups.plan": { action: "restore", input: { id: names.backupId, target: "matrix-restored" } },
  "backups.peek": { action: "read", input: { id: names.backupId, object: "books" } },
  "backups.compare": { action: "read", input: { id: names.backupId } },
  // The id of no backup: the others need theirs.
  "backups.remove": { action: "administer", input: { id: "sq-never", confirm: "sq-never" } },
  "backups.drill": { action: "restore", input: { id: names.backupId } },
  "schedules.list": { action: "read" },
  "schedules.preview": { action: "read", input: { cron: "30 2 * * *" } },
  "schedules.save": { action: "administer", input: { kind: "backup", cron: "30 2 * * *", enabled: false } },
  "schedules.remove": { action: "administer", input: { id: "0123456789ab" } },
  "approvals.list": { action: "read" },
  "approvals.approve": { action: "restore", input: { id: "0123456789ab", confirm: "x" } },
  "approvals.refuse": { action: "restore", input: { id: "0123456789ab" } },
  "approvals.require": { action: "administer", input: { required: false } },
  "restores.list": { action: "read" },
  "restores.undo": { action: "restore", input: { id: "0123456789ab", confirm: "x" } },
  "restores.drop": { action: "restore", input: { id: "0123456789ab", confirm: "x" } },
  "backups.restore": { action: "restore", input: { id: names.backupId, target: "matrix-restored", confirm: "matrix-restored" } },
});

const server: Record<string, Rule> = { info: { action: "read" }, overview: { action: "read" } };

const tables = (names: Names): Record<string, Rule> => ({
  "tables.list": { action: "read" },
  "tables.schema": { action: "read", input: { name: "books" } },
  "tables.rows": { action: "read", input: { name: "books" } },
  "tables.cell": { action: "read", input: { name: "books", key: names.cellKey, column: "title" } },
  "tables.count": { action: "read", input: { name: "books" } },
  "tables.export": { action: "export", input: { name: "books", format: "csv" } },
});

const keys: Record<string, Rule> = {
  "keys.list": { action: "read" },
  "keys.popular": { action: "read" },
  "keys.get": { action: "read", input: { key: "x" } },
  "keys.element": { action: "read", input: { key: "x", element: "0" } },
  "keys.export": { action: "export", input: {} },
  "keys.delete": { action: "write", input: { key: "x" } },
};

const collections: Record<string, Rule> = {
  "collections.list": { action: "read" },
  "collections.schema": { action: "read", input: { collection: "books" } },
  "collections.documents": { action: "read", input: { collection: "books" } },
  "collections.document": { action: "read", input: { collection: "books", key: '{"$numberInt":"1"}' } },
  "collections.count": { action: "read", input: { collection: "books" } },
  "collections.export": { action: "export", input: { collection: "books" } },
};

const consoleRules = (names: Names): Record<string, Rule> => ({
  "backups.attention": { action: "read" },
  "backups.list": { action: "read" },
  "backups.removed": { action: "administer" },
  "backups.removeRemoved": { action: "administer", input: { id: "sq-never", confirm: "sq-never" } },
  "jobs.list": { action: "read" },
  "jobs.get": { action: "read", input: { id: names.jobId } },
  "jobs.watch": { action: "read", input: { id: names.jobId } },
  "jobs.cancel": { action: "backup", input: { id: names.jobId } },
  "session.me": { action: "read" },
  "session.reauthenticate": { action: "read", input: { password: "not the password of anybody" } },
  "session.changePassword": { action: "read", input: { current: "not the password of anybody", next: "seven other lanterns drift" } },
  "session.list": { action: "read" },
  "session.endOthers": { action: "read" },
  "session.tokens.list": { action: "read" },
  "session.tokens.add": { action: "read", input: { name: "matrix", days: 1 } },
  "session.tokens.revoke": { action: "read", input: { id: "no such token" } },
  "users.list": { action: "administer" },
  "users.add": { action: "administer", input: { email: "matrix@foundry.example", name: "New", role: "viewer", password: "seven other lanterns drift" } },
  "users.setRole": { action: "administer", input: { email: names.userEmail, role: "operator" } },
  "users.setDisabled": { action: "administer", input: { email: names.userEmail, disabled: true } },
  "users.setPassword": { action: "administer", input: { email: names.userEmail, password: "seven other lanterns drift" } },
  "users.setGrant": { action: "administer", input: { email: names.userEmail, connectionId: "sqlite/main", role: "none" } },
  "users.sessions": { action: "administer" },
  "users.endSessions": { action: "administer", input: { email: names.userEmail } },
  "users.endSession": { action: "administer", input: { id: "no such session" } },
  "users.tokens": { action: "administer" },
  "users.revokeToken": { action: "administer", input: { id: "no such token" } },
  "audit.list": { action: "administer" },
  "audit.summary": { action: "administer" },
  "audit.verify": { action: "administer" },
  "audit.export": { action: "administer" },
  "connections.list": { action: "read", input: {} },
  "connections.test": { action: "administer", input: { engine: "redis", name: "matrix", environment: "development", url: "redis://127.0.0.1:1" } },
  "connections.add": { action: "administer", input: { engine: "redis", name: "matrix", environment: "development", url: "redis://127.0.0.1:1" } },
  "connections.edit": { action: "administer", input: { id: "redis/matrix", environment: "development" } },
  "connections.remove": { action: "administer", input: { id: "redis/matrix" } },
});

/** Every procedure path of the router with its rule. */
export function roleMatrix(names: Names): Record<string, Rule> {
  const ofEngine = (engine: EngineId, parts: Record<string, Rule>) =>
    Object.fromEntries(Object.entries({ ...server, ...parts, ...backups(names) }).map(([path, rule]) => [`${engine}.${path}`, rule]));
  return {
    ...ofEngine("sqlite", tables(names)),
    ...ofEngine("postgres", tables(names)),
    ...ofEngine("redis", keys),
    ...ofEngine("mongodb", collections),
    ...consoleRules(names),
  };
}

/** Procedures that address a connection: a grant of "none" there must hide it. */
export const isEnginePath = (path: string): boolean => /^(sqlite|postgres|redis|mongodb)\./.test(path);
