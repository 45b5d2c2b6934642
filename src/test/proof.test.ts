/** Look inside, compare with live, and proof drills: what is said of a backup is what was found, and nothing is left behind. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, describe, expect, test } from "vitest";
import type { BackupEngine, Staged } from "@/backups/engine";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import { AppError } from "@/server/errors";
import { codeOf, failureOf } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { startDrill } = await import("@/backups/drills.service");
const { compareWithLive, peekBackup } = await import("@/backups/inside.service");
const { liveName } = await import("@/backups/live-name");
const { cancelJob } = await import("@/backups/jobs");
const { artefactPath } = await import("@/backups/store");
const { sweepAfterCrash } = await import("@/backups/sweep");
const { updateBackup } = await import("@/server/control-plane/backups.repo");
const { insertJob, updateJob } = await import("@/server/control-plane/jobs.repo");
const { isHeld } = await import("@/backups/uses");

afterAll(() => shop.remove());

const signal = () => new AbortController().signal;
/** The real engine whose staged copy is changed by a test. */
const staging = (change: (staged: Staged) => Partial<Staged>): BackupEngine => ({
  ...shop.engine,
  async stage(...args) {
    const staged = await shop.engine.stage(...args);
    return { ...staged, ...change(staged) };
  },
});
const equalContent = staging(() => ({ compareContent: async () => ({ method: "the rows of every table" }) }));
const drill = (backup: BackupRow, engine: BackupEngine = equalContent) => startDrill({ backup, connection: shop.connection, engine, user: shop.user });

describe("a proof drill", () => {
  test("restores aside, compares, removes what it made, and says when and how on the backup", async () => {
    const backup = await shop.complete();
    await updateBackup(backup.id, { drill_failed_at: "2026-01-01T00:00:00.000Z", drill_error: "{}" });
    const before = shop.beside();
    const job = await shop.ended((await drill(backup)).jobId);
    expect(job).toMatchObject({ state: "succeeded", kind: "drill" });
    const outcome = JSON.parse(job.outcome ?? "{}") as { word: string; objects: { equal: boolean }[] };
    expect(outcome.word).toBe("proved");
    expect(outcome.objects.length).toBeGreaterThan(10);
    expect(outcome.objects.every(({ equal }) => equal)).toBe(true);
    const row = await shop.backup(backup.id);
    expect(row).toMatchObject({ state: "complete", drill_failed_at: null, drill_error: null });
    expect(Date.parse(row.proved_at ?? "")).toBeGreaterThan(Date.parse(backup.started_at));
    expect(row.proved_how).toContain("the rows of every table");
    expect(shop.beside()).toEqual(before);
  });

  const faults: Record<string, BackupEngine> = {
    "a count is off": staging(({ objects }) => ({ objects: objects.map((object) => (object.name === "books" ? { ...object, count: 1 } : object)) })),
    "the content differs": staging(() => ({ compareContent: () => Promise.reject(new AppError("CONFLICT", "3 rows of books differ")) })),
    "the restore fails": { ...shop.engine, stage: () => Promise.reject(new AppError("INTERNAL", "the disk broke")) },
  };
  test.for(Object.entries(faults))("takes the proof away and says why when %s", async ([, engine]) => {
    const backup = await shop.complete();
    await shop.ended((await drill(backup)).jobId);
    expect((await shop.backup(backup.id)).proved_at).not.toBeNull();
    const before = shop.beside();
    const job = await shop.ended((await drill(backup, engine)).jobId);
    expect(job.state).toBe("failed");
    const row = await shop.backup(backup.id);
    expect(row).toMatchObject({ proved_at: null, proved_how: null });
    expect(row.drill_error).toBe(job.error);
    expect(row.drill_failed_at).not.toBeNull();
    expect(shop.beside()).toEqual(before);
  });

  test("that could not be held leaves an earlier proof with its date, and is written down", async () => {
    const backup = await shop.complete();
    await shop.ended((await drill(backup)).jobId);
    const { proved_at } = await shop.backup(backup.id);
    const full: BackupEngine = {
      ...equalContent,
      async plan(...args) {
        const plan = await shop.engine.plan(...args);
        return { ...plan, checks: [{ result: "fail", title: "Not enough space", detail: "" }] };
      },
    };
    expect((await shop.ended((await drill(backup, full)).jobId)).state).toBe("failed");
    const row = await shop.backup(backup.id);
    expect(row.proved_at).toBe(proved_at);
    expect(row.drill_error).toContain("Not enough space");
  });

  test("of an altered file fails, and the backup is no longer good", async () => {
    const backup = await shop.complete();
    await shop.ended((await drill(backup)).jobId);
    const path = artefactPath(backup.file_name);
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(path, bytes);
    expect((await shop.ended((await drill(backup)).jobId)).state).toBe("failed");
    expect(await shop.backup(backup.id)).toMatchObject({ state: "failed", verified_at: null, proved_at: null });
  });

  test("that leaves something behind says so and does not call the backup proved", async () => {
    const backup = await shop.complete();
    const engine: BackupEngine = staging((staged) => ({
      compareContent: async () => ({ method: "all" }),
      discard: () => staged.discard().then(() => Promise.reject(new Error("the server is away"))),
    }));
    const job = await shop.ended((await drill(backup, engine)).jobId);
    expect(job.state).toBe("failed");
    expect(failureOf(job).message).toContain("the server is away");
    expect((await shop.backup(backup.id)).proved_at).toBeNull();
  });

  test("that is cancelled leaves nothing and says nothing about the backup", async () => {
    const backup = await shop.complete();
    const before = shop.beside();
    let jobId = "";
    const engine = staging(() => ({
      async compareContent() {
        await cancelJob(jobId);
        throw new AppError("CANCELLED", "Cancelled");
      },
    }));
    ({ jobId } = await drill(backup, engine));
    expect((await shop.ended(jobId)).state).toBe("cancelled");
    expect(await shop.backup(backup.id)).toMatchObject({ drill_failed_at: null, drill_error: null });
    expect(shop.beside()).toEqual(before);
  });

  test("that a crash cut off is cleared away at the next start", async () => {
    const backup = await shop.complete();
    const id = "0000000000dd";
    await insertJob({ id, bootId: "another boot", kind: "drill", connection: shop.connection, user: shop.user, request: {} });
    // As the drill writes it before its first effect.
    let staged = "";
    const { jobId } = await drill(backup, {
      ...shop.engine,
      async stage(...args) {
        staged = (await shop.job(args[3].jobId)).request;
        throw new Error("stop here");
      },
    });
    await shop.ended(jobId);
    expect(JSON.parse(staged)).toEqual({ backupId: backup.id, target: `drill-${jobId}.sqlite` });
    await updateJob(id, { state: "running", request: JSON.stringify({ backupId: backup.id, target: `drill-${id}.sqlite` }) });
    const left = join(dirname(shop.file), `drill-${id}.sqlite.restore-${id}`);
    writeFileSync(left, "half a copy");
    await sweepAfterCrash(() => shop.engine);
    expect(existsSync(left)).toBe(false);
    expect((await shop.job(id)).state).toBe("failed");
    expect((await shop.backup(backup.id)).proved_at).toBeNull();
  });
});

