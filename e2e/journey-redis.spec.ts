import type { Page } from "@playwright/test";
import { redisValues } from "../src/setup/seed/awkward.mjs";
import { expect, signInByForm, test } from "./support/console.ts";
import { emptyRedisDatabase, inRedis } from "./support/databases.ts";
import { backUp, downloadBackup, downloaded, expectRefusal, openSection, restoreInto, signOut } from "./support/journey.ts";

type Bytes = { text: string } | { base64: string };
const bytesOf = (value: Bytes): Buffer => ("text" in value ? Buffer.from(value.text) : Buffer.from(value.base64, "base64"));
const valueOf = (label: string) => redisValues.find((entry) => entry.label === label)!;

let copies: number[] = [];

test.afterAll(() =>
  inRedis(async (client) => {
    for (const number of copies) {
      await client.select(number);
      await client.flushdb();
    }
  }),
);

async function search(page: Page, pattern: string): Promise<void> {
  const field = page.getByRole("textbox", { name: "Pattern" });
  await field.fill(pattern);
  await field.press("Enter");
}

/** Looks a name up by typing it as it is shown, and opens it. */
async function openKey(page: Page, pattern: string, shown: string): Promise<void> {
  await search(page, pattern);
  const tree = page.getByRole("tree", { name: /^Keys of db/ });
  const group = tree.getByRole("treeitem", { name: /^(awkward|key)/ }).first();
  await expect(group).toBeVisible();
  if ((await group.getAttribute("aria-expanded")) === "false") await group.click();
  await tree.getByRole("treeitem", { name: shown }).first().click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(pattern);
}

async function hexShown(page: Page): Promise<string> {
  const lines = await page
    .getByRole("region", { name: /in hexadecimal$/ })
    .locator("tr")
    .evaluateAll((rows) => rows.map((row) => [...row.querySelectorAll("td")].slice(0, 2).map((cell) => cell.textContent)));
  return lines.flat().join("").replace(/\s/g, "");
}

test("Redis: read awkward keys, export, back up, download, restore aside, find the value again", async ({ page }) => {
  test.setTimeout(180_000);
  const copy = await emptyRedisDatabase();
  copies = [copy];
  await signInByForm(page);
  await openSection(page, "Redis", "Keys");

  const readAll = async (): Promise<void> => {
    const text = page.getByRole("region", { name: /as text$/ });
    await openKey(page, "awkward:int64", "int64");
    await expect(text).toHaveText("9223372036854775807");
    for (const label of ["beyond int64", "emoji", "right-to-left"]) {
      const { key, value } = valueOf(label) as { key: { text: string }; value: Bytes };
      await openKey(page, key.text, key.text.slice("awkward:".length));
      await expect.poll(() => text.evaluate((element) => element.textContent)).toBe(bytesOf(value).toString());
    }
    await openKey(page, "awkward:empty", "empty");
    await expect(page.getByRole("region", { name: "Value of awkward:empty" })).toContainText("0 bytes");
    await expect(page.getByRole("region", { name: "Value of awkward:empty" })).toContainText("''");
    await openKey(page, "awkward:bytes", "bytes");
    await expect.poll(() => hexShown(page)).toBe("00ff00c3280a80");
    await openKey(page, "awkward:bom", "bom");
    await page.getByRole("radio", { name: "Hex" }).check({ force: true });
    await expect.poll(() => hexShown(page)).toBe("efbbbf61");
    await openKey(page, "awkward:zset", "zset");
    const rows = page.getByRole("region", { name: "Key" }).getByRole("row");
    const members = valueOf("scores").members ?? [];
    await expect(rows).toHaveCount(members.length + 1);
    const cells = await rows.evaluateAll((found) => found.map((row) => [...row.children].map((cell) => cell.textContent)));
    for (const [member, score] of members) {
      const row = cells.find((texts) =>
        texts.some((text) => ("text" in member ? text.slice(0, 40) === member.text.slice(0, 40) : text.startsWith("\\xff\\x00"))),
      );
      const same = row?.some((text) => (/^-?inf$/.test(score) ? text === score : text !== "" && Object.is(Number(text), Number(score))));
      expect.soft(same, `score ${score} in ${JSON.stringify(row)}`).toBe(true);
    }
    // A name that is no text: typed and shown byte by byte.
    await openKey(page, "key:\\xff\\x00\\xfe", "\\xff\\x00\\xfe");
    await expect(text).toHaveText("its key is bytes");
  };
  await readAll();

  await search(page, "awkward:*");
  await expect(page.getByText(/^Scanned all/)).toBeVisible();
  const file = await downloaded(page, async () => {
    await page.getByRole("button", { name: "Export" }).click();
    await page.getByRole("menuitem", { name: "JSON lines" }).click();
  });
  const lines = file.bytes.toString("utf8").trimEnd().split("\n");
  const exported = new Map(lines.slice(1, -1).map((line) => [line.slice(line.indexOf('"k":'), line.indexOf(',"t":')), line]));
  for (const { database, key, type, value } of redisValues) {
    if (database !== 0 || type !== "string" || value === undefined || !("text" in key) || !key.text.startsWith("awkward:")) continue;
    const line = exported.get(`"k":{"s":${JSON.stringify(key.text)}}`) ?? '{"v":{"s":"the key is missing"}}';
    const { v } = JSON.parse(line) as { v: { s: string } | { b: string } };
    const bytes = "s" in v ? Buffer.from(v.s) : Buffer.from(v.b, "base64");
    expect.soft(bytes.equals(bytesOf(value)), key.text).toBe(true);
  }
  expect(lines.at(-1)).toContain('"footer":true');

  await openSection(page, "Redis", "Backups");
  const checksum = await backUp(page, { mayBeQuick: true });
  await downloadBackup(page, checksum);
  await expectRefusal(page, "0", /hold|empty|keys/i);
  // The backup holds every logical database, of which one is brought back: the others are listed as skipped.
  await restoreInto(page, `0:${copy}`, /^Restored with .+ skipped$/);

  await page.getByRole("link", { name: "Open keys" }).click();
  await page.getByRole("combobox", { name: /database/i }).selectOption(String(copy));
  await readAll();
  await signOut(page);
});
