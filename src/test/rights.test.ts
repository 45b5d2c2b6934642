/** Rights at the door: the real route handlers with real sessions. What is refused must not have happened. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Who } from "@/test/callers";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const trpcRoute = await import("@/app/api/trpc/[trpc]/route");
const restRoute = await import("@/app/api/admin/[...path]/route");
const { addPerson, signedIn } = await import("@/test/people");
const { callers, codes, dataOf } = await import("@/test/callers");
const { controlPlane } = await import("@/server/control-plane/database");
const { putGrant } = await import("@/server/control-plane/grants.repo");
const elsewhere = mkdtempSync(join(tmpdir(), "rights-"));

const { people, request, batch, sessions } = await callers();

afterAll(async () => {
  await shop.remove();
  rmSync(elsewhere, { recursive: true, force: true });
});

const jobs = async () => (await controlPlane().selectFrom("jobs").select("id").execute()).length;
const stored = () => shop.stored().filter((name) => !name.includes("manifest"));
const tickets = async () => (await controlPlane().selectFrom("download_tickets").select("id_hash").execute()).length;

let backupId = "";
beforeAll(async () => {
  backupId = (await shop.complete()).id;
});

describe("a batch", () => {
  test("B2: each call is judged alone; the forbidden one did not run", async () => {
    const before = { jobs: await jobs(), tickets: await tickets() };
    const read = await batch(
      "viewer",
      [
        ["session.me", {}],
        ["sqlite.backups.download", { id: backupId }],
        ["sqlite.tables.export", { name: "books" }],
      ],
      "query",
    );
    expect(codes(read.answers)).toEqual(["ok", "FORBIDDEN", "FORBIDDEN"]);
    expect({ jobs: await jobs(), tickets: await tickets() }).toEqual(before);

    const changed = await batch(
      "operator",
      [
        ["sqlite.backups.create", {}],
        ["sqlite.backups.restore", { id: backupId, target: "b2.sqlite", confirm: "b2.sqlite" }],
      ],
      "mutation",
    );
    expect(codes(changed.answers)).toEqual(["ok", "FORBIDDEN"]);
    expect(await jobs()).toBe(before.jobs + 1);
    await shop.ended(dataOf<{ jobId: string }>(changed.answers).jobId);
    expect(readdirSync(shop.folder).filter((name) => name.startsWith("b2"))).toEqual([]);
  });

  test("B3: of two hundred calls is refused whole", async () => {
    const calls = Array.from({ length: 200 }, (): [string, unknown] => ["session.me", {}]);
    expect((await batch("viewer", calls, "query")).status).toBe(400);
    const encoded = await trpcRoute.GET(request("viewer", `/api/trpc/${Array.from({ length: 200 }, () => "session.me").join("%2C")}?batch=1&input=%7B%7D`));
    expect(encoded.status).toBe(400);
    const before = await jobs();
    expect(
      (
        await batch(
          "operator",
          Array.from({ length: 200 }, (): [string, unknown] => ["sqlite.backups.create", {}]),
          "mutation",
        )
      ).status,
    ).toBe(400);
    expect(await jobs()).toBe(before);
  });

  test("A1: without a session every call of it is refused", async () => {
    expect(
      codes(
        (
          await batch(
            null,
            [
              ["session.me", {}],
              ["connections.list", {}],
            ],
            "query",
          )
        ).answers,
      ),
    ).toEqual(["UNAUTHORIZED", "UNAUTHORIZED"]);
  });
});

describe("B4: by id", () => {
  test("what belongs to a withheld connection is as absent as what never was", async () => {
    const outsider = await addPerson("admin");
    await putGrant({ userId: outsider.id, connectionId: "sqlite/main", role: "none" });
    const headers = await signedIn(outsider);
    const ask = async (path: string, input: unknown) => {
      const response = await trpcRoute.GET(
        new Request(`http://127.0.0.1:3000/api/trpc/${path}?input=${encodeURIComponent(JSON.stringify(input))}`, { headers }),
      );
      const { error } = (await response.json()) as { error: { message: string; data: Record<string, unknown> } };
      return { status: response.status, message: error.message, fix: error.data["fix"], detail: error.data["detail"] };
    };
    const { job_id: jobId } = await shop.backup(backupId);
    expect(await ask("jobs.get", { id: jobId })).toEqual(await ask("jobs.get", { id: "000000000000" }));
    expect(await ask("sqlite.backups.get", { id: backupId })).toEqual(await ask("sqlite.backups.get", { id: "sq-never" }));
    expect(await ask("sqlite.backups.get", { connection: "main", id: backupId })).toMatchObject({
      status: 404,
      message: "There is no SQLite connection named main",
    });
    const absent = await ask("sqlite.info", { connection: "nowhere" });
    expect(await ask("sqlite.info", { connection: "main" })).toEqual({ ...absent, message: absent.message.replace("nowhere", "main") });
    for (const path of ["jobs.list", "backups.list", "connections.list"]) {
      const response = await trpcRoute.GET(new Request(`http://127.0.0.1:3000/api/trpc/${path}?input=%7B%7D`, { headers }));
      expect(JSON.stringify(await response.json()), path).not.toContain("sqlite/main");
    }
  });

  test("somebody else's token cannot be ended, and sounds like none", async () => {
    const made = await batch("admin", [["session.tokens.add", { name: "of the admin", days: 1 }]], "mutation");
    const { id } = dataOf<{ id: string }>(made.answers);
    const others = await batch("viewer", [["session.tokens.revoke", { id }]], "mutation");
    const absent = await batch("viewer", [["session.tokens.revoke", { id: "absent" }]], "mutation");
    expect(others.answers[0]?.error?.message).toBe(absent.answers[0]?.error?.message);
    expect(codes(others.answers)).toEqual(["NOT_FOUND"]);
    expect((await controlPlane().selectFrom("api_tokens").select("revoked_at").where("id", "=", id).executeTakeFirstOrThrow()).revoked_at).toBeNull();
  });
});

describe("B5: the REST face", () => {
  const forbidden: [Who, string, string, unknown][] = [
    ["viewer", "POST", "/api/admin/sqlite/backups", {}],
    ["viewer", "GET", "/api/admin/sqlite/tables/books/export", undefined],
    ["operator", "GET", "/api/admin/sqlite/backups/ID/download", undefined],
    ["operator", "POST", "/api/admin/sqlite/backups/ID/restore", { target: "b5.sqlite", confirm: "b5.sqlite" }],
    ["operator", "POST", "/api/admin/sqlite/backups/ID/plan", { target: "b5.sqlite" }],
    ["operator", "DELETE", "/api/admin/redis/keys/x", undefined],
    ["viewer", "POST", "/api/admin/jobs/JOB/cancel", {}],
    ["operator", "POST", "/api/admin/connections", { engine: "sqlite", name: "b5", environment: "development", url: "/etc/passwd" }],
    ["operator", "GET", "/api/admin/audit", undefined],
    ["operator", "GET", "/api/admin/users", undefined],
  ];
  test.for(forbidden)("%s: %s %s is refused as a problem, and nothing came of it", async ([who, method, path, body]) => {
    const before = { jobs: await jobs(), tickets: await tickets(), stored: stored(), beside: readdirSync(shop.folder) };
    const { job_id: jobId } = await shop.backup(backupId);
    const response = await restRoute[method as "GET"](
      request(who, path.replace("ID", backupId).replace("JOB", jobId), { method, ...(body === undefined ? {} : { body }) }),
    );
    expect(response.status).toBe(403);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
    expect(response.headers.get("cache-control")).toContain("no-store");
    expect(await response.json()).toMatchObject({ status: 403, code: "FORBIDDEN", type: "about:blank" });
    expect({ jobs: await jobs(), tickets: await tickets(), stored: stored(), beside: readdirSync(shop.folder) }).toEqual(before);
  });

  test("B9: a refused body is not read", async () => {
    let pulled = 0;
    const body = new ReadableStream({
      pull(controller) {
        pulled += 1;
        if (pulled > 64) controller.close();
        else controller.enqueue(new Uint8Array(64 * 1024));
      },
    });
    const headers = new Headers(sessions.viewer);
    headers.set("content-type", "application/json");
    const cross = new Request("http://127.0.0.1:3000/api/admin/sqlite/backups", { method: "POST", headers, body, duplex: "half" } as RequestInit);
    expect((await restRoute.POST(cross)).status).toBe(403);
    expect(pulled).toBeLessThanOrEqual(1);
  });
});

describe("B6: the target of a connection", () => {
  const secretOf = async (id: string) => {
    const { connectionById } = await import("@/server/connections");
    return (await connectionById(id)).url.reveal();
  };

  test("is changed by admins only, and the old secret never goes to a new host", async () => {
    const add = await batch(
      "admin",
      [["connections.add", { engine: "postgres", name: "b6", environment: "staging", url: "postgres://who:canary-secret@db1.invalid:5432/x" }]],
      "mutation",
    );
    expect(codes(add.answers)).toEqual(["ok"]);
    const moved = { id: "postgres/b6", environment: "staging", url: "postgres://who@db2.invalid:5432/x" };
    expect(codes((await batch("operator", [["connections.edit", moved]], "mutation")).answers)).toEqual(["FORBIDDEN"]);
    expect(await secretOf("postgres/b6")).toContain("canary-secret@db1");
    expect(codes((await batch("admin", [["connections.edit", moved]], "mutation")).answers)).toEqual(["ok"]);
    expect(await secretOf("postgres/b6")).toBe("postgres://who@db2.invalid:5432/x");
    const relabelled = { id: "postgres/b6", environment: "production" };
    expect(codes((await batch("admin", [["connections.edit", relabelled]], "mutation")).answers)).toEqual(["ok"]);
    expect(await secretOf("postgres/b6")).toBe("postgres://who@db2.invalid:5432/x");
  });

  test("the secret is in no answer, no audit row and no error", async () => {
    await batch(
      "admin",
      [["connections.add", { engine: "redis", name: "canary", environment: "staging", url: "redis://:canary-secret@127.0.0.1:1/" }]],
      "mutation",
    );
    const shown = [
      await batch(
        "admin",
        [
          ["connections.list", {}],
          ["redis.info", { connection: "canary" }],
          ["redis.overview", { connection: "canary" }],
        ],
        "query",
      ),
      await batch(
        "admin",
        [["connections.test", { engine: "redis", name: "try", environment: "staging", url: "redis://:canary-secret@127.0.0.1:1/" }]],
        "mutation",
      ),
      await controlPlane().selectFrom("audit").selectAll().execute(),
      await controlPlane().selectFrom("connections").selectAll().execute(),
      await controlPlane().selectFrom("jobs").selectAll().execute(),
    ];
    for (const [index, part] of shown.entries()) expect(JSON.stringify(part), `part ${index}`).not.toContain("canary-secret");
  });

  test("D1, D5: options and addresses that reach further are refused", async () => {
    for (const url of [
      "postgres://u@db/x?host=evil",
      "postgres://u@db/x?sslrootcert=/etc/passwd",
      "postgres://u@db/x?options=-c%20x",
      "postgres://u@db/x?service=evil",
      "postgres://u@169.254.169.254/x",
      "postgres://u@[fe80::1]/x",
      "postgres://u@[fd00:ec2::254]/x",
      "mongodb+srv://db/x",
      "http://db/x",
    ]) {
      const [engine] = url.startsWith("mongodb") ? ["mongodb"] : ["postgres"];
      const { answers } = await batch("admin", [["connections.add", { engine, name: "d5", environment: "staging", url }]], "mutation");
      expect(codes(answers), url).toEqual(["BAD_REQUEST"]);
    }
    for (const url of ["/etc/passwd\0.sqlite", "../x.sqlite", join(shop.directory, "control-plane.sqlite"), `${elsewhere}/../${"x"}`, elsewhere]) {
      const { answers } = await batch("admin", [["connections.add", { engine: "sqlite", name: "d5", environment: "staging", url }]], "mutation");
      expect(codes(answers), url).toEqual(["BAD_REQUEST"]);
    }
  });
});

describe("B7, B8: admins", () => {
  const row = async (id: string) => controlPlane().selectFrom("users").select(["role", "disabled"]).where("id", "=", id).executeTakeFirstOrThrow();

  test("nobody changes their own rights", async () => {
    const own = people.admin.email;
    for (const [path, input] of [
      ["users.setRole", { email: own, role: "viewer" }],
      ["users.setRole", { email: own.toUpperCase(), role: "viewer" }],
      ["users.setDisabled", { email: own, disabled: true }],
      ["users.setGrant", { email: own, connectionId: "sqlite/main", role: "admin" }],
      ["users.setPassword", { email: own, password: "eleven other lanterns drift" }],
    ] as const) {
      expect(codes((await batch("admin", [[path, input]], "mutation")).answers), path).toEqual(["FORBIDDEN"]);
    }
    expect(await row(people.admin.id)).toEqual({ role: "admin", disabled: 0 });
  });

  test("two admins who demote each other at the same moment leave one", async () => {
    const { setRole } = await import("@/app/(console)/users/users.service");
    const others = (await controlPlane().selectFrom("users").selectAll().where("role", "=", "admin").where("id", "!=", people.admin.id).execute()).map(
      ({ id }) => id,
    );
    if (others.length > 0) await controlPlane().updateTable("users").set({ role: "viewer" }).where("id", "in", others).execute();
    const second = await addPerson("admin");
    const asking = { ...people.admin, userId: people.admin.id } as never;
    const askingToo = { ...second, userId: second.id } as never;
    const ends = await Promise.allSettled([
      setRole(asking, { email: second.email, role: "viewer" }),
      setRole(askingToo, { email: people.admin.email, role: "viewer" }),
    ]);
    expect(ends.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const admins = await controlPlane().selectFrom("users").select("id").where("role", "=", "admin").where("disabled", "=", 0).execute();
    expect(admins).toHaveLength(1);
    await controlPlane().updateTable("users").set({ role: "admin" }).where("id", "=", people.admin.id).execute();
  });

  test("A11, A12: a lowered role and a disabled account count with the next call", async () => {
    const person = await addPerson("operator");
    const headers = await signedIn(person);
    const me = async () => {
      const response = await trpcRoute.GET(new Request("http://127.0.0.1:3000/api/trpc/session.me?input=%7B%7D", { headers }));
      return { status: response.status, body: await response.text() };
    };
    expect((await me()).body).toContain('"operator"');
    await batch("admin", [["users.setRole", { email: person.email, role: "viewer" }]], "mutation");
    expect((await me()).body).toContain('"viewer"');
    await batch("admin", [["users.setDisabled", { email: person.email, disabled: true }]], "mutation");
    expect((await me()).status).toBe(401);
    await batch("admin", [["users.setDisabled", { email: person.email, disabled: false }]], "mutation");
    expect((await me()).status).toBe(401);
  });
});
