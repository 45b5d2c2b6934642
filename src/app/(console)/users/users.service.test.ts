import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { listAudit } from "@/server/audit";
import { type Principal, resolvePrincipal } from "@/server/auth/principal";
import { controlPlane } from "@/server/control-plane/database";
import { findUser, type User } from "@/server/control-plane/users.repo";
import { temporaryControlPlane } from "@/test/control-plane";
import { addPerson, PASSWORD, postSignIn, signedIn } from "@/test/people";
import { endOtherSessions, makeToken, revokeOwnToken } from "../settings/account/account.service";
import {
  addUser,
  endSession,
  endSessionsOf,
  endToken,
  openSessions,
  openTokens,
  setDisabled,
  setGrant,
  setPassword,
  setRole,
  usersWithRights,
} from "./users.service";

const plane = await temporaryControlPlane({ SQLITE_ADMIN_PATH: "/nowhere.sqlite" });
afterAll(plane.remove);
beforeEach(() => controlPlane().deleteFrom("users").execute());

async function principalOf(headers: Headers): Promise<Principal> {
  const principal = await resolvePrincipal(headers, { allowToken: true });
  if (!principal) throw new Error("expected somebody");
  return principal;
}
const enter = async (user: User) => principalOf(await signedIn(user));
const roleOf = async (user: User) => (await findUser(user.id))?.role;

