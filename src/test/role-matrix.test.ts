/** Role x procedure, from one table, with the real router, a real control plane and a real SQLite file. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TRPCError } from "@trpc/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Role } from "@/lib/rights";
import type { Principal } from "@/server/auth/principal";
import { seed as seedSqlite } from "@/setup/seed/seed-sqlite.mjs";
import { temporaryControlPlane } from "@/test/control-plane";
import { isEnginePath, MAY, roleMatrix, type Names } from "@/test/role-matrix";

const folder = mkdtempSync(join(tmpdir(), "role-matrix-"));
const file = join(folder, "bookshop.sqlite");
/** Only SQLite is there; of the others a permitted call ends with "not reachable", which is past the check. */
const deadPort = "127.0.0.1:1";
const settings = {
  SQLITE_ADMIN_PATH: file,
  REDIS_ADMIN_URL: `redis://${deadPort}`,
  POSTGRES_ADMIN_URL: `postgres://matrix@${deadPort}/bookshop`,
  // Its driver tries a dead port for five seconds each time.
  MONGODB_ADMIN_URL: "",
};

const noNames: Names = { backupId: "", jobId: "", cellKey: "", userEmail: "" };
let plane: Awaited<ReturnType<typeof temporaryControlPlane>>;
let names: Names;
const people: Record<string, Principal> = {};

const { appRouter, createCaller } = await start();
const { controlPlane } = await import("@/server/control-plane/database");

async function start() {
  await seedSqlite(file);
  plane = await temporaryControlPlane(settings);
  return import("@/trpc/root");
}

async function person(role: Role): Promise<Principal> {
  const { addPerson } = await import("@/test/people");
  const user = await addPerson(role);
  return {
    userId: user.id,
    name: user.name,
    email: user.email,
    role,
    kind: "session",
    sessionKey: `test-${user.id}`,
    sessionLabel: user.id.slice(0, 8),
    signedInAt: new Date().toISOString(),
    address: "127.0.0.1",
  };
}

const context = (principal: unknown) => ({ principal: principal as Principal | null, requestId: "matrix", address: "127.0.0.1" });

/** Calls a procedure for real. Answers "ok" or the code of what was thrown. */
async function call(principal: unknown, path: string, input: unknown): Promise<string> {
  const ended = new AbortController();
  const caller = createCaller(context(principal), { signal: ended.signal });
  const procedure = path.split(".").reduce<unknown>((part, name) => (part as Record<string, unknown>)[name], caller) as (input: unknown) => Promise<unknown>;
  try {
    const result = await procedure(input);
    // A subscription: its first value is enough.
    if (result && typeof result === "object" && Symbol.asyncIterator in result) {
      const iterator = (result as AsyncIterable<unknown>)[Symbol.asyncIterator]();
      await iterator.next();
      await iterator.return?.();
    }
    return "ok";
  } catch (error) {
    return error instanceof TRPCError ? error.code : `not a TRPCError: ${String(error)}`;
  } finally {
    ended.abort();
  }
}

/** Everything a refused call could have left behind. */
async function state() {
  const count = async (table: "jobs" | "backups" | "download_tickets" | "connections" | "users" | "grants" | "sessions" | "api_tokens") =>
    (
      await controlPlane()
        .selectFrom(table)
        .select((s) => s.fn.countAll<number>().as("n"))
        .executeTakeFirstOrThrow()
    ).n;
  return {
    jobs: await count("jobs"),
    backups: await count("backups"),
    tickets: await count("download_tickets"),
    connections: await count("connections"),
    users: await controlPlane().selectFrom("users").select(["id", "role", "disabled", "password_hash"]).orderBy("id").execute(),
    grants: await controlPlane().selectFrom("grants").selectAll().orderBy("user_id").orderBy("connection_id").execute(),
    sessions: await count("sessions"),
    tokens: await count("api_tokens"),
    files: readdirSync(plane.directory, { recursive: true })
      .filter((name) => !/^(control-plane\.sqlite|audit-head)/.test(String(name)))
      .toSorted(),
    beside: readdirSync(folder).toSorted(),
  };
}

const auditRows = (principal: Principal) => controlPlane().selectFrom("audit").selectAll().where("actor_id", "=", principal.userId).orderBy("seq").execute();

beforeAll(async () => {
  for (const role of ["viewer", "operator", "admin"] as const) people[role] = await person(role);
  const hidden = await person("admin");
  people["none"] = hidden;
  const { putGrant } = await import("@/server/control-plane/grants.repo");
  for (const engine of ["sqlite", "redis", "postgres", "mongodb"]) await putGrant({ userId: hidden.userId, connectionId: `${engine}/main`, role: "none" });
  const { createBackup } = await import("@/backups/backups.service");
  const { engineServers } = await import("@/trpc/engine-servers");
  const { getConnection } = await import("@/server/connections");
  const started = await createBackup({
    connection: await getConnection("sqlite", "main"),
    engine: engineServers.sqlite.backup,
    user: { id: people["admin"]?.userId ?? "", name: "Admin" },
  });
  const books = await createCaller(context(people["admin"])).sqlite.tables.rows({ name: "books", limit: 1 });
  names = { ...started, cellKey: books.keys[0] ?? "", userEmail: (await person("viewer")).email };
  await settled();
});

