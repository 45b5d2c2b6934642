import type { Page } from "@playwright/test";
import { addPerson, rest } from "./http/client.ts";
import { expect, sessionOf, takeSession, test, watch } from "./support/console.ts";
import { target } from "./support/target.ts";

const engines = ["SQLite", "Redis", "PostgreSQL", "MongoDB"];

/** Grave acts ask for the password when the sign-in is some minutes old. */
async function stillMe(page: Page, done: () => Promise<void>): Promise<void> {
  const dialog = page.getByRole("dialog", { name: "Is it still you?" });
  await expect(async () => {
    if (await dialog.isVisible()) {
      await dialog.locator("input").fill(target.password);
      await dialog.getByRole("button", { name: "Go on" }).click();
      await expect(dialog).toBeHidden();
    }
    await done();
  }).toPass({ timeout: 15_000 });
}

test("home shows the four databases, their health, what needs attention and the last jobs", async ({ adminPage: page }) => {
  await page.goto("/");
  for (const engine of engines) {
    const card = page.getByRole("link", { name: new RegExp(`^${engine} .*main`) }).filter({ visible: true });
    await expect(card).toContainText(target.isRunning ? /production|staging|development/ : "production");
  }
  await expect.poll(() => page.getByText("Healthy").filter({ visible: true }).count()).toBeGreaterThanOrEqual(4);
  await expect(page.getByRole("heading", { name: "Needs attention" })).toBeVisible();
  await page.getByRole("link", { name: "All jobs" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Jobs" })).toBeVisible();
});

test("a job has its page with log and facts, and leads to its backup", async ({ adminPage: page }) => {
  const { jobId } = await rest<{ jobId: string }>("POST", "/sqlite/backups", { body: {} });
  await page.goto("/jobs");
  const row = page.getByRole("region", { name: "Jobs" }).getByRole("row").filter({ hasText: jobId });
  await expect(row).toContainText("SQLite / main");
  await expect(row).toContainText("succeeded", { timeout: 30_000 });
  await row.getByRole("link").click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("SQLite / main");
  await expect(page.getByRole("heading", { name: "Log" })).toBeVisible();
  await page.getByRole("link", { name: "Open backup" }).click();
  await expect(page.getByRole("heading", { level: 1, name: /^Backup of/ })).toBeVisible();
  await page.goto("/backups");
  await expect(page.getByRole("region", { name: "Backups" }).getByText("SQLite / main").filter({ visible: true }).first()).toBeVisible();
});

test("the audit log is filtered, opened and its chain verified", async ({ adminPage: page }) => {
  await page.goto("/audit");
  await page.getByRole("button", { name: /^Action/ }).click();
  await page
    .getByRole("menuitemcheckbox", { name: "sign in" })
    .or(page.getByRole("menuitemradio", { name: "sign in" }))
    .or(page.getByRole("menuitem", { name: "sign in" }))
    .click();
  await expect(page).toHaveURL(/action=/);
  const log = page.getByRole("region", { name: "Audit log" });
  await expect(log.getByRole("row").nth(1)).toContainText("sign in");
  await expect(log.getByText("export", { exact: true })).toHaveCount(0);
  await log.getByRole("row").nth(1).getByRole("button").first().click();
  await expect(log.getByRole("button", { name: "Copy the hash this" })).toBeVisible();
  await page.getByRole("button", { name: /^Take away the filter Action/ }).click();
  await expect(page).not.toHaveURL(/action=/);
  await page.getByLabel("Search target, request, address").fill("nothing is called like this");
  await expect(page.getByText(/^No /).first()).toBeVisible();
  await page.getByLabel("Search target, request, address").fill("");
  await page.getByRole("button", { name: /^Verify/ }).click();
  await expect(page.getByText("Chain verified")).toBeVisible();
});

test("a viewer is added and sees what a viewer may: nothing that changes or takes away data", async ({ adminPage: page, browser }) => {
  const email = `vera.${Math.random().toString(36).slice(2, 8)}@foundry.example`;
  const password = "violet harbour under seven bridges";
  await page.goto("/users");
  await page.getByRole("button", { name: "Add user" }).click();
  const dialog = page.getByRole("dialog", { name: "Add user" });
  await dialog.getByLabel("Name").fill("Vera Viewer");
  await dialog.getByLabel("Email").fill(email);
  await dialog.getByLabel("Role").selectOption("viewer");
  await dialog.getByLabel("First password").fill(password);
  await dialog.getByRole("button", { name: "Add user" }).click();
  await stillMe(page, async () => {
    await expect(page.getByRole("row").filter({ hasText: email })).toContainText("Vera Viewer", { timeout: 1_000 });
  });

  const context = await browser.newContext({ baseURL: target.baseURL });
  const watched = await watch(context);
  watched.allow(/status of 404/);
  const viewer = await context.newPage();
  await viewer.goto("/sign-in");
  await viewer.getByLabel("Email").fill(email);
  await viewer.getByLabel("Password", { exact: true }).fill(password);
  await viewer.getByRole("button", { name: "Sign in" }).click();
  await expect(viewer.getByRole("heading", { level: 1, name: "Home" })).toBeVisible();
  const forbidden = viewer
    .getByRole("button", { name: /export|back up|restore|delete|download/i })
    .or(viewer.getByRole("link", { name: /^restore$|add connection/i }));
  for (const path of [
    "/",
    "/manage-dbs/postgres/main/tables?table=books&schema=public",
    "/manage-dbs/sqlite/main/tables?table=books",
    "/manage-dbs/redis/main/keys?key=awkward:int64&encoding=utf8",
    "/manage-dbs/mongodb/main/collections?collection=books",
    "/manage-dbs/sqlite/main/backups",
    "/backups",
  ]) {
    await viewer.goto(path);
    await expect(viewer.getByRole("main").getByRole("heading").first()).toBeVisible();
    await viewer.waitForLoadState("networkidle");
    await expect(forbidden, path).toHaveCount(0);
  }
  const rail = viewer.getByRole("navigation", { name: "Console" });
  await expect(rail.getByRole("link", { name: "Users" })).toHaveCount(0);
  await expect(rail.getByRole("link", { name: "Audit" })).toHaveCount(0);
  for (const path of ["/users", "/settings/connections", "/audit"]) {
    const answer = await viewer.goto(path);
    expect(answer?.status(), path).toBe(404);
    await expect(viewer.getByText("There is no such page")).toBeVisible();
  }
  expect(watched.problems).toEqual([]);
  await context.close();
});

test("a connection is tested, added, changed and removed", async ({ adminPage: page }) => {
  const name = `dead-${Math.random().toString(36).slice(2, 8)}`;
  await page.goto("/settings/connections");
  await page.getByRole("button", { name: "Add connection" }).click();
  await page.getByLabel("Engine").selectOption("postgres");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Environment").selectOption("staging");
  await page.getByLabel("URL", { exact: true }).fill("postgres://nobody@127.0.0.1:9/nothing");
  await page.getByRole("button", { name: "Test connection" }).click();
  await expect(page.getByText(/127\.0\.0\.1:9/).first()).toBeVisible();
  await page.getByRole("button", { name: "Add connection" }).last().click();
  const row = page.getByRole("region", { name: "Connections" }).getByRole("row").filter({ hasText: name });
  await stillMe(page, () => expect(row).toContainText("staging", { timeout: 1_000 }));
  await expect(row).toContainText("127.0.0.1:9");

  await row.getByRole("button", { name: /^More about/ }).click();
  await page.getByRole("menuitem", { name: "Edit" }).click();
  await page.getByLabel("Environment").selectOption("development");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(row).toContainText("development");

  await row.getByRole("button", { name: /^More about/ }).click();
  await page.getByRole("menuitem", { name: "Remove" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByRole("button", { name: "Remove connection" })).toBeDisabled();
  await dialog.getByRole("textbox").fill(name);
  await dialog.getByRole("button", { name: "Remove connection" }).click();
  await expect(row).toHaveCount(0);
});

test("a person changes their password; the other session of theirs ends", async ({ browser }) => {
  const person = await addPerson("operator");
  const [here, there] = [await browser.newContext({ baseURL: target.baseURL }), await browser.newContext({ baseURL: target.baseURL })];
  await takeSession(here, await sessionOf(person));
  await takeSession(there, await sessionOf(person));
  const page = await here.newPage();
  await page.goto("/settings/account");
  await page.getByLabel("Current password").fill(`${person.password} not`);
  await page.getByLabel("New password").fill("eleven herons over the weir");
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "not your password" })).toBeVisible();
  await page.getByLabel("Current password").fill(person.password);
  await page.getByRole("button", { name: "Change password" }).click();
  await expect(page.getByText("Password changed").first()).toBeVisible();
  await page.goto("/");
  await expect(page).not.toHaveURL(/sign-in/);
  const other = await there.newPage();
  await other.goto("/");
  await expect(other).toHaveURL(/sign-in/);
  await Promise.all([here.close(), there.close()]);
});