describe("rights", () => {
  it("B8: nobody changes their own role, state, grants or password here", async () => {
    const admin = await addPerson("admin");
    await addPerson("admin");
    const principal = await enter(admin);
    const { email } = admin;
    await expect(setRole(principal, { email, role: "viewer" })).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(setDisabled(principal, { email, disabled: true })).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(setGrant(principal, { email: email.toUpperCase(), connectionId: "sqlite/main", role: "none" })).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(setPassword(principal, { email, password: "a different river every morning" })).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(await usersWithRights(principal)).toMatchObject([{ role: "admin", disabled: false, grants: [] }, {}]);
  });

  it("B7: the last admin stays, also when two admins take each other's role at once", async () => {
    const [first, second] = [await addPerson("admin"), await addPerson("admin")];
    const [one, two] = [await enter(first), await enter(second)];
    const results = await Promise.allSettled([setRole(one, { email: second.email, role: "viewer" }), setRole(two, { email: first.email, role: "viewer" })]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect([await roleOf(first), await roleOf(second)].filter((role) => role === "admin")).toHaveLength(1);
    const [left, other] = (await roleOf(first)) === "admin" ? [first, two] : [second, one];
    await expect(setDisabled(other, { email: left.email, disabled: true })).rejects.toMatchObject({ code: "CONFLICT", message: "This is the last admin" });
    expect((await findUser(left.id))?.disabled).toBe(0);
  });

  it("A11: a disabled user's sessions end at once and do not come back", async () => {
    const [admin, user] = [await addPerson("admin"), await addPerson("operator")];
    const principal = await enter(admin);
    const headers = await signedIn(user);
    await setDisabled(principal, { email: user.email, disabled: true });
    expect(await resolvePrincipal(headers, { allowToken: false })).toBeNull();
    expect((await postSignIn({ email: user.email, password: PASSWORD })).status).toBe(401);
    await setDisabled(principal, { email: user.email, disabled: false });
    expect(await resolvePrincipal(headers, { allowToken: false })).toBeNull();
    expect((await postSignIn({ email: user.email, password: PASSWORD })).status).toBe(200);
  });

  it("grants only on connections that are there", async () => {
    const [admin, user] = [await addPerson("admin"), await addPerson()];
    const principal = await enter(admin);
    await setGrant(principal, { email: user.email, connectionId: "sqlite/main", role: "operator" });
    await expect(setGrant(principal, { email: user.email, connectionId: "sqlite/other", role: "operator" })).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(setGrant(principal, { email: "nobody@foundry.example", connectionId: "sqlite/main", role: "operator" })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    const view = async () => (await usersWithRights(principal)).find(({ email }) => email === user.email)?.grants;
    expect(await view()).toEqual([{ connectionId: "sqlite/main", role: "operator" }]);
    await setGrant(principal, { email: user.email, connectionId: "sqlite/main", role: null });
    expect(await view()).toEqual([]);
  });
});

describe("accounts", () => {
  it("adds somebody once, with a good password", async () => {
    const input = { email: "New@Foundry.example", name: "New", role: "operator" as const, password: PASSWORD };
    await expect(addUser({ ...input, password: "short" })).rejects.toMatchObject({ code: "INVALID" });
    await addUser(input);
    await expect(addUser({ ...input, email: "new@foundry.EXAMPLE" })).rejects.toMatchObject({ code: "CONFLICT" });
    expect((await postSignIn({ email: input.email, password: PASSWORD })).status).toBe(200);
  });

  it("gives a new password, ends the sessions and the wait", async () => {
    const [admin, user] = [await addPerson("admin"), await addPerson()];
    const headers = await signedIn(user);
    for (let failure = 0; failure < 6; failure += 1) await postSignIn({ email: user.email, password: "wrong password of somebody" });
    const principal = await enter(admin);
    expect((await usersWithRights(principal)).find(({ email }) => email === user.email)?.lockedUntil).not.toBeNull();
    await setPassword(principal, { email: user.email, password: "a different river every morning" });
    expect(await resolvePrincipal(headers, { allowToken: false })).toBeNull();
    expect((await postSignIn({ email: user.email, password: "a different river every morning" })).status).toBe(200);
  });
});

describe("sessions", () => {
  it("shows and ends them, but not the one that asks", async () => {
    const [admin, user] = [await addPerson("admin"), await addPerson()];
    const [mine, other] = [await enter(admin), await enter(admin)];
    const theirs = await signedIn(user);
    expect((await openSessions({ currentKey: mine.sessionKey })).map(({ email, current }) => `${email === admin.email} ${current}`).toSorted()).toEqual([
      "false false",
      "true false",
      "true true",
    ]);
    expect(await openSessions({ userId: user.id, currentKey: "" })).toHaveLength(1);
    expect(await endSessionsOf(mine, admin.email)).toEqual({ ended: 1 });
    expect((await openSessions({ currentKey: mine.sessionKey })).some(({ id }) => id === other.sessionKey)).toBe(false);
    await endSession((await principalOf(theirs)).sessionKey);
    expect(await resolvePrincipal(theirs, { allowToken: false })).toBeNull();
    const again = await enter(admin);
    expect(await endOtherSessions(again)).toEqual({ ended: 1 });
  });
});

describe("tokens", () => {
  it("are made once, work as their owner, and are written to the audit without themselves", async () => {
    const user = await addPerson("operator");
    const principal = await enter(user);
    const { id, token } = await makeToken(principal, { name: "deploy", days: 30 });
    const bearer = new Headers({ authorization: `Bearer ${token}` });
    const asToken = await principalOf(bearer);
    expect(asToken).toMatchObject({ kind: "token", role: "operator", sessionKey: `token:${id}` });
    expect(JSON.stringify([await openTokens(), await listAudit({}), await controlPlane().selectFrom("api_tokens").selectAll().execute()])).not.toContain(token);
    await expect(makeToken(asToken, { name: "child", days: null })).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(endOtherSessions(asToken)).rejects.toMatchObject({ code: "FORBIDDEN" });
    await revokeOwnToken(principal, id);
    expect(await resolvePrincipal(bearer, { allowToken: true })).toBeNull();
    expect((await listAudit({ actorId: user.id })).entries.map(({ procedure, target }) => `${procedure} ${target}`).slice(0, 2)).toEqual([
      `session.tokens.revoke ${id}`,
      "session.tokens.add deploy",
    ]);
  });

  it("B4: somebody else's token is as absent as none; an admin may end it", async () => {
    const [owner, stranger] = [await addPerson(), await addPerson("operator")];
    const [mine, theirs] = [await enter(owner), await enter(stranger)];
    const { id, token } = await makeToken(mine, { name: "deploy", days: null });
    const refused = await revokeOwnToken(theirs, id).catch((error: unknown) => error);
    const absent = await revokeOwnToken(theirs, "00000000-0000-4000-8000-000000000000").catch((error: unknown) => error);
    expect(refused).toEqual(absent);
    expect(refused).toMatchObject({ code: "NOT_FOUND" });
    expect(await principalOf(new Headers({ authorization: `Bearer ${token}` }))).toMatchObject({ userId: owner.id });
    await endToken(id);
    expect(await openTokens()).toEqual([]);
  });
});
