/** Backups and restores of SQLite when others write, lock, or leave no room: F31 to F33, F7. */
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, expect, test } from "vitest";
import { testConnection } from "@/test/connections";
import { dumpOf, integrityOf, restoreBench } from "./sqlite.test-restores";

const bench = await restoreBench();
const disk = join(bench.folder, "disk");
mkdirSync(disk);
const hasSmallDisk = (() => {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();
afterAll(async () => {
  if (hasSmallDisk) execFileSync("umount", ["-l", disk]);
  await bench.remove();
});

/** Transactions that a writer has counted in the database itself. */
function movesIn(path: string): number {
  const db = new Database(path, { readonly: true });
  try {
    return db.prepare("SELECT n FROM moves").pluck().get() as number;
  } finally {
    db.close();
  }
}

test("F28, F31: a writer every few milliseconds: the backup ends, and is one consistent state", async () => {
  const { path, connection } = bench.live((db) => {
    db.pragma("journal_mode = WAL");
    db.exec("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER); CREATE TABLE filler (x); CREATE TABLE moves (n); INSERT INTO moves VALUES (0)");
    db.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO accounts SELECT i, 100 FROM n");
    db.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO filler SELECT randomblob(1000) FROM n");
  });
  const source = `const db = new (require("better-sqlite3"))(process.argv[1], { timeout: 5000 });
    const move = db.prepare("UPDATE accounts SET balance = balance + ? WHERE id = ?");
    const count = db.prepare("UPDATE moves SET n = n + 1");
    const both = db.transaction((a, b) => { move.run(-7, a); count.run(); move.run(7, b); });
    setInterval(() => both(1 + Math.floor(Math.random() * 100), 1 + Math.floor(Math.random() * 100)), 3);
    console.log("ready");`;
  const writer = spawn(process.execPath, ["-e", source, path], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await new Promise((resolve) => writer.stdout.once("data", resolve));
    let writtenMeanwhile = 0;
    for (let round = 0; round < 3 || (writtenMeanwhile === 0 && round < 100); round += 1) {
      const before = movesIn(path);
      const artefact = await bench.backUp(connection);
      const after = movesIn(path);
      writtenMeanwhile += after - before;
      const copy = new Database(artefact.path, { readonly: true });
      expect(copy.prepare("SELECT sum(balance) FROM accounts").pluck().get()).toBe(10_000);
      copy.close();
      expect(movesIn(artefact.path)).toBeGreaterThanOrEqual(before);
      expect(movesIn(artefact.path)).toBeLessThanOrEqual(after);
      expect(integrityOf(artefact.path)).toBe("ok");
    }
    expect(writtenMeanwhile).toBeGreaterThan(0);
  } finally {
    writer.kill("SIGKILL");
  }
});

test("F32: a source that is locked is a named error, never an empty backup", async () => {
  const { path, connection } = bench.live((db) => db.exec("CREATE TABLE t (x); INSERT INTO t VALUES (1)"));
  const other = new Database(path);
  other.exec("BEGIN EXCLUSIVE");
  await expect(bench.backUp(connection)).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("locked") as string });
  other.exec("ROLLBACK");
  other.close();
  expect((await bench.backUp(connection)).manifest.objects).toMatchObject([{ name: "t", count: 1 }]);
});

test("F33: rows that lie in a log of many megabytes are in the copy, and the copy needs no sidecars", async () => {
  const { path, connection } = bench.live((db) => {
    db.pragma("journal_mode = WAL");
    db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, body)");
  });
  const application = new Database(path);
  application.pragma("wal_autocheckpoint = 0");
  application.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 26000) INSERT INTO t SELECT i, randomblob(2000) FROM n");
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(50e6);
  const artefact = await bench.backUp(connection);
  const alone = join(bench.folder, "alone.sqlite");
  copyFileSync(artefact.path, alone);
  const copy = new Database(alone, { readonly: true });
  expect(copy.prepare("SELECT count(*) FROM t").pluck().get()).toBe(26_000);
  expect(copy.pragma("journal_mode", { simple: true })).toBe("delete");
  copy.close();
  expect([existsSync(`${alone}-wal`), existsSync(`${artefact.path}-wal`)]).toEqual([false, false]);
  application.close();
});

test.skipIf(!hasSmallDisk)("F7: no room beside the live file: said by the plan; the swap fails and the old content is whole", async () => {
  for (const mode of ["wal", "delete"]) {
    const path = join(disk, `${mode}.sqlite`);
    const db = new Database(path);
    db.pragma(`journal_mode = ${mode}`);
    db.exec("CREATE TABLE t (x); INSERT INTO t VALUES ('old'); ");
    db.close();
    const connection = testConnection("sqlite", path, { name: `disk-${mode}` });
    const large = bench.live((other) => {
      other.exec("CREATE TABLE t (x)");
      other.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) INSERT INTO t SELECT randomblob(1000) FROM n");
    });
    const artefact = await bench.backUp(large.connection);
    const before = dumpOf(path);
    const plan = await bench.engine.plan(artefact, connection, { name: `${mode}.sqlite`, replace: true }, {});
    expect(plan.checks.find(({ result }) => result === "fail")?.title).toBe("Not enough space");
    const context = bench.newContext();
    await expect(bench.replace(artefact, connection, context)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    const swap = { jobId: context.jobId, target: "", record: { path, live: "before" } };
    expect(await bench.settle(connection, swap)).toBe("before");
    await bench.dropKept(connection, swap);
    expect(dumpOf(path)).toBe(before);
    expect(integrityOf(path)).toBe("ok");
    expect(bench.kept()).toEqual([]);
  }
});

test("a cancelled stage stops at once and leaves nothing", async () => {
  const { connection, path } = bench.live((db) => {
    db.exec("CREATE TABLE t (x)");
    db.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t SELECT randomblob(1000) FROM n");
  });
  const artefact = await bench.backUp(connection);
  const before = bench.kept();
  for (const afterMs of [0, 5, 25]) {
    const controller = new AbortController();
    const started = performance.now();
    const staging = bench.engine.stage(
      artefact,
      connection,
      { name: path.split("/").at(-1) ?? "", replace: true },
      bench.newContext(undefined, controller.signal),
    );
    const ended = staging.then(
      (staged) => staged.discard(),
      (error: { code: string }) => expect(error.code).toBe("CANCELLED"),
    );
    await delay(afterMs);
    controller.abort();
    await ended;
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(bench.kept()).toEqual(before);
  }
});
