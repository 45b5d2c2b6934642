/** C7, C8: names and values that are markup stay text, in all four engines; an address of a script is no link. */
import type { Page } from "@playwright/test";
import { expect, test } from "./support/console.ts";
import { inMongodb, inPostgres, inRedis, uniqueName } from "./support/databases.ts";

const markup = "<img src=x onerror=window.x=1>";
const script = "javascript:window.x=1";
const table = uniqueName("links");

test.beforeAll(async () => {
  await inPostgres(async (client) => {
    await client.query(`CREATE TABLE public."${table}" (id int PRIMARY KEY, "${markup}" text, link text)`);
    await client.query(`INSERT INTO public."${table}" VALUES (1, $1, $2)`, [markup, script]);
  });
  await inRedis((client) => client.hset(`${table}:${markup}`, markup, markup, "link", script));
  await inMongodb((client) =>
    client
      .db("bookshop")
      .collection(`${table} ${markup}`)
      .insertOne({ [markup]: markup, link: script }),
  );
});

test.afterAll(async () => {
  await inPostgres((client) => client.query(`DROP TABLE public."${table}"`));
  await inRedis((client) => client.del(`${table}:${markup}`));
  await inMongodb((client) => client.db("bookshop").dropCollection(`${table} ${markup}`));
});

async function expectText(page: Page): Promise<void> {
  await expect(page.getByText(markup).filter({ visible: true }).first()).toBeVisible();
  expect(await page.locator("img[src=x]").count()).toBe(0);
  expect(await page.locator('a[href^="javascript"]').count()).toBe(0);
  expect(await page.evaluate(() => (globalThis as { x?: unknown }).x)).toBeUndefined();
}

for (const engine of ["postgres", "sqlite"]) {
  test(`a table and a column named ${markup} in ${engine}`, async ({ adminPage: page }) => {
    await page.goto(`/manage-dbs/${engine}/main/tables?table=${encodeURIComponent(markup)}`);
    await expect(page.getByRole("heading", { level: 1 })).toContainText(markup);
    await page.getByRole("grid").getByRole("rowheader", { name: markup }).first().click();
    await expect(page.getByRole("complementary")).toContainText(markup);
    await expectText(page);
    await page.getByLabel("Search tables").fill(markup);
    await expectText(page);
    await page.goto(`/manage-dbs/${engine}/main/tables?table=${encodeURIComponent(markup)}&view=schema`);
    await expect(page.getByRole("heading", { name: "Columns" })).toBeVisible();
    await expectText(page);
    await page.goto(`/manage-dbs/${engine}/main/tables?table=${encodeURIComponent(`${markup} is not there`)}`);
    await expectText(page);
  });
}

test("C8: a cell with the address of a script is no link", async ({ adminPage: page }) => {
  await page.goto(`/manage-dbs/postgres/main/tables?table=${table}&schema=public`);
  await expect(page.getByRole("gridcell", { name: script })).toBeVisible();
  await page.getByRole("rowheader", { name: "1", exact: true }).click();
  await expect(page.getByRole("complementary")).toContainText(script);
  await expectText(page);
});

test("a key, a field and a value of Redis", async ({ adminPage: page }) => {
  await page.goto(`/manage-dbs/redis/main/keys?pattern=${encodeURIComponent(`${table}:*`)}&key=${encodeURIComponent(`${table}:${markup}`)}&encoding=utf8`);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(`${table}:${markup}`);
  await page.getByRole("row").filter({ hasText: markup }).first().click();
  await expectText(page);
  await page.getByRole("treeitem").first().click();
  await expectText(page);
});

test("a collection, a field and a value of MongoDB", async ({ adminPage: page }) => {
  const address = `/manage-dbs/mongodb/main/collections?collection=${encodeURIComponent(`${table} ${markup}`)}`;
  for (const view of ["documents", "documents&as=table", "schema", "indexes"]) {
    await page.goto(`${address}&view=${view}`);
    await expect(page.getByRole("heading", { level: 1 })).toHaveText(`${table} ${markup}`);
    await page.waitForLoadState("networkidle");
    await expectText(page);
  }
});

test("an error and a target of the audit log", async ({ adminPage: page }) => {
  await page.goto(`/manage-dbs/redis/main/keys?pattern=${encodeURIComponent(`${markup}`)}`);
  await expect(page.getByText("There is no key")).toBeVisible();
  await expectText(page);
  await page.goto("/audit");
  await page.getByLabel("Search target, request, address").fill(markup);
  await page.waitForLoadState("networkidle");
  expect(await page.evaluate(() => (globalThis as { x?: unknown }).x)).toBeUndefined();
});
