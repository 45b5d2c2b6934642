import { rest } from "./http/client.ts";
import { expect, test } from "./support/console.ts";
import { inPostgres, uniqueName } from "./support/databases.ts";

const connection = `dead-${Math.random().toString(36).slice(2, 8)}`;
const empty = uniqueName("empty_table");
const urls = {
  postgres: "postgres://nobody@127.0.0.1:9/nothing",
  redis: "redis://127.0.0.1:9",
  mongodb: "mongodb://127.0.0.1:9/",
};

test.beforeAll(async () => {
  for (const [engine, url] of Object.entries(urls)) await rest("POST", "/connections", { body: { engine, name: connection, environment: "staging", url } });
  await inPostgres((client) => client.query(`CREATE TABLE public."${empty}" (id int PRIMARY KEY, note text)`));
});

test.afterAll(async () => {
  for (const engine of Object.keys(urls)) await rest("POST", "/connections/remove", { body: { id: `${engine}/${connection}` } });
  await inPostgres((client) => client.query(`DROP TABLE public."${empty}"`));
});

for (const [engine, section] of [
  ["postgres", "tables"],
  ["redis", "keys"],
  ["mongodb", "collections"],
]) {
  test(`a ${engine} server that does not answer: why, what to do, and the rest works`, async ({ adminPage: page, watched }) => {
    watched.allow(/status of 50\d/);
    for (const path of ["", `/${section}`]) {
      await page.goto(`/manage-dbs/${engine}/${connection}${path}`);
      const state = page.getByRole("alert").filter({ hasText: "127.0.0.1:9" }).first();
      await expect(state).toBeVisible({ timeout: 20_000 });
      await expect(state.getByRole("button", { name: "Try again" })).toBeVisible();
      expect((await state.innerText()).split("\n").filter((line) => line.trim() !== "").length, "a reason and a fix").toBeGreaterThanOrEqual(3);
    }
    await page.goto(`/manage-dbs/${engine}/${connection}/backups`);
    await expect(page.getByText("No backup yet")).toBeVisible();
    await page.getByRole("navigation", { name: "Engines" }).getByRole("link", { name: "SQLite" }).click();
    await expect(page.getByRole("heading", { name: /largest/i })).toBeVisible();
  });
}

test("an empty table says so", async ({ adminPage: page }) => {
  await page.goto(`/manage-dbs/postgres/main/tables?table=${empty}&schema=public`);
  await expect(page.getByText("This table has no rows")).toBeVisible();
  await expect(page.getByRole("columnheader", { name: /note/ })).toBeVisible();
});

test("a filter without a match is one click away from all rows", async ({ adminPage: page }) => {
  await page.goto("/manage-dbs/postgres/main/tables?table=books&schema=public");
  await page.getByLabel("Filter title").fill("no book is called this");
  await page.getByLabel("Filter title").press("Enter");
  await expect(page.getByText("No row matches the filter")).toBeVisible();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await expect(page.getByRole("rowheader", { name: "1", exact: true })).toBeVisible();
});

test("a filter that the server refuses leaves the page alive and says why", async ({ adminPage: page, watched }) => {
  watched.allow(/status of 4\d\d/);
  await page.goto("/manage-dbs/postgres/main/tables?table=books&schema=public");
  await page.getByLabel("Filter id").fill("= not a number");
  await page.getByLabel("Filter id").press("Enter");
  await expect(
    page
      .getByRole("alert")
      .filter({ hasText: /number|integer|bigint/i })
      .first(),
  ).toBeVisible();
  await page.getByRole("button", { name: "Clear filters" }).click();
  await expect(page.getByRole("rowheader", { name: "1", exact: true })).toBeVisible();
});

test("a table, a key, a collection and a page that are not there", async ({ adminPage: page, watched }) => {
  watched.allow(/status of 404/);
  await page.goto("/manage-dbs/postgres/main/tables?table=gone&schema=public");
  await expect(page.getByText("There is no table named gone")).toBeVisible();
  await page.goto("/manage-dbs/redis/main/keys?key=gone&encoding=utf8");
  await expect(page.getByText("This key is not there any more")).toBeVisible();
  await page.goto("/manage-dbs/mongodb/main/collections?collection=gone");
  await expect(page.getByText("no collection named gone")).toBeVisible();
  const gone = [
    "/manage-dbs/postgres/nobody",
    "/manage-dbs/postgres/no/tables",
    "/manage-dbs/oracle/main",
    "/manage-dbs/sqlite/main/backups/nothing",
    "/nothing/here",
  ];
  for (const path of [...gone, "/jobs/nothing"]) {
    const answer = await page.goto(path);
    if (gone.includes(path)) expect(answer?.status(), path).toBe(404);
    await expect(page.getByText(/There is no/).first(), path).toBeVisible();
  }
});

test("a very long value is cut in the grid with its length, and whole when asked", async ({ adminPage: page }) => {
  await page.goto("/manage-dbs/sqlite/main/tables?table=awkward_values");
  const row = page.getByRole("row").filter({ hasText: "1 MiB of text" });
  await expect(row).toContainText(/1.?048.?576/);
  expect((await row.innerText()).length).toBeLessThan(1_000);
});

test("where the console itself is not reached, nothing is called fine", async ({ adminPage: page, watched }) => {
  watched.allow(/ERR_FAILED|Failed to fetch/);
  await page.goto("/manage-dbs/sqlite/main/backups");
  await expect(page.getByRole("heading", { name: "Last 30 days" })).toBeVisible();
  // The browser's own side of it: the requests leave and nothing comes back.
  await page.route("**/api/trpc/**", (route) => route.abort());
  const silent = page.getByRole("alert").filter({ hasText: "The console does not answer" });
  await page.getByRole("button", { name: "Back up now" }).first().click();
  await expect(page.getByText("The console does not answer").first()).toBeVisible();
  await expect(page.getByText("Failed to fetch")).toHaveCount(0);
  await page.getByRole("navigation", { name: "Console" }).getByRole("link", { name: "Home" }).click();
  await expect(silent.first()).toBeVisible({ timeout: 30_000 });
  await expect(page.getByText("Nothing needs you")).toHaveCount(0);
});