/** Until no job is queued or running. */
async function settled(): Promise<void> {
  for (;;) {
    const running = await controlPlane().selectFrom("jobs").select("id").where("state", "in", ["queued", "running"]).execute();
    if (running.length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

afterAll(async () => {
  await settled();
  const { engineServers } = await import("@/trpc/engine-servers");
  await engineServers.sqlite.close();
  await plane.remove();
  rmSync(folder, { recursive: true, force: true });
});

const procedures = appRouter._def.procedures as unknown as Record<string, { _def: { meta?: { action?: string }; type: string } }>;
const paths = Object.keys(procedures).toSorted();
/** Same keys whatever the names are. */
const tablePaths = Object.keys(roleMatrix(noNames)).toSorted();
const ruleOf = (path: string) => {
  const rule = roleMatrix(names)[path];
  if (!rule) throw new Error(`${path} is not in the matrix`);
  return { input: {}, ...rule };
};

describe("the table and the router say the same", () => {
  test("every procedure is in the table, and nothing else", () => expect(paths).toEqual(tablePaths));

  test.for(paths)("%s asks for its action", (path) => {
    expect(procedures[path]?._def.meta?.action, `${path} has no action`).toBeDefined();
    expect(procedures[path]?._def.meta?.action).toBe(ruleOf(path).action);
  });
});

describe("A1, A3: without a session", () => {
  test.for(paths)("%s", async (path) => {
    const { action, input } = ruleOf(path);
    if (action === "public") return;
    const before = await state();
    for (const nobody of [null, undefined, {}, { error: "misconfigured" }, { user: {} }, { userId: "" }])
      expect(await call(nobody, path, input), JSON.stringify(nobody)).toBe("UNAUTHORIZED");
    expect(await state()).toEqual(before);
  });
});

describe.for(["viewer", "operator"] as const)("B1: a %s is refused what is not theirs", (role) => {
  test.for(paths.filter((path) => !MAY[role].includes(roleMatrix(noNames)[path]?.action ?? "")))("%s", async (path) => {
    const principal = people[role] as Principal;
    const rows = await auditRows(principal);
    const before = await state();
    expect(await call(principal, path, ruleOf(path).input)).toBe("FORBIDDEN");
    expect(await state()).toEqual(before);
    const added = (await auditRows(principal)).slice(rows.length);
    expect(added.map(({ outcome, procedure, action, role: as }) => ({ outcome, procedure, action, as }))).toEqual([
      { outcome: "refused", procedure: path, action: ruleOf(path).action, as: role },
    ]);
  });
});

describe("B1: a connection that is withheld does not exist, also for an admin", () => {
  test.for(paths.filter(isEnginePath))("%s", async (path) => {
    const principal = people["none"] as Principal;
    const rows = await auditRows(principal);
    const before = await state();
    expect(await call(principal, path, ruleOf(path).input)).toBe("NOT_FOUND");
    expect(await state()).toEqual(before);
    const added = (await auditRows(principal)).slice(rows.length);
    expect(added.map(({ outcome, procedure }) => ({ outcome, procedure }))).toEqual([{ outcome: "refused", procedure: path }]);
  });
});

describe.for(["viewer", "operator", "admin"] as const)("B1: a %s may do what is theirs", (role) => {
  test.for(paths.filter((path) => MAY[role].includes(roleMatrix(noNames)[path]?.action ?? "")))("%s", async (path) => {
    const principal = people[role] as Principal;
    const rows = await auditRows(principal);
    const code = await call(principal, path, ruleOf(path).input);
    await settled();
    // The password in the table is a wrong one, on purpose.
    const wrongPassword = code === "BAD_REQUEST" && (path === "session.reauthenticate" || path === "session.changePassword");
    if (!wrongPassword) expect(["UNAUTHORIZED", "FORBIDDEN", "BAD_REQUEST", "INTERNAL_SERVER_ERROR"], `${path}: ${code}`).not.toContain(code);
    expect(code).not.toContain("not a TRPCError");
    const added = (await auditRows(principal)).slice(rows.length).filter(({ procedure }) => procedure === path);
    expect(added.filter(({ outcome }) => outcome === "refused" && path !== "session.reauthenticate" && path !== "session.changePassword")).toEqual([]);
    // L1: changes are written before and after, exports and backups once; looking leaves no row.
    const { action } = ruleOf(path);
    if (["write", "restore", "administer"].includes(action) && procedures[path]?._def.type !== "query")
      expect(added.map(({ outcome }) => outcome)).toEqual(["started", code === "ok" ? "allowed" : "failed"]);
    if (action === "read") expect(added.filter(({ action: what }) => what === "read")).toEqual([]);
    if (["export", "backup", "download"].includes(action)) expect(added.map(({ outcome }) => outcome)).toEqual([code === "ok" ? "allowed" : "failed"]);
  });
});
