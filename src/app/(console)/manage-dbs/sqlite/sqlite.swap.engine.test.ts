/** Replacing a live file under an application that has it open: all or nothing, undone, done again, dropped. */
import Database from "better-sqlite3";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { dumpOf, integrityOf, restoreBench } from "./sqlite.test-restores";

const bench = await restoreBench();
afterAll(() => bench.remove());
beforeEach(() => {
  bench.lines.length = 0;
});

const MODES = ["wal", "delete"] as const;
type Mode = (typeof MODES)[number];

function shop(mode: Mode, pageSize = 4096) {
  return bench.live((db) => {
    db.pragma(`page_size = ${pageSize}`);
    db.pragma(`journal_mode = ${mode}`);
    db.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY, note TEXT); CREATE INDEX orders_note ON orders (note)");
    const insert = db.prepare("INSERT INTO orders (note) VALUES (?)");
    db.transaction(() => {
      for (let row = 0; row < 2_000; row += 1) insert.run(`from the backup ${row}`);
    })();
  });
}

const countOf = (db: Database.Database): unknown => db.prepare("SELECT count(*) FROM orders").pluck().get();

describe.for(MODES)("a file in %s mode that an application has open", (mode) => {
  test("is replaced, put back, replaced again, and what is kept is dropped; the application goes on", async () => {
    const { path, connection } = shop(mode);
    const artefact = await bench.backUp(connection);
    const inBackup = dumpOf(path);
    const application = new Database(path, { timeout: 2_000 });
    application.exec("DELETE FROM orders WHERE id > 10; ALTER TABLE orders ADD COLUMN late TEXT; INSERT INTO orders (note, late) VALUES ('new', 'x')");
    const before = dumpOf(path);

    const swap = await bench.replace(artefact, connection);
    expect(dumpOf(path)).toBe(inBackup);
    expect(countOf(application)).toBe(2_000);
    expect(bench.kept()).toEqual([`${swap.jobId}.before.sqlite`]);
    expect(await bench.settle(connection, swap)).toBe("restored");
    // Written by the application after the restore: undo keeps it aside.
    application.exec("INSERT INTO orders (note) VALUES ('after the restore')");

    await bench.exchange(connection, swap);
    expect(dumpOf(path)).toBe(before);
    expect(countOf(application)).toBe(11);
    expect(await bench.settle(connection, swap)).toBe("before");
    expect(bench.kept()).toEqual([`${swap.jobId}.restored.sqlite`]);

    await bench.exchange(connection, swap);
    expect(countOf(application)).toBe(2_001);
    expect(application.prepare("SELECT note FROM orders ORDER BY id DESC LIMIT 1").pluck().get()).toBe("after the restore");
    expect(await bench.settle(connection, swap)).toBe("restored");

    await bench.dropKept(connection, swap);
    await bench.dropKept(connection, swap);
    expect(bench.kept()).toEqual([]);
    expect(await bench.settle(connection, swap)).toBe("restored");
    application.exec("INSERT INTO orders (note) VALUES ('still works')");
    application.close();
    expect(integrityOf(path)).toBe("ok");
    expect(dumpOf(path)).toContain(Buffer.from("still works").toString("hex").toUpperCase());
  });
});
