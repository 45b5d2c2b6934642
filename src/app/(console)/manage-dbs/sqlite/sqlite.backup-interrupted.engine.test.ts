/** Backups and restores while the live file is written, replaced, or the console dies: F5, F31, F35, F37. */
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, describe, expect, test } from "vitest";
import type { ManifestContent } from "@/backups/engine";
import { dumpOf, integrityOf, restoreBench } from "./sqlite.test-restores";
import { run } from "./sqlite.test-kill";

const bench = await restoreBench();
afterAll(() => bench.remove());

const fill = (db: Database.Database, rows: number) =>
  db.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) INSERT INTO t SELECT i, hex(randomblob(500)) FROM n`);

/** A program of its own, until the test ends. */
async function whileRunning(source: string, args: string[], work: () => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, ["-e", source, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const gone = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  try {
    await Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), gone]);
    await work();
  } finally {
    child.kill("SIGKILL");
    await gone;
  }
}

test("F28, F31: rollback mode, a writer every few milliseconds: the backup ends, and is one state", async () => {
  // The two accounts lie at the two ends of the file.
  const { path, connection } = bench.live((db) => {
    db.exec("CREATE TABLE here (balance INTEGER); INSERT INTO here VALUES (5000)");
    fill(db, 12_000);
    db.exec("CREATE TABLE there (balance INTEGER); INSERT INTO there VALUES (5000); CREATE TABLE moves (n); INSERT INTO moves VALUES (0)");
  });
  const movesIn = (file: string): number => {
    const db = new Database(file, { readonly: true, timeout: 10_000 });
    try {
      return db.prepare("SELECT n FROM moves").pluck().get() as number;
    } finally {
      db.close();
    }
  };
  const source = `const db = new (require("better-sqlite3"))(process.argv[1], { timeout: 30000 });
    const [from, to] = [db.prepare("UPDATE here SET balance = balance - 7"), db.prepare("UPDATE there SET balance = balance + 7")];
    const count = db.prepare("UPDATE moves SET n = n + 1");
    const both = db.transaction(() => { from.run(); count.run(); to.run(); });
    setInterval(both, 2);
    console.log("ready");`;
  await whileRunning(source, [path], async () => {
    let writtenMeanwhile = 0;
    for (let round = 0; round < 3 || (writtenMeanwhile === 0 && round < 50); round += 1) {
      const before = movesIn(path);
      const artefact = await bench.backUp(connection);
      writtenMeanwhile += movesIn(path) - before;
      expect(movesIn(artefact.path)).toBeGreaterThanOrEqual(before);
      const found = await bench.engine.verify(artefact, bench.newContext());
      expect(found.objects).toEqual(artefact.manifest.objects.map(({ name, count }) => ({ name, count })));
      const copy = new Database(artefact.path, { readonly: true });
      expect(copy.prepare("SELECT here.balance + there.balance FROM here, there").pluck().get()).toBe(10_000);
      copy.close();
    }
    expect(writtenMeanwhile).toBeGreaterThan(0);
  });
}, 240_000);

test("F5: the live file is replaced by another while it is copied: one of the two, or an error, never some of each", async () => {
  const first = bench.live((db) => {
    db.pragma("journal_mode = WAL");
    fill(db, 4_000);
  });
  const second = join(bench.folder, "second.sqlite");
  copyFileSync(first.path, second);
  const other = new Database(second);
  other.exec("DELETE FROM t WHERE id % 2");
  other.close();
  const kept = `${first.path}.first`;
  copyFileSync(first.path, kept);
  const source = `const fs = require("fs"), [live, ...files] = process.argv.slice(1);
    const next = (n) => {
      fs.copyFileSync(files[n % 2], live + ".next");
      fs.rmSync(live + "-wal", { force: true }); fs.rmSync(live + "-shm", { force: true });
      fs.renameSync(live + ".next", live);
      setTimeout(next, 1, n + 1);
    };
    next(0); console.log("ready");`;
  const seen: (number | "error")[] = [];
  await whileRunning(source, [first.path, kept, second], async () => {
    for (let round = 0; round < 15; round += 1) {
      const artefact = await bench.backUp(first.connection).catch(() => null);
      if (artefact) {
        const verified = await bench.engine.verify(artefact, bench.newContext());
        expect(verified.objects).toEqual(artefact.manifest.objects.map(({ name, count }) => ({ name, count })));
      }
      seen.push(artefact?.manifest.objects[0]?.count ?? "error");
    }
  });
  expect(seen.filter((count) => count !== "error" && count !== 4_000 && count !== 2_000)).toEqual([]);
});

test("F35: a letter changed in text that no index holds: integrity_check sees nothing, the SHA-256 does, and nothing is left", async () => {
  const { connection } = bench.live((db) => db.exec("CREATE TABLE t (note TEXT); INSERT INTO t VALUES ('hello')"));
  const artefact = await bench.backUp(connection);
  const bytes = readFileSync(artefact.path);
  const stored: ManifestContent & { sha256: string } = { ...artefact.manifest, sha256: createHash("sha256").update(bytes).digest("hex") };
  const good = await bench.engine.stage({ ...artefact, manifest: stored }, connection, { name: "good.sqlite" }, bench.newContext());
  expect(bench.lines.at(-1)).toContain("its SHA-256 is that of the backup");
  await good.discard();
  bytes[bytes.lastIndexOf("hello")] = "j".charCodeAt(0);
  writeFileSync(artefact.path, bytes);
  expect(integrityOf(artefact.path)).toBe("ok");
  const before = readdirSync(bench.folder);
  await expect(bench.engine.stage({ ...artefact, manifest: stored }, connection, { name: "new.sqlite" }, bench.newContext())).rejects.toMatchObject({
    code: "CONFLICT",
    message: expect.stringContaining("SHA-256") as string,
  });
  expect(readdirSync(bench.folder)).toEqual(before);
});

describe.for(["wal", "delete"] as const)("F37: kill -9, the live file in %s mode", (mode) => {
  const BACKUP = [0, 20, 60, 150].map((ms) => ({ after: "before the first step", ms }));
  // What is chosen is taken out of the copy by VACUUM INTO when its last piece is written.
  const CHOSEN = [{ after: "before the first step", ms: 0 }, ...[0, 15, 40, 100].map((ms) => ({ after: "4 progress", ms }))];

  test("in the middle of a backup, and of VACUUM INTO: the live file is whole and as it was, what was half made is cleared", async () => {
    const { path, connection } = bench.live((db) => {
      db.pragma(`journal_mode = ${mode}`);
      fill(db, 10_000);
      db.exec("CREATE TABLE other (x); INSERT INTO other VALUES (1)");
    });
    const artefact = await bench.backUp(connection);
    const manifest = join(bench.folder, `${mode}.beside.json`);
    writeFileSync(manifest, JSON.stringify(artefact.manifest));
    const before = dumpOf(path);
    const deaths: string[] = [];
    for (const chosen of [null, { artefact: artefact.path, manifest, objects: ["t"] }]) {
      for (const shot of chosen ? CHOSEN : BACKUP) {
        const jobId = randomBytes(6).toString("hex");
        const target = chosen ? "chosen.sqlite" : join(bench.folder, `${jobId}.partial`);
        const { points, signal } = await run(bench.folder, { kind: "beside", live: path, target, chosen, jobId, killAt: 0 }, shot);
        deaths.push(`${chosen ? "chosen tables" : "backup"}, ${shot.ms} ms after "${shot.after}": ${signal ?? "ended"}, at ${points.at(-1)}`);
        expect(integrityOf(path)).toBe("ok");
        // A backup's partial file is cleared by the store, which knows its name.
        if (chosen) await bench.engine.sweep(connection, { jobId, target });
        else for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${target}${suffix}`, { force: true });
        expect(readdirSync(bench.folder).filter((name) => name.includes(jobId) && !name.endsWith(".json"))).toEqual([]);
      }
      expect(dumpOf(path)).toBe(before);
    }
    process.stdout.write(`killed, ${basename(path)} in ${mode} mode:\n${deaths.map((death) => `  ${death}\n`).join("")}`);
    expect(deaths.some((death) => death.includes("SIGKILL"))).toBe(true);
  }, 240_000);
});