describe("look inside", () => {
  const engine: BackupEngine = {
    ...shop.engine,
    async peek(artefact, object, { limit }) {
      const database = new Database(artefact.path, { readonly: true });
      const rows = database.prepare(`SELECT id, title FROM "${object}" LIMIT ?`).all(limit + 1) as { id: number; title: string }[];
      database.close();
      return { columns: ["id", "title"], rows: rows.slice(0, limit).map(({ id, title }) => [String(id), title]), hasMore: rows.length > limit };
    },
  };

  test("answers the first items, and gives the file free again", async () => {
    const backup = await shop.complete();
    const peek = await peekBackup({ backup, engine, signal: signal() }, { object: "books", limit: 3 });
    expect(peek.rows).toHaveLength(3);
    expect(peek.hasMore).toBe(true);
    expect(isHeld(backup.id)).toBe(false);
  });

  test("says in words what it cannot", async () => {
    const backup = await shop.complete();
    expect(await codeOf(peekBackup({ backup, engine, signal: signal() }, { object: "books\0", limit: 3 }))).toBe("NOT_FOUND");
    const slow: BackupEngine = { ...engine, peek: (_artefact, _object, { signal: ends }) => delay(60_000, undefined as never, { signal: ends }) };
    expect(await codeOf(peekBackup({ backup, engine: slow, signal: AbortSignal.timeout(20) }, { object: "books", limit: 3 }))).toBe("TIMEOUT");
    expect(isHeld(backup.id)).toBe(false);
  });
});

describe("compare with live", () => {
  test("names what is the same, changed, gone and new", async () => {
    const backup = await shop.complete();
    const engine: BackupEngine = {
      ...shop.engine,
      async plan(...args) {
        const plan = await shop.engine.plan(args[0], args[1], { name: "elsewhere" }, args[3]);
        expect(args[2]).toEqual({ name: "bookshop.sqlite", replace: true });
        const live = (name: string, count: number | null) => (name === "books" ? (count ?? 0) + 2 : name === "authors" ? null : count);
        const objects = plan.objects.map((object) => ({ ...object, liveNow: live(object.name, object.inBackup) }));
        return { ...plan, objects: [...objects, { name: "new_table", kind: "table", inBackup: null, liveNow: 7, after: null }], liveIsEstimate: true };
      },
    };
    const result = await compareWithLive(shop.connection, { backup, engine, signal: signal() });
    const difference = (name: string) => result.objects.find((object) => object.name === name)?.difference;
    expect([difference("books"), difference("authors"), difference("new_table"), difference("customers")]).toEqual([
      "changed",
      "only in backup",
      "only live",
      "same",
    ]);
    expect(result).toMatchObject({ place: "bookshop.sqlite", comparedBy: "counts", liveIsEstimate: true });
    expect(Object.values(result.counts).reduce((sum, count) => sum + count, 0)).toBe(result.objects.length);
    for (const view of result.objects.filter(({ kind }) => kind === "view")) expect(view.difference).toBe("not counted");
  });
});

describe("the name of what is live", () => {
  const of = (engine: "postgres" | "redis" | "mongodb", url: string, database: string | null = null) =>
    liveName({ ...shop.connection, engine, database, source: "console", url: { reveal: () => url } as typeof shop.connection.url });
  test("is read as the drivers read it", () => {
    expect(liveName(shop.connection)).toBe("bookshop.sqlite");
    expect(of("postgres", "postgres://who:p%40ss@db1:5432/shop%20two?sslmode=require")).toBe("shop two");
    expect(of("postgres", "postgres://who:pass@db1")).toBe("who");
    expect(of("redis", "redis://:secret@cache:6379/5")).toBe("5");
    expect(of("redis", "redis://cache:6379")).toBe("0");
    expect(of("mongodb", "mongodb://u:p@a:1,b:2/shop?replicaSet=x")).toBe("shop");
    expect(of("mongodb", "mongodb://a:1/", "own")).toBe("own");
  });
});
