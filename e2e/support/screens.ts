/** Every page of the console in a state worth looking at: what accessibility.spec.ts examines and screenshots.spec.ts photographs. */
import { expect, type Page } from "@playwright/test";
import { rest } from "../http/client.ts";
import { ended, type KeptRestore, prepareKept } from "./kept-restore.ts";

export interface Screen {
  name: string;
  path: string;
  /** Brings the page into its state after it was opened; waits for what it shows. */
  show: (page: Page) => Promise<unknown>;
  /** Looked at without a session. */
  signedOut?: boolean;
  /** Examined at the width of a phone too. */
  phone?: boolean;
}

export interface Prepared {
  /** Id of a verified backup of PostgreSQL. */
  backup: string;
  job: string;
  /** Name of a PostgreSQL connection that nobody answers. */
  dead: string;
  /** A SQLite connection whose file was replaced: what is kept, and a restore that failed. */
  kept: KeptRestore;
}

export const nothing: Prepared = { backup: "", job: "", dead: "", kept: { connection: "", backup: "", restored: "", failed: "" } };

const heading = (name: string | RegExp) => (page: Page) => expect(page.getByRole("heading", { name }).filter({ visible: true }).first()).toBeVisible();
const text = (words: string | RegExp) => (page: Page) => expect(page.getByText(words).filter({ visible: true }).first()).toBeVisible();
const row = (name: string) => async (page: Page) => expect(page.getByRole("rowheader", { name, exact: true })).toBeVisible();

