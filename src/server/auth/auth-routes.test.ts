import { decode } from "next-auth/jwt";
import { afterAll, describe, expect, it } from "vitest";
import { keys } from "@/env";
import { answerAuthGet, answerAuthPost } from "@/server/auth/auth-routes";
import { resolvePrincipal } from "@/server/auth/principal";
import { controlPlane } from "@/server/control-plane/database";
import { temporaryControlPlane } from "@/test/control-plane";
import { addPerson, authRequest, cookiesOf, csrf, PASSWORD, postSignIn, signedIn } from "@/test/people";

const plane = await temporaryControlPlane();
afterAll(plane.remove);

const session = (headers: Headers) => resolvePrincipal(headers, { allowToken: false });
const post = (path: string, options: Parameters<typeof authRequest>[1]) => answerAuthPost(authRequest(path, options), path.split("/"));
let peers = 0;
const newPeer = () => `10.8.0.${(peers += 1)}`;

describe("sign-in", () => {
  it("C6: sets exactly one cookie, with every flag, that holds nothing but the session's id", async () => {
    const user = await addPerson();
    const response = await postSignIn({ email: user.email, password: PASSWORD, callbackUrl: "/manage-dbs/redis/main?q=1" });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ url: "/manage-dbs/redis/main?q=1" });
    expect(response.headers.get("cache-control")).toBe("no-store");
    const [line, ...more] = response.headers.getSetCookie();
    expect(more).toEqual([]);
    const [value, ...flags] = (line ?? "").split("; ");
    expect(flags.filter((flag) => !flag.startsWith("Expires=")).toSorted()).toEqual(["HttpOnly", "Path=/", "SameSite=Strict", "Secure"]);
    const payload = await decode({ token: value?.replace("__Host-sid=", "") ?? "", secret: keys().authSecret });
    expect(Object.keys(payload ?? {}).toSorted()).toEqual(["exp", "iat", "jti", "sid"]);
    const stored = await controlPlane().selectFrom("sessions").selectAll().where("user_id", "=", user.id).execute();
    expect(JSON.stringify(stored)).not.toContain(String(payload?.sid));
  });

  it("A9: a sign-in ends the session this browser had", async () => {
    const user = await addPerson();
    const first = await signedIn(user);
    expect(await session(first)).toMatchObject({ userId: user.id, kind: "session" });
    const second = await postSignIn({ email: user.email, password: PASSWORD }, { cookie: first.get("cookie") ?? "" });
    expect(cookiesOf(second)).not.toBe(first.get("cookie"));
    expect(await session(first)).toBeNull();
    expect(await session(new Headers({ cookie: cookiesOf(second) }))).toMatchObject({ userId: user.id });
  });

  it("A5: malformed bodies are answered 400 or 413, and the process goes on", async () => {
    const { csrfToken, cookie } = await csrf();
    const attempts: [unknown, number][] = [
      ["", 400],
      ["{", 400],
      ["null", 400],
      ["[]", 400],
      [[{ email: "a@b" }], 400],
      [{ csrfToken }, 400],
      [{ csrfToken, email: ["a@b"], password: "x" }, 400],
      [{ csrfToken, email: { $ne: null }, password: { $ne: null } }, 400],
      [{ csrfToken: { toString: 1 }, email: "a@b", password: "x" }, 400],
      [`{"__proto__":{"email":"a@b"},"csrfToken":"${csrfToken}"}`, 400],
      [{ csrfToken, email: "a@b", password: "x".repeat(10 * 1024 * 1024) }, 413],
      [{ csrfToken, email: "a@b", password: "x".repeat(200) }, 400],
    ];
    for (const [body, status] of attempts) expect((await post("callback/credentials", { body, cookie, peer: newPeer() })).status).toBe(status);
  });

  it("A5: a body without a length is cut off, not collected", async () => {
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({ pull: (controller) => ((sent += 1), controller.enqueue(new Uint8Array(8_192).fill(97))) });
    const request = new Request("http://127.0.0.1:3000/api/auth/callback/credentials", {
      method: "POST",
      body: endless,
      duplex: "half",
      headers: { host: "127.0.0.1:3000", "content-type": "application/json" },
    } as RequestInit);
    expect((await answerAuthPost(request, ["callback", "credentials"])).status).toBe(413);
    expect(sent).toBeLessThan(8);
  });

  it("needs the token of its own form", async () => {
    const user = await addPerson();
    const { cookie } = await csrf();
    const other = await csrf();
    for (const csrfToken of [undefined, "", other.csrfToken]) {
      const response = await post("callback/credentials", { cookie, body: { csrfToken, email: user.email, password: PASSWORD } });
      expect(response.status).toBe(403);
      expect(response.headers.getSetCookie().join()).not.toContain("__Host-sid");
    }
  });

  it("C1: refuses a form of another site, of any type, even with a stolen token", async () => {
    const user = await addPerson();
    const { csrfToken, cookie } = await csrf();
    const form = new URLSearchParams({ csrfToken, email: user.email, password: PASSWORD }).toString();
    for (const type of ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]) {
      const headers = { "content-type": type, origin: "https://evil.example", "sec-fetch-site": "cross-site" };
      expect((await post("callback/credentials", { cookie, headers, body: form })).status).toBe(403);
    }
    for (const type of ["multipart/form-data", "text/plain"]) {
      expect((await post("callback/credentials", { cookie, headers: { "content-type": type }, body: form })).status).toBe(400);
    }
  });

  it("answers a plain client's form as next-auth does", async () => {
    const user = await addPerson();
    const { csrfToken, cookie } = await csrf();
    const form = (fields: Record<string, string>) => new URLSearchParams({ csrfToken, email: user.email, password: PASSWORD, ...fields }).toString();
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const asJson = await post("callback/credentials", { cookie, headers, body: form({ json: "true", callbackUrl: "/backups" }) });
    expect(await asJson.json()).toEqual({ url: "/backups" });
    const asPage = await post("callback/credentials", { cookie, headers, body: form({ callbackUrl: "/backups" }) });
    expect([asPage.status, asPage.headers.get("location")]).toEqual([303, "/backups"]);
    const wrong = await post("callback/credentials", { cookie, headers, body: form({ password: "another one entirely" }) });
    expect([wrong.status, wrong.headers.getSetCookie()]).toEqual([401, []]);
  });

  it("A7: says 429 with Retry-After", async () => {
    const user = await addPerson();
    const peer = newPeer();
    for (let failure = 0; failure < 5; failure += 1)
      expect((await postSignIn({ email: user.email, password: "wrong password of somebody" }, { peer })).status).toBe(401);
    const locked = await postSignIn({ email: user.email, password: PASSWORD }, { peer });
    expect([locked.status, locked.headers.get("retry-after")]).toEqual([429, "1"]);
  });

  it("A18: goes on only inside the console", async () => {
    const user = await addPerson();
    for (const callbackUrl of [
      "https://evil.example",
      "//evil.example",
      "/\\evil.example",
      "/.//evil.example",
      "\\\\evil",
      "javascript:alert(1)",
      "/\t/evil.example",
      "",
      "/api/auth/csrf",
    ]) {
      const response = await postSignIn({ email: user.email, password: PASSWORD, callbackUrl });
      expect(await response.json()).toEqual({ url: "/" });
    }
  });
});

