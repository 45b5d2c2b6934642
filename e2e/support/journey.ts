/** The steps that the journeys of all four engines share. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type Download, expect, type Locator, type Page } from "@playwright/test";
import { target } from "./target.ts";

/** Through the tab of the engine into one of its sections, as a person goes. */
export async function openSection(page: Page, engine: string, section: string): Promise<void> {
  await page
    .getByRole("navigation", { name: "Console" })
    .getByRole("link", { name: /databases/i })
    .click();
  await page.getByRole("navigation", { name: "Engines" }).getByRole("link", { name: engine }).click();
  await page
    .getByRole("navigation", { name: `${engine} main` })
    .getByRole("link", { name: section })
    .click();
  await expect(page.getByRole("navigation", { name: `${engine} main` }).getByRole("link", { name: section })).toHaveAttribute("aria-current", "page");
}

/** Every field of the open row by its column: the text that is shown, and for bytes the hexadecimal digits. */
export function inspectorFields(inspector: Locator): Promise<Record<string, string>> {
  return inspector.evaluate((element) => {
    const fields: Record<string, string> = {};
    for (const term of element.querySelectorAll("dt")) {
      const value = term.nextElementSibling;
      const hex = value?.querySelector("table");
      const digits = [...(hex?.querySelectorAll("tr") ?? [])].map((line) => [...line.querySelectorAll("td")].slice(0, 2).map((cell) => cell.textContent));
      fields[term.firstElementChild?.textContent ?? ""] = hex ? digits.flat().join("").replace(/\s/g, "") : (value?.textContent ?? "");
    }
    return fields;
  });
}

/** What a click on something brings down, whole. */
export async function downloaded(page: Page, start: () => Promise<void>): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent("download"), start()]);
  return { name: download.suggestedFilename(), bytes: await contentOf(download) };
}

async function contentOf(download: Download): Promise<Buffer> {
  const failure = await download.failure();
  if (failure !== null) throw new Error(`The download of ${download.suggestedFilename()} broke: ${failure}`);
  return readFileSync(await download.path());
}

export const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** From the section "Backups": a backup whose progress is seen, until it is verified; leaves its page open and answers with its SHA-256. */
export async function backUp(page: Page, { mayBeQuick = false }: { mayBeQuick?: boolean } = {}): Promise<string> {
  const list = page.getByRole("region", { name: "Backups" });
  const badges = list.getByText("verified", { exact: true });
  // Counted when the list is there, and not the lines that keep its place.
  await expect(list.getByRole("rowheader").or(page.getByText("No backup yet")).first()).toBeVisible();
  const before = await badges.count();
  const seen = await watchProgress(page);
  await page.getByRole("button", { name: "Back up now" }).first().click();
  await expect(badges).toHaveCount(before + 1, { timeout: 60_000 });
  // A handful of keys is saved before the page has asked once how far it is.
  if (!mayBeQuick) expect(await seen(), "signs of the running backup").not.toEqual([]);
  await list.getByRole("rowheader").first().getByRole("link").click();
  await expect(page.getByRole("heading", { level: 1, name: /^Backup of/ })).toBeVisible();
  await expect(page.getByText("The file was read back whole")).toBeVisible();
  return page.locator("code", { hasText: /^[0-9a-f]{64}$/ }).innerText();
}

