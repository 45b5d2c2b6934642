/** What one can learn of a backup without restoring it for good, and files that were made elsewhere. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { addPerson, rest } from "./http/client.ts";
import { expect, signInByForm, test } from "./support/console.ts";
import { backUp, confirmByName, planReplace, replaceLive, runReplace } from "./support/journey.ts";

const folder = mkdtempSync(join(tmpdir(), "console-proof-"));
const unique = Math.random().toString(36).slice(2, 8);
const live = join(folder, "notes.sqlite");
const connection = `notes-${unique}`;
const home = `/manage-dbs/sqlite/${connection}`;

function inFile<T>(path: string, work: (db: Database.Database) => T): T {
  const db = new Database(path);
  try {
    return work(db);
  } finally {
    db.close();
  }
}

test.beforeAll(async () => {
  inFile(live, (db) =>
    db.exec(`
      CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);
      INSERT INTO notes VALUES (1, 'kept in the file'), (2, NULL), (3, '');
      CREATE TABLE tags (name TEXT);
      INSERT INTO tags VALUES ('a'), ('b')
    `),
  );
  await rest("POST", "/connections", { body: { engine: "sqlite", name: connection, environment: "production", url: live } });
});

test.afterAll(async () => {
  const { restores } = await rest<{ restores: { id: string; state: string }[] }>("GET", `/sqlite/restores?connection=${connection}`);
  for (const { id, state } of restores)
    if (state !== "dropped") await rest("POST", `/sqlite/restores/${id}/drop`, { body: { connection, confirm: "notes.sqlite" } }).catch(() => null);
  await rest("POST", "/connections/remove", { body: { id: `sqlite/${connection}` } }).catch(() => null);
  rmSync(folder, { recursive: true, force: true });
});

test("a backup is looked into, compared with live, and proved", async ({ adminPage: page }) => {
  test.setTimeout(120_000);
  await page.goto(`${home}/backups`);
  await backUp(page, { mayBeQuick: true });

  await page.getByRole("button", { name: "notes", exact: true }).click();
  const inside = page.getByRole("dialog");
  await expect(inside).toContainText("3 rows, read from the backup's file");
  await expect(inside.getByRole("cell", { name: "kept in the file" })).toBeVisible();
  await expect(inside.getByRole("cell", { name: "NULL", exact: true })).toBeVisible();
  await expect(inside.getByRole("cell", { name: "''" })).toBeVisible();
  await inside.getByRole("combobox", { name: "Object" }).selectOption("tags");
  await expect(inside.getByRole("cell", { name: "b", exact: true })).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(inside).toBeHidden();

  await page.getByRole("button", { name: "Compare with live" }).first().click();
  await expect(page.getByText("Every count is equal to what is live")).toBeVisible();
  inFile(live, (db) => db.exec("DELETE FROM notes WHERE id = 1; CREATE TABLE later (n); INSERT INTO later VALUES (1)"));
  await page.getByRole("button", { name: "Compare again" }).click();
  const objects = page.getByRole("region", { name: "Objects of this backup" });
  await expect(objects.getByRole("row", { name: /later/ })).toContainText("not in backup");
  await expect(objects.getByRole("row", { name: /notes/ })).toContainText("−1");
  // Only what differs, until all is asked for.
  await expect(objects.getByRole("row", { name: /tags/ })).toBeHidden();
  await page.getByRole("radio", { name: /^All/ }).check({ force: true });
  await expect(objects.getByRole("row", { name: /tags/ })).toContainText("equal");

  await page.getByRole("button", { name: "Prove by a drill" }).click();
  await expect(page.getByRole("heading", { name: "Proved" })).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("proved", { exact: true })).toBeVisible();
  await page.goto(`${home}/backups`);
  await expect(page.getByRole("region", { name: "Backups", exact: true }).getByText("proved", { exact: true })).toHaveCount(1);
});

test("a file made elsewhere is taken in, marked as such, and restored with the same steps; plain SQL is refused with the reason", async ({
  adminPage: page,
}) => {
  test.setTimeout(120_000);
  const made = join(folder, "elsewhere.db");
  inFile(made, (db) => db.exec("CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO notes VALUES (9, 'from elsewhere')"));
  await page.goto(`${home}/backups`);
  await page.getByRole("button", { name: "Upload a backup" }).first().click();
  const upload = page.getByRole("region", { name: "Upload a backup" });
  await upload.locator("input[type=file]").setInputFiles(made);
  await expect(page.getByRole("heading", { level: 1, name: /^Backup of/ })).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText("uploaded, not ours")).toBeVisible();
  await replaceLive(page, "notes.sqlite");
  expect(inFile(live, (db) => db.prepare("SELECT text FROM notes").pluck().all())).toEqual(["from elsewhere"]);
  await page.getByRole("button", { name: "Undo this restore" }).click();
  await confirmByName(page, "notes.sqlite", "Undo this restore");
  await expect(page.getByText("Undone since")).toBeVisible({ timeout: 30_000 });
  expect(inFile(live, (db) => db.prepare("SELECT count(*) FROM notes").pluck().get())).toBe(2);

  const plain = join(folder, "plain.sql");
  writeFileSync(plain, "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\nCREATE TABLE notes (id int);\n");
  await page.goto("/manage-dbs/postgres/main/backups");
  await page.getByRole("button", { name: "Upload a backup" }).first().click();
  await upload.locator("input[type=file]").setInputFiles(plain);
  await expect(upload.getByRole("alert")).toContainText("Plain SQL is not taken", { timeout: 30_000 });
});

test("with the rule of two a restore waits for another person, who is told and agrees", async ({ adminPage: page, browser, watched }) => {
  test.setTimeout(180_000);
  const other = await addPerson("admin");
  await page.goto(`${home}/backups`);
  await backUp(page, { mayBeQuick: true });
  inFile(live, (db) => db.exec("INSERT INTO tags VALUES ('late')"));
  const backup = page.url();

  await page.goto(`${home}/backups/schedules`);
  const rule = page.getByRole("region", { name: "Two persons" });
  await rule.getByRole("button", { name: "Require two persons" }).click();
  await expect(rule.getByText("required", { exact: true })).toBeVisible();

  await page.goto(backup);
  await planReplace(page, "notes.sqlite");
  await page.getByRole("button", { name: "Ask a second person" }).click();
  await expect(page.getByRole("button", { name: "Waiting for a second person" })).toBeDisabled();
  // Who asks does not agree with themselves.
  await page.goto(`${home}/backups`);
  const waiting = page.getByRole("region", { name: "Waiting for a second person" });
  await expect(waiting.getByRole("button", { name: "Take it back" })).toBeVisible();
  await expect(waiting.getByRole("button", { name: "Approve" })).toBeHidden();

  const context = await browser.newContext();
  const theirs = await context.newPage();
  await signInByForm(theirs, other);
  await theirs.getByRole("link", { name: /^Decide/ }).click();
  const request = theirs.getByRole("region", { name: "Waiting for a second person" });
  await request.getByRole("button", { name: "Approve" }).click();
  await confirmByName(theirs, "notes.sqlite", "Approve");
  await expect(request).toBeHidden();
  await context.close();

  await waiting.getByRole("link", { name: "Open the restore" }).click();
  await page.getByRole("radio", { name: /^Replace/ }).check();
  await page.getByRole("button", { name: "Go on to plan" }).click();
  await page.getByRole("button", { name: "Go on to confirm" }).click();
  await expect(page.getByRole("region", { name: "A second person agrees" })).toContainText("Person admin");
  await page.getByRole("textbox", { name: /^Write/ }).fill("notes.sqlite");
  await runReplace(page, "notes.sqlite", "Restored");
  expect(inFile(live, (db) => db.prepare("SELECT count(*) FROM tags").pluck().get())).toBe(2);
  expect(watched.problems).toEqual([]);

  // A viewer sees what is kept, and nothing to press.
  const viewer = await addPerson("viewer");
  const looking = await browser.newContext();
  const viewed = await looking.newPage();
  await signInByForm(viewed, viewer);
  await viewed.goto(`${home}/backups`);
  const kept = viewed.getByRole("region", { name: "Restores that can be undone" });
  await expect(kept.getByRole("row")).not.toHaveCount(0);
  await expect(kept.getByRole("button")).toHaveCount(0);
  await expect(viewed.getByRole("button", { name: "Upload a backup" })).toHaveCount(0);
  await looking.close();
});
