/** C1, C4: what a page of another site can do with a real browser whose owner is signed in here: nothing. */
import { createServer, type Server } from "node:http";
import { expect, test } from "@playwright/test";
import { sessionOf, takeSession } from "../support/console.ts";
import { target } from "../support/target.ts";
import { rest } from "./client.ts";

let site: Server;
let html = "";
let address = "";

test.beforeAll(async () => {
  site = createServer((_, response) => response.setHeader("content-type", "text/html").end(html));
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  const place = site.address();
  // Another name of this machine is another site for the browser.
  address = `http://localhost:${place && typeof place === "object" ? place.port : 0}/`;
});

test.afterAll(() => {
  site.closeAllConnections();
  site.close();
});

const jobs = async () => (await rest<{ jobs: { id: string }[] }>("GET", "/jobs?limit=200")).jobs.length;
const done = async () => (await rest<{ entries: { outcome: string }[] }>("GET", "/audit?limit=1")).entries.length;

for (const type of ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]) {
  test(`C1: a form of another site, as ${type}`, async ({ page, context }) => {
    await takeSession(context, await sessionOf());
    await page.goto(`${target.baseURL}/manage-dbs/sqlite/main`);
    await expect(page).not.toHaveURL(/sign-in/);
    const before = await jobs();
    for (const path of ["/api/trpc/sqlite.backups.create", "/api/admin/sqlite/backups", "/api/trpc/users.setRole", "/api/auth/signout"]) {
      html = `<form method="post" enctype="${type}" action="${target.baseURL}${path}"><input name='{"a":"' value='"}'></form><script>document.forms[0].submit()</script>`;
      const answered = page.waitForResponse((response) => response.url().endsWith(path));
      await page.goto(address);
      const response = await answered;
      expect([400, 401, 403, 415], path).toContain(response.status());
    }
    expect(await jobs()).toBe(before);
    expect(await done()).toBeGreaterThan(0);
    await page.goto(`${target.baseURL}/manage-dbs`);
    await expect(page, "the form did not sign anybody out").toHaveURL(/\/manage-dbs\/sqlite\//);
  });
}

test("C1: a script of another site reads nothing and changes nothing", async ({ page, context }) => {
  await takeSession(context, await sessionOf());
  const before = await jobs();
  html = "<title>other</title>";
  await page.goto(address);
  const outcomes = await page.evaluate(async (base) => {
    const attempt = (path: string, init: RequestInit) =>
      fetch(base + path, { credentials: "include", ...init }).then(
        async (response) => `answered ${response.status} ${await response.text()}`,
        () => "blocked",
      );
    return Promise.all([
      attempt("/api/trpc/session.me?input=%7B%7D", {}),
      attempt("/api/trpc/sqlite.backups.create", { method: "POST", body: "{}", headers: { "content-type": "application/json", "x-console": "1" } }),
      attempt("/api/admin/sqlite/backups", { method: "POST", body: "{}" }),
    ]);
  }, target.baseURL);
  expect(outcomes).toEqual(["blocked", "blocked", "blocked"]);
  expect(await jobs()).toBe(before);
});

test("C4: no page of the console can be framed, by another site or by its own", async ({ page, context }) => {
  await takeSession(context, await sessionOf());
  for (const path of ["/sign-in", "/manage-dbs/postgres/main", "/users"]) {
    html = `<iframe src="${target.baseURL}${path}"></iframe>`;
    await page.goto(address);
    await expect.poll(() => page.frames().length).toBe(2);
    await expect.poll(() => page.frames()[1]?.url(), { message: path }).toMatch(/^chrome-error:/);
  }
});
