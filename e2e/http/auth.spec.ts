/** A5 to A19: signing in, staying in and getting out, over HTTP against the running console. */
import { expect, test } from "@playwright/test";
import { addPerson, Client, ownPage, rest, sessionCookie, signedIn } from "./client.ts";
import { target } from "../support/target.ts";

const me = (client: Client) => client.ask("/api/trpc/session.me?input=%7B%7D");

test("A5: what is no email and password is refused before any work", async () => {
  const client = new Client();
  const { csrfToken } = (await (await client.ask("/api/auth/csrf")).json()) as { csrfToken: string };
  const bodies: unknown[] = [
    {},
    { csrfToken },
    { csrfToken, email: target.email },
    { csrfToken, email: target.email, password: "" },
    { csrfToken, email: target.email, password: ["x"] },
    { csrfToken, email: { $ne: null }, password: { $ne: null } },
    { csrfToken, email: target.email, password: { $ne: null } },
    { csrfToken, email: target.email, password: null },
    { csrfToken, email: target.email, password: "x".repeat(129) },
    [],
    "x",
    null,
  ];
  for (const body of bodies) {
    const started = performance.now();
    const response = await client.post("/api/auth/callback/credentials", typeof body === "string" ? `"${body}"` : body, { "content-type": "application/json" });
    expect([400, 401, 403], JSON.stringify(body)).toContain(response.status);
    expect(client.session, JSON.stringify(body)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(2_000);
  }
  const long = await client.post("/api/auth/callback/credentials", { csrfToken, email: target.email, password: "x".repeat(10 * 1024 * 1024) });
  expect(long.status).toBe(413);
});

test("A6: an unknown account and a wrong password sound the same", async () => {
  const answerTo = async (email: string) => {
    const response = await new Client().signIn({ email, password: "not the password of anybody" });
    return { status: response.status, body: await response.text() };
  };
  const person = await addPerson("viewer");
  expect(await answerTo(person.email)).toEqual(await answerTo("nobody.at.all@foundry.example"));
});

test("A7: the sixth failure waits, also with the right password; another account does not", async () => {
  const person = await addPerson("viewer");
  const other = await addPerson("viewer");
  let waited: Response | null = null;
  for (let tries = 0; tries < 8 && !waited; tries += 1) {
    const response = await new Client().signIn({ email: person.email, password: `wrong password ${tries}` });
    if (response.status === 429) waited = response;
    else expect(response.status).toBe(401);
  }
  expect(waited?.status).toBe(429);
  expect(Number(waited?.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await new Client().signIn(person)).status).toBe(429);
  expect((await new Client().signIn(other)).status).toBe(200);
  await expect.poll(async () => (await new Client().signIn(person)).status, { timeout: 30_000, intervals: [2_500] }).toBe(200);
});

test("A9, C6: the cookie is as it must be, and a sign-in ends the session before", async () => {
  const client = new Client();
  const csrf = await client.ask("/api/auth/csrf");
  const before = csrf.headers.getSetCookie().find((line) => line.startsWith(sessionCookie));
  expect(before).toBeUndefined();
  const response = await client.signIn();
  const line = response.headers.getSetCookie().find((cookie) => cookie.startsWith(`${sessionCookie}=`)) ?? "";
  const flags = line
    .split(";")
    .slice(1)
    .map((part) => part.trim().toLowerCase());
  expect(flags).toEqual(expect.arrayContaining(["path=/", "httponly", "secure", "samesite=strict"]));
  expect(flags.some((flag) => flag.startsWith("domain="))).toBe(false);
  const first = client.session ?? "";
  expect(first.length).toBeGreaterThan(40);
  await client.signIn();
  expect(client.session).not.toBe(first);
  const old = new Client();
  old.cookies.set(sessionCookie, first);
  expect((await me(old)).status).toBe(401);
  expect((await me(client)).status).toBe(200);
});

test("A10: a replayed cookie is worth nothing after signing out", async () => {
  const client = await signedIn();
  const cookie = client.session ?? "";
  const { csrfToken } = (await (await client.ask("/api/auth/csrf")).json()) as { csrfToken: string };
  expect((await client.post("/api/auth/signout", { csrfToken, json: "true" })).status).toBe(200);
  const replay = new Client();
  replay.cookies.set(sessionCookie, cookie);
  expect((await me(replay)).status).toBe(401);
  const page = await replay.ask("/manage-dbs");
  expect(`${page.headers.get("location") ?? ""}${await page.text()}`).toContain("/sign-in");
});

test("A11, A12: a lowered role and a closed account count within a second", async () => {
  const person = await addPerson("operator");
  const client = await signedIn(person);
  await rest("POST", "/users/role", { body: { email: person.email, role: "viewer" } });
  const create = await client.post("/api/trpc/sqlite.backups.create", {});
  expect(create.status).toBe(403);
  await rest("POST", "/users/disabled", { body: { email: person.email, disabled: true } });
  expect((await me(client)).status).toBe(401);
  expect((await new Client().signIn(person)).status).toBe(401);
});

test("A14: a new password ends every other session", async () => {
  const person = await addPerson("viewer");
  const here = await signedIn(person);
  const there = await signedIn(person);
  const changed = await here.post("/api/trpc/session.changePassword", { current: person.password, next: "eleven quiet lanterns drift" });
  expect(changed.status).toBe(200);
  expect((await me(there)).status).toBe(401);
  expect((await me(here)).status).toBe(200);
  expect((await new Client().signIn(person)).status).toBe(401);
  expect((await new Client().signIn({ ...person, password: "eleven quiet lanterns drift" })).status).toBe(200);
});

test("A16: a broken token is 401 and the console lives on", async () => {
  for (const authorization of ["Bearer %%%", "Bearer", "Bearer a b", `Bearer ${"x".repeat(8_000)}`, "Basic xxx", "bearer null"]) {
    const response = await fetch(`${target.baseURL}/api/admin/session`, { headers: { authorization } });
    expect({ authorization: authorization.slice(0, 20), status: response.status }).toEqual({ authorization: authorization.slice(0, 20), status: 401 });
  }
  expect((await fetch(`${target.baseURL}/api/health`)).status).toBe(200);
});

test("A16: a token opens the REST face only, and a revoked one nothing", async () => {
  const headers = { authorization: `Bearer ${target.token}` };
  expect((await fetch(`${target.baseURL}/api/admin/session`, { headers })).status).toBe(200);
  expect((await fetch(`${target.baseURL}/api/trpc/session.me?input=%7B%7D`, { headers })).status).toBe(401);
  expect((await fetch(`${target.baseURL}/manage-dbs`, { headers, redirect: "manual" })).status).toBe(307);
  const client = await signedIn();
  const made = (await (await client.post("/api/trpc/session.tokens.add", { name: "short-lived", days: 1 })).json()) as {
    result: { data: { id: string; token: string } };
  };
  const { id, token } = made.result.data;
  const ask = () => fetch(`${target.baseURL}/api/admin/session`, { headers: { authorization: `Bearer ${token}` } });
  expect((await ask()).status).toBe(200);
  expect((await client.post("/api/trpc/session.tokens.revoke", { id })).status).toBe(200);
  expect((await ask()).status).toBe(401);
});

test("A17: headers that once opened doors change nothing", async () => {
  const tricks: Record<string, string>[] = [
    { "x-middleware-subrequest": "middleware:middleware:middleware:middleware:middleware" },
    { "x-middleware-subrequest": "src/proxy:src/proxy:src/proxy:src/proxy:src/proxy" },
    { "x-middleware-rewrite": "/manage-dbs" },
    { "x-middleware-next": "1" },
    { "x-now-route-matches": "1=manage-dbs" },
    { "x-forwarded-host": "evil.example" },
    { "x-forwarded-proto": "https", "x-forwarded-host": "evil.example" },
    { "x-nonce": "known" },
    { "x-console-path": "//evil.example" },
    { rsc: "1", "next-router-prefetch": "1" },
    { rsc: "1", "next-router-state-tree": "%5B%22%22%2C%7B%7D%5D" },
    { "next-action": "0123456789abcdef" },
    { "x-console-peer": "10.0.0.9" },
  ];
  for (const headers of tricks) {
    for (const path of ["/manage-dbs", "/users", "/manage-dbs?_rsc=abcde"]) {
      const response = await new Client().ask(path, { headers });
      expect(response.status, JSON.stringify(headers)).toBe(307);
      expect(response.headers.get("location")).toMatch(/^\/sign-in/);
      const forger = new Client();
      forger.cookies.set(sessionCookie, "forged");
      const body = await (await forger.ask(path, { headers })).text();
      expect(body, JSON.stringify(headers)).not.toContain("Make the rail wide");
      expect(body).not.toContain("evil.example");
    }
    const api = await new Client().ask("/api/trpc/session.me?input=%7B%7D", { headers });
    // Next sends a request for server components to the same address with its own mark; nothing is answered before that.
    if (headers["rsc"]) expect([401, 307]).toContain(api.status);
    else expect(api.status, JSON.stringify(headers)).toBe(401);
    expect(await api.text()).not.toContain("signedInAt");
  }
  const client = await signedIn();
  const spoofed = await client.ask("/sign-in", { headers: { "x-nonce": "known-to-me" } });
  expect(spoofed.headers.get("content-security-policy")).not.toContain("known-to-me");
});

test("A18: nobody is sent to another place after signing in", async () => {
  for (const callbackUrl of [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "/%09/evil.example",
    "https:/evil.example",
    `${target.baseURL}.evil.example`,
    "/\t/evil.example",
  ]) {
    const response = await new Client().signIn({ callbackUrl });
    expect(response.status, callbackUrl).toBe(200);
    const { url } = (await response.json()) as { url: string };
    expect(new URL(url, target.baseURL).origin, callbackUrl).toBe(target.baseURL);
    expect(url, callbackUrl).toMatch(/^\/(?![/\\])/);
  }
  const kept = await new Client().signIn({ callbackUrl: "/manage-dbs/redis/main?x=1" });
  expect(await kept.json()).toEqual({ url: "/manage-dbs/redis/main?x=1" });
});

test("A19: there is no second first admin", async () => {
  expect((await new Client().ask("/set-up?token=x")).status).toBe(404);
  const response = await new Client().post("/api/auth/set-up", {
    token: "x".repeat(43),
    email: "evil@foundry.example",
    name: "Evil",
    password: "eleven quiet lanterns drift",
  });
  expect(response.status).toBe(404);
});

test("A8: many sign-ins at once are told to wait, and nothing breaks", async () => {
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => new Client().signIn({ email: "nobody@foundry.example", password: "not the password of anybody" })),
  );
  const statuses = new Set(answers.map(({ status }) => status));
  for (const status of statuses) expect([401, 429]).toContain(status);
  expect(statuses.has(429)).toBe(true);
  expect((await fetch(`${target.baseURL}/api/health`)).status).toBe(200);
  // The brake on this address must not hold up the tests that follow.
  await expect.poll(async () => (await new Client().signIn()).status, { timeout: 90_000, intervals: [2_000, 5_000] }).toBe(200);
});

