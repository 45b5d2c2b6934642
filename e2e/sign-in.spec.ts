import { expect, signInByForm, test } from "./support/console.ts";
import { target } from "./support/target.ts";

test("a wrong password is refused in words; the right one leads in, and signing out leads back", async ({ page, watched }) => {
  watched.allow(/status of 401/);
  await page.goto("/manage-dbs/postgres/main");
  await expect(page).toHaveURL(/\/sign-in/);
  await page.getByLabel("Email").fill(target.email);
  await page.getByLabel("Password", { exact: true }).fill("not the password of anybody");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert").filter({ hasText: /password/i })).toBeVisible();
  await signInByForm(page);
});

test("the session of the fixture opens the pages", async ({ adminPage }) => {
  await adminPage.goto("/");
  await expect(adminPage.getByRole("heading", { level: 1 })).toBeVisible();
});
