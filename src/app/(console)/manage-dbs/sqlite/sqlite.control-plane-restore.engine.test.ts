/** The console's own database is replaced under the running console: it goes on, and what was done does not go back in time. */
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import type { JobContext, Swap } from "@/backups/engine";
import { sqliteConsole } from "@/test/sqlite-console";
import type { PutRequest } from "./sqlite.swap-protocol";
import { run } from "./sqlite.test-kill";
import { integrityOf } from "./sqlite.test-restores";

const shop = await sqliteConsole();
const { createBackup, backupOf, storedArtefact } = await import("@/backups/backups.service");
const { startRestore } = await import("@/backups/restores.service");
const { startDrop, startUndo, swapOf } = await import("@/backups/swaps.service");
const { appendAudit, verifyAudit } = await import("@/server/audit");
const { addConnection } = await import("@/server/connection-changes");
const { getConnection } = await import("@/server/connections");
const { controlPlane, controlPlanePath, migrate, openControlPlane, realPath } = await import("@/server/control-plane/database");
const { findJob, listLines } = await import("@/server/control-plane/jobs.repo");
const { findSession, insertSession, revokeSession } = await import("@/server/control-plane/sessions.repo");
const { findUser, updateUser } = await import("@/server/control-plane/users.repo");
const { addPerson } = await import("@/test/people");
const { copyPrivately, keptDir, keptPath } = await import("./sqlite.files");
const { migrateFile } = await import("./sqlite.control-plane-restore");
const { storeDir } = await import("@/backups/store");
const plane = await getConnection("sqlite", "control-plane");
const engine = shop.engine;

afterAll(() => shop.remove());

const audit = (detail: string) =>
  appendAudit({
    actor_id: null,
    actor_name: "test",
    role: null,
    session: null,
    address: null,
    action: "read",
    connection_id: null,
    procedure: "test",
    target: "",
    input: "{}",
    outcome: "allowed",
    detail,
    completes: null,
    request_id: "test",
  });

async function openSession(userId: string): Promise<string> {
  const id = randomBytes(32).toString("hex");
  const now = new Date().toISOString();
  await insertSession({
    id_hash: id,
    user_id: userId,
    created_at: now,
    signed_in_at: now,
    last_seen_at: now,
    address: "127.0.0.1",
    user_agent: "test",
    revoked_at: null,
  });
  return id;
}

async function restore(backup: BackupRow) {
  const { jobId } = await startRestore({
    backup,
    connection: plane,
    engine,
    target: { name: "control-plane", replace: true },
    user: shop.user,
    addConnection: () => Promise.reject(new Error("not asked for")),
  });
  return shop.ended(jobId);
}

const kept = () => (existsSync(keptDir()) ? readdirSync(keptDir()) : []);

const contextOf = (jobId: string): JobContext => ({
  signal: new AbortController().signal,
  progress: () => undefined,
  log: () => undefined,
  jobId,
  scratchDir: "",
  child: () => undefined,
});

/** The number of a point of a put, by its words: what a put on a copy passes. */
async function pointOf(request: PutRequest, words: string): Promise<number | null> {
  const [live, from, aside] = ["live", "from", "aside"].map((name) => join(shop.folder, `point-${name}.sqlite`)) as [string, string, string];
  for (const path of [live, from, aside]) rmSync(path, { force: true });
  const db = new Database(request.live);
  await db.backup(live);
  db.close();
  await copyPrivately(request.from, from, {});
  const { points } = await run(shop.folder, { kind: "put", request: { ...request, live, from, aside }, killAt: 0 });
  return points.findIndex((point) => point.includes(words)) + 1 || null;
}

let backup: BackupRow;
let admin = "";
let adminSession = "";
let revoked = "";

beforeAll(async () => {
  admin = (await addPerson("admin")).id;
  adminSession = await openSession(admin);
  revoked = await openSession(admin);
  await addConnection({ engine: "sqlite", name: "of-then", environment: "staging", url: shop.file, database: null, tlsCa: null }, "test");
  await audit("before the backup");
  const { jobId, backupId } = await createBackup({ connection: plane, engine, user: shop.user });
  await shop.ended(jobId);
  backup = await backupOf(plane.id, backupId);
});

