/** Databases and folders that are odd, as real ones are: what a backup must still take, and a restore must not walk into. */
import { randomUUID } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Artefact, JobContext } from "@/backups/engine";
import { temporaryControlPlane } from "@/test/control-plane";

const plane = await temporaryControlPlane();
const { sqliteBackup } = await import("./sqlite.backup");
const { closeSqlite } = await import("./sqlite.client");
const { buildConnection } = await import("@/server/connections");
const { openArtefact } = await import("@/backups/store");
const { statSync } = await import("node:fs");

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "odd-sqlite-"));
});
afterAll(async () => {
  await closeSqlite();
  await plane.remove();
  rmSync(folder, { recursive: true, force: true });
});

const context = (): JobContext => ({
  signal: new AbortController().signal,
  progress: () => undefined,
  log: () => undefined,
  jobId: randomUUID().slice(0, 8),
  scratchDir: folder,
  child: () => undefined,
});
const connectionTo = (path: string) =>
  buildConnection({ engine: "sqlite", name: randomUUID(), environment: "staging", source: "console", url: path, database: null, tlsCa: null, address: path });

async function backedUp(path: string): Promise<Artefact> {
  const target = join(folder, `${randomUUID()}.artefact`);
  const manifest = await sqliteBackup.write(connectionTo(path), { path: target, stream: () => Promise.reject(new Error("not used")) as never }, context());
  return { path: target, bytes: statSync(target).size, manifest, open: (range) => openArtefact(target, range) };
}

test("a foreign key that fits no key of its parent does not keep a database from being backed up", async () => {
  const path = join(folder, "mismatch.sqlite");
  const database = new Database(path);
  database.exec("CREATE TABLE parent (a, b); CREATE TABLE child (x REFERENCES parent(b)); INSERT INTO parent VALUES (1, 2)");
  database.pragma("foreign_keys = OFF");
  database.exec("INSERT INTO child VALUES (2), (3)");
  database.close();
  const artefact = await backedUp(path);
  expect(artefact.manifest.objects).toMatchObject([
    { name: "child", count: 2 },
    { name: "parent", count: 1 },
  ]);
  await expect(sqliteBackup.verify(artefact, context())).resolves.toBeDefined();
});

test("a log that another database of that name left behind is not replayed over a restored file", async () => {
  const origin = join(folder, "origin.sqlite");
  const database = new Database(origin);
  database.exec("CREATE TABLE t (v); INSERT INTO t VALUES ('from the backup')");
  database.close();
  const artefact = await backedUp(origin);
  // A database that lived here before, was not closed, and whose file alone was removed.
  const before = new Database(join(folder, "old.sqlite"));
  before.pragma("journal_mode = WAL");
  before.exec("CREATE TABLE t (v); INSERT INTO t VALUES ('of yesterday')");
  copyFileSync(join(folder, "old.sqlite-wal"), join(folder, "target.sqlite-wal"));
  before.close();
  const connection = connectionTo(origin);
  const target = { name: "target.sqlite" };
  const plan = await sqliteBackup.plan(artefact, connection, target, {});
  expect(
    plan.checks
      .filter(({ result }) => result === "fail")
      .map(({ detail }) => detail)
      .join(),
  ).toContain("target.sqlite-wal");
  await expect(
    (async () => {
      const staged = await sqliteBackup.stage(artefact, connection, target, context());
      try {
        return await staged.keep();
      } finally {
        await staged.discard();
      }
    })(),
  ).rejects.toMatchObject({ code: "CONFLICT" });
  expect(existsSync(join(folder, "target.sqlite"))).toBe(false);
  expect(readdirSync(folder).filter((name) => name.includes(".restore-"))).toEqual([]);
  // Beside a free name everything is as before.
  writeFileSync(join(folder, "other.sqlite-wal"), "");
  await expect(sqliteBackup.plan(artefact, connection, { name: "free.sqlite" }, {})).resolves.toMatchObject({ checks: [{ result: "pass" }, {}, {}] });
});

test("stale log proves itself: SQLite would have read it", () => {
  const victim = join(folder, "victim.sqlite");
  copyFileSync(join(folder, "origin.sqlite"), victim);
  copyFileSync(join(folder, "target.sqlite-wal"), `${victim}-wal`);
  const opened = new Database(victim);
  expect(opened.prepare("SELECT v FROM t").all()).toEqual([{ v: "of yesterday" }]);
  opened.close();
});
