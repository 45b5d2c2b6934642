/** File streams that do not begin: nothing is left open, and a refusal is written down. */
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Principal } from "@/server/auth/principal";
import type { User } from "@/server/control-plane/users.repo";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { openStream } = await import("@/server/file-streams");
const { issueTicket } = await import("@/server/tickets");
const { engineServers } = await import("@/trpc/engine-servers");
const { controlPlane } = await import("@/server/control-plane/database");
const { putGrant } = await import("@/server/control-plane/grants.repo");
const { addPerson } = await import("@/test/people");

let admin: User;
beforeAll(async () => {
  admin = await addPerson("admin");
});
afterAll(() => shop.remove());

const principal = (): Principal => ({
  userId: admin.id,
  name: admin.name,
  email: admin.email,
  role: "admin",
  kind: "session",
  sessionKey: "s",
  sessionLabel: "s",
  signedInAt: new Date().toISOString(),
  address: "127.0.0.1",
});
const exportTicket = async () => {
  const { url } = await issueTicket(principal(), {
    kind: "export",
    connectionId: "sqlite/main",
    procedure: "sqlite.tables.export",
    input: { name: "books", format: "csv" },
  });
  return url.replace("/api/files/", "");
};

function engines(onOpen: () => void, onEnd: () => void): typeof engineServers {
  return {
    ...engineServers,
    sqlite: {
      ...engineServers.sqlite,
      openExport: async (...args) => {
        const opened = await engineServers.sqlite.openExport(...args);
        return {
          ...opened,
          chunks: (async function* () {
            onOpen();
            try {
              yield* opened.chunks;
            } finally {
              onEnd();
            }
          })(),
        };
      },
    },
  };
}
const open = (ticket: string, counted = engineServers) =>
  openStream({
    principal: principal(),
    ticket,
    range: null,
    engines: counted,
    signal: new AbortController().signal,
    audit: { address: "127.0.0.1", requestId: "r" },
  });

test("an export whose audit row cannot be written does not stay open", async () => {
  const seen = { opened: 0, ended: 0 };
  const counted = engines(
    () => (seen.opened += 1),
    () => (seen.ended += 1),
  );
  const ticket = await exportTicket();
  await sql`CREATE TRIGGER audit_full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END`.execute(controlPlane());
  try {
    await expect(open(ticket, counted)).rejects.toMatchObject({ code: "INTERNAL" });
  } finally {
    await sql`DROP TRIGGER audit_full`.execute(controlPlane());
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(seen.ended).toBe(seen.opened);
});

test("an export whose reader goes away before the first byte does not stay open", async () => {
  const seen = { opened: 0, ended: 0 };
  const counted = engines(
    () => (seen.opened += 1),
    () => (seen.ended += 1),
  );
  const { body } = await open(await exportTicket(), counted);
  await body.cancel();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(seen).toEqual({ opened: 1, ended: 1 });
});

test("HEAD spends nothing", async () => {
  const route = await import("@/app/api/files/[ticket]/route");
  expect(route.HEAD().status).toBe(405);
});

test("a right that was lost since the ticket is refused, and that is in the audit log", async () => {
  const ticket = await exportTicket();
  await putGrant({ userId: admin.id, connectionId: "sqlite/main", role: "viewer" });
  await expect(open(ticket)).rejects.toMatchObject({ code: "FORBIDDEN" });
  const row = await controlPlane().selectFrom("audit").selectAll().orderBy("seq", "desc").limit(1).executeTakeFirst();
  expect(row).toMatchObject({ outcome: "refused", action: "export", connection_id: "sqlite/main", procedure: "files.get", actor_id: admin.id });
});