test("the plan says what goes back, who loses what, and what stays as it is", async () => {
  const late = await addPerson("admin");
  await updateUser(late.id, { name: "Ada Late" });
  await controlPlane()
    .insertInto("api_tokens")
    .values({
      id: "late-token",
      user_id: admin,
      name: "deploy",
      token_hash: "x",
      created_at: new Date().toISOString(),
      expires_at: null,
      revoked_at: null,
      last_used_at: null,
    })
    .execute();
  const { artefact } = await storedArtefact(backup);
  const plan = await engine.plan(artefact, plane, { name: "control-plane", replace: true }, {});
  const words = plan.checks.map(({ result, title, detail }) => `${result}: ${title}: ${detail}`).join("\n");
  expect(words).toContain("warn: 1 person is not in the backup: Ada Late: signed out at once");
  expect(words).toContain("undo brings the people back, not their sessions");
  expect(words).toContain("warn: 1 API token stops working: deploy: made since the backup");
  expect(words).toContain("stays signed in, also when that was after the backup");
  expect(words).not.toContain("fail");
  expect(plan.replaces).toMatchObject({ place: controlPlanePath(), sessions: null });
  expect(plan.undo?.bytes).toBeGreaterThan(0);
  const of = (name: string) => plan.objects.find((object) => object.name === name);
  expect(of("audit")?.after).toBe(of("audit")?.liveNow);
  expect(of("users")).toMatchObject({ inBackup: 1, liveNow: 2, after: 1 });
  const peeked = JSON.stringify(await engine.peek?.(artefact, "users", { limit: 10 }));
  expect(peeked).toContain("hidden");
  expect(peeked).not.toContain("$argon2");
  const wrong = await engine.plan(artefact, plane, { name: "control-plane.sqlite", replace: true }, {});
  expect(wrong.checks.find(({ result }) => result === "fail")?.detail).toContain("the right name is control-plane");
});

test("a restore goes back for people and connections, and not for the log, jobs, backups and kept states; undo brings all back", async () => {
  await revokeSession(revoked, new Date().toISOString());
  const signedInSince = await openSession(admin);
  const ofNobody = await openSession((await addPerson("viewer")).id);
  await addConnection({ engine: "sqlite", name: "of-now", environment: "staging", url: shop.file, database: null, tlsCa: null }, "test");
  await updateUser(admin, { name: "Renamed since" });
  for (let row = 0; row < 300; row += 1) void audit(`since the backup ${row}`);
  await audit("last before the restore");
  const second = await createBackup({ connection: plane, engine, user: shop.user });
  await shop.ended(second.jobId);
  const countAudit = async () =>
    (
      await controlPlane()
        .selectFrom("audit")
        .select((q) => q.fn.countAll<number>().as("n"))
        .executeTakeFirstOrThrow()
    ).n;
  const auditBefore = await countAudit();

  // The console works on while its database is replaced.
  let isOver = false;
  const working = (async () => {
    let rows = 0;
    for (; !isOver; rows += 1) {
      await audit(`during ${rows}`);
      await delay(2);
    }
    return rows;
  })();
  const job = await restore(backup);
  isOver = true;
  const during = await working;

  expect(job).toMatchObject({ state: "succeeded", error: null });
  expect(JSON.parse(job.outcome ?? "{}")).toMatchObject({ word: "restored", restoreId: job.id, openConnection: "control-plane" });
  await expect(getConnection("sqlite", "of-now")).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect((await getConnection("sqlite", "of-then")).url.reveal()).toBe(shop.file);
  expect((await findUser(admin))?.name).not.toBe("Renamed since");
  // Signed in still, as the person of that time; the revoked session stays revoked.
  expect(await findSession(adminSession)).toMatchObject({ revoked_at: null, role: "admin" });
  expect((await findSession(revoked))?.revoked_at).not.toBeNull();
  expect(await findSession(signedInSince)).toMatchObject({ revoked_at: null });
  expect(await findSession(ofNobody)).toBeUndefined();
  const signedInAfter = await openSession(admin);
  expect(await countAudit()).toBeGreaterThanOrEqual(auditBefore + during);
  expect(await verifyAudit()).toMatchObject({ ok: true, problem: null });
  expect((await backupOf(plane.id, second.backupId)).state).toBe("complete");
  expect((await backupOf(plane.id, backup.id)).state).toBe("complete");
  expect((await findJob(second.jobId))?.state).toBe("succeeded");
  expect((await listLines(job.id, 0, 500)).map(({ text }) => text).join("\n")).toContain("carried over");
  expect(integrityOf(controlPlanePath())).toBe("ok");
  expect(kept()).toEqual([`${job.id}.before.sqlite`]);

  const row = await swapOf(plane.id, job.id);
  expect(row.state).toBe("restored");
  const undone = await shop.ended((await startUndo({ row, connection: plane, engine, user: shop.user })).jobId);
  expect(undone).toMatchObject({ state: "succeeded", error: null });
  expect((await getConnection("sqlite", "of-now")).url.reveal()).toBe(shop.file);
  expect((await findUser(admin))?.name).toBe("Renamed since");
  // Nobody is signed out by the undo, nor signed in again by it; the jobs of both are told by the log of each.
  for (const session of [adminSession, signedInSince, signedInAfter]) expect(await findSession(session)).toMatchObject({ revoked_at: null });
  expect((await findSession(revoked))?.revoked_at).not.toBeNull();
  expect(await findSession(ofNobody)).toBeUndefined();
  for (const id of [job.id, undone.id]) expect((await listLines(id, 0, 500)).map(({ text }) => text).join("\n")).toContain("read back from the live file");
  expect(await verifyAudit()).toMatchObject({ ok: true, problem: null });
  expect(await countAudit()).toBeGreaterThan(auditBefore + during);
  expect((await findJob(job.id))?.state).toBe("succeeded");
  expect((await swapOf(plane.id, job.id)).state).toBe("undone");

  const dropped = await shop.ended((await startDrop({ row: await swapOf(plane.id, job.id), connection: plane, engine, user: shop.user })).jobId);
  expect(dropped.state).toBe("succeeded");
  expect(kept()).toEqual([]);
});

