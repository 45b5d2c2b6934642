/** Replacing what is live, in the browser, on all four engines: the plan, the outcome, undo, and giving up what is kept. Each on a database of its own. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import Redis from "ioredis";
import { rest } from "./http/client.ts";
import { startSwapSubjects, type SwapSubject, type SwapSubjects } from "./http/swap-subjects.ts";
import { expect, test } from "./support/console.ts";
import { backUp, confirmByName, planReplace, replaceLive, runReplace } from "./support/journey.ts";

const folder = mkdtempSync(join(tmpdir(), "console-restore-"));
const connection = `replaced-${Math.random().toString(36).slice(2, 8)}`;
const engines = ["sqlite", "redis", "postgres", "mongodb"] as const;
type Engine = (typeof engines)[number];
let subjects: SwapSubjects;

test.beforeAll(async () => {
  test.setTimeout(120_000);
  subjects = await startSwapSubjects(folder);
  for (const { engine, url } of subjects.all) await rest("POST", "/connections", { body: { engine, name: connection, environment: "production", url } });
});

test.afterAll(async () => {
  for (const engine of engines) await rest("POST", "/connections/remove", { body: { id: `${engine}/${connection}` } }).catch(() => null);
  await subjects?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const subjectOf = (engine: Engine): SwapSubject => subjects.all.find((subject) => subject.engine === engine)!;
const home = (engine: Engine): string => `/manage-dbs/${engine}/${connection}`;

/** Where the browser shows one of the values. */
const shownAt: Record<Engine, string> = {
  sqlite: "tables?table=two",
  postgres: "tables?table=two&schema=public",
  redis: "keys?key=key:7&encoding=utf8",
  mongodb: "collections?collection=two",
};

async function expectShown(page: Page, engine: Engine, value: string): Promise<void> {
  await page.goto(`${home(engine)}/${shownAt[engine]}`);
  await expect(page.getByRole("main").getByText(value, { exact: false }).first()).toBeVisible({ timeout: 20_000 });
  const subject = subjectOf(engine);
  expect(await subject.read()).toEqual({ values: [value], count: subject.count });
}

for (const engine of engines) {
  test(`${engine}: what is live is replaced, comes back by undo, and what was kept is given up`, async ({ adminPage: page }) => {
    test.setTimeout(180_000);
    const subject = subjectOf(engine);
    const name = subject.target;
    await subject.write("first");
    await page.goto(`${home(engine)}/backups`);
    await backUp(page, { mayBeQuick: true });
    await subject.write("second");
    await expectShown(page, engine, "second");

    await page.goBack();
    await replaceLive(page, name);
    await expect(page.getByRole("button", { name: "Undo this restore" })).toBeVisible();
    await expect(page.getByText(/23 h 5\d min left/)).toBeVisible();
    const outcome = page.url();
    await expectShown(page, engine, "first");

    // The outcome is found again by its address.
    await page.goto(outcome);
    await page.getByRole("button", { name: "Undo this restore" }).click();
    await confirmByName(page, name, "Undo this restore");
    await expect(page.getByText("Undone since")).toBeVisible({ timeout: 30_000 });
    await expectShown(page, engine, "second");

    await page.goto(`${home(engine)}/backups`);
    const kept = page.getByRole("region", { name: "Restores that can be undone" });
    await expect(kept.getByRole("row").nth(1)).toContainText("the restored copy");
    await kept.getByRole("button", { name: "Put it back again" }).click();
    await confirmByName(page, name, "Put it back again");
    await expect(kept.getByRole("button", { name: "Undo", exact: true })).toBeVisible({ timeout: 30_000 });
    await expectShown(page, engine, "first");

    await page.goto(`${home(engine)}/backups`);
    await kept.getByRole("button", { name: /^More about the restore/ }).click();
    await page.getByRole("menuitem", { name: "Free the space" }).click();
    await confirmByName(page, name, "Free the space");
    await expect(kept).toBeHidden({ timeout: 30_000 });
    await expectShown(page, engine, "first");
    if (engine !== "sqlite") expect(await subject.leftovers()).toEqual([]);

    // Its job says what became of it.
    const { jobs } = await rest<{ jobs: { id: string; kind: string; connectionId: string }[] }>("GET", "/jobs?limit=20");
    const drop = jobs.find((job) => job.kind === "drop" && job.connectionId === `${engine}/${connection}`)!;
    await page.goto(`/jobs/${drop.id}`);
    await expect(page.getByText("Space freed")).toBeVisible();
  });
}

test("a restore that cannot be done fails, says that nothing changed, and nothing has", async ({ adminPage: page }) => {
  test.setTimeout(120_000);
  const subject = subjectOf("redis");
  await subject.write("first");
  await page.goto(`${home("redis")}/backups`);
  await backUp(page, { mayBeQuick: true });
  await subject.write("second");
  const backup = page.url();
  await planReplace(page, subject.target);
  const client = new Redis(subject.url);
  // The server has no room any more when the restore begins.
  await client.config("SET", "maxmemory", "1mb");
  try {
    await runReplace(page, subject.target, "Failed, nothing changed");
    await expect(page.getByText("What is live is as it was")).toBeVisible();
    await expect(page.getByRole("heading", { name: "Why" })).toBeVisible();
    await expect(
      page
        .getByRole("region")
        .filter({ has: page.getByRole("heading", { name: "What is live" }) })
        .or(page.getByText("Left behind"))
        .first(),
    ).toBeVisible();
  } finally {
    await client.config("SET", "maxmemory", "0");
    client.disconnect();
  }
  expect(await subject.read()).toEqual({ values: ["second"], count: subject.count });
  expect(await subject.leftovers()).toEqual([]);
  await page.goto(`${home("redis")}/backups`);
  await expect(page.getByRole("region", { name: "Restores that can be undone" })).toBeHidden();
  await page.goto(backup);
  await replaceLive(page, subject.target);
  await expectShown(page, "redis", "first");
});
