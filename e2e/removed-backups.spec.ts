/** Backups whose connection was removed: an admin sees them on the page of all backups, and deletes them there. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import Database from "better-sqlite3";
import { addPerson, rest } from "./http/client.ts";
import { expect, sessionOf, takeSession, test } from "./support/console.ts";
import { confirmByName } from "./support/journey.ts";
import { ended } from "./support/kept-restore.ts";

const folder = mkdtempSync(join(tmpdir(), "console-removed-"));
const connection = `gone-${Math.random().toString(36).slice(2, 8)}`;
const rules = ["wcag2a", "wcag2aa", "wcag21aa"];
let backup: string;

test.beforeAll(async () => {
  const path = join(folder, "gone.sqlite");
  const db = new Database(path);
  db.exec("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO notes VALUES (1, 'kept')");
  db.close();
  await rest("POST", "/connections", { body: { engine: "sqlite", name: connection, environment: "staging", url: path } });
  const started = await rest<{ jobId: string; backupId: string }>("POST", "/sqlite/backups", { body: { connection } });
  await ended(started.jobId);
  backup = started.backupId;
  await rest("POST", "/connections/remove", { body: { id: `sqlite/${connection}` } });
});

test.afterAll(async () => {
  await rest("POST", `/backups/removed/${backup}/remove`, { body: { confirm: backup } }).catch(() => null);
  rmSync(folder, { recursive: true, force: true });
});

test("a backup of a removed connection is listed, at the width of a phone too, and deleted by its typed id", async ({ adminPage: page }) => {
  await page.goto("/backups");
  const panel = page.getByRole("region", { name: "Backups of removed connections", exact: true });
  const row = panel.getByRole("row", { name: connection });
  await expect(row).toContainText("SQLite");
  await expect(row.getByText("verified", { exact: true })).toBeVisible();
  await expect(panel).toContainText("again under its name");

  await page.setViewportSize({ width: 390, height: 844 });
  await expect(row).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const { violations } = await new AxeBuilder({ page }).withTags(rules).setLegacyMode().analyze();
    expect(violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html}`)).toEqual([]);
  }

  await row.getByRole("button", { name: `More about the backup ${backup}` }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await confirmByName(page, backup, "Delete backup");
  await expect(page.getByText("The backup is deleted", { exact: true })).toBeVisible();
  await expect(row).toBeHidden();
});

test("nobody else is shown them", async ({ context, page }) => {
  await takeSession(context, await sessionOf(await addPerson("operator")));
  await page.goto("/backups");
  await expect(page.getByRole("heading", { level: 2, name: "Backups", exact: true })).toBeVisible();
  await page.waitForLoadState("networkidle");
  await expect(page.getByText("Backups of removed connections")).toHaveCount(0);
});
