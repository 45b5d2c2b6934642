/** F8: a console whose user may not write or read where it must says where, and leaves nothing. */
import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { failureOf } from "@/test/outcomes";

const NOBODY = 65_534;
// Root may everything. This process is of this file alone, so it can stay who it becomes.
if (process.getuid?.() === 0) {
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
const { sqliteConsole } = await import("@/test/sqlite-console");
const shop = await sqliteConsole();
const { createBackup } = await import("@/backups/backups.service");
const { startRestore } = await import("@/backups/restores.service");
const { storeDir } = await import("@/backups/store");
const { receiveUpload } = await import("@/backups/uploads.service");

const { connection, engine, user } = shop;
const store = storeDir();
const temporary = process.env["TMPDIR"];
const opened: (() => void)[] = [];

/** Until the end of the test. */
function mode(path: string, to: number, then: number): void {
  chmodSync(path, to);
  opened.push(() => chmodSync(path, then));
}
function reopen(): void {
  for (const open of opened.splice(0)) open();
}
afterEach(() => {
  reopen();
  if (temporary === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = temporary;
});
afterAll(() => shop.remove());

const failed = async () => {
  const { jobId, backupId } = await createBackup({ connection, engine, user });
  expect((await shop.ended(jobId)).state).toBe("failed");
  return failureOf(await shop.backup(backupId));
};
const upload = () => {
  const body = new Response("x").body as ReadableStream<Uint8Array>;
  return receiveUpload({ connection, engine, user, name: "x", body, length: 1, signal: new AbortController().signal });
};
const restored = async (target: string, backup: Awaited<ReturnType<typeof shop.complete>>) => {
  const { jobId } = await startRestore({ backup, connection, engine, target: { name: target }, user, addConnection: async () => "main" });
  const job = await shop.ended(jobId);
  reopen();
  expect(job.state).toBe("failed");
  expect(shop.beside()).not.toContain(target);
  return failureOf(job);
};

test("a store that may not be made is named", async () => {
  mode(shop.directory, 0o500, 0o700);
  const refused = { message: `The backup store ${store} cannot be made`, detail: "EACCES", fix: expect.stringContaining("CONSOLE_DATA_DIR") as string };
  expect(await failed()).toMatchObject(refused);
  await expect(upload()).rejects.toMatchObject(refused);
  expect(readdirSync(shop.directory)).not.toContain("backups");
});

test("a store that may not be written is named for a backup and an upload, and what it holds stays", async () => {
  const good = await shop.complete();
  const before = shop.stored();
  mode(store, 0o500, 0o700);
  const refused = { message: `The backup store ${store} cannot be written`, detail: "EACCES" };
  expect(await failed()).toMatchObject(refused);
  await expect(upload()).rejects.toMatchObject(refused);
  expect(shop.stored()).toEqual(before);
  expect(await shop.backup(good.id)).toEqual(good);
});

test("a temporary directory that may not be written is named, and no row is left", async () => {
  const closed = join(shop.folder, "closed");
  mkdirSync(closed, { mode: 0o500 });
  process.env["TMPDIR"] = closed;
  const refused = { message: `The console cannot make a temporary directory in ${closed}`, detail: "EACCES", fix: expect.stringContaining("TMPDIR") as string };
  await expect(createBackup({ connection, engine, user })).rejects.toMatchObject(refused);
});

test("a backup that may not be read is named by a restore, and not called damaged", async () => {
  const backup = await shop.complete();
  mode(join(store, backup.file_name), 0o000, 0o600);
  expect(await restored("unread.sqlite", backup)).toMatchObject({ message: expect.stringContaining(backup.file_name) as string, detail: "EACCES" });
  expect(await shop.backup(backup.id), "the file is as good as it was").toEqual(backup);
});

test("a directory of databases that may not be written is named by a restore", async () => {
  const backup = await shop.complete();
  mode(shop.folder, 0o500, 0o700);
  const { message, detail, fix } = await restored("beside.sqlite", backup);
  expect([message, detail, fix].join(" ")).toContain(shop.folder);
});
