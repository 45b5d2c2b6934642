/** Pictures of every page into docs/screenshots: light and dark, at a desk and on a phone. `npm run screenshots` makes them. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { rest } from "./http/client.ts";
import { expect, takeSession, test } from "./support/console.ts";
import { ended } from "./support/kept-restore.ts";
import { backUp, nothing, openScreen, prepare, screensOf } from "./support/screens.ts";
import { root, target } from "./support/target.ts";

const folder = join(root, "docs", "screenshots");
const sizes = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };
let prepared = { ...nothing, remove: async (): Promise<unknown> => undefined };

test.use({ contextOptions: { reducedMotion: "reduce" } });

test.beforeAll(async () => {
  test.setTimeout(300_000);
  rmSync(folder, { recursive: true, force: true });
  for (const [name, role] of [
    ["Jonas Berg", "operator"],
    ["Mira Okafor", "operator"],
    ["Lea Novak", "viewer"],
  ]) {
    const email = `${name?.split(" ")[0]?.toLowerCase()}@foundry.example`;
    await rest("POST", "/users", { body: { name, email, role, password: "seven quiet lanterns drift" } }).catch(() => null);
  }
  for (const engine of ["sqlite", "redis", "mongodb", "postgres"]) for (let count = 0; count < 9; count += 1) await ended(await backUp(engine));
  spreadOverMonth();
  prepared = await prepare();
  await ended(await backUp("postgres", prepared.dead));
});
test.afterAll(() => prepared.remove());

/** A console that runs for a minute has no past: its backups are put on the nights before. Only in our own console. */
function spreadOverMonth(): void {
  if (target.directory === null) return;
  const database = new Database(join(target.directory, "data", "control-plane.sqlite"));
  const rows = database
    .prepare("SELECT id, connection_id, started_at, finished_at, verified_at FROM backups ORDER BY connection_id, started_at DESC")
    .all() as Record<string, string>[];
  const update = database.prepare("UPDATE backups SET started_at = ?, finished_at = ?, verified_at = ? WHERE id = ?");
  const nights = new Map<string, number>();
  for (const row of rows) {
    const connection = row["connection_id"] ?? "";
    const night = (nights.get(connection) ?? 0) + 1;
    nights.set(connection, night);
    const earlier = night * 3 * 86_400_000 + (connection.length % 5) * 86_400_000;
    const moved = (time: string | null | undefined): string | null => (time ? new Date(Date.parse(time) - earlier).toISOString() : null);
    update.run(moved(row["started_at"]), moved(row["finished_at"]), moved(row["verified_at"]), row["id"]);
  }
  database.close();
}

// Home and the overviews last: their lines need some minutes of samples.
const isSampled = ({ name }: { name: string }): boolean => name === "home" || name.endsWith("-overview");
for (const { name, signedOut = false } of screensOf(nothing).toSorted((a, b) => Number(isSampled(a)) - Number(isSampled(b)))) {
  test(name, async ({ page, context, adminSession, watched }) => {
    test.setTimeout(90_000);
    watched.allow(/status of (404|50\d)/);
    const screen = screensOf(prepared).find((entry) => entry.name === name)!;
    if (!signedOut) await takeSession(context, adminSession);
    for (const [size, viewport] of Object.entries(sizes)) {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme: "light" });
      await openScreen(page, screen).catch((error: unknown) => {
        // What a desk shows beside the page may not be there on a phone: the page itself is then the picture.
        if (size === "desktop") throw error;
      });
      for (const theme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme: theme });
        await page.mouse.move(0, 0);
        await page.screenshot({ path: join(folder, `${name}-${theme}-${size}.png`), caret: "initial", animations: "disabled" });
      }
    }
    await expect(page.locator("body")).toBeVisible();
  });
}
