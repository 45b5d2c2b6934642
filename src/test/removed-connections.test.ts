/** Backups of a connection that was removed: an admin of it sees and deletes them, nobody else, and nothing else goes with them. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import type { Principal } from "@/server/auth/principal";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import type { User } from "@/server/control-plane/users.repo";
import { codeOf } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { createBackup } = await import("@/backups/backups.service");
const { artefactPath } = await import("@/backups/store");
const { holdArtefact } = await import("@/backups/uses");
const { seed } = await import("@/setup/seed/seed-sqlite.mjs");
const { addConnection, removeConnection } = await import("@/server/connection-changes");
const { putGrant } = await import("@/server/control-plane/grants.repo");
const { addPerson, principalOf } = await import("@/test/people");
const { createCaller } = await import("@/trpc/root");

afterAll(() => shop.remove());

const as = (user: User, more: Partial<Principal> = {}) => createCaller({ principal: principalOf(user, more), requestId: "test", address: "::1" }).backups;

let serial = 0;
let id: string;
let admin: User;
let made: BackupRow[];
/** A connection with two good backups that is no more; what is left of sqlite/main beside it. */
beforeEach(async () => {
  admin = await addPerson("admin");
  const file = join(shop.folder, `gone-${(serial += 1)}.sqlite`);
  await seed(file);
  const connection = await addConnection({ engine: "sqlite", name: `gone-${serial}`, environment: "staging", url: file, database: null, tlsCa: null }, "test");
  ({ id } = connection);
  made = [];
  for (let count = 0; count < 2; count += 1) {
    const { jobId, backupId } = await createBackup({ connection, engine: shop.engine, user: shop.user });
    await shop.ended(jobId);
    made.push(await shop.backup(backupId));
  }
  await removeConnection(id);
});
const listed = async (who = admin) => (await as(who).removed({ limit: 500 })).backups.filter(({ connectionId }) => connectionId === id);
const remove = (backup: BackupRow, who = as(admin), confirm = backup.id) => who.removeRemoved({ id: backup.id, confirm });

test("they are listed with their connection, and those of a connection that is there are not", async () => {
  const there = await shop.complete();
  expect((await listed()).map((backup) => backup.id).toSorted()).toEqual(made.map((backup) => backup.id).toSorted());
  const all = (await as(admin).removed({ limit: 500 })).backups;
  expect(all.map((backup) => backup.id)).not.toContain(there.id);
  expect(await codeOf(remove(there))).toBe("NOT_FOUND");
  expect(existsSync(artefactPath(there.file_name))).toBe(true);
});

test("in pages", async () => {
  const first = await as(admin).removed({ limit: 1 });
  const second = await as(admin).removed({ limit: 1, before: first.nextCursor ?? "" });
  expect([...first.backups, ...second.backups].map((backup) => backup.id)).toEqual((await as(admin).removed({ limit: 2 })).backups.map((backup) => backup.id));
});

test("are deleted with their files, the last good one too, and only with the typed id and a fresh sign-in", async () => {
  const [first, second] = made as [BackupRow, BackupRow];
  expect(await codeOf(remove(first, as(admin), "gone"))).toBe("BAD_REQUEST");
  expect(await codeOf(remove(first, as(admin, { signedInAt: "2026-01-01T00:00:00.000Z" })))).toBe("FORBIDDEN");
  const release = holdArtefact(first.id);
  expect(await codeOf(remove(first))).toBe("CONFLICT");
  release();
  expect(await listed()).toHaveLength(2);
  for (const backup of [first, second]) {
    await remove(backup);
    expect(existsSync(artefactPath(backup.file_name))).toBe(false);
    expect(existsSync(`${artefactPath(backup.file_name)}.manifest.json`)).toBe(false);
  }
  expect(await listed()).toEqual([]);
  expect(await codeOf(remove(first))).toBe("NOT_FOUND");
});

test("are nobody's who is no admin, or to whom the connection was closed", async () => {
  const closed = await addPerson("admin");
  await putGrant({ userId: closed.id, connectionId: id, role: "none" });
  const lowered = await addPerson("admin");
  await putGrant({ userId: lowered.id, connectionId: id, role: "operator" });
  for (const who of [closed, lowered]) {
    expect(await listed(who)).toEqual([]);
    expect(await codeOf(remove(made[0] as BackupRow, as(who)))).toBe("NOT_FOUND");
  }
  for (const role of ["viewer", "operator"] as const) {
    const other = await addPerson(role);
    expect(await codeOf(as(other).removed({ limit: 10 }))).toBe("FORBIDDEN");
    expect(await codeOf(remove(made[0] as BackupRow, as(other)))).toBe("FORBIDDEN");
  }
  expect(await listed()).toHaveLength(2);
});

test("are the connection's again when it is added again", async () => {
  const file = join(shop.folder, `gone-${serial}.sqlite`);
  await addConnection({ engine: "sqlite", name: `gone-${serial}`, environment: "staging", url: file, database: null, tlsCa: null }, "test");
  expect(await listed()).toEqual([]);
  expect((await as(admin).list({ limit: 500 })).backups.filter(({ connectionId }) => connectionId === id)).toHaveLength(2);
  expect(await codeOf(remove(made[0] as BackupRow))).toBe("NOT_FOUND");
});
