/** The two-person rule: nobody replaces live data alone where it holds, and an approval is for exactly what was asked for. */
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Principal } from "@/server/auth/principal";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import type { User } from "@/server/control-plane/users.repo";
import { codeOf } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { controlPlane } = await import("@/server/control-plane/database");
const { updateBackup } = await import("@/server/control-plane/backups.repo");
const { putGrant } = await import("@/server/control-plane/grants.repo");
const { updateUser } = await import("@/server/control-plane/users.repo");
const { addConnection } = await import("@/server/connection-changes");
const { addPerson, principalOf } = await import("@/test/people");
const { createCaller } = await import("@/trpc/root");

afterAll(() => shop.remove());

function as(user: User, more: Partial<Principal> = {}) {
  return createCaller({ principal: principalOf(user, more), requestId: "test", address: "::1" }).sqlite;
}
const restoreJobs = async () => (await controlPlane().selectFrom("jobs").select("id").where("kind", "=", "restore").execute()).length;
const TARGET = "bookshop.sqlite";

let asker: User;
let other: User;
let backup: BackupRow;
beforeEach(async () => {
  [asker, other] = [await addPerson("admin"), await addPerson("admin")];
  backup = await shop.complete();
  await as(asker).approvals.require({ required: true });
});
afterEach(async () => {
  await controlPlane().deleteFrom("approvals").execute();
  await controlPlane().deleteFrom("settings").where("key", "like", "two persons%").execute();
});

const input = () => ({ id: backup.id, target: TARGET, replace: true, confirm: TARGET });
async function ask(): Promise<string> {
  const { jobId, approval } = await as(asker).backups.restore(input());
  expect(jobId).toBeNull();
  if (!approval) throw new Error("nothing waits");
  return approval.id;
}
const use = (approvalId: string, more: object = {}, who = as(asker)) => who.backups.restore({ ...input(), ...more, approvalId });
async function approved(): Promise<string> {
  const id = await ask();
  expect((await as(other).approvals.approve({ id, confirm: TARGET })).state).toBe("approved");
  return id;
}
const change = (id: string, values: object) => controlPlane().updateTable("approvals").set(values).where("id", "=", id).execute();

describe("a restore that replaces live data", () => {
  test("waits, is approved by another person, and then runs once", async () => {
    const before = await restoreJobs();
    const id = await ask();
    expect(await ask()).toBe(id);
    expect(await restoreJobs()).toBe(before);
    expect(await codeOf(use(id))).toBe("CONFLICT");
    const { required, approvals } = await as(other).approvals.list({});
    expect(required).toBe(true);
    expect(approvals).toMatchObject([{ id, state: "waiting", isMine: false, mayDecide: true, target: TARGET, backupId: backup.id, requestedBy: asker.name }]);
    await as(other).approvals.approve({ id, confirm: TARGET });
    const { jobId, approval } = await use(id);
    expect(approval).toBeNull();
    await shop.ended(jobId ?? "");
    expect((await as(asker).approvals.list({})).approvals).toMatchObject([{ id, state: "used", jobId, decidedBy: other.name }]);
    expect(await codeOf(use(id))).toBe("CONFLICT");
    expect(await restoreJobs()).toBe(before + 1);
  });

  test("L7: is never approved by who asked, also in a second session or by a token, whatever their role becomes", async () => {
    const id = await ask();
    for (const more of [{}, { sessionKey: "another" }, { kind: "token" as const, sessionKey: "token:x" }])
      expect(await codeOf(as(asker, more).approvals.approve({ id, confirm: TARGET }))).toBe("FORBIDDEN");
    await updateUser(asker.id, { role: "operator" });
    await putGrant({ userId: asker.id, connectionId: "sqlite/main", role: "admin" });
    expect(await codeOf(as({ ...asker, role: "operator" }).approvals.approve({ id, confirm: TARGET }))).toBe("FORBIDDEN");
    expect((await as(other).approvals.list({})).approvals).toMatchObject([{ state: "waiting" }]);
  });

  test("L7: nor by an account that was made after the request", async () => {
    const id = await ask();
    const second = await addPerson("admin");
    expect(await codeOf(as(second).approvals.approve({ id, confirm: TARGET }))).toBe("FORBIDDEN");
  });

  test("is approved with the typed target and a fresh sign-in only, and by who may restore", async () => {
    const id = await ask();
    expect(await codeOf(as(other).approvals.approve({ id, confirm: "bookshop" }))).toBe("BAD_REQUEST");
    expect(await codeOf(as(other, { signedInAt: "2026-01-01T00:00:00.000Z" }).approvals.approve({ id, confirm: TARGET }))).toBe("FORBIDDEN");
    expect(await codeOf(as(await addPerson("operator")).approvals.approve({ id, confirm: TARGET }))).toBe("FORBIDDEN");
  });

  test("L8: an approval is void for another target, options, backup or artefact", async () => {
    const before = await restoreJobs();
    const id = await approved();
    const another = await shop.complete();
    expect(await codeOf(use(id, { target: "other.sqlite", confirm: "other.sqlite" }))).toBe("CONFLICT");
    expect(await codeOf(use(id, { objects: ["books"] }))).toBe("CONFLICT");
    expect(await codeOf(use(id, { id: another.id }))).toBe("CONFLICT");
    const { sha256 } = backup;
    await updateBackup(backup.id, { sha256: "0".repeat(64) });
    expect(await codeOf(use(id))).toBe("CONFLICT");
    await updateBackup(backup.id, { sha256 });
    expect(await codeOf(use(id, {}, as(other)))).toBe("FORBIDDEN");
    expect(await restoreJobs()).toBe(before);
  });

  test("L9: one that is too old, or whose approver was disabled or lost the right, is refused", async () => {
    const before = await restoreJobs();
    const late = await approved();
    await change(late, { expires_at: "2026-01-01T00:00:00.000Z" });
    expect(await codeOf(use(late))).toBe("CONFLICT");
    const id = await approved();
    await updateUser(other.id, { disabled: 1 });
    expect(await codeOf(use(id))).toBe("CONFLICT");
    await updateUser(other.id, { disabled: 0 });
    await putGrant({ userId: other.id, connectionId: "sqlite/main", role: "viewer" });
    expect(await codeOf(use(id))).toBe("CONFLICT");
    expect(await restoreJobs()).toBe(before);
  });

  test("L9: of two uses at the same moment one runs", async () => {
    const before = await restoreJobs();
    const id = await approved();
    const codes = await Promise.all([codeOf(use(id)), codeOf(use(id)), codeOf(use(id))]);
    expect(codes.toSorted()).toEqual(["CONFLICT", "CONFLICT", "ok"]);
    expect(await restoreJobs()).toBe(before + 1);
  });

  test("is refused by another, or taken back by who asked, also after it was approved", async () => {
    const first = await ask();
    expect((await as(other).approvals.refuse({ id: first })).state).toBe("refused");
    expect(await codeOf(as(other).approvals.approve({ id: first, confirm: TARGET }))).toBe("CONFLICT");
    const second = await approved();
    expect((await as(asker).approvals.refuse({ id: second })).state).toBe("refused");
    expect(await codeOf(use(second))).toBe("CONFLICT");
  });

  test("does not wait where the rule is not, and never into a new place", async () => {
    const started = await as(asker).backups.restore({ id: backup.id, target: `copy-${backup.id}.sqlite`, confirm: `copy-${backup.id}.sqlite` });
    expect(started.approval).toBeNull();
    expect((await shop.ended(started.jobId ?? "")).state).toBe("succeeded");
  });
});