test("a backup of an earlier console is brought to this one's tables; one of another console brings its own log not along", async () => {
  const path = join(shop.folder, "other-console.sqlite");
  const other = openControlPlane(path);
  await migrate(other, "0001_foundation");
  await other
    .insertInto("users")
    .values({
      id: "old-admin",
      email: "old@foundry.example",
      name: "Old Admin",
      role: "admin",
      password_hash: "$argon2id$none",
      disabled: 0,
      failed_sign_ins: 0,
      locked_until: null,
      created_at: "2026-01-01T00:00:00.000Z",
    })
    .execute();
  await other.destroy();
  const raw = new Database(path);
  raw.exec(`INSERT INTO audit (at, actor_name, action, procedure, target, input, outcome, detail, request_id, previous_hash, hash)
      VALUES ('2026-01-01', 'other', 'read', 'p', '', '{}', 'allowed', '', 'r', 'x', 'y');
    INSERT INTO connections VALUES ('redis/sealed', 'redis', 'sealed', 'staging', 'db:6379', 'v1.00000000.AAAA.AAAA', NULL, NULL, 'x', '2026-01-01', '2026-01-01');
    INSERT INTO backups (id, connection_id, engine, environment, state, job_id, file_name, created_by, created_by_name, started_at)
      VALUES ('sq-main-running', 'sqlite/main', 'sqlite', 'staging', 'running', 'j', 'sq-main-running.sqlite', 'x', 'x', '2026-01-01'),
             ('sq-main-gone', 'sqlite/main', 'sqlite', 'staging', 'complete', 'j', 'sq-main-gone.sqlite', 'x', 'x', '2026-01-01');
    PRAGMA journal_mode = DELETE`);
  raw.close();
  const context = contextOf("a".repeat(12));
  const manifest = await engine.describe?.({ path, bytes: statSync(path).size }, context);
  if (!manifest) throw new Error("not described");
  const artefact = { path, bytes: 1, manifest, open: () => Promise.reject(new Error("not used")) as never };
  const plan = await engine.plan(artefact, plane, { name: "control-plane", replace: true }, {});
  const words = plan.checks.map(({ result, title, detail }) => `${result}: ${title}: ${detail}`).join("\n");
  expect(words).toContain("redis/sealed: sealed under another ENCRYPTION_KEY");
  expect(words).toContain("Old Admin: removed or disabled since the backup");
  const staged = await engine.stage(artefact, plane, { name: "control-plane", replace: true }, context);
  const swap: Swap = { jobId: context.jobId, target: "control-plane", record: {} };
  await staged.swap?.(async (record) => void (swap.record = record));
  expect(await findUser("old-admin")).toMatchObject({ name: "Old Admin" });
  expect(await findUser(admin)).toBeUndefined();
  expect(await verifyAudit()).toMatchObject({ ok: true });
  await audit("after the swap");
  expect(await verifyAudit()).toMatchObject({ ok: true });
  const catalogue = (await controlPlane().selectFrom("backups").select("id").execute()).map(({ id }) => id);
  expect(catalogue).toContain(backup.id);
  expect(catalogue).not.toContain("sq-main-running");
  expect(catalogue).not.toContain("sq-main-gone");
  await engine.exchange?.(plane, swap, { journal: async (record) => void (swap.record = record), context });
  expect(await findUser(admin)).toBeDefined();
  expect(await verifyAudit()).toMatchObject({ ok: true });
  await engine.dropKept?.(plane, swap, context);
  expect(kept()).toEqual([]);
});

