/** kill -9 at many points of stage, swap and exchange: the live file is then exactly the old or exactly the new state, and both can be had. */
import { createHash, randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Artefact, Swap } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { dumpOf, integrityOf, restoreBench } from "./sqlite.test-restores";
import { run } from "./sqlite.test-kill";
import type { Order } from "./sqlite.test-swap-child";

// A process is started for each point: a busy machine takes its time.
vi.setConfig({ testTimeout: 240_000 });
const bench = await restoreBench();
afterAll(() => bench.remove());
const { keptDir, keptPath } = await import("./sqlite.files");

const digest = (path: string): string => createHash("sha256").update(dumpOf(path)).digest("hex");

interface Scene {
  /** The live file before, and the artefact: copied for each point. */
  before: string;
  artefact: Artefact;
  manifest: string;
  states: { before: string; restored: string };
}

async function sceneOf(mode: "wal" | "delete"): Promise<Scene> {
  const { path, connection } = bench.live((db) => {
    db.pragma("page_size = 1024");
    db.pragma(`journal_mode = ${mode}`);
    db.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)");
    db.exec("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO t SELECT i, randomblob(700) FROM n");
  });
  const artefact = await bench.backUp(connection);
  const db = new Database(path);
  db.exec("DELETE FROM t WHERE id > 1800; UPDATE t SET body = randomblob(600) WHERE id % 2; CREATE TABLE later (x); INSERT INTO later VALUES (1)");
  // The console still has the file open: without this the copies below would lack what is in the log.
  db.pragma("wal_checkpoint(TRUNCATE)");
  db.close();
  const manifest = join(bench.folder, `${mode}.manifest.json`);
  writeFileSync(manifest, JSON.stringify(artefact.manifest));
  return { before: path, artefact, manifest, states: { before: digest(path), restored: digest(artefact.path) } };
}

interface Place {
  connection: Connection;
  path: string;
  jobId: string;
}

function placeOf({ before }: Scene): Place {
  const { path, connection } = bench.live(() => undefined);
  copyFileSync(before, path);
  return { path, connection, jobId: randomBytes(6).toString("hex") };
}

/** After the kill: what is live is one of the two states whole, the other one is kept and comes back, and nothing is left after the drop. */
async function expectWhole({ connection, path, jobId }: Place, { states }: Scene, record: Swap["record"] | null): Promise<string> {
  if (record === null) {
    await bench.engine.sweep(connection, { jobId, target: path.split("/").at(-1) ?? "" });
    expect(digest(path)).toBe(states.before);
    expect(bench.kept()).toEqual([]);
    return "before (nothing had begun)";
  }
  const swap: Swap = { jobId, target: "", record };
  const live = (await bench.settle(connection, swap)) ?? "before";
  expect(integrityOf(path)).toBe("ok");
  expect(digest(path), `live is said to be ${live}`).toBe(states[live]);
  expect(await bench.settle(connection, swap), "again").toBe(live);
  await bench.exchange(connection, swap);
  const opposite = live === "before" ? "restored" : "before";
  expect(digest(path)).toBe(states[opposite]);
  expect(await bench.settle(connection, swap)).toBe(opposite);
  await bench.dropKept(connection, swap);
  expect(bench.kept()).toEqual([]);
  return live;
}

describe.for(["wal", "delete"] as const)("%s mode", (mode) => {
  let scene: Scene;
  const deaths: string[] = [];
  beforeAll(async () => {
    scene = await sceneOf(mode);
    mkdirSync(keptDir(), { recursive: true });
  });
  afterAll(() => {
    process.stdout.write(`killed at, in ${mode} mode:\n${deaths.map((death) => `  ${death}\n`).join("")}`);
  });

  const record = (place: Place) => ({ path: place.path, live: "before" });
  function putInto(place: Place, killAt: number): Extract<Order, { kind: "put" }> {
    const [from, aside] = [keptPath(place.jobId, "restored"), keptPath(place.jobId, "before")];
    copyFileSync(scene.artefact.path, from);
    return { kind: "put", request: { op: "put", live: place.path, from, aside, carryOver: null, waitMs: 2_000 }, killAt };
  }

  test("at every point of a put, by name", async () => {
    const livesAfter = new Set<string>();
    for (let killAt = 1; ; killAt += 1) {
      const place = placeOf(scene);
      const { points, signal, problem } = await run(bench.folder, putInto(place, killAt));
      expect(problem).toBe("");
      const live = await expectWhole(place, scene, record(place));
      if (signal === null) break;
      livesAfter.add(live);
      deaths.push(`put, ${points.at(-1)}: ${live}`);
    }
    expect(deaths.length).toBeGreaterThanOrEqual(10);
    expect([...livesAfter].toSorted()).toEqual(["before", "restored"]);
  });

  test("inside SQLite, while it writes and commits", async () => {
    expect(scene.artefact.bytes).toBeGreaterThan(2_000 * 1024);
    for (const shot of [
      { after: "what it holds is kept", ms: 0 },
      { after: "written 2000", ms: 0 },
      { after: "written 2000", ms: 1 },
      { after: "written 2000", ms: 3 },
      { after: "is committed", ms: 0 },
    ]) {
      const place = placeOf(scene);
      const { points, signal } = await run(bench.folder, putInto(place, 0), shot);
      const live = await expectWhole(place, scene, record(place));
      if (signal !== null) deaths.push(`put, ${shot.ms} ms after "${shot.after}", at ${points.at(-1)}: ${live}`);
    }
  });

  test("at moments of stage and swap, as the console runs them", async () => {
    for (const shot of [
      { after: "before the stage", ms: 0 },
      { after: "before the stage", ms: 60 },
      { after: "staged", ms: 0 },
      { after: "journal written", ms: 30 },
      { after: "is locked", ms: 0 },
    ]) {
      const place = placeOf(scene);
      const journal = join(bench.folder, `${place.jobId}.record`);
      const order: Order = {
        kind: "restore",
        live: place.path,
        artefact: scene.artefact.path,
        manifest: scene.manifest,
        jobId: place.jobId,
        record: journal,
        killAt: 0,
      };
      const { points, problem, signal } = await run(bench.folder, order, shot);
      expect(problem).toBe("");
      const live = await expectWhole(place, scene, existsSync(journal) ? (JSON.parse(readFileSync(journal, "utf8")) as Swap["record"]) : null);
      if (signal !== null) deaths.push(`restore, ${shot.ms} ms after "${shot.after}", at ${points.at(-1)}: ${live}`);
    }
  });
});