describe("what is kept of a restore under the rule", () => {
  const undo = (id: string, who = as(asker)) => who.restores.undo({ id, confirm: TARGET });
  const undone = async (id: string) => (await shop.ended((await undo(id)).jobId)).state;
  async function restored(begun: ReturnType<typeof use>): Promise<string> {
    const { jobId } = await begun;
    expect((await shop.ended(jobId ?? "")).state).toBe("succeeded");
    return jobId ?? "";
  }
  const drop = async (id: string) => shop.ended((await as(asker).restores.drop({ id, confirm: TARGET })).jobId);

  test("is undone by one person at once; put back only where two agreed to the restore", async () => {
    const agreed = await restored(use(await approved()));
    expect(await undone(agreed)).toBe("succeeded");
    expect(await undone(agreed)).toBe("succeeded");
    await drop(agreed);
    await controlPlane().deleteFrom("settings").where("key", "like", "two persons%").execute();
    const alone = await restored(as(asker).backups.restore(input()));
    await as(asker).approvals.require({ required: true });
    expect(await undone(alone)).toBe("succeeded");
    await expect(undo(alone)).rejects.toMatchObject({ code: "FORBIDDEN", message: expect.stringContaining("two persons") as string });
    await drop(alone);
  });

  test("is undone and dropped with the typed name and a fresh sign-in only", async () => {
    const id = await restored(use(await approved()));
    const stale = as(asker, { signedInAt: "2026-01-01T00:00:00.000Z" });
    for (const kind of ["undo", "drop"] as const) {
      expect(await codeOf(as(asker).restores[kind]({ id, confirm: "bookshop" }))).toBe("BAD_REQUEST");
      expect(await codeOf(stale.restores[kind]({ id, confirm: TARGET }))).toBe("FORBIDDEN");
      expect(await codeOf(as({ ...asker, role: "operator" }).restores[kind]({ id, confirm: TARGET }))).toBe("FORBIDDEN");
    }
    await drop(id);
  });
});

describe("the rule", () => {
  test("L11: is ended only with another person's word", async () => {
    const { required, approval } = await as(asker).approvals.require({ required: false });
    expect(required).toBe(true);
    expect(approval).toMatchObject({ kind: "rule off", state: "waiting" });
    expect(await codeOf(as(asker).approvals.approve({ id: approval?.id ?? "", confirm: approval?.target ?? "" }))).toBe("FORBIDDEN");
    expect((await as(asker).approvals.list({})).required).toBe(true);
    await as(other).approvals.approve({ id: approval?.id ?? "", confirm: approval?.target ?? "" });
    expect((await as(asker).approvals.list({})).required).toBe(false);
    expect(await as(asker).approvals.require({ required: false })).toEqual({ required: false, approval: null });
  });

  test("an approval to end it is not one to restore, nor the other way round", async () => {
    const { approval } = await as(asker).approvals.require({ required: false });
    await change(approval?.id ?? "", { decision: "approved", decided_by: other.id });
    expect(await codeOf(use(approval?.id ?? ""))).toBe("CONFLICT");
  });

  test("holds for the same database under another connection's name", async () => {
    await addConnection({ engine: "sqlite", name: "by-the-back", environment: "staging", url: shop.file, database: null, tlsCa: null }, "test");
    expect((await as(asker).approvals.list({ connection: "by-the-back" })).required).toBe(true);
    expect((await as(asker).approvals.list({ connection: "control-plane" })).required).toBe(false);
  });

  test("needs a fresh sign-in", async () => {
    expect(await codeOf(as(asker, { signedInAt: "2026-01-01T00:00:00.000Z" }).approvals.require({ required: false }))).toBe("FORBIDDEN");
  });
});
