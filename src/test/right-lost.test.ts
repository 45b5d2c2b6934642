/** F23: who loses the right in the middle of a job changes nothing live any more; what only reads goes on. */
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Principal } from "@/server/auth/principal";
import type { User } from "@/server/control-plane/users.repo";
import { failureOf, gate } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { startJob } = await import("@/backups/jobs");
const { controlPlane } = await import("@/server/control-plane/database");
const { insertToken, revokeToken } = await import("@/server/control-plane/tokens.repo");
const { putGrant } = await import("@/server/control-plane/grants.repo");
const { listSwaps } = await import("@/server/control-plane/swaps.repo");
const { updateUser } = await import("@/server/control-plane/users.repo");
const { addPerson, principalOf } = await import("@/test/people");
const { createCaller } = await import("@/trpc/root");

afterAll(() => shop.remove());

const TARGET = "bookshop.sqlite";
const as = (user: User, more: Partial<Principal> = {}) => createCaller({ principal: principalOf(user, more), requestId: "test", address: "::1" }).sqlite;
let person: User;
beforeEach(async () => {
  person = await addPerson("admin");
});

const WAYS = {
  disabled: () => updateUser(person.id, { disabled: 1 }),
  demoted: () => updateUser(person.id, { role: "operator" }),
  "shut out": () => putGrant({ userId: person.id, connectionId: "sqlite/main", role: "none" }),
};
type Way = keyof typeof WAYS;
const ways = Object.keys(WAYS) as Way[];

/** Begins a job while another one has the server, takes the right away, and lets it have its turn. */
async function lost(way: Way | (() => Promise<unknown>), begin: () => Promise<{ jobId: string | null }>) {
  const { opened, open } = gate();
  const first = await startJob({ kind: "verify", connection: shop.connection, user: shop.user, request: {} }, () => opened.then(() => ({})));
  const { jobId } = await begin();
  await (typeof way === "string" ? WAYS[way] : way)();
  open();
  await shop.ended(first.jobId);
  return shop.ended(jobId ?? "");
}

const state = async () => ({ live: readFileSync(shop.file).toString("base64"), beside: shop.beside(), swaps: await listSwaps("sqlite/main", 100) });

describe.each(ways)("%s", (way) => {
  test.each([{ target: TARGET, replace: true }, { target: "copy.sqlite" }])("a restore fails, and nothing was changed: %o", async (input) => {
    const { id } = await shop.complete();
    const before = await state();
    const job = await lost(way, () => as(person).backups.restore({ id, ...input, confirm: input.target }));
    expect(job.state).toBe("failed");
    expect(failureOf(job)).toMatchObject({ code: "FORBIDDEN", message: "Who asked for this may not restore on sqlite/main any more" });
    expect(await state()).toEqual(before);
  });

  test.each(["undo", "drop"] as const)("an %s fails, and both states are kept", async (kind) => {
    const { id } = await shop.complete();
    const { jobId } = await as(await addPerson("admin")).backups.restore({ id, target: TARGET, replace: true, confirm: TARGET });
    expect((await shop.ended(jobId ?? "")).state).toBe("succeeded");
    const before = await state();
    const job = await lost(way, () => as(person).restores[kind]({ id: jobId ?? "", confirm: TARGET }));
    expect(failureOf(job)).toMatchObject({ code: "FORBIDDEN" });
    expect(await state()).toEqual(before);
    const drop = await as(await addPerson("admin")).restores.drop({ id: jobId ?? "", confirm: TARGET });
    expect((await shop.ended(drop.jobId)).state).toBe("succeeded");
  });

  test("a backup goes on: it is the connection's", async () => {
    const job = await lost(way, () => as(person).backups.create({}));
    expect(job.state).toBe("succeeded");
  });
});

describe("what else was agreed to", () => {
  const replacing = (id: string) => ({ id, target: TARGET, replace: true, confirm: TARGET });
  afterEach(() => controlPlane().deleteFrom("settings").where("key", "like", "two persons%").execute());

  test.each(["revoked", "too old"])("a token that is %s meanwhile restores nothing", async (how) => {
    const { id } = await shop.complete();
    const token = `token-${how.slice(0, 3)}`;
    const now = new Date().toISOString();
    await insertToken({
      id: token,
      user_id: person.id,
      name: how,
      token_hash: token,
      created_at: now,
      expires_at: null,
      last_used_at: null,
      revoked_at: null,
    });
    const before = await state();
    const end = () =>
      how === "revoked" ? revokeToken(token, now) : controlPlane().updateTable("api_tokens").set({ expires_at: now }).where("id", "=", token).execute();
    const caller = as(person, { kind: "token", sessionKey: `token:${token}` });
    expect(failureOf(await lost(end, () => caller.backups.restore(replacing(id))))).toMatchObject({ code: "FORBIDDEN" });
    expect(await state()).toEqual(before);
  });

  test("an approver who is disabled meanwhile agrees to nothing any more", async () => {
    const { id } = await shop.complete();
    const other = await addPerson("admin");
    await as(person).approvals.require({ required: true });
    const { approval } = await as(person).backups.restore(replacing(id));
    const approvalId = approval?.id ?? "";
    await as(other).approvals.approve({ id: approvalId, confirm: TARGET });
    const before = await state();
    const job = await lost(
      () => updateUser(other.id, { disabled: 1 }),
      () => as(person).backups.restore({ ...replacing(id), approvalId }),
    );
    expect(failureOf(job)).toMatchObject({ code: "CONFLICT", message: `${other.name} may not approve it any more` });
    expect(await state()).toEqual(before);
  });

  test("a rule that is begun meanwhile asks for the second person, for a restore and for putting it back", async () => {
    const { id } = await shop.complete();
    const begin = async () => as(await addPerson("admin")).approvals.require({ required: true });
    const end = () => controlPlane().deleteFrom("settings").where("key", "like", "two persons%").execute();
    const before = await state();
    expect(failureOf(await lost(begin, () => as(person).backups.restore(replacing(id))))).toMatchObject({ code: "FORBIDDEN" });
    expect(await state()).toEqual(before);
    await end();
    const { jobId } = await as(person).backups.restore(replacing(id));
    await shop.ended(jobId ?? "");
    const change = { id: jobId ?? "", confirm: TARGET };
    expect((await shop.ended((await as(person).restores.undo(change)).jobId)).state).toBe("succeeded");
    const undone = await state();
    expect(failureOf(await lost(begin, () => as(person).restores.undo(change)))).toMatchObject({ code: "FORBIDDEN" });
    expect(await state()).toEqual(undone);
    expect((await shop.ended((await as(person).restores.drop(change)).jobId)).state).toBe("succeeded");
  });
});
