import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { answerAuthPost } from "@/server/auth/auth-routes";
import { temporaryControlPlane, useSettings } from "@/test/control-plane";
import { ensureFirstAdmin, isSetUpOpen, setUp } from "@/server/auth/first-admin";
import { resolvePrincipal } from "@/server/auth/principal";
import { controlPlane } from "@/server/control-plane/database";
import { updateUser } from "@/server/control-plane/users.repo";
import { authRequest, PASSWORD, postSignIn } from "@/test/people";

const plane = await temporaryControlPlane();
afterAll(plane.remove);
beforeEach(async () => {
  await controlPlane().deleteFrom("users").execute();
  await controlPlane().deleteFrom("settings").execute();
  await useSettings({});
});

const users = () => controlPlane().selectFrom("users").selectAll().execute();
const ada = { email: "Ada@Foundry.example", name: "Ada", password: PASSWORD, address: "10.0.0.1" };
const tokenOf = (url: string | null) => new URL(url ?? "").searchParams.get("token") ?? "";
const bearer = (token: string) => resolvePrincipal(new Headers({ authorization: `Bearer ${token}` }), { allowToken: true });

describe("set-up link", () => {
  it("is made while nobody is there, and works once", async () => {
    const first = await ensureFirstAdmin();
    const second = await ensureFirstAdmin();
    expect(second.setUpUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/set-up\?token=[\w-]{43}$/);
    const stored = await controlPlane().selectFrom("settings").selectAll().execute();
    expect(JSON.stringify(stored)).not.toContain(tokenOf(second.setUpUrl));
    await expect(setUp({ ...ada, token: tokenOf(first.setUpUrl) })).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(setUp({ ...ada, token: "" })).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(setUp({ ...ada, token: tokenOf(second.setUpUrl), password: "short" })).rejects.toMatchObject({ code: "INVALID" });
    await setUp({ ...ada, token: tokenOf(second.setUpUrl) });
    expect(await users()).toMatchObject([{ email: "ada@foundry.example", role: "admin" }]);
    await expect(setUp({ ...ada, email: "eve@x", token: tokenOf(second.setUpUrl) })).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await ensureFirstAdmin()).toEqual({ setUpUrl: null });
    expect(await isSetUpOpen()).toBe(false);
    expect((await postSignIn({ email: ada.email, password: PASSWORD })).status).toBe(200);
  });

  it("makes one admin even when it is used twice at once", async () => {
    const token = tokenOf((await ensureFirstAdmin()).setUpUrl);
    const results = await Promise.allSettled([setUp({ ...ada, token }), setUp({ ...ada, email: "eve@foundry.example", token })]);
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await users()).toHaveLength(1);
  });

  it("A19: answers 404 once there is an admin, and needs the console's own page", async () => {
    const token = tokenOf((await ensureFirstAdmin()).setUpUrl);
    const post = async (change: Parameters<typeof authRequest>[1]) =>
      (await answerAuthPost(authRequest("set-up", { body: { ...ada, address: undefined, token }, ...change }), ["set-up"])).status;
    expect(await post({ headers: { origin: "https://evil.example" } })).toBe(403);
    expect(await post({ body: { ...ada, address: undefined, token, email: "no address" } })).toBe(400);
    expect(await users()).toEqual([]);
    expect(await post({})).toBe(200);
    expect(await post({})).toBe(404);
  });
});

describe("environment", () => {
  const named = { ADMIN_EMAIL: "Root@Foundry.example", ADMIN_PASSWORD: PASSWORD };
  const firstToken = "first-token-of-the-environment-0001";
  const secondToken = "second-token-of-the-environment-002";

  it("makes the admin it names, once", async () => {
    await useSettings(named);
    expect(await ensureFirstAdmin()).toEqual({ setUpUrl: null });
    const [admin] = await users();
    expect(admin).toMatchObject({ email: "root@foundry.example", role: "admin" });
    await updateUser(admin?.id ?? "", { name: "Renamed" });
    await ensureFirstAdmin();
    expect(await users()).toMatchObject([{ name: "Renamed", password_hash: admin?.password_hash }]);
    expect((await postSignIn({ email: named.ADMIN_EMAIL, password: PASSWORD })).status).toBe(200);
  });

  it("keeps the token it names, and only that one", async () => {
    await useSettings({ ...named, ADMIN_API_TOKEN: firstToken });
    await ensureFirstAdmin();
    await ensureFirstAdmin();
    expect(await bearer(firstToken)).toMatchObject({ role: "admin", sessionLabel: "token ADMIN_API_TOKEN" });
    await useSettings({ ...named, ADMIN_API_TOKEN: secondToken });
    await ensureFirstAdmin();
    expect(await bearer(firstToken)).toBeNull();
    expect(await bearer(secondToken)).not.toBeNull();
    await useSettings(named);
    await ensureFirstAdmin();
    expect(await bearer(secondToken)).toBeNull();
    await useSettings({ ...named, ADMIN_API_TOKEN: secondToken });
    await ensureFirstAdmin();
    expect(await bearer(secondToken)).toBeNull();
  });
});
