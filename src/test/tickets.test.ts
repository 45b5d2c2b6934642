/** Download tickets: once, soon, by who asked, with the right they still have; whole or a part, byte for byte. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bodyOf, downloads } from "@/test/downloads";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const restRoute = await import("@/app/api/admin/[...path]/route");
const { addPerson, signedIn } = await import("@/test/people");
const { controlPlane } = await import("@/server/control-plane/database");
const { artefactPath } = await import("@/backups/store");
const { updateUser } = await import("@/server/control-plane/users.repo");

const { admin, headers, ticket: ticketFor, fetchFile, auditOf } = await downloads();

afterAll(() => shop.remove());

let backup: Awaited<ReturnType<typeof shop.complete>>;
let bytes: Buffer;

beforeAll(async () => {
  backup = await shop.complete();
  bytes = readFileSync(artefactPath(backup.file_name));
});

const ticket = (by = headers, path = `/api/admin/sqlite/backups/${backup.id}/download`) => ticketFor(path, by);

test("sends the very bytes, with a name, a hash and closed headers, and writes down how it ended", async () => {
  const response = await fetchFile(await ticket());
  expect(response.status).toBe(200);
  const body = await bodyOf(response);
  expect(createHash("sha256").update(body).digest("hex")).toBe(backup.sha256);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-length": String(bytes.length),
    "content-type": "application/octet-stream",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    etag: `"${backup.sha256}"`,
    "accept-ranges": "bytes",
  });
  expect(response.headers.get("content-disposition")).toMatch(/^attachment; filename="[A-Za-z0-9._-]+"; filename\*=UTF-8''/);
  expect(response.headers.get("cache-control")).toContain("no-store");
  const [ended, started] = await auditOf();
  expect(started).toMatchObject({ outcome: "started", actor_id: admin.id, action: "download", target: backup.file_name });
  expect(ended).toMatchObject({ outcome: "allowed", completes: started?.seq, detail: `${bytes.length} bytes` });
});

test("J1: works once", async () => {
  const id = await ticket();
  await bodyOf(await fetchFile(id));
  const again = await fetchFile(id);
  expect(again.status).toBe(403);
  expect(again.headers.get("content-type")).toContain("application/problem+json");
});

test("J1: of two at the same moment one gets the file", async () => {
  const id = await ticket();
  const statuses = (await Promise.all([fetchFile(id), fetchFile(id), fetchFile(id)])).map(({ status }) => status);
  expect(statuses.toSorted()).toEqual([200, 403, 403]);
});

test("J1: is refused to another session, also of the same person, and still there for its own", async () => {
  const id = await ticket();
  const other = await signedIn(await addPerson("admin"));
  const second = await signedIn(admin);
  expect((await fetchFile(id, { by: other })).status).toBe(403);
  expect((await fetchFile(id, { by: second })).status).toBe(403);
  expect((await fetchFile(id, { by: new Headers() })).status).toBe(401);
  expect((await fetchFile(id)).status).toBe(200);
});

test("J1: is refused after 60 seconds", async () => {
  const id = await ticket();
  const row = await controlPlane().selectFrom("download_tickets").select(["created_at", "expires_at"]).orderBy("created_at", "desc").executeTakeFirstOrThrow();
  expect(Date.parse(row.expires_at) - Date.parse(row.created_at)).toBe(60_000);
  await controlPlane()
    .updateTable("download_tickets")
    .set({ expires_at: new Date(Date.now() - 1).toISOString() })
    .where("used_at", "is", null)
    .execute();
  expect((await fetchFile(id)).status).toBe(403);
});

test("J1: is refused when the role, the grant or the account was lost meanwhile", async () => {
  const { putGrant } = await import("@/server/control-plane/grants.repo");
  const person = await addPerson("admin");
  const own = await signedIn(person);
  const lost = await ticket(own);
  await updateUser(person.id, { role: "operator" });
  expect((await fetchFile(lost, { by: own })).status).toBe(403);
  await updateUser(person.id, { role: "admin" });
  expect((await fetchFile(lost, { by: own })).status, "it is spent").toBe(403);
  const withheld = await ticket(own);
  await putGrant({ userId: person.id, connectionId: "sqlite/main", role: "none" });
  expect((await fetchFile(withheld, { by: own })).status).toBe(403);
  await putGrant({ userId: person.id, connectionId: "sqlite/main", role: null });
  const out = await ticket(own);
  await updateUser(person.id, { disabled: 1 });
  expect((await fetchFile(out, { by: own })).status).toBe(401);
});

test("J2: an id that is none of ours is refused, whatever it looks like", async () => {
  for (const id of ["../../etc/passwd", "%2e%2e%2f", "..%2f..%2fetc%2fpasswd", "", backup.id, backup.job_id, "x".repeat(5_000), "\u0000"])
    expect((await fetchFile(id)).status, id).toBe(403);
  for (const id of ["..%2F..%2Fetc%2Fpasswd", "%2e%2e", backup.job_id, "sq-main"]) {
    const response = await restRoute.GET(new Request(`http://127.0.0.1:3000/api/admin/sqlite/backups/${id}/download`, { headers }));
    expect([400, 404], id).toContain(response.status);
  }
});

test("a part of it, by Range", async () => {
  const parts: [string, number, number][] = [
    ["bytes=0-0", 0, 1],
    ["bytes=0-99", 0, 100],
    ["bytes=100-", 100, bytes.length],
    ["bytes=-1", bytes.length - 1, bytes.length],
    [`bytes=5-${bytes.length * 2}`, 5, bytes.length],
    [`bytes=-${bytes.length * 2}`, 0, bytes.length],
  ];
  for (const [range, start, end] of parts) {
    const response = await fetchFile(await ticket(), { range });
    expect({ range, status: response.status }).toEqual({ range, status: 206 });
    expect(response.headers.get("content-range")).toBe(`bytes ${start}-${end - 1}/${bytes.length}`);
    expect(response.headers.get("content-length")).toBe(String(end - start));
    expect((await bodyOf(response)).equals(bytes.subarray(start, end)), range).toBe(true);
  }
  // Forms this server does not know are answered with the whole file (RFC 9110, 14.2).
  for (const range of ["bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=a-b"]) {
    const response = await fetchFile(await ticket(), { range });
    expect({ range, status: response.status }).toEqual({ range, status: 200 });
    expect((await bodyOf(response)).length).toBe(bytes.length);
  }
  for (const range of [`bytes=${bytes.length}-`, "bytes=9-5"]) {
    const response = await fetchFile(await ticket(), { range });
    expect([400, 416], range).toContain(response.status);
  }
});

test("a transfer that the client breaks off is written down as failed", async () => {
  const response = await fetchFile(await ticket());
  const reader = response.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  for (let waited = 0; waited < 100 && (await auditOf())[0]?.outcome === "started"; waited += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  expect((await auditOf())[0]).toMatchObject({ outcome: "failed", detail: expect.stringContaining("client went away") as string });
});

test("an export of a file that fails half-way breaks the transfer instead of ending it", async () => {
  const { default: Database } = await import("better-sqlite3");
  const id = await ticket(headers, "/api/admin/sqlite/tables/orders/export?format=csv");
  const database = new Database(shop.file);
  database.exec("ALTER TABLE orders RENAME TO orders_away");
  database.close();
  const response = await fetchFile(id);
  const ended =
    response.status === 200
      ? await bodyOf(response).then(
          () => "whole",
          () => "broken",
        )
      : "refused";
  const again = new Database(shop.file);
  again.exec("ALTER TABLE orders_away RENAME TO orders");
  again.close();
  expect(["broken", "refused"]).toContain(ended);
});
