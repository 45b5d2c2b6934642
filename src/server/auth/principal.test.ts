import { randomUUID } from "node:crypto";
import { encode } from "next-auth/jwt";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { keys } from "@/env";
import type { Role } from "@/lib/rights";
import { isRecentSignIn, PASSIVE_HEADER, type Principal, resolvePrincipal } from "@/server/auth/principal";
import { changePassword, reauthenticate } from "@/server/auth/session-changes";
import { findSession } from "@/server/control-plane/sessions.repo";
import { insertToken, revokeToken } from "@/server/control-plane/tokens.repo";
import { updateUser, type User } from "@/server/control-plane/users.repo";
import { putGrant } from "@/server/control-plane/grants.repo";
import { effectiveRole, may } from "@/server/grants";
import { newToken, sha256Hex } from "@/server/secrets";
import { temporaryControlPlane } from "@/test/control-plane";
import { addPerson, PASSWORD, signedIn } from "@/test/people";

const plane = await temporaryControlPlane();
afterAll(plane.remove);
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: Date.now() }));
afterEach(() => void vi.useRealTimers());

const MINUTE = 60_000;
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);
const resolve = (headers: Headers, allowToken = false) => resolvePrincipal(headers, { allowToken });

async function principalOf(headers: Headers): Promise<Principal> {
  const principal = await resolve(headers);
  if (!principal) throw new Error("expected somebody");
  return principal;
}

describe("session", () => {
  it("tells who it is, as they are now", async () => {
    const user = await addPerson("operator");
    const headers = await signedIn(user);
    expect(await resolve(headers)).toMatchObject({
      userId: user.id,
      name: user.name,
      email: user.email,
      role: "operator",
      kind: "session",
      address: "10.0.0.1",
    });
  });

  it("A3, A16: nothing, rubbish and half sessions are nobody", async () => {
    const secret = keys().authSecret;
    const foreign = await encode({ token: { sid: newToken() }, secret });
    const forged = await encode({ token: { sid: "x" }, secret: "another secret that is long enough to be one" });
    const tokens = [undefined, {}, { error: "x" }, { user: {} }, { sid: null }, { sid: ["a"] }, { sid: {} }, { sub: "admin" }];
    const encoded = await Promise.all(tokens.map((token) => encode({ token: token as Record<string, unknown>, secret })));
    for (const cookie of ["", "%%%", "a.b.c.d.e", "{}", "null", "x".repeat(100_000), foreign, forged, ...encoded]) {
      expect(await resolve(new Headers({ cookie: `__Host-sid=${cookie}` }))).toBeNull();
    }
    expect(await resolve(new Headers())).toBeNull();
    expect(await resolve(new Headers({ cookie: ";;;=;__Host-sid" }))).toBeNull();
  });

  it("A11, A12: a disabled user is nobody at once, a lower role counts at once", async () => {
    const user = await addPerson("admin");
    const headers = await signedIn(user);
    await updateUser(user.id, { role: "viewer" });
    expect((await principalOf(headers)).role).toBe("viewer");
    await updateUser(user.id, { disabled: 1 });
    expect(await resolve(headers)).toBeNull();
  });

  it.each<[Role, number]>([
    ["viewer", 30],
    ["operator", 15],
    ["admin", 15],
  ])("A13: a %s may be idle for %i minutes", async (role, minutes) => {
    const headers = await signedIn(await addPerson(role));
    later(minutes * MINUTE - 1_000);
    expect(await resolve(headers)).not.toBeNull();
    later(minutes * MINUTE - 1_000);
    expect(await resolve(headers)).not.toBeNull();
    later(minutes * MINUTE);
    expect(await resolve(headers)).toBeNull();
  });

  it("A13: ends after 8 hours, however busy", async () => {
    const headers = await signedIn(await addPerson());
    for (let minute = 0; minute < 8 * 60 - 20; minute += 20) {
      later(20 * MINUTE);
      expect(await resolve(headers)).not.toBeNull();
    }
    later(20 * MINUTE);
    expect(await resolve(headers)).toBeNull();
  });

  it("is not kept alive by what a page asks by itself, and is written at most every 30 s", async () => {
    const headers = await signedIn(await addPerson());
    const { sessionKey } = await principalOf(headers);
    const seen = async () => (await findSession(sessionKey))?.last_seen_at;
    const first = await seen();
    later(29_000);
    await resolve(headers);
    expect(await seen()).toBe(first);
    later(2_000);
    await resolve(new Headers([...headers, [PASSIVE_HEADER, "1"]]));
    expect(await seen()).toBe(first);
    await resolve(headers);
    expect(await seen()).not.toBe(first);
  });

  it("A14: a new password ends all other sessions and counts as a sign-in", async () => {
    const user = await addPerson();
    const [here, there] = [await signedIn(user), await signedIn(user)];
    const next = "a different river every morning";
    later(6 * MINUTE);
    const principal = await principalOf(here);
    await expect(changePassword(principal, { current: "not my password at all", next })).rejects.toMatchObject({ code: "INVALID" });
    await expect(changePassword(principal, { current: PASSWORD, next: "too short" })).rejects.toMatchObject({ code: "INVALID" });
    expect(await resolve(there)).not.toBeNull();
    expect(await changePassword(principal, { current: PASSWORD, next })).toEqual({ endedSessions: 1 });
    expect(await resolve(there)).toBeNull();
    expect(isRecentSignIn(await principalOf(here))).toBe(true);
    await expect(signedIn(user)).rejects.toThrow("401");
  });

  it("is a recent sign-in for 5 minutes, and again after the password was given again", async () => {
    const headers = await signedIn(await addPerson());
    later(5 * MINUTE);
    expect(isRecentSignIn(await principalOf(headers))).toBe(true);
    later(1);
    const principal = await principalOf(headers);
    expect(isRecentSignIn(principal)).toBe(false);
    await expect(reauthenticate(principal, "not my password at all")).rejects.toMatchObject({ code: "INVALID" });
    expect(isRecentSignIn(await principalOf(headers))).toBe(false);
    await reauthenticate(principal, PASSWORD);
    expect(isRecentSignIn(await principalOf(headers))).toBe(true);
  });
});