test("killed in the middle of it: the console finds at its next start which state is live, though it has written since", async () => {
  const { artefact } = await storedArtefact(backup);
  const lives = new Set<string>();
  for (const [index, shot] of [{ after: "what it holds is kept" }, { after: "is committed" }, { after: "read back" }].entries()) {
    const jobId = `${index}`.repeat(12);
    await updateUser(admin, { name: `Renamed for ${jobId}` });
    const auditBefore = (await verifyAudit()).rows;
    const paths = { from: keptPath(jobId, "restored"), aside: keptPath(jobId, "before") };
    await copyPrivately(artefact.path, paths.from, {});
    await migrateFile(paths.from);
    const request = { op: "put" as const, live: controlPlanePath(), ...paths, carryOver: { storeDir: storeDir() }, waitMs: 5_000 };
    const killAt = (await pointOf(request, shot.after)) ?? 0;
    const { signal } = await run(shop.folder, { kind: "put", request, killAt });
    expect(signal).toBe("SIGKILL");
    // The next start writes before anything is settled.
    await audit(`the start after ${jobId}`);
    await audit("and one more");
    const swap: Swap = { jobId, target: "control-plane", record: { path: realPath(controlPlanePath()), live: "before" } };
    const live = await engine.settle?.(plane, swap, { log: () => undefined });
    expect((await findUser(admin))?.name === `Renamed for ${jobId}`).toBe(live === "before");
    lives.add(live ?? "");
    expect(await verifyAudit()).toMatchObject({ ok: true });
    expect((await verifyAudit()).rows).toBeGreaterThanOrEqual(auditBefore + 2);
    if (live === "restored") await engine.exchange?.(plane, swap, { journal: async (record) => void (swap.record = record), context: contextOf(jobId) });
    expect((await findUser(admin))?.name).toBe(`Renamed for ${jobId}`);
    await engine.dropKept?.(plane, swap, contextOf(jobId));
    expect(kept()).toEqual([]);
  }
  expect([...lives].toSorted()).toEqual(["before", "restored"]);
});

test("what is no backup of a console, or leaves it without an admin, is refused", async () => {
  const planOf = async (path: string) => {
    const artefact = { path, bytes: 1, manifest: backupManifest, open: () => Promise.reject(new Error("not used")) as never };
    return (await engine.plan(artefact, plane, { name: "control-plane", replace: true }, {})).checks.filter(({ result }) => result === "fail");
  };
  const { manifest: backupManifest } = await storedArtefact(backup);
  expect((await planOf(shop.file)).map(({ title }) => title)).toEqual(["This is no backup of a console"]);
  const empty = join(shop.folder, "nobody.sqlite");
  const db = openControlPlane(empty);
  await migrate(db);
  await db.destroy();
  expect((await planOf(empty)).map(({ title }) => title)).toEqual(["The backup holds no admin who can sign in"]);
  const newer = new Database(empty);
  newer.exec("INSERT INTO kysely_migration VALUES ('9999_later', '2030-01-01')");
  newer.close();
  expect((await planOf(empty)).map(({ title }) => title)).toEqual(["The backup is of a newer console"]);
});