/** Notes every sign of a running job that the page shows, however short it is: its bar, its badge, the pill above. */
async function watchProgress(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(() => {
    const seen = new Set<string>();
    Object.assign(globalThis, { seenProgress: seen });
    const look = (): void => {
      for (const bar of document.querySelectorAll('[role="progressbar"]')) seen.add(bar.getAttribute("aria-label") ?? "");
      for (const cell of document.querySelectorAll("main td")) if (cell.textContent === "running") seen.add("running");
      if (document.querySelector('header a[href^="/jobs/"]')) seen.add("pill");
    };
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
  return () => page.evaluate(() => [...(globalThis as unknown as { seenProgress: Set<string> }).seenProgress]);
}

/** From the page of a backup: downloads it and compares the file with the SHA-256 on the page. */
export async function downloadBackup(page: Page, expected: string): Promise<Buffer> {
  const { bytes } = await downloaded(page, () => page.getByRole("button", { name: "Download", exact: true }).click());
  expect(sha256(bytes)).toBe(expected);
  return bytes;
}

/** From the page of a backup, through the four steps, into a new name. */
export async function restoreInto(page: Page, name: string, outcome: string | RegExp = "Restored"): Promise<void> {
  await page.getByRole("link", { name: "Restore", exact: true }).click();
  await planFor(page, name);
  await page.getByRole("button", { name: "Go on to confirm" }).click();
  const go = page.getByRole("button", { name: `Restore into ${name}` });
  const typed = page.getByRole("textbox", { name: /^Write/ });
  // A wrong name leads nowhere.
  await typed.fill(`${name}x`);
  await expect(page.getByText("not the name")).toBeVisible();
  await expect(go).toBeDisabled();
  await typed.press("Enter");
  await expect(page.getByRole("listitem").and(page.locator("[aria-current=step]"))).toContainText("Confirm");
  await typed.fill(name);
  await go.click();
  const password = page.getByLabel(/password/i).and(page.locator("input"));
  const result = page.getByText(/^(Restored|Failed|Cancelled)/).first();
  await expect(result.or(password).or(page.getByRole("progressbar")).first()).toBeVisible();
  if (await password.isVisible()) {
    await password.fill(target.password);
    await go.click();
  }
  await expect(result).toBeVisible({ timeout: 60_000 });
  await expect(result).toHaveText(outcome);
  const compared = page.getByRole("region", { name: "Compared with the manifest" });
  await expect(compared.getByText("different")).toHaveCount(0);
  expect(await compared.getByText("equal", { exact: true }).count()).toBeGreaterThan(0);
}

/** From the page of a backup: a target that is taken is refused before anything runs. */
export async function expectRefusal(page: Page, name: string, words: RegExp): Promise<void> {
  await page.getByRole("link", { name: "Restore", exact: true }).click();
  await page.getByRole("textbox").last().fill(name);
  await page.getByRole("button", { name: "Go on to plan" }).click();
  await expect(page.getByText(words).first()).toBeVisible();
  const goOn = page.getByRole("button", { name: "Go on to confirm" });
  if (await goOn.isVisible()) await expect(goOn).toBeDisabled();
  await expect(page.getByText("Nothing has been changed yet")).toBeVisible();
  await page.getByRole("link", { name: "Cancel" }).click();
  await expect(page.getByRole("heading", { level: 1, name: /^Backup of/ })).toBeVisible();
}

async function planFor(page: Page, name: string): Promise<void> {
  await page.getByRole("textbox").last().fill(name);
  await page.getByRole("button", { name: "Go on to plan" }).click();
  await expect(page.getByRole("heading", { level: 1, name: `Restore into ${name}` })).toBeVisible();
  // The button that was pressed is gone: the next step has its focus.
  await expect(page.getByRole("group", { name: "Step 2 of 4: Plan" })).toBeFocused();
  await expect(page.getByText("Nothing has been changed yet")).toBeVisible();
}

export async function signOut(page: Page): Promise<void> {
  await page.getByRole("button", { name: /sign out$/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/sign-in/);
  await page.goto("/manage-dbs");
  await expect(page).toHaveURL(/\/sign-in/);
}

/** Clicks the last button of something grave; gives the password when the sign-in is older than five minutes, and clicks again. */
async function goThrough(page: Page, go: Locator, done: Locator): Promise<void> {
  await go.click();
  const password = page.getByLabel("Your password").and(page.locator("input"));
  await expect(done.or(password).first()).toBeVisible({ timeout: 30_000 });
  if (await password.isVisible()) {
    await password.fill(target.password);
    await go.click();
  }
}

/** From the page of a backup to the last step before what is live is replaced: its name is typed. */
export async function planReplace(page: Page, name: string): Promise<void> {
  await page.getByRole("link", { name: "Restore", exact: true }).click();
  await page.getByRole("radio", { name: `Replace ${name}, which is live` }).check();
  await page.getByRole("button", { name: "Go on to plan" }).click();
  await expect(page.getByRole("heading", { level: 1, name: `Restore into ${name}` })).toBeVisible();
  await expect(page.getByRole("heading", { name: "What changes" })).toBeVisible();
  await expect(page.getByRole("heading", { name: "What stands there now" })).toBeVisible();
  await expect(page.getByText("Possible for 24 hours after the swap")).toBeVisible();
  await expect(page.getByText("Nothing has been changed yet")).toBeVisible();
  await page.getByRole("button", { name: "Go on to confirm" }).click();
  await expect(page.getByRole("region", { name: "What is replaced" })).toBeVisible();
  await page.getByRole("textbox", { name: /^Write/ }).fill(name);
}

/** From the page of a backup: replaces what is live. Leaves the outcome open. */
export async function replaceLive(page: Page, name: string, outcome: string | RegExp = "Restored"): Promise<void> {
  await planReplace(page, name);
  await runReplace(page, name, outcome);
}

/** The last click of `planReplace`, and what came of it. */
export async function runReplace(page: Page, name: string, outcome: string | RegExp): Promise<void> {
  const result = page.getByText(/^(Restored|Failed)/).first();
  await goThrough(page, page.getByRole("button", { name: `Restore into ${name}` }), result.or(page.getByRole("progressbar")).first());
  await expect(result).toBeVisible({ timeout: 60_000 });
  await expect(result).toHaveText(outcome);
}

/** In the dialog that asks for the name of the target. */
export async function confirmByName(page: Page, name: string, action: string): Promise<void> {
  const dialog = page.getByRole("dialog");
  const go = dialog.getByRole("button", { name: action });
  await expect(go).toBeDisabled();
  await dialog.getByRole("textbox", { name: /^Write/ }).fill(name);
  await go.click();
  const password = dialog.getByLabel("Your password");
  await expect(async () => expect((await password.isVisible()) || (await dialog.isHidden())).toBe(true)).toPass({ timeout: 30_000 });
  if (await dialog.isVisible()) {
    await password.fill(target.password);
    await go.click();
  }
  await expect(dialog).toBeHidden({ timeout: 30_000 });
}
