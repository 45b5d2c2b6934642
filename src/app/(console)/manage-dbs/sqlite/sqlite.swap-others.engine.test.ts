/** Replacing a live file that others write, read, lock, or have left in the middle of something: nothing is lost, or it is refused. */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, existsSync, renameSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Swap } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import type { PutResult } from "./sqlite.swap-protocol";
import { put } from "./sqlite.swap-put";
import { dumpOf, integrityOf, restoreBench } from "./sqlite.test-restores";

const bench = await restoreBench();
const { copyPrivately, keptDir, keptPath, makeKeptDir, runOnFile } = await import("./sqlite.files");
const children: ChildProcess[] = [];
afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await bench.remove();
});
beforeEach(() => {
  bench.lines.length = 0;
});

const MODES = ["wal", "delete"] as const;

function shop({ mode, pageSize = 4096, rows = 500 }: { mode: (typeof MODES)[number]; pageSize?: number; rows?: number }) {
  return bench.live((db) => {
    db.pragma(`page_size = ${pageSize}`);
    db.pragma(`journal_mode = ${mode}`);
    db.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT)");
    db.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) INSERT INTO orders SELECT i, 'backup ' || i FROM n`);
  });
}

/** A program of its own that has the database open. `code` sees `db`, `say(text)` and `wait(ms)`. */
async function program(path: string, code: string): Promise<{ said: () => string[]; end: (signal?: NodeJS.Signals) => Promise<void> }> {
  const source = `const db = new (require("better-sqlite3"))(process.argv[1], { timeout: 5000 });
    const say = (text) => require("fs").writeSync(1, text + "\\n");
    const wait = (ms) => new Promise((done) => setTimeout(done, ms));
    (async () => { ${code} })();`;
  const child = spawn(process.execPath, ["-e", source, path], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  let printed = "";
  child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
  const said = () => printed.split("\n").slice(0, -1);
  for (let waited = 0; said().length === 0 && waited < 10_000; waited += 10) await delay(10);
  return {
    said,
    async end(signal = "SIGTERM") {
      const gone = new Promise((done) => child.on("exit", done));
      child.kill(signal);
      await gone;
    },
  };
}

/** A put with a short wait, as the engine does it. */
async function putWithin(waitMs: number, { connection, path, artefact }: { connection: Connection; path: string; artefact: string }) {
  const { jobId } = bench.newContext();
  await makeKeptDir();
  const from = keptPath(jobId, "restored");
  await copyPrivately(artefact, from, {});
  const log = (line: string) => void bench.lines.push(line);
  const put = runOnFile<PutResult>({ op: "put", live: path, from, aside: keptPath(jobId, "before"), carryOver: null, waitMs }, { path, log });
  const swap: Swap = { jobId, target: "", record: { path, live: "before" } };
  return { put, swap, connection };
}

describe.for(MODES)("%s mode", (mode) => {
  beforeEach(() => rmSync(keptDir(), { recursive: true, force: true }));

  test("under a program that writes all the time: every write that it was told is done is live or kept", async () => {
    const { path, connection } = shop({ mode });
    const artefact = await bench.backUp(connection);
    const writer = await program(
      path,
      `const insert = db.prepare("INSERT INTO orders (note) VALUES (?)");
       for (let n = 1; ; n += 1) { insert.run("write " + n); say(String(n)); await wait(1); }`,
    );
    const swap = await bench.replace(artefact, connection);
    const atSwap = writer.said().length;
    for (let waited = 0; writer.said().length < atSwap + 20 && waited < 5_000; waited += 10) await delay(10);
    await writer.end("SIGKILL");
    const notes = (file: string) => {
      const db = new Database(file);
      const found = db.prepare("SELECT note FROM orders WHERE note LIKE 'write %'").pluck().all() as string[];
      db.close();
      return found;
    };
    const [kept, live] = [notes(keptPath(swap.jobId, "before")), notes(path)];
    const found = new Set([...kept, ...live]);
    expect(writer.said().filter((n) => !found.has(`write ${n}`))).toEqual([]);
    expect(kept.filter((note) => live.includes(note))).toEqual([]);
    expect(kept.length).toBeGreaterThan(0);
    expect(live.length).toBeGreaterThan(0);
    expect(integrityOf(path)).toBe("ok");
    await bench.dropKept(connection, swap);
  });

  test("a transaction that is open during the first tries and then commits: what is kept, and put back by undo, has it", async () => {
    const { path, connection } = shop({ mode });
    const artefact = await bench.backUp(connection);
    const other = await program(
      path,
      `db.exec("BEGIN IMMEDIATE; INSERT INTO orders (note) VALUES ('committed late')");
       process.once("SIGUSR2", () => { db.exec("COMMIT"); process.exit(); });
       say("holds"); await wait(60000);`,
    );
    const { put, swap } = await putWithin(20_000, { connection, path, artefact: artefact.path });
    await vi.waitFor(() => expect(bench.lines.join("\n")).toContain("is read back: integrity_check ok"), { timeout: 10_000 });
    // The copy is made, and the lock could not be had: many tries in this time.
    await delay(300);
    await other.end("SIGUSR2");
    await put;
    const late = (file: string) => {
      const db = new Database(file, { readonly: true });
      const count = db.prepare("SELECT count(*) FROM orders WHERE note = 'committed late'").pluck().get();
      db.close();
      return count;
    };
    expect([late(path), late(keptPath(swap.jobId, "before"))]).toEqual([0, 1]);
    expect(await bench.settle(connection, swap)).toBe("restored");
    await bench.exchange(connection, swap);
    expect(late(path)).toBe(1);
    await bench.dropKept(connection, swap);
  });

  test("while another program writes: refused after the wait, nothing changed, nothing left", async () => {
    const { path, connection } = shop({ mode });
    const artefact = await bench.backUp(connection);
    const before = dumpOf(path);
    const other = new Database(path);
    other.exec("BEGIN IMMEDIATE");
    const { put, swap } = await putWithin(300, { connection, path, artefact: artefact.path });
    await expect(put).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("locked by another program") as string });
    other.exec("COMMIT");
    other.close();
    expect(await bench.settle(connection, swap)).toBe("before");
    expect(dumpOf(path)).toBe(before);
    await bench.dropKept(connection, swap);
    expect(bench.kept()).toEqual([]);
  });

  test("the plan names a program that has it locked, and locks nothing itself", async () => {
    const { path, connection } = shop({ mode });
    const artefact = await bench.backUp(connection);
    const other = await program(path, `db.exec("BEGIN IMMEDIATE"); say(String(process.pid)); await wait(60000);`);
    const plan = await bench.engine.plan(artefact, connection, { name: path.split("/").at(-1) ?? "", replace: true }, {});
    const check = plan.checks.find(({ title }) => title.startsWith("1 other program"));
    // In WAL mode the lock of a writer is on another file, and stands in nobody's way for long.
    if (mode === "delete") expect(check).toMatchObject({ result: "warn", detail: expect.stringContaining(other.said()[0] ?? "") as string });
    expect(plan.checks.filter(({ result }) => result === "fail")).toEqual([]);
    await other.end("SIGKILL");
  });

  test("a page size that is not the live file's", async () => {
    const { path, connection } = shop({ mode, pageSize: 4096 });
    const origin = shop({ mode: "delete", pageSize: 8192, rows: 900 });
    const artefact = await bench.backUp(origin.connection);
    const [before, inBackup] = [dumpOf(path), dumpOf(origin.path)];
    const application = new Database(path);
    const swap = await bench.replace(artefact, connection);
    expect(dumpOf(path)).toBe(inBackup);
    expect(application.prepare("SELECT count(*) FROM orders").pluck().get()).toBe(900);
    expect(bench.lines.some((line) => line.includes("8192 bytes to 4096"))).toBe(mode === "wal");
    await bench.exchange(connection, swap);
    expect(dumpOf(path)).toBe(before);
    application.exec("INSERT INTO orders (note) VALUES ('on')");
    expect(application.pragma("page_size", { simple: true })).toBe(4096);
    application.close();
    await bench.dropKept(connection, swap);
  });

  test("what a killed program left in its log or journal is not replayed over the restored content, and is kept", async () => {
    const { path, connection } = shop({ mode });
    const artefact = await bench.backUp(connection);
    const { closeSqlite } = await import("./sqlite.client");
    await closeSqlite(connection.id);
    // A large transaction that is not committed spills into the file in rollback mode: its journal is hot.
    const killed = await program(
      path,
      `db.exec("INSERT INTO orders (note) VALUES ('committed')"); db.pragma("cache_size = 5");
       db.exec("BEGIN; UPDATE orders SET note = note || hex(randomblob(400))"); say("ready"); await wait(60000);`,
    );
    await killed.end("SIGKILL");
    const swap = await bench.replace(artefact, connection);
    expect(dumpOf(path)).toBe(dumpOf(artefact.path));
    expect(integrityOf(path)).toBe("ok");
    await bench.exchange(connection, swap);
    const db = new Database(path);
    expect(db.prepare("SELECT count(*) FROM orders WHERE note = 'committed'").pluck().get()).toBe(1);
    expect(db.prepare("SELECT max(length(note)) FROM orders").pluck().get()).toBeLessThan(50);
    db.close();
    await bench.dropKept(connection, swap);
  });

  test("a crash after the commit, then an application writes: the restored state is live; before it, and then a new schema: the old one", async () => {
    const { path, connection } = shop({ mode, rows: 3_000 });
    const artefact = await bench.backUp(connection);
    const application = new Database(path);
    application.exec("UPDATE orders SET note = 'changed since the backup' WHERE id % 3 = 0");
    const { put, swap } = await putWithin(2_000, { connection, path, artefact: artefact.path });
    await put;
    // As a crash right after the commit leaves it: both files are there.
    expect(bench.kept()).toHaveLength(2);
    copyFileSync(keptPath(swap.jobId, "before"), `${path}.kept`);
    application.exec("UPDATE orders SET note = 'after the crash' WHERE id IN (7, 900, 2500)");
    expect(await bench.settle(connection, swap)).toBe("restored");
    expect(bench.kept()).toEqual([`${swap.jobId}.before.sqlite`]);
    application.close();
    await bench.dropKept(connection, swap);

    // As a crash right before the commit leaves it, and an application that has changed the schema since.
    await makeKeptDir();
    copyFileSync(artefact.path, keptPath(swap.jobId, "restored"));
    copyFileSync(`${path}.kept`, keptPath(swap.jobId, "before"));
    const old = bench.live(() => undefined);
    copyFileSync(`${path}.kept`, old.path);
    const later = { ...swap, record: { path: old.path, live: "before" } };
    const migrating = new Database(old.path);
    migrating.exec("CREATE TABLE made_later (x); UPDATE orders SET note = 'after the crash' WHERE id IN (7, 900, 2500)");
    migrating.close();
    expect(await bench.settle(old.connection, later)).toBe("before");
    expect(bench.lines.at(-1)).toContain("kept copy");
    expect(bench.kept()).toEqual([`${swap.jobId}.restored.sqlite`]);
    await bench.dropKept(old.connection, later);
  });
});

test("WAL mode: a program that reads goes on with what it saw, and sees the new content next", async () => {
  const { path, connection } = shop({ mode: "wal" });
  const artefact = await bench.backUp(connection);
  const reader = new Database(path);
  reader.exec("DELETE FROM orders WHERE id > 5; BEGIN");
  const count = () => reader.prepare("SELECT count(*) FROM orders").pluck().get();
  expect(count()).toBe(5);
  const swap = await bench.replace(artefact, connection);
  expect(count()).toBe(5);
  reader.exec("COMMIT");
  expect(count()).toBe(500);
  reader.close();
  await bench.dropKept(connection, swap);
});

test("rollback mode: an open read is waited for; too long, and it is refused with everything as it was", async () => {
  const { path, connection } = shop({ mode: "delete" });
  const artefact = await bench.backUp(connection);
  const change = new Database(path);
  change.exec("DELETE FROM orders WHERE id > 5");
  change.close();
  const before = dumpOf(path);
  const reader = new Database(path);
  reader.exec("BEGIN");
  const count = () => reader.prepare("SELECT count(*) FROM orders").pluck().get();
  expect(count()).toBe(5);
  const refused = await putWithin(300, { connection, path, artefact: artefact.path });
  await expect(refused.put).rejects.toMatchObject({ code: "CONFLICT" });
  expect(await bench.settle(connection, refused.swap)).toBe("before");
  await bench.dropKept(connection, refused.swap);
  expect(dumpOf(path)).toBe(before);

  const waiting = await putWithin(10_000, { connection, path, artefact: artefact.path });
  await delay(200);
  expect(count()).toBe(5);
  reader.exec("COMMIT");
  await waiting.put;
  expect(count()).toBe(500);
  reader.close();
  expect(await bench.settle(connection, waiting.swap)).toBe("restored");
  await bench.dropKept(connection, waiting.swap);
});

test.for(MODES)("%s mode: a file that is put under the name while the copy is made: it is what is kept", async (mode) => {
  const { path } = shop({ mode });
  const [newer, restored] = [shop({ mode }).path, shop({ mode }).path];
  const writing = new Database(newer);
  writing.exec("INSERT INTO orders (note) VALUES ('in the newer file')");
  writing.close();
  const content = dumpOf(newer);
  const { jobId } = bench.newContext();
  await makeKeptDir();
  const aside = keptPath(jobId, "before");
  // Here and not in a worker: the line is told in the middle of it.
  const log = (line: string) => {
    if (line.includes("integrity_check ok") && existsSync(newer)) renameSync(newer, path);
  };
  await put({ op: "put", live: path, from: restored, aside, carryOver: null, waitMs: 5_000 }, { log, progress: () => undefined });
  expect(dumpOf(aside)).toBe(content);
  rmSync(aside);
});

test("a damaged live file is replaced, and the damaged state is what undo puts back", async () => {
  const { path, connection } = bench.live((db) => {
    db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT); CREATE INDEX words ON t (word)");
    for (let row = 0; row < 500; row += 1) db.prepare("INSERT INTO t (word) VALUES (?)").run(`word number ${row}`);
  });
  const artefact = await bench.backUp(connection);
  // The index is gone from the schema, its pages are not: what a bad program or disk may leave.
  const damage = new Database(path);
  damage.unsafeMode(true).pragma("writable_schema = ON");
  damage.exec("DELETE FROM sqlite_schema WHERE name = 'words'");
  damage.close();
  expect(integrityOf(path)).not.toBe("ok");
  const swap = await bench.replace(artefact, connection);
  expect(integrityOf(path)).toBe("ok");
  expect(bench.lines.join("\n")).toContain("what was live is damaged");
  expect(dumpOf(path)).toBe(dumpOf(artefact.path));
  await bench.dropKept(connection, swap);
});
