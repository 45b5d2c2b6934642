/** The copy of a live file in WAL mode: one state, counted where it was copied from, whatever others do to file and log meanwhile. F28, F31. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, expect, test } from "vitest";
import type { Artefact } from "@/backups/engine";
import { dumpOf, integrityOf, restoreBench } from "./sqlite.test-restores";

const bench = await restoreBench();
afterAll(() => bench.remove());

const HELD = "file and log copied under a held read";

function bank(rows: number) {
  return bench.live((db) => {
    db.pragma("journal_mode = WAL");
    db.exec("CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER); CREATE TABLE moves (id INTEGER PRIMARY KEY, note TEXT); CREATE TABLE filler (x)");
    db.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO accounts SELECT i, 100 FROM n");
    db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) INSERT INTO filler SELECT randomblob(1000) FROM n`);
  });
}

/** Another program that moves money without a pause, each move with a row of its own; `after` runs after each. Ends with `end`. */
async function mover(path: string, after: string): Promise<{ end: () => Promise<void> }> {
  const source = `const db = new (require("better-sqlite3"))(process.argv[1], { timeout: 5000 });
    const move = db.prepare("UPDATE accounts SET balance = balance + ? WHERE id = ?");
    const note = db.prepare("INSERT INTO moves (note) VALUES (?)");
    const both = db.transaction((a, b) => { move.run(-7, a); move.run(7, b); note.run("x".repeat(200)); });
    const some = () => 1 + Math.floor(Math.random() * 100);
    const loop = () => { for (let n = 0; n < 5; n += 1) { both(some(), some()); ${after} } setImmediate(loop); };
    loop();
    console.log("ready");`;
  const child = spawn(process.execPath, ["-e", source, path], { stdio: ["ignore", "pipe", "inherit"] });
  const gone = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  await Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), gone]);
  return {
    async end() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** Read whole: the money in it, and its counts beside those that were taken in the live database. */
async function stateOf(artefact: Artefact) {
  const found = await bench.engine.verify(artefact, bench.newContext());
  const copy = new Database(artefact.path, { readonly: true });
  const money = copy.prepare("SELECT sum(balance) FROM accounts").pluck().get();
  copy.close();
  return { money, counts: found.objects, counted: artefact.manifest.objects.map(({ name, count }) => ({ name, count })) };
}

function expectOne({ money, counts, counted }: Awaited<ReturnType<typeof stateOf>>): void {
  expect(money).toBe(10_000);
  expect(counts).toEqual(counted);
}

test("nobody writes: file and log are copied as they are, what lies in the log alone included", async () => {
  const { path, connection } = bank(3_000);
  const application = new Database(path);
  application.pragma("wal_autocheckpoint = 0");
  application.exec(
    "UPDATE accounts SET balance = balance - 7 WHERE id = 1; UPDATE accounts SET balance = balance + 7 WHERE id = 2; DELETE FROM filler WHERE rowid > 2000",
  );
  const artefact = await bench.backUp(connection);
  expect(artefact.manifest.tool).toContain(HELD);
  expect(artefact.manifest.objects.find(({ name }) => name === "filler")?.count).toBe(2_000);
  expect(dumpOf(artefact.path)).toBe(dumpOf(path));
  expect(integrityOf(artefact.path)).toBe("ok");
  expect([existsSync(`${artefact.path}-wal`), existsSync(`${artefact.path}-shm`)]).toEqual([false, false]);
  expectOne(await stateOf(artefact));
  // The transaction it was copied in is over: the log can be emptied.
  expect(application.pragma("wal_checkpoint(TRUNCATE)")).toMatchObject([{ busy: 0 }]);
  application.close();
});

test.for([
  ["writes without a pause", ""],
  ["writes and empties the log after each", `db.pragma("wal_checkpoint(TRUNCATE)");`],
  ["writes and begins the log anew", `db.pragma("wal_checkpoint(RESTART)");`],
] as const)("F28, F31: a program that %s: the backup ends, and is one state with the counts of that state", async ([, after]) => {
  const { path, connection } = bank(20_000);
  const { end } = await mover(path, after);
  try {
    for (let run = 0; run < 4; run += 1) {
      const { money, counts, counted } = await stateOf(await bench.backUp(connection));
      expect(money).toBe(10_000);
      expect(counts).toEqual(counted);
      await delay(5);
    }
  } finally {
    await end();
  }
});

test("no process can be started to copy the file: the backup API copies it", async () => {
  const { path, connection } = bank(500);
  const searched = process.env["PATH"];
  process.env["PATH"] = "/nonexistent";
  try {
    const { closeSqlite } = await import("./sqlite.client");
    // A thread has the environment of its start.
    await closeSqlite();
    const artefact = await bench.backUp(connection);
    expect(artefact.manifest.tool).toContain("backup API");
    expect(dumpOf(artefact.path)).toBe(dumpOf(path));
    expectOne(await stateOf(artefact));
  } finally {
    process.env["PATH"] = searched;
  }
});

test("cancelled while it copies: it ends at once and the live database is free", async () => {
  const { path, connection } = bank(60_000);
  for (const afterMs of [0, 20, 60]) {
    const controller = new AbortController();
    const target = `${path}.cancelled-${afterMs}`;
    const sink = { path: target, stream: () => Promise.reject(new Error("not used")) as never };
    const writing = bench.engine.write(connection, sink, bench.newContext(undefined, controller.signal)).then(
      () => "written",
      (error: { code: string }) => error.code,
    );
    await delay(afterMs);
    controller.abort();
    expect(["CANCELLED", "written"]).toContain(await writing);
  }
  const application = new Database(path, { timeout: 5_000 });
  application.exec("DELETE FROM filler WHERE rowid < 10");
  let busy = 1;
  for (let waited = 0; busy !== 0 && waited < 20_000; waited += 50) {
    [{ busy }] = application.pragma("wal_checkpoint(TRUNCATE)") as [{ busy: number }];
    await delay(50);
  }
  expect(busy).toBe(0);
  application.close();
});
