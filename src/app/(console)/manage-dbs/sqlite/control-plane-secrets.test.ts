/** What the console's own database holds is for admins, and its secrets for nobody: in the original and in every restored copy. */
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Principal } from "@/server/auth/principal";
import type { Connection } from "@/server/connection";
import type { Role } from "@/lib/rights";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { createBackup, backupOf } = await import("@/backups/backups.service");
const { startRestore } = await import("@/backups/restores.service");
const { addConnection, addRestoredConnection, draftConnection } = await import("@/server/connection-changes");
const { getConnection } = await import("@/server/connections");
const { putGrant } = await import("@/server/control-plane/grants.repo");
const { addPerson } = await import("@/test/people");
const { createCaller } = await import("@/trpc/root");

const people = new Map<Role, string>();
const as = (role: Role) => {
  const principal: Principal = {
    userId: people.get(role) ?? "",
    name: role,
    email: `${role}@foundry.example`,
    role,
    kind: "session",
    sessionKey: role,
    sessionLabel: role,
    signedInAt: new Date().toISOString(),
    address: "127.0.0.1",
  };
  return createCaller({ principal, requestId: "test", address: "127.0.0.1" });
};
let copy = "";
const restoredFrom = async (origin: Connection, target: string): Promise<string> => {
  const { jobId, backupId } = await createBackup({ connection: origin, engine: shop.engine, user: shop.user });
  expect((await shop.ended(jobId)).state).toBe("succeeded");
  const backup = await backupOf(origin.id, backupId);
  const job = await startRestore({
    backup,
    connection: origin,
    engine: shop.engine,
    target: { name: target },
    user: shop.user,
    addConnection: (parts) => addRestoredConnection({ origin, createdBy: shop.user.id, ...parts }),
  });
  const ended = await shop.ended(job.jobId);
  expect(ended).toMatchObject({ state: "succeeded" });
  return (JSON.parse(ended.outcome ?? "{}") as { openConnection: string }).openConnection;
};

beforeAll(async () => {
  for (const role of ["viewer", "operator", "admin"] as const) people.set(role, (await addPerson(role)).id);
  copy = await restoredFrom(await getConnection("sqlite", "control-plane"), "plane-copy.sqlite");
});
afterAll(() => shop.remove());

test("a restored copy of it is as closed as the original, under every name", async () => {
  const { url } = await getConnection("sqlite", copy);
  await addConnection({ engine: "sqlite", name: "harmless", environment: "staging", url: url.reveal(), database: null, tlsCa: null }, "test");
  for (const connection of ["control-plane", copy, "harmless"]) {
    for (const role of ["viewer", "operator"] as const) {
      await expect(as(role).sqlite.tables.list({ connection }), `${role} ${connection}`).rejects.toMatchObject({ code: "NOT_FOUND" });
      const { connections } = await as(role).connections.list({});
      expect(connections.map(({ id }) => id)).not.toContain(`sqlite/${connection}`);
    }
    expect((await as("admin").sqlite.tables.list({ connection })).tables.length).toBeGreaterThan(5);
  }
});

test("a link does not lead around it", async () => {
  const { controlPlanePath } = await import("@/server/control-plane/database");
  const link = join(shop.folder, "link.sqlite");
  symlinkSync(controlPlanePath(), link);
  const draft = () => draftConnection({ engine: "sqlite", name: "link", environment: "staging", url: link, database: null, tlsCa: null });
  expect(draft).toThrow("own files");
});

describe("its secrets", () => {
  const values = async (connection: string, input: object) => JSON.stringify(await as("admin").sqlite.tables.rows({ connection, name: "users", ...input }));

  test("are not shown, in the original or in a copy", async () => {
    for (const connection of ["control-plane", copy]) {
      expect(await values(connection, {})).toContain("hidden");
      expect(await values(connection, {})).not.toContain("$argon2");
    }
  });

  test("do not leave by the cursor of a sort, and are not guessed by a filter", async () => {
    for (const connection of ["control-plane", copy]) {
      const sorted = values(connection, { limit: 1, sort: JSON.stringify([{ column: "password_hash", direction: "asc" }]) });
      await expect(sorted).rejects.toMatchObject({ code: "BAD_REQUEST" });
      const filters = [{ column: "password_hash", operator: "contains", values: ["argon2"] }];
      await expect(values(connection, { filters: JSON.stringify(filters) })).rejects.toMatchObject({ code: "BAD_REQUEST" });
      await expect(as("admin").sqlite.tables.count({ connection, name: "users", filters: JSON.stringify(filters) })).rejects.toMatchObject({
        code: "BAD_REQUEST",
      });
    }
  });
});

test("what is restored is seen by whoever sees its origin, and by nobody else", async () => {
  const main = await getConnection("sqlite", "main");
  await putGrant({ userId: people.get("viewer") ?? "", connectionId: main.id, role: "none" });
  await putGrant({ userId: people.get("operator") ?? "", connectionId: main.id, role: "viewer" });
  const connection = await restoredFrom(main, "shop-copy.sqlite");
  await expect(as("viewer").sqlite.tables.list({ connection })).rejects.toMatchObject({ code: "NOT_FOUND" });
  await expect(as("operator").sqlite.backups.create({ connection })).rejects.toMatchObject({ code: "FORBIDDEN" });
});
