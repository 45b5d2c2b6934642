import type { Page } from "@playwright/test";
import { megabyteText, mongodbValues } from "../src/setup/seed/awkward.mjs";
import { rawDocument } from "../src/setup/seed/mongodb-raw.mjs";
import { expect, signInByForm, test } from "./support/console.ts";
import { inMongodb, uniqueName } from "./support/databases.ts";
import { backUp, downloadBackup, downloaded, expectRefusal, openSection, restoreInto, signOut } from "./support/journey.ts";

const name = uniqueName("bookshop_browser");

test.afterAll(() =>
  inMongodb(async (client) => {
    await client.db(name).dropDatabase();
  }),
);

/** What the tree shows for the values that a person reads most often wrong. */
const shown: Record<string, { text: string; type: string | null }> = {
  "largest long": { text: "9223372036854775807", type: "Long" },
  "small long is not an int": { text: "1", type: "Long" },
  "whole double is not an int": { text: "1.0", type: "Double" },
  "minus zero": { text: "-0.0", type: "Double" },
  infinity: { text: "-Infinity", type: "Double" },
  "decimal with trailing zero": { text: "1.10", type: "Decimal128" },
  "decimal of 34 digits": { text: "1234567890123456789012345678901234", type: "Decimal128" },
  null: { text: "null", type: "Null" },
  "empty text": { text: '""', type: null },
  "smallest key": { text: "MinKey", type: "MinKey" },
  "empty document": { text: "{}", type: "Object" },
};

/** Some servers refuse a value of the seed, or keep another one in its place: those are not asked for. `labels` are of all documents, in order. */
function kept(): Promise<{ labels: string[]; there: typeof mongodbValues }> {
  return inMongodb(async (client) => {
    const collection = client.db("bookshop").collection("awkward_values");
    const labels = (
      await collection
        .find({}, { projection: { label: 1 } })
        .sort({ _id: 1 })
        .toArray()
    ).map((entry) => String(entry["label"]));
    const there: typeof mongodbValues = [];
    for (const [index, { label, value }] of mongodbValues.entries()) {
      const stored = await collection.findOne({ _id: index + 1 } as object, { raw: true });
      const seeded = rawDocument([
        ["_id", { $numberInt: String(index + 1) }],
        ["label", label],
        ["value", value],
      ]);
      if (stored && seeded.equals(Buffer.from(stored as unknown as Uint8Array))) there.push({ label, value });
    }
    return { labels, there };
  });
}

test("MongoDB: read awkward documents, export, back up, download, restore aside, find the value again", async ({ page, context }) => {
  test.setTimeout(240_000);
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const { labels, there } = await kept();
  expect(there.length).toBeGreaterThan(35);
  await signInByForm(page);
  await openSection(page, "MongoDB", "Collections");

  const readAll = async (): Promise<void> => {
    await openCollection(page, "awkward_values");
    for (const { label, value } of there) {
      const card = await documentWith(page, label, labels);
      await expect(card).toContainText(label);
      const looks = shown[label];
      if (looks) {
        const line = card.getByRole("treeitem").filter({ hasText: /^value: / });
        await expect.soft(line, label).toContainText(`value: ${looks.text}`);
        if (looks.type) await expect.soft(line, label).toContainText(looks.type);
      }
      await card.getByRole("button", { name: "Copy as EJSON" }).click();
      await expect(card.getByRole("button", { name: "Copied" })).toBeVisible();
      const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as { value: unknown };
      if (value === megabyteText) expect(copied.value === megabyteText, label).toBe(true);
      else expect.soft(copied.value, label).toEqual(value);
    }
  };
  await readAll();

  const file = await downloaded(page, async () => {
    await page.getByRole("button", { name: "Export", exact: true }).click();
    await page.getByRole("menuitem", { name: /Canonical/ }).click();
  });
  const documents = file.bytes.toString("utf8").trimEnd().split("\n");
  const exported = new Map(documents.map((line) => JSON.parse(line) as { label?: string; value: unknown }).map((entry) => [entry.label, entry]));
  for (const { label, value } of there) {
    if (value === megabyteText) expect(exported.get(label)?.value === megabyteText).toBe(true);
    else expect.soft(exported.get(label)?.value, label).toEqual(value);
  }

  await openSection(page, "MongoDB", "Backups");
  const checksum = await backUp(page);
  await downloadBackup(page, checksum);
  await expectRefusal(page, "bookshop", /exist|hold|empty/i);
  await restoreInto(page, name);

  await page.getByRole("link", { name: "Open collections" }).click();
  await expect(page.getByRole("combobox", { name: "Database" })).toHaveValue(name);
  await readAll();
  await signOut(page);
});

async function openCollection(page: Page, collection: string): Promise<void> {
  await page.getByLabel("Search collections").fill(collection);
  await page.getByRole("link", { name: new RegExp(`^${collection}`) }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(collection);
  await expect(page.getByRole("article").first()).toBeVisible();
}

/** The card of a document by its place; scrolls until it is loaded. */
async function documentWith(page: Page, label: string, labels: string[]) {
  const card = page.getByRole("article", { name: `Document ${labels.indexOf(label) + 1}`, exact: true });
  await expect(async () => {
    if ((await card.count()) === 0) {
      await page.getByRole("article").last().hover();
      await page.mouse.wheel(0, 2_000);
    }
    await expect(card).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 10_000 });
  return card;
}
