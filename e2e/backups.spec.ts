/** A backup that takes some seconds: what is seen while it runs, and that it can be stopped. */
import { rest } from "./http/client.ts";
import { expect, sessionOf, takeSession, test } from "./support/console.ts";
import { inPostgres, postgresUrl, uniqueName } from "./support/databases.ts";
import { target } from "./support/target.ts";

const database = uniqueName("long_backup");
const connection = database.replaceAll("_", "-");

test.beforeAll(async () => {
  test.setTimeout(120_000);
  await inPostgres((client) => client.query(`CREATE DATABASE "${database}"`));
  await inPostgres(async (client) => {
    await client.query("CREATE TABLE readings (id int PRIMARY KEY, text text NOT NULL)");
    // Text that hardly compresses, so that the work is long and the file is not.
    await client.query(
      "INSERT INTO readings SELECT n, (SELECT string_agg(md5(n::text || part), '') FROM generate_series(1, 12) AS part) FROM generate_series(1, 200000) AS n",
    );
  }, postgresUrl(database));
  await rest("POST", "/connections", { body: { engine: "postgres", name: connection, environment: "development", url: postgresUrl(database) } });
});

test.afterAll(async () => {
  await rest("POST", "/connections/remove", { body: { id: `postgres/${connection}` } });
  await inPostgres((client) => client.query(`DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`));
});

test("the progress of a backup is live; it can be cancelled, and the next one is verified", async ({ adminPage: page }) => {
  test.setTimeout(120_000);
  await page.goto(`/manage-dbs/postgres/${connection}/backups`);
  const start = page.getByRole("button", { name: "Back up now" }).first();
  await start.click();
  const running = page.getByRole("region", { name: "Backing up now" });
  await expect(running).toBeVisible();
  await expect(running.getByText("readings", { exact: false }).first()).toBeVisible();
  await running.getByRole("button", { name: "Cancel" }).click();
  await expect(running).toBeHidden({ timeout: 20_000 });
  const table = page.getByRole("region", { name: "Backups", exact: true });
  await expect(table.getByText("failed", { exact: true })).toHaveCount(1);
  await expect(table).toContainText(/cancel/i);

  await start.click();
  const bar = running.getByRole("progressbar");
  // Nobody has analysed this table: its bar moves because its rows are counted beside the dump.
  const shares = new Set<string>();
  await expect
    .poll(
      async () => {
        if ((await bar.count()) > 0) shares.add((await bar.getAttribute("aria-valuenow").catch(() => null)) ?? "");
        return shares.size;
      },
      { intervals: [50], timeout: 30_000 },
    )
    .toBeGreaterThanOrEqual(3);
  await page.getByRole("navigation", { name: "Engines" }).getByRole("link", { name: "SQLite" }).click();
  await expect(page).toHaveURL(/\/sqlite\//);
  await expect(page.getByRole("banner").getByRole("link", { name: /backup/i })).toBeVisible();
  await page.goBack();
  await expect(table.getByText("verified", { exact: true })).toHaveCount(1, { timeout: 60_000 });
});

test("F19: a backup goes on when the browser is closed; another one finds it running, and then verified", async ({ adminPage: page, browser }) => {
  test.setTimeout(120_000);
  await page.goto(`/manage-dbs/postgres/${connection}/backups`);
  const table = page.getByRole("region", { name: "Backups", exact: true });
  await expect(table).toBeVisible();
  const known = await table.getByText("verified", { exact: true }).count();
  await page.getByRole("button", { name: "Back up now" }).first().click();
  await expect(page.getByRole("region", { name: "Backing up now" })).toBeVisible();
  const { backups } = await rest<{ backups: { id: string; jobId: string; state: string }[] }>("GET", `/postgres/backups?connection=${connection}`);
  const running = backups.find(({ state }) => state === "running");
  expect(running, "it runs").toBeDefined();
  await page.close();

  const context = await browser.newContext({ baseURL: target.baseURL });
  await takeSession(context, await sessionOf());
  const again = await context.newPage();
  await again.goto(`/manage-dbs/postgres/${connection}/backups/${running?.id}`);
  await expect(
    again
      .getByRole("main")
      .getByText(running?.id ?? "?")
      .or(again.getByRole("heading", { name: /^Backup of/ }))
      .first(),
  ).toBeVisible();
  await again.goto(`/manage-dbs/postgres/${connection}/backups`);
  await expect(again.getByRole("region", { name: "Backups", exact: true }).getByText("verified", { exact: true })).toHaveCount(known + 1, { timeout: 60_000 });
  const job = await rest<{ state: string; error: unknown }>("GET", `/jobs/${running?.jobId}`);
  expect(job).toMatchObject({ state: "succeeded", error: null });
  await context.close();
});
