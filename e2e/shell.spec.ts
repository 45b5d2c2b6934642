import { expect, test } from "./support/console.ts";

test("the palette finds a table and Enter opens it", async ({ adminPage: page }) => {
  await page.goto("/");
  await expect(page.getByText("Healthy").filter({ visible: true }).first()).toBeVisible();
  await page.keyboard.press("Control+k");
  const field = page.getByRole("combobox", { name: "Go to or do" });
  await field.fill("order_lines");
  await expect(page.getByRole("option", { name: /public\.order_lines/ })).toBeVisible();
  while ((await page.getByRole("option", { selected: true }).textContent())?.includes("public.order_lines") !== true) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/\/manage-dbs\/postgres\/main\/tables\?.*table=order_lines/);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("public.order_lines");
  await page.keyboard.press("Control+k");
  await expect(field).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(field).toBeHidden();
});

test("? lists the keys, and they work in the grid", async ({ adminPage: page }) => {
  await page.goto("/manage-dbs/postgres/main/tables?table=books&schema=public");
  const grid = page.getByRole("grid", { name: "Rows of books" });
  await expect(grid.getByRole("row").nth(3)).toBeVisible();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keys" })).toContainText("go to anything");
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await grid.focus();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("complementary", { name: "books 2" })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("complementary")).toHaveCount(0);
  await page.keyboard.press("/");
  await expect(page.locator(":focus")).toHaveAttribute("aria-label", /^(Filter|Search)/);
});

test("the theme is kept from page to page", async ({ adminPage: page }) => {
  await page.goto("/jobs");
  const html = page.locator("html");
  await page.getByRole("button", { name: "Change the theme" }).click();
  await expect(html).toHaveClass(/dark/);
  await page.goto("/backups");
  await expect(html).toHaveClass(/dark/);
  await page.getByRole("button", { name: "Change the theme" }).click();
  await expect(html).toHaveClass(/light/);
});

test("filters and the open row are in the address, and the way back works", async ({ adminPage: page }) => {
  await page.goto("/manage-dbs/postgres/main/tables?table=books&schema=public");
  await page.getByLabel("Filter id").fill("7");
  await page.getByLabel("Filter id").press("Enter");
  await expect(page).toHaveURL(/filters=/);
  await page.getByRole("rowheader", { name: "7", exact: true }).click();
  await expect(page).toHaveURL(/row=/);
  const address = page.url();
  await page.getByRole("navigation", { name: "PostgreSQL main" }).getByRole("link", { name: "Backups" }).click();
  await expect(page).toHaveURL(/backups$/);
  await page.goBack();
  expect(page.url()).toBe(address);
  await expect(page.getByRole("complementary", { name: "books 7" })).toBeVisible();
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test("tabs at the lower edge, the rest behind More", async ({ adminPage: page }) => {
    await page.goto("/");
    const tabs = page.getByRole("navigation", { name: "Console" }).filter({ visible: true });
    await tabs.getByRole("link", { name: /Jobs/ }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Jobs" })).toBeVisible();
    await tabs.getByRole("button", { name: "More" }).click();
    await page.getByRole("dialog", { name: "More" }).getByRole("link", { name: "Audit" }).click();
    await expect(page).toHaveURL(/audit/);
    await expect(page.getByRole("dialog")).toHaveCount(0);
  });

  test("from the list of keys to a key and back", async ({ adminPage: page }) => {
    await page.goto("/manage-dbs/redis/main/keys?pattern=awkward:int64");
    const tree = page.getByRole("tree");
    await tree
      .getByRole("treeitem", { name: /^awkward/ })
      .first()
      .click();
    await tree.getByRole("treeitem", { name: /int64/ }).last().click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("awkward:int64");
    await expect(tree).toBeHidden();
    await expect(page.getByText("9223372036854775807")).toBeVisible();
    await page.getByRole("button", { name: "Back to the keys" }).click();
    await expect(tree).toBeVisible();
  });

  test("no page is wider than the phone", async ({ adminPage: page }) => {
    for (const path of [
      "/",
      "/manage-dbs/postgres/main",
      "/manage-dbs/postgres/main/tables",
      "/manage-dbs/sqlite/main/backups",
      "/manage-dbs/mongodb/main/collections",
      "/jobs",
      "/audit",
      "/users",
      "/settings/connections",
      "/settings/account",
      "/settings/limits",
    ]) {
      await page.goto(path);
      await page.waitForLoadState("networkidle");
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(390);
    }
  });
});
