/** A Redis server that cannot exchange databases: what is live is replaced key by key, said on the plan, and undone. In the browser and over REST. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rest } from "./http/client.ts";
import { redisSubject } from "./http/swap-subjects.ts";
import { expect, test } from "./support/console.ts";
import { backUp, confirmByName, planReplace, runReplace } from "./support/journey.ts";

const connection = `alone-${Math.random().toString(36).slice(2, 8)}`;
const home = `/manage-dbs/redis/${connection}`;
const folder = mkdtempSync(join(tmpdir(), "console-in-place-"));
let server: Awaited<ReturnType<typeof redisSubject>>;

test.beforeAll(async () => {
  server = await redisSubject(folder, ["--databases", "1", "--appendonly", "yes"]);
  await rest("POST", "/connections", { body: { engine: "redis", name: connection, environment: "production", url: server.subject.url } });
});

test.afterAll(async () => {
  await rest("POST", "/connections/remove", { body: { id: `redis/${connection}` } }).catch(() => null);
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const expectLive = async (value: string): Promise<void> => expect(await server.subject.read()).toEqual({ values: [value], count: server.subject.count });

test("the only database of a server is replaced in place, and comes back by undo", async ({ adminPage: page }) => {
  test.setTimeout(180_000);
  await server.subject.write("first");
  await page.goto(`${home}/backups`);
  await backUp(page, { mayBeQuick: true });
  const backup = page.url().split("/").at(-1) ?? "";
  await server.subject.write("second");

  const plan = await rest<{ way: string; checks: { title: string; result: string }[] }>("POST", `/redis/backups/${backup}/plan`, {
    body: { connection, target: "0", replace: true },
  });
  expect(plan.way).toContain("in place, key by key");
  expect(plan.checks).toContainEqual(expect.objectContaining({ result: "warn", title: "Not in one step" }));
  expect(plan.checks.filter(({ result }) => result === "fail")).toEqual([]);

  await planReplace(page, "0");
  await runReplace(page, "0", "Restored");
  await expect(page.getByRole("button", { name: "Undo this restore" })).toBeVisible();
  await expectLive("first");

  await page.getByRole("button", { name: "Undo this restore" }).click();
  await confirmByName(page, "0", "Undo this restore");
  await expect(page.getByText("Undone since")).toBeVisible({ timeout: 30_000 });
  await expectLive("second");
});
