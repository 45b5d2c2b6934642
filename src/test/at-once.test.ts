/** F16, F17, F19, F26, F27, F30: things that happen at once, names that are alike or awkward, and a manifest file that somebody touched. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { BackupEngine } from "@/backups/engine";
import { addPerson, principalOf } from "@/test/people";
import { codeOf, gate } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { createBackup, verifyBackup } = await import("@/backups/backups.service");
const { startDrill } = await import("@/backups/drills.service");
const { startJob } = await import("@/backups/jobs");
const { startRestore } = await import("@/backups/restores.service");
const { removeBackup } = await import("@/backups/retention.service");
const { artefactPath } = await import("@/backups/store");
const { updateBackup } = await import("@/server/control-plane/backups.repo");
const { seed } = await import("@/setup/seed/seed-sqlite.mjs");
const { addConnection } = await import("@/server/connection-changes");
const { createCaller } = await import("@/trpc/root");

afterAll(() => shop.remove());

const { connection, user, engine } = shop;
const caller = async () => createCaller({ principal: principalOf(await addPerson("admin")), requestId: "test", address: "::1" });

describe("at once", () => {
  test("F16: two backups of one database are written one after the other, into two files", async () => {
    let [writing, most] = [0, 0];
    const paths: string[] = [];
    const counted: BackupEngine = {
      ...engine,
      async write(from, sink, context) {
        most = Math.max(most, (writing += 1));
        paths.push(sink.path);
        const content = await engine.write(from, sink, context);
        writing -= 1;
        return content;
      },
    };
    const started = await Promise.all([1, 2, 3].map(() => createBackup({ connection, engine: counted, user })));
    for (const { jobId } of started) expect((await shop.ended(jobId)).state).toBe("succeeded");
    expect(most).toBe(1);
    expect(new Set(paths).size).toBe(3);
    const rows = await Promise.all(started.map(({ backupId }) => shop.backup(backupId)));
    expect(new Set(rows.map(({ file_name }) => file_name)).size).toBe(3);
    for (const row of rows) expect(existsSync(artefactPath(row.file_name))).toBe(true);
  });

  test("F17: a backup that is asked for during a restore of the same server waits for it", async () => {
    const backup = await shop.complete();
    const { opened, open } = gate();
    const slow: BackupEngine = { ...engine, stage: (...args) => opened.then(() => engine.stage(...args)) };
    const target = { name: "waits.sqlite" };
    const restore = await startRestore({ backup, connection, engine: slow, target, user, addConnection: async () => "main" });
    await expect.poll(async () => (await shop.job(restore.jobId)).state).toBe("running");
    const waiting = await createBackup({ connection, engine, user });
    expect((await shop.job(waiting.jobId)).state).toBe("queued");
    expect(await shop.backup(waiting.backupId)).toMatchObject({ state: "running", verified_at: null });
    expect(await codeOf(removeBackup(backup.id))).toBe("CONFLICT");
    open();
    expect((await shop.ended(restore.jobId)).state).toBe("succeeded");
    expect((await shop.ended(waiting.jobId)).state).toBe("succeeded");
  });

  test("F19: whoever watches a job may go away: it goes on, and its end is there afterwards", async () => {
    const { opened, open } = gate();
    const { jobId } = await startJob({ kind: "backup", connection, user, request: {} }, async (context) => {
      context.progress({ phase: "one", itemsDone: 1 });
      await Promise.race([opened, new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(new Error("stopped"))))]);
      return { word: "done" };
    });
    const { jobs } = await caller();
    const watched = (await jobs.watch({ id: jobId }))[Symbol.asyncIterator]();
    expect((await watched.next()).value).toMatchObject({ id: jobId });
    await watched.return?.(undefined);
    open();
    expect(await shop.ended(jobId)).toMatchObject({ state: "succeeded" });
    const again = (await jobs.watch({ id: jobId }))[Symbol.asyncIterator]();
    expect((await again.next()).value).toMatchObject({ state: "succeeded", outcome: { word: "done" } });
    await again.return?.(undefined);
  });
});

describe("names", () => {
  test("F26: a backup is not restored through another connection whose database has the same name", async () => {
    const backup = await shop.complete();
    const elsewhere = join(shop.folder, "elsewhere");
    mkdirSync(elsewhere);
    const twin = join(elsewhere, basename(shop.file));
    await seed(twin);
    await addConnection({ engine: "sqlite", name: "twin", environment: "staging", url: twin, database: null, tlsCa: null }, "test");
    const before = readFileSync(twin);
    const target = basename(shop.file);
    const { sqlite } = await caller();
    const asked = { connection: "twin", id: backup.id, target, replace: true };
    expect(await codeOf(sqlite.backups.plan(asked))).toBe("NOT_FOUND");
    expect(await codeOf(sqlite.backups.restore({ ...asked, confirm: target }))).toBe("NOT_FOUND");
    expect(await codeOf(sqlite.backups.drill({ connection: "twin", id: backup.id }))).toBe("NOT_FOUND");
    expect(await codeOf(sqlite.backups.remove({ connection: "twin", id: backup.id, confirm: backup.id }))).toBe("NOT_FOUND");
    expect(readFileSync(twin).equals(before)).toBe(true);
    expect(readdirSync(elsewhere)).toEqual([target]);
  });

  test("F26: what a backup was taken from is replaced only under its own name, typed, and is kept aside", async () => {
    const backup = await shop.complete();
    const { sqlite } = await caller();
    const own = basename(shop.file);
    const before = { live: readFileSync(shop.file), beside: shop.beside() };
    const ask = (target: string, confirm: string, replace = true) => sqlite.backups.restore({ id: backup.id, target, replace, confirm });
    for (const confirm of ["", "main", own.toUpperCase(), `${own} `, backup.id, `./${own}`])
      expect(await codeOf(ask(own, confirm)), confirm).toBe("BAD_REQUEST");
    // Another name than its own, and its own place called a new one: refused by the plan of the job.
    for (const [target, replace] of [
      ["main", true],
      ["elsewhere.sqlite", true],
      [own, false],
    ] as const) {
      const { jobId } = await ask(target, target, replace);
      expect(await shop.ended(jobId ?? ""), target).toMatchObject({ state: "failed", error: expect.stringContaining("CONFLICT") as string });
    }
    expect(shop.beside()).toEqual(before.beside);
    expect(readFileSync(shop.file).equals(before.live)).toBe(true);
    const { jobId } = await ask(own, own);
    expect((await shop.ended(jobId ?? "")).state).toBe("succeeded");
    const [kept] = (await sqlite.restores.list({})).restores;
    expect(kept).toMatchObject({ id: jobId, state: "restored", target: own, keptBytes: expect.any(Number) as number });
    const drop = await sqlite.restores.drop({ id: jobId ?? "", confirm: own });
    expect((await shop.ended(drop.jobId)).state).toBe("succeeded");
  });

  test.for([
    'a"b.sqlite',
    "a'b; DROP TABLE books.sqlite",
    "$x `x` $(x).sqlite",
    "two words.sqlite",
    "emoji 🦊.sqlite",
    "-rf",
    "%s%n.sqlite",
    `${"n".repeat(93)}.sqlite`,
  ])("F27: a restore into %s makes just that, or is refused and makes nothing", async (target) => {
    const backup = await shop.complete();
    const before = shop.beside();
    const { jobId } = await startRestore({ backup, connection, engine, target: { name: target }, user, addConnection: async () => "main" });
    const { state, error } = await shop.ended(jobId);
    if (state === "succeeded") expect(shop.beside()).toEqual([...before, target].toSorted());
    else {
      expect(JSON.parse(error ?? "{}")).toMatchObject({ code: expect.stringMatching(/INVALID|CONFLICT/) as string });
      expect(shop.beside()).toEqual(before);
    }
  });
});

describe("F30: the manifest beside a file", () => {
  const good = async (backup: Awaited<ReturnType<typeof shop.complete>>) => {
    expect((await shop.ended((await verifyBackup({ backup, connection, engine, user })).jobId)).state).toBe("succeeded");
    expect((await shop.ended((await startDrill({ backup, connection, engine, user })).jobId)).state).toBe("succeeded");
  };

  test("is for people and other tools: edited or gone, nothing of it is believed", async () => {
    const backup = await shop.complete();
    const path = `${artefactPath(backup.file_name)}.manifest.json`;
    const outside = join(shop.folder, "outside");
    writeFileSync(outside, "kept");
    const lies = {
      backupId: "../../outside",
      file: outside,
      sha256: "0".repeat(64),
      bytes: 1,
      objects: [{ name: "books", kind: "table", count: 7, bytes: null, checksum: null }],
    };
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, "utf8")) as object), ...lies }));
    await good(backup);
    rmSync(path);
    await good(backup);
    await shop.complete();
    await removeBackup(backup.id);
    expect(readFileSync(outside, "utf8")).toBe("kept");
  });

  test.for([
    [
      "counts another number of rows",
      (manifest: { objects: { count: number | null }[] }) => void (manifest.objects[0] = { ...manifest.objects[0], count: 1_000_000 }),
    ],
    ["has another hash", (manifest: { sha256?: string }) => void (manifest.sha256 = "0".repeat(64))],
    ["has other bytes", (manifest: { bytes?: number }) => void (manifest.bytes = 1)],
  ] as const)("a catalogue's one that %s than its file is not called good", async ([, edit]) => {
    const backup = await shop.complete();
    const manifest = JSON.parse(backup.manifest ?? "{}") as Parameters<typeof edit>[0];
    (edit as (some: typeof manifest) => void)(manifest);
    await updateBackup(backup.id, { manifest: JSON.stringify(manifest), verified_at: null });
    const edited = await shop.backup(backup.id);
    expect((await shop.ended((await verifyBackup({ backup: edited, connection, engine, user })).jobId)).state).toBe("failed");
    expect(await shop.backup(backup.id)).toMatchObject({ state: "failed", verified_at: null });
  });
});
