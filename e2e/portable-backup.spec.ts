/** The format that goes to other versions and forks: asked for beside "Back up now", and by a schedule. */
import { expect, test } from "./support/console.ts";

test("a portable backup is asked for in the menu beside the button, appears with its label and is read back whole", async ({ adminPage: page, watched }) => {
  await page.goto("/manage-dbs/redis/main/backups");
  const table = page.getByRole("region", { name: "Backups", exact: true });
  // Counted when the list is there, and not the lines that keep its place.
  await expect(table.getByRole("rowheader").or(page.getByText("No backup yet")).first()).toBeVisible();
  const before = await table.getByText("portable", { exact: true }).count();
  await page.getByRole("button", { name: "Other formats of a backup" }).first().click();
  await page.getByRole("menuitem", { name: "Back up as portable" }).click();
  await expect(table.getByText("portable", { exact: true })).toHaveCount(before + 1, { timeout: 60_000 });
  const made = table
    .getByRole("row")
    .filter({ has: page.getByText("portable", { exact: true }) })
    .first();
  await expect(made.getByText("verified", { exact: true })).toBeVisible({ timeout: 60_000 });
  await made.getByRole("link").first().click();
  await expect(page.getByText("portable", { exact: true }).first()).toBeVisible();
  await expect(page.getByText("The file was read back whole")).toBeVisible();
  expect(watched.problems).toEqual([]);
});

test("a schedule is told the format, and says it in its line", async ({ adminPage: page, watched }) => {
  await page.goto("/manage-dbs/redis/main/backups/schedules");
  await page.getByRole("button", { name: "Add schedule" }).first().click();
  const form = page.getByRole("dialog", { name: "Add a schedule" });
  await form.getByRole("combobox", { name: "Format" }).selectOption({ label: "portable" });
  await expect(form.getByText(/for another version or fork/)).toBeVisible();
  await form.getByRole("button", { name: "Add schedule" }).click();
  const line = page.getByRole("row").filter({ hasText: "Backup as portable" });
  await expect(line).toHaveCount(1);
  // Switched off it is still the same schedule.
  await line.getByRole("button", { name: /^More about/ }).click();
  await page.getByRole("menuitem", { name: "Switch off" }).click();
  await expect(line.getByText("off", { exact: true })).toBeVisible();
  await line.getByRole("button", { name: /^More about/ }).click();
  await page.getByRole("menuitem", { name: "Remove" }).click();
  await expect(line).toHaveCount(0);
  expect(watched.problems).toEqual([]);
});