async function restoreStep(page: Page, step: "plan" | "confirm"): Promise<void> {
  await page.getByRole("textbox").last().fill("bookshop_of_november");
  await page.getByRole("button", { name: "Go on to plan" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Restore into bookshop_of_november" })).toBeVisible();
  if (step === "plan") return;
  await page.getByRole("button", { name: "Go on to confirm" }).click();
  await expect(page.getByText("Type the name of the target")).toBeVisible();
}

async function replaceStep(page: Page, name: string, step: "target" | "plan" | "confirm"): Promise<void> {
  await page.getByRole("radio", { name: `Replace ${name}, which is live` }).check();
  if (step === "target") return;
  await page.getByRole("button", { name: "Go on to plan" }).click();
  await expect(page.getByRole("heading", { name: "What changes" })).toBeVisible();
  if (step === "plan") return;
  await page.getByRole("button", { name: "Go on to confirm" }).click();
  await expect(page.getByRole("region", { name: "What is replaced" })).toBeVisible();
}

async function openDialog(page: Page, button: string): Promise<void> {
  await page.getByRole("button", { name: button }).first().click();
  await expect(page.getByRole("dialog")).toBeVisible();
}

export function screensOf({ backup, job, dead, kept }: Prepared): Screen[] {
  const postgres = "/manage-dbs/postgres/main";
  const orders = `${postgres}/tables?table=orders&schema=public`;
  const notes = `/manage-dbs/sqlite/${kept.connection}`;
  const mongodb = "/manage-dbs/mongodb/main/collections?collection=books";
  return [
    { name: "sign-in", path: "/sign-in", signedOut: true, phone: true, show: heading("Sign in") },
    { name: "home", path: "/", phone: true, show: text("Healthy") },
    { name: "postgres-overview", path: postgres, phone: true, show: heading(/largest/i) },
    { name: "sqlite-overview", path: "/manage-dbs/sqlite/main", show: heading(/largest/i) },
    { name: "redis-overview", path: "/manage-dbs/redis/main", show: heading(/largest/i) },
    { name: "mongodb-overview", path: "/manage-dbs/mongodb/main", show: heading(/largest/i) },
    { name: "postgres-tables", path: orders, phone: true, show: row("1") },
    {
      name: "postgres-row",
      path: orders,
      show: async (page) => {
        await page.getByRole("rowheader", { name: "3", exact: true }).click();
        await expect(page.getByRole("complementary")).toBeVisible();
      },
    },
    { name: "postgres-schema", path: `${postgres}/tables?table=books&schema=public&view=schema`, show: heading("Columns") },
    { name: "sqlite-tables", path: "/manage-dbs/sqlite/main/tables?table=awkward_values", show: row("1") },
    { name: "sqlite-schema", path: "/manage-dbs/sqlite/main/tables?table=books&view=schema", show: heading("Columns") },
    {
      name: "redis-keys",
      path: "/manage-dbs/redis/main/keys?key=awkward:zset&encoding=utf8",
      phone: true,
      show: text("a tenth"),
    },
    { name: "redis-key-list", path: "/manage-dbs/redis/main/keys", phone: true, show: text(/^Scanned/) },
    { name: "redis-popular", path: "/manage-dbs/redis/main/keys?list=popular&key=awkward:json&encoding=utf8", show: text("12345678901234567890.0123456789") },
    { name: "mongodb-documents", path: mongodb, phone: true, show: (page) => expect(page.getByRole("article").first()).toBeVisible() },
    { name: "mongodb-table", path: `${mongodb}&as=table`, show: (page) => expect(page.getByRole("rowheader").first()).toBeVisible() },
    { name: "mongodb-schema", path: `${mongodb}&view=schema`, show: text("isbn") },
    { name: "mongodb-indexes", path: `${mongodb}&view=indexes`, show: text("author and date") },
    { name: "postgres-backups", path: `${postgres}/backups`, phone: true, show: text("verified") },
    { name: "backup", path: `${postgres}/backups/${backup}`, phone: true, show: heading("Verified") },
    { name: "restore-target", path: `${postgres}/backups/${backup}/restore`, show: heading("Restore a backup") },
    { name: "restore-plan", path: `${postgres}/backups/${backup}/restore`, phone: true, show: (page) => restoreStep(page, "plan") },
    { name: "restore-confirm", path: `${postgres}/backups/${backup}/restore`, show: (page) => restoreStep(page, "confirm") },
    {
      name: "backup-compare",
      path: `${notes}/backups/${kept.backup}?compare=true`,
      phone: true,
      show: async (page) => {
        await text(/compared by counts/)(page);
        await page.getByRole("radio", { name: /^All/ }).check({ force: true });
      },
    },
    { name: "backup-inside", path: `${notes}/backups/${kept.backup}?object=notes`, phone: true, show: text("NULL") },
    { name: "restore-replace", path: `${notes}/backups/${kept.backup}/restore`, phone: true, show: (page) => replaceStep(page, "notes.sqlite", "target") },
    { name: "restore-replace-plan", path: `${notes}/backups/${kept.backup}/restore`, phone: true, show: (page) => replaceStep(page, "notes.sqlite", "plan") },
    {
      name: "restore-replace-confirm",
      path: `${notes}/backups/${kept.backup}/restore`,
      phone: true,
      show: (page) => replaceStep(page, "notes.sqlite", "confirm"),
    },
    { name: "restore-result", path: `${notes}/backups/${kept.backup}/restore?job=${kept.restored}`, phone: true, show: text(/min left/) },
    { name: "restore-failed", path: `${notes}/backups/${kept.backup}/restore?job=${kept.failed}`, phone: true, show: text("Failed, nothing changed") },
    { name: "restores-kept", path: `${notes}/backups`, phone: true, show: heading("Restores that can be undone") },
    {
      name: "restore-undo",
      path: `${notes}/backups/${kept.backup}/restore?job=${kept.restored}`,
      show: (page) => openDialog(page, "Undo this restore"),
    },
    {
      name: "upload",
      path: `${notes}/backups`,
      phone: true,
      show: async (page) => {
        await page.getByRole("button", { name: "Upload a backup" }).first().click();
        await text("Choose a file")(page);
      },
    },
    { name: "schedules", path: `${notes}/backups/schedules`, phone: true, show: text("every day at 03:12") },
    {
      name: "schedule",
      path: `${notes}/backups/schedules`,
      phone: true,
      show: async (page) => {
        await openDialog(page, "Add schedule");
        await text(/^Next:/)(page);
      },
    },
    { name: "job-restore", path: `/jobs/${kept.restored}`, show: heading("Facts") },
    { name: "backups", path: "/backups", phone: true, show: text("verified") },
    { name: "jobs", path: "/jobs", phone: true, show: text("succeeded") },
    { name: "job", path: `/jobs/${job}`, show: heading("Facts") },
    {
      name: "audit",
      path: "/audit",
      phone: true,
      show: async (page) => {
        const log = page.getByRole("region", { name: "Audit log" });
        await log.getByRole("row").nth(2).getByRole("button").first().click();
        await expect(log.getByText("Input", { exact: true })).toBeVisible();
      },
    },
    { name: "users", path: "/users", phone: true, show: text("admin") },
    { name: "users-rights", path: "/users?view=rights", show: heading("Users") },
    { name: "users-sessions", path: "/users?view=sessions", show: heading("Users") },
    { name: "users-tokens", path: "/users?view=tokens", show: heading("Users") },
    {
      name: "users-add",
      path: "/users",
      show: async (page) => {
        await page.getByRole("button", { name: "Add user" }).click();
        await expect(page.getByRole("dialog")).toBeVisible();
      },
    },
    { name: "settings-connections", path: "/settings/connections", phone: true, show: text("control-plane") },
    {
      name: "settings-connection",
      path: "/settings/connections",
      show: async (page) => {
        await page.getByRole("button", { name: "Add connection" }).click();
        await expect(page.getByLabel("URL", { exact: true })).toBeVisible();
      },
    },
    { name: "settings-account", path: "/settings/account", phone: true, show: heading("Your account") },
    { name: "settings-limits", path: "/settings/limits", show: heading("Limits") },
    {
      name: "not-connected",
      path: `/manage-dbs/postgres/${dead}`,
      phone: true,
      show: (page) => expect(page.getByRole("button", { name: "Try again" }).first()).toBeVisible({ timeout: 20_000 }),
    },
    {
      name: "no-match",
      path: `${orders}&filters=${encodeURIComponent('[{"column":"status","operator":"=","values":["nowhere"]}]')}`,
      show: text("Clear filters"),
    },
    { name: "not-found", path: "/manage-dbs/postgres/nobody", show: text("There is no such page") },
    {
      name: "command-palette",
      path: postgres,
      show: async (page) => {
        await heading(/largest/i)(page);
        await page.keyboard.press("Control+k");
        await page.getByRole("combobox", { name: "Go to or do" }).fill("order");
        await expect(page.getByRole("option", { name: /public\.orders/ })).toBeVisible();
      },
    },
    {
      name: "keys",
      path: postgres,
      show: async (page) => {
        await heading(/largest/i)(page);
        await page.keyboard.press("?");
        await expect(page.getByRole("dialog", { name: "Keys" })).toBeVisible();
      },
    },
  ];
}

/** Opens the screen and waits until nothing loads any more. */
export async function openScreen(page: Page, screen: Screen): Promise<void> {
  await page.goto(screen.path);
  await screen.show(page);
  await page.waitForLoadState("networkidle");
}

/** A backup of every engine, and a connection that nobody answers. `remove` takes the connection away. */
export async function prepare(): Promise<Prepared & { remove: () => Promise<unknown> }> {
  const dead = `archive-${Math.random().toString(36).slice(2, 6)}`;
  await rest("POST", "/connections", { body: { engine: "postgres", name: dead, environment: "staging", url: "postgres://reader@127.0.0.1:9/archive" } });
  for (const engine of ["sqlite", "redis", "mongodb"]) await ended(await backUp(engine));
  const job = await backUp("postgres");
  await ended(job);
  const { backups } = await rest<{ backups: { id: string; verifiedAt: string | null }[] }>("GET", "/postgres/backups");
  const backup = backups.find((entry) => entry.verifiedAt !== null)?.id ?? "";
  const notes = await prepareKept();
  return {
    backup,
    job,
    dead,
    kept: notes.kept,
    remove: async () => {
      await notes.remove();
      await rest("POST", "/connections/remove", { body: { id: `postgres/${dead}` } });
    },
  };
}

export async function backUp(engine: string, connection = "main"): Promise<string> {
  const { jobId } = await rest<{ jobId: string }>("POST", `/${engine}/backups`, { body: { connection } });
  return jobId;
}
