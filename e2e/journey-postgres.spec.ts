import { megabyteText, postgresColumns, postgresValues } from "../src/setup/seed/awkward.mjs";
import { expect, signInByForm, test } from "./support/console.ts";
import { csvRecords } from "./support/csv.ts";
import { inPostgres, uniqueName } from "./support/databases.ts";
import { backUp, downloadBackup, downloaded, expectRefusal, inspectorFields, openSection, restoreInto, signOut } from "./support/journey.ts";

const name = uniqueName("bookshop_browser");

test.afterAll(() =>
  inPostgres(async (client) => {
    await client.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
  }),
);

const isJson = (column: string): boolean => column === "as_json" || column === "as_jsonb";
const withoutSpaces = (text: string): string => text.replace(/\s/g, "");

test("PostgreSQL: read awkward values, export, back up, download, restore aside, find the value again", async ({ page }) => {
  test.setTimeout(180_000);
  await signInByForm(page);
  await openSection(page, "PostgreSQL", "Tables");

  const readAll = async (): Promise<void> => {
    await page.getByLabel("Search tables").fill("awkward_values");
    await page.getByRole("link", { name: /^awkward_values/ }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("public.awkward_values");
    await page.getByRole("rowheader", { name: "1", exact: true }).click();
    for (const [index, { label, column, text }] of postgresValues.entries()) {
      const inspector = page.getByRole("complementary", { name: `awkward_values ${index + 1}`, exact: true });
      await expect(inspector).toBeVisible();
      const load = inspector.getByRole("button", { name: "Load whole value" });
      if (text === megabyteText) {
        await load.click();
        await expect(inspector.getByText("This is only the beginning.")).toHaveCount(0);
      }
      const fields = await inspectorFields(inspector);
      expect.soft(fields["label"]).toBe(label);
      const shown = fields[column] ?? "";
      if (text === null) expect.soft(shown, label).toBe("NULL");
      else if (column === "as_bytea") expect.soft(text === "\\x" ? shown.replace("''", "") : shown, label).toBe(text.slice(2));
      else if (isJson(column)) expect.soft(withoutSpaces(shown), label).toBe(withoutSpaces(text));
      else expect.soft(shown === (text === "" ? "''" : text.replace("\u0007", "\\x07")), `${label}: ${shown.slice(0, 100)}`).toBe(true);
      for (const other of Object.keys(postgresColumns)) if (other !== column) expect(fields[other]).toBe("NULL");
      if (index < postgresValues.length - 1) await inspector.getByRole("button", { name: "Next row" }).click();
    }
  };
  await readAll();

  const csv = await downloaded(page, async () => {
    await page.getByRole("button", { name: "Export awkward_values" }).click();
    await page.getByRole("menuitem", { name: "CSV", exact: true }).click();
  });
  const records = csvRecords(csv.bytes.toString("utf8"));
  expect(records).toHaveLength(postgresValues.length);
  for (const [index, { label, column, text }] of postgresValues.entries()) expect.soft(records[index]?.[column] === text, label).toBe(true);

  await openSection(page, "PostgreSQL", "Backups");
  const checksum = await backUp(page);
  const file = await downloadBackup(page, checksum);
  expect(file.subarray(0, 5).toString("latin1")).toBe("PGDMP");
  await expectRefusal(page, "bookshop", /exist|taken/i);
  await restoreInto(page, name);

  await page.getByRole("link", { name: "Open tables" }).click();
  await expect(page.getByRole("button", { name: `Connection ${name.replaceAll("_", "-")}, production: switch` })).toBeVisible();
  await readAll();
  await signOut(page);
});