test("C1 to C3: a change asked for by another site does not happen", async () => {
  const client = await signedIn();
  const count = async () => (await rest<{ jobs: unknown[] }>("GET", "/jobs?limit=200")).jobs.length;
  const before = await count();
  const own = ownPage();
  const wrong: [string, Record<string, string>][] = [
    ["cross-site", { ...own, "sec-fetch-site": "cross-site", origin: "https://evil.example" }],
    ["same-site", { ...own, "sec-fetch-site": "same-site" }],
    ["wrong origin", { ...own, origin: "https://evil.example" }],
    ["no header of ours", { "sec-fetch-site": "same-origin", origin: target.baseURL }],
    ["form", { ...own, "content-type": "application/x-www-form-urlencoded" }],
    ["upload", { ...own, "content-type": "multipart/form-data; boundary=x" }],
    ["plain text", { ...own, "content-type": "text/plain" }],
    ["neither origin nor site", { "x-console": "1" }],
  ];
  for (const [name, headers] of wrong) {
    for (const path of ["/api/trpc/sqlite.backups.create", "/api/admin/sqlite/backups"]) {
      const response = await client.ask(path, { body: "{}", headers: { "content-type": "application/json", ...headers } });
      expect({ name, path, status: response.status }).toEqual({ name, path, status: 403 });
    }
  }
  expect((await client.ask("/api/trpc/sqlite.backups.create?input=%7B%7D")).status).toBe(405);
  expect(await count()).toBe(before);
});
