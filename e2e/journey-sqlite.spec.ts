import { megabyteText, sqliteValues } from "../src/setup/seed/awkward.mjs";
import { expect, signInByForm, test } from "./support/console.ts";
import { uniqueName } from "./support/databases.ts";
import { backUp, downloadBackup, downloaded, expectRefusal, inspectorFields, openSection, restoreInto, signOut } from "./support/journey.ts";

const name = `${uniqueName("bookshop-browser")}.sqlite`;

test("SQLite: read awkward values, export, back up, download, restore aside, find the value again", async ({ page }) => {
  test.setTimeout(180_000);
  await signInByForm(page);
  await openSection(page, "SQLite", "Tables");

  const readAll = async (): Promise<void> => {
    await page.getByLabel("Search tables").fill("awkward_values");
    await page.getByRole("link", { name: /^awkward_values/ }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("awkward_values");
    await page.getByRole("rowheader", { name: "1", exact: true }).click();
    for (const [index, { label, storage, text, hex }] of sqliteValues.entries()) {
      const inspector = page.getByRole("complementary", { name: `awkward_values ${index + 1}`, exact: true });
      await expect(inspector).toBeVisible();
      if (text === megabyteText) {
        await inspector.getByRole("button", { name: "Load whole value" }).click();
        await expect(inspector.getByText("This is only the beginning.")).toHaveCount(0);
      }
      const fields = await inspectorFields(inspector);
      expect.soft(fields["label"]).toBe(label);
      const shown = fields["value"] ?? "";
      if (storage === "null") expect.soft(shown, label).toBe("NULL");
      else if (label === "text with NUL") expect.soft(shown).toBe("a\\x00b");
      else if (hex !== undefined) expect.soft(shown.replace("''", "").toUpperCase(), label).toBe(hex);
      // A whole real is told from an integer.
      else if (storage === "real") expect.soft(shown, label).toBe(text === "1" ? "1.0" : text);
      else expect.soft(shown === (text === "" ? "''" : text), label).toBe(true);
      if (index < sqliteValues.length - 1) await inspector.getByRole("button", { name: "Next row" }).click();
    }
  };
  await readAll();

  const lines = await downloaded(page, async () => {
    await page.getByRole("button", { name: "Export awkward_values" }).click();
    await page.getByRole("menuitem", { name: "JSON lines" }).click();
  });
  const records = lines.bytes.toString("utf8").trimEnd().split("\n");
  expect(records).toHaveLength(sqliteValues.length);
  expect(records[0]).toContain('"value":9223372036854775807');
  expect(records[sqliteValues.findIndex(({ label }) => label === "emoji")]).toContain(
    JSON.stringify(sqliteValues.find(({ label }) => label === "emoji")?.text),
  );

  const sql = await downloaded(page, async () => {
    await page.getByRole("button", { name: "Export awkward_values" }).click();
    await page.getByRole("menuitem", { name: "SQL" }).click();
  });
  const statements = sql.bytes.toString("utf8");
  for (const text of ["(-9223372036854775807 - 1)", "9007199254740993", "0.30000000000000004"]) expect(statements.includes(`, ${text})`), text).toBe(true);
  for (const { hex } of sqliteValues) if (hex) expect(statements.toUpperCase().includes(`X'${hex}'`), hex).toBe(true);

  await openSection(page, "SQLite", "Backups");
  const checksum = await backUp(page);
  const file = await downloadBackup(page, checksum);
  expect(file.length).toBeGreaterThan(0);
  await expectRefusal(page, "bookshop.sqlite", /exist|taken|in use/i);
  await restoreInto(page, name);

  await page.getByRole("link", { name: "Open tables" }).click();
  await expect(page.getByRole("button", { name: /^Connection bookshop-browser/ })).toBeVisible();
  await readAll();
  await signOut(page);
});
