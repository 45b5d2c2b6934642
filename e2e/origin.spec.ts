/** A connection that was removed and added again for another database: its old backups say what they are copies of, before anything is replaced. */
import { rest } from "./http/client.ts";
import { expect, test } from "./support/console.ts";
import { inPostgres, postgresUrl, uniqueName } from "./support/databases.ts";

const [before, after] = [uniqueName("origin_a"), uniqueName("origin_b")];
const connection = before.replaceAll("_", "-");
const add = (database: string) =>
  rest("POST", "/connections", { body: { engine: "postgres", name: connection, environment: "development", url: postgresUrl(database) } });
const remove = () => rest("POST", "/connections/remove", { body: { id: `postgres/${connection}` } });
let backupId = "";

test.beforeAll(async () => {
  for (const database of [before, after]) {
    await inPostgres((client) => client.query(`CREATE DATABASE "${database}"`));
    await inPostgres((client) => client.query("CREATE TABLE notes AS SELECT 1 AS id"), postgresUrl(database));
  }
  await add(before);
  const started = await rest<{ jobId: string; backupId: string }>("POST", "/postgres/backups", { body: { connection } });
  backupId = started.backupId;
  await expect.poll(async () => (await rest<{ state: string }>("GET", `/jobs/${started.jobId}`)).state, { timeout: 60_000 }).toBe("succeeded");
  await remove();
  await add(after);
});

test.afterAll(async () => {
  await remove();
  for (const database of [before, after]) await inPostgres((client) => client.query(`DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`));
});

test("the list, the backup and every step of its restore say of which database it is a copy", async ({ adminPage: page }) => {
  await page.goto(`/manage-dbs/postgres/${connection}/backups`);
  const row = page.getByRole("region", { name: "Backups", exact: true }).getByRole("row").filter({ hasText: "of another database" });
  await expect(row).toHaveCount(1);

  await page.goto(`/manage-dbs/postgres/${connection}/backups/${backupId}`);
  await expect(page.getByText("of another database")).toBeVisible();
  await expect(page.getByText(new RegExp(`/${before}$`))).toBeVisible();

  await page.getByRole("link", { name: "Restore" }).click();
  const note = page.getByRole("note").filter({ hasText: "This backup is a copy of another database." });
  await expect(note).toContainText(before);
  await page.getByRole("radio", { name: /replace/i }).check();
  await page.getByRole("button", { name: "Go on to plan" }).click();
  await expect(page.getByText(/^The backup was taken from another database: .+/)).toContainText(before);
  await expect(note).toBeVisible();
  await page.getByRole("button", { name: "Go on to confirm" }).click();
  await expect(page.getByText("Type the name of the target")).toBeVisible();
  await expect(note).toBeVisible();
});
