/** No page has a serious fault of accessibility, light or dark, and none violates the policy (the watch of every test looks at that). */
import { AxeBuilder } from "@axe-core/playwright";
import { expect, takeSession, test } from "./support/console.ts";
import { nothing, openScreen, prepare, screensOf } from "./support/screens.ts";

const rules = ["wcag2a", "wcag2aa", "wcag21aa"];
const serious = new Set(["serious", "critical"]);
let prepared = { ...nothing, remove: async (): Promise<unknown> => undefined };

test.use({ contextOptions: { reducedMotion: "reduce" } });
test.beforeAll(async () => {
  test.setTimeout(120_000);
  prepared = await prepare();
});
test.afterAll(() => prepared.remove());

for (const { name, signedOut = false, phone = false } of screensOf(nothing)) {
  test(`${name}: nothing serious for axe`, async ({ page, context, adminSession, watched }) => {
    const screen = screensOf(prepared).find((entry) => entry.name === name)!;
    if (name === "not-found") watched.allow(/status of 404/);
    if (name === "not-connected") watched.allow(/status of 50\d/);
    if (!signedOut) await takeSession(context, adminSession);
    for (const width of phone ? [1440, 390] : [1440]) {
      await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      await openScreen(page, screen);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        const { violations } = await new AxeBuilder({ page }).withTags(rules).setLegacyMode().analyze();
        const found = violations.filter(({ impact }) => serious.has(impact ?? ""));
        const words = found.flatMap(({ id, nodes }) =>
          nodes.slice(0, 4).map((node) => `${id} ${node.target.join(" ")}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`),
        );
        expect.soft(words, `${name} ${colorScheme} ${width}`).toEqual([]);
      }
    }
  });
}
