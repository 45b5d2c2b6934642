/** F23: who loses the right in the middle of a job changes nothing live any more; what only reads goes on. */
import { readFileSync } from "node:fs";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { User } from "@/server/control-plane/users.repo";
import { failureOf, gate } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { startJob } = await import("@/backups/jobs");
const { putGrant } = await import("@/server/control-plane/grants.repo");
const { listSwaps } = await import("@/server/control-plane/swaps.repo");
const { updateUser } = await import("@/server/control-plane/users.repo");
const { addPerson, principalOf } = await import("@/test/people");
const { createCaller } = await import("@/trpc/root");

afterAll(() => shop.remove());

const TARGET = "bookshop.sqlite";
const as = (user: User) => createCaller({ principal: principalOf(user), requestId: "test", address: "::1" }).sqlite;
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
async function lost(way: Way, begin: () => Promise<{ jobId: string | null }>) {
  const { opened, open } = gate();
  const first = await startJob({ kind: "verify", connection: shop.connection, user: shop.user, request: {} }, () => opened.then(() => ({})));
  const { jobId } = await begin();
  await WAYS[way]();
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
