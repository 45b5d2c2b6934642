/** Values as large as SQLite takes them: none is held whole. TEST_HUGE_VALUES=1 adds the billion bytes that are its limit. */
import { execFileSync } from "node:child_process";
import { basename } from "node:path";
import Database from "better-sqlite3";
import { afterAll, expect, test } from "vitest";
import type { Artefact } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { sqliteObjects } from "./sqlite.client";
import { sqliteTables } from "./tables/sqlite-tables.service";
import { restoreBench } from "./sqlite.test-restores";

const OTHER_PROGRAM = "sqlite3";
const IS_HUGE = process.env["TEST_HUGE_VALUES"] === "1";
const bench = await restoreBench();
const { engine } = bench;
afterAll(() => bench.remove());

/** The most that this process holds while `work` runs, beyond what it held before. Threads count. */
async function growthOf<T>(work: () => Promise<T>): Promise<{ value: T; mebibytes: number }> {
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5);
  try {
    const value = await work();
    return { value, mebibytes: Math.round((most - before) / 1048576) };
  } finally {
    clearInterval(watch);
  }
}

async function everyStep(made: { path: string; connection: Connection }): Promise<Record<string, number>> {
  const grown: Record<string, number> = {};
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const { value, mebibytes } = await growthOf(work);
    grown[name] = mebibytes;
    return value;
  };
  const artefact: Artefact = await step("backup", () => bench.backUp(made.connection));
  expect((await step("read back", () => engine.verify(artefact, bench.newContext()))).objects).toEqual([{ name: "t", count: 2 }]);
  await step("described", () => engine.describe({ path: artefact.path, bytes: artefact.bytes }, bench.newContext()));
  const shown = await step("looked inside", () => engine.peek(artefact, "t", { limit: 10 }));
  expect(shown.rows[0]).toEqual(["1", expect.stringMatching(/^[0-9.,]+ (MB|MiB), not shown$/) as string]);
  expect(shown.rows[1]).toEqual(["2", "small"]);
  const staged = await step("restored aside", () => engine.stage(artefact, made.connection, { name: "new.sqlite" }, bench.newContext()));
  expect(await step("compared", () => staged.compareContent())).toMatchObject({ method: expect.stringContaining("bytes") as string });
  await staged.discard();
  const part = await step("chosen table", () => engine.stage(artefact, made.connection, { name: "part.sqlite", objects: ["t"] }, bench.newContext()));
  expect(await step("chosen compared", () => part.compareContent())).toMatchObject({
    method: expect.stringMatching(/every value of 1 tables; of 1 over 64 MiB only the size$/) as string,
  });
  await part.discard();
  const change = new Database(made.path);
  change.exec("DELETE FROM t WHERE id = 2");
  change.close();
  const swap = await step("replaced", () => bench.replace(artefact, made.connection));
  await step("undone", () => bench.exchange(made.connection, swap));
  await bench.dropKept(made.connection, swap);
  expect(basename(made.path)).toBe(swap.target);
  return grown;
}

test("a value of 80 MB is backed up, shown by its size, compared by it where tables are, and restored", async () => {
  const made = bench.live((db) => db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, b); INSERT INTO t VALUES (1, zeroblob(80000000)), (2, 'small')"));
  await everyStep(made);
  const rows = await sqliteTables.rows(made.connection, { name: "t", limit: 10 }, {});
  expect(JSON.stringify(rows).length).toBeLessThan(2_000);
});

test.skipIf(!IS_HUGE)(
  "one of a billion bytes too, and nothing of it is held whole",
  async () => {
    const made = bench.live((db) => db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, b)"));
    // More than the driver takes: another program has written it.
    execFileSync(OTHER_PROGRAM, [made.path, "INSERT INTO t VALUES (1, zeroblob(999999900)), (2, 'small')"]);
    const whole = sqliteObjects(made.connection, "SELECT substr(b, 1, 10) FROM t WHERE id = 1");
    await expect(whole).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", message: expect.stringContaining("512 MiB") as string });
    const grown = await everyStep(made);
    process.stdout.write(
      `a value of 1 GB, MiB more than before: ${Object.entries(grown)
        .map(([name, mebibytes]) => `${name} ${mebibytes}`)
        .join(", ")}\n`,
    );
    for (const [name, mebibytes] of Object.entries(grown)) expect(mebibytes, name).toBeLessThan(128);
  },
  180_000,
);