describe("everything else", () => {
  it("A10: after sign-out the cookie is worth nothing, and is taken away", async () => {
    const user = await addPerson();
    const headers = await signedIn(user);
    const token = await csrf();
    const cookie = `${token.cookie}; ${headers.get("cookie")}`;
    expect((await post("signout", { cookie, body: { csrfToken: "wrong" } })).status).toBe(403);
    expect(await session(headers)).not.toBeNull();
    const response = await post("signout", { cookie, body: { csrfToken: token.csrfToken } });
    expect([response.status, await response.json()]).toEqual([200, { url: "/sign-in" }]);
    expect(response.headers.getSetCookie().join()).toMatch(/__Host-sid=;.*(Max-Age=0|1970)/);
    expect(await session(headers)).toBeNull();
  });

  it("says of a session only whether there is one", async () => {
    const headers = await signedIn(await addPerson());
    const ask = async (cookie: string) => (await answerAuthGet(authRequest("session", { cookie }), ["session"])).json();
    expect(await ask(headers.get("cookie") ?? "")).toEqual({ signedIn: true });
    expect(await ask("__Host-sid=%%%")).toEqual({ signedIn: false });
  });

  it("answers no other route of next-auth", async () => {
    for (const path of ["providers", "signin", "signin/credentials", "callback/credentials", "error", "signout", "verify-request", "_log", "set-up"]) {
      expect((await answerAuthGet(authRequest(path), path.split("/"))).status).toBe(404);
    }
    for (const path of ["signin/credentials", "_log", "session", "csrf", "callback/other", "callback/credentials/more"]) {
      expect((await post(path, { body: {} })).status).toBe(404);
    }
  });
});
