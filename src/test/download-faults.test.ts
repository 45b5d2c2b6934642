/** F21, F17: a download that is not whole never looks whole, can be taken up again, holds no memory and keeps nobody waiting. */
import { createHash, randomBytes } from "node:crypto";
import { rmSync, truncateSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import { bodyOf, downloads } from "@/test/downloads";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { artefactPath } = await import("@/backups/store");
const { removeBackup } = await import("@/backups/retention.service");
const { controlPlane } = await import("@/server/control-plane/database");
const { auditOf, fetchFile, ticket } = await downloads();

afterAll(() => shop.remove());

const MIB = 1 << 20;
let backup: BackupRow;
let path: string;
const bytes = randomBytes(9 * MIB + 12_345);
const ask = (range?: string) => ticket(`/api/admin/sqlite/backups/${backup.id}/download`).then((id) => fetchFile(id, range === undefined ? {} : { range }));
const sha256 = (...parts: Buffer[]) => createHash("sha256").update(Buffer.concat(parts)).digest("hex");

/** A file that is many reads long stands in the place of the artefact. */
beforeAll(async () => {
  backup = await shop.complete();
  path = artefactPath(backup.file_name);
});
const stand = () => writeFileSync(path, bytes);

async function readRest(reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) parts.push(next.value);
  return Buffer.concat(parts);
}

test.for([undefined, "bytes=1000-", "bytes=0-8000000"])(
  "a file that is cut half way breaks the transfer, and that is written down: range %s",
  async (range) => {
    stand();
    const response = await ask(range);
    const reader = response.body?.getReader();
    const first = (await reader?.read())?.value;
    expect(first?.length).toBeGreaterThan(0);
    truncateSync(path, 4 * MIB);
    await expect(readRest(reader)).rejects.toThrow(/ended after \d+ of \d+ bytes/);
    await expect.poll(async () => (await auditOf())[0]).toMatchObject({ outcome: "failed", detail: expect.stringContaining("ended after") as string });
  },
);

test("a file that is deleted half way still comes whole", async () => {
  stand();
  const reader = (await ask()).body?.getReader();
  const first = Buffer.from((await reader?.read())?.value ?? []);
  rmSync(path);
  expect(sha256(first, await readRest(reader))).toBe(sha256(bytes));
  await expect(ask(), "the next one is told that it is gone").rejects.toThrow(/404/);
  await expect.poll(async () => (await auditOf())[0]).toMatchObject({ outcome: "allowed" });
});

test("one that was broken off is taken up where it ended: the same SHA-256", async () => {
  stand();
  const broken = (await ask()).body?.getReader();
  const first = Buffer.from((await broken?.read())?.value ?? []);
  await broken?.cancel();
  const second = await bodyOf(await ask(`bytes=${first.length}-${3 * MIB}`));
  const third = await bodyOf(await ask(`bytes=${first.length + second.length}-`));
  expect(sha256(first, second, third)).toBe(sha256(bytes));
});

test("one that nobody reads on with keeps no job waiting, and its file is not deleted under it", async () => {
  stand();
  truncateSync(path, backup.bytes ?? 0);
  const other = await shop.complete();
  truncateSync(path, 64 * MIB);
  const reader = (await ask()).body?.getReader();
  await reader?.read();
  expect((await shop.complete()).state).toBe("complete");
  await expect(removeBackup(backup.id)).rejects.toMatchObject({ code: "CONFLICT", fix: expect.stringContaining("download") as string });
  await reader?.cancel();
  await expect.poll(() => removeBackup(backup.id).then(() => "gone", String), { timeout: 10_000 }).toBe("gone");
  backup = other;
  path = artefactPath(backup.file_name);
});

test("a file of 512 MiB passes through without being held", async () => {
  truncateSync(path, 512 * MIB);
  const response = await ask();
  expect(response.headers.get("content-length")).toBe(String(512 * MIB));
  const reader = response.body?.getReader();
  const before = process.memoryUsage.rss();
  let [read, most] = [0, 0];
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    read += next.value.length;
    most = Math.max(most, process.memoryUsage.rss());
  }
  expect(read).toBe(512 * MIB);
  expect(most - before).toBeLessThan(200 * MIB);
  await expect.poll(async () => (await auditOf())[0]).toMatchObject({ outcome: "allowed", detail: `${512 * MIB} bytes` });
}, 120_000);

test("F15: whatever a table is called, the name of its file cannot leave the header it stands in", async () => {
  const names = ['a"b; filename=evil.exe', "line\r\nset-cookie: a=b", "../../etc/passwd", "emoji 🦊 ümlaut", "C:\\x"];
  const database = new Database(shop.file);
  for (const name of names) database.exec(`CREATE TABLE "${name.replaceAll('"', '""')}" (a)`);
  database.close();
  for (const name of names) {
    const response = await fetchFile(await ticket(`/api/admin/sqlite/tables/${encodeURIComponent(name)}/export?format=csv`));
    expect(response.status, name).toBe(200);
    const header = response.headers.get("content-disposition") ?? "";
    const [, plain = "", exact = ""] = /^attachment; filename="([A-Za-z0-9._-]+)"; filename\*=UTF-8''([^\s";]+)$/.exec(header) ?? [];
    expect(plain, header).toMatch(/\.csv$/);
    expect(decodeURIComponent(exact)).toContain(name);
    expect(response.headers.get("set-cookie")).toBeNull();
    await response.arrayBuffer();
  }
});

test("a transfer whose end cannot be written down ends all the same, and brings nothing else down", async () => {
  stand();
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", note);
  try {
    const reader = (await ask()).body?.getReader();
    const first = Buffer.from((await reader?.read())?.value ?? []);
    await sql`CREATE TRIGGER audit_full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'disk full'); END`.execute(controlPlane());
    expect(sha256(first, await readRest(reader))).toBe(sha256(bytes));
    await delay(200);
  } finally {
    await sql`DROP TRIGGER IF EXISTS audit_full`.execute(controlPlane());
    process.off("unhandledRejection", note);
  }
  expect(unhandled).toEqual([]);
});