describe("token", () => {
  async function addToken(user: User, change: { expires_at?: string } = {}): Promise<{ id: string; headers: Headers }> {
    const token = newToken();
    const id = randomUUID();
    const now = new Date().toISOString();
    await insertToken({
      id,
      user_id: user.id,
      name: "deploy",
      token_hash: sha256Hex(token),
      created_at: now,
      expires_at: null,
      revoked_at: null,
      last_used_at: null,
      ...change,
    });
    return { id, headers: new Headers({ authorization: `Bearer ${token}` }) };
  }

  it("acts as its owner, only where tokens are allowed", async () => {
    const user = await addPerson("operator");
    const { id, headers } = await addToken(user);
    expect(await resolve(headers, true)).toMatchObject({
      userId: user.id,
      role: "operator",
      kind: "token",
      sessionKey: `token:${id}`,
      sessionLabel: "token deploy",
    });
    expect(await resolve(headers, false)).toBeNull();
    await updateUser(user.id, { role: "viewer" });
    expect(await resolve(headers, true)).toMatchObject({ role: "viewer" });
  });

  it("ends when it expires, is revoked, or its owner is disabled", async () => {
    const user = await addPerson();
    const expiring = await addToken(user, { expires_at: new Date(Date.now() + MINUTE).toISOString() });
    const revoked = await addToken(user);
    const owned = await addToken(user);
    expect(await resolve(expiring.headers, true)).not.toBeNull();
    later(MINUTE);
    expect(await resolve(expiring.headers, true)).toBeNull();
    await revokeToken(revoked.id, new Date().toISOString());
    expect(await resolve(revoked.headers, true)).toBeNull();
    await updateUser(user.id, { disabled: 1 });
    expect(await resolve(owned.headers, true)).toBeNull();
  });

  it("A16: malformed headers are nobody, also beside a good session", async () => {
    const headers = await signedIn(await addPerson());
    for (const authorization of ["Bearer %%%", "Bearer", "bearer ", "Bearer  ", `Bearer ${"x".repeat(100_000)}`, "Bearer a b c"]) {
      expect(await resolve(new Headers([...headers, ["authorization", authorization]]), true)).toBeNull();
    }
    expect(await resolve(new Headers([...headers, ["authorization", "Basic abc"]]), true)).not.toBeNull();
  });
});

describe("grants", () => {
  it("count on their connection instead of the own role", async () => {
    const user = await addPerson("viewer");
    const headers = await signedIn(user);
    const principal = await principalOf(headers);
    await putGrant({ userId: user.id, connectionId: "redis/staging", role: "admin" });
    await putGrant({ userId: user.id, connectionId: "redis/main", role: "none" });
    expect(await effectiveRole(user.id, "viewer", "redis/staging")).toBe("admin");
    expect(await may(principal, "restore", "redis/staging")).toBe(true);
    expect(await may(principal, "read", "redis/main")).toBe(false);
    expect(await may(principal, "read", "postgres/main")).toBe(true);
    expect(await may(principal, "write", "postgres/main")).toBe(false);
    expect(await may(principal, "administer", null)).toBe(false);
    await putGrant({ userId: user.id, connectionId: "redis/main", role: null });
    expect(await may(principal, "read", "redis/main")).toBe(true);
  });
});
