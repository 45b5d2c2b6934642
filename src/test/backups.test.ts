/** Jobs and backups: nothing says complete that was not read back whole, and nothing is left of what failed. */
import { appendFileSync, copyFileSync, existsSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterAll, describe, expect, test } from "vitest";
import type { BackupEngine, JobContext } from "@/backups/engine";
import { Manifest } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { Secret } from "@/server/secret";
import { codeOf } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { connection, engine, user } = shop;
const { startJob, cancelJob, jobChanges } = await import("@/backups/jobs");
const { createBackup, checkArtefact, storedArtefact, verifyBackup, backupOf } = await import("@/backups/backups.service");
const { artefactPath, storeDir } = await import("@/backups/store");
const { controlPlane } = await import("@/server/control-plane/database");

afterAll(() => shop.remove());

const at = (file: string): Connection => ({ ...connection, address: file, url: new Secret(`/${file}`) });
const running = async () => (await controlPlane().selectFrom("backups").select("id").where("state", "=", "running").execute()).length;

/** A run that waits until it is let go or cancelled. */
function gate() {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const run = async (context: JobContext) => {
    await Promise.race([opened, new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(context.signal.reason as Error)))]);
    return {};
  };
  return { run, open };
}

describe("queue", () => {
  test("one job a server, two in all, the others wait their turn", async () => {
    const gates = [gate(), gate(), gate(), gate()];
    const ids: string[] = [];
    for (const [index, address] of ["a", "a", "b", "c"].entries()) {
      ids.push((await startJob({ kind: "backup", connection: at(address), user, request: {} }, gates[index]?.run ?? (async () => ({})))).jobId);
    }
    const states = async () => Promise.all(ids.map(async (id) => (await shop.job(id)).state));
    await expect.poll(states).toEqual(["running", "queued", "running", "queued"]);
    gates[0]?.open();
    await shop.ended(ids[0] ?? "");
    await expect.poll(async () => (await states()).filter((state) => state === "running")).toHaveLength(2);
    for (const { open } of gates) open();
    for (const id of ids) expect((await shop.ended(id)).state).toBe("succeeded");
  });

  test("a job's private directory is its own and goes with it", async () => {
    let scratch = "";
    let mode = 0;
    const { jobId } = await startJob({ kind: "backup", connection, user, request: {} }, async (context) => {
      scratch = context.scratchDir;
      mode = statSync(scratch).mode & 0o777;
      writeFileSync(join(scratch, "file"), "x");
      return {};
    });
    await shop.ended(jobId);
    expect(mode).toBe(0o700);
    await expect.poll(() => existsSync(scratch)).toBe(false);
  });

  test("an error of ours is told by its id, not by its words", async () => {
    const { jobId } = await startJob({ kind: "backup", connection, user, request: {} }, async () => {
      throw new Error("password=hunter2");
    });
    const row = await shop.ended(jobId);
    expect(row.state).toBe("failed");
    expect(row.error).toContain(jobId);
    expect(`${row.error}${(await shop.lines(jobId)).join()}`).not.toContain("hunter2");
  });

  test("the log ends at its limit, the progress and changes are heard", async () => {
    const heard: string[] = [];
    const listening = new AbortController();
    const changes = jobChanges(null, listening.signal);
    const listener = (async () => {
      for await (const id of changes) heard.push(id);
    })();
    const { jobId } = await startJob({ kind: "backup", connection, user, request: {} }, async (context) => {
      for (let line = 0; line < 2_100; line += 1) context.log(`line ${line}`);
      context.progress({ phase: "one", itemsDone: 1 });
      context.progress({ itemsDone: 2 });
      return {};
    });
    const row = await shop.ended(jobId);
    listening.abort();
    await listener;
    expect(JSON.parse(row.progress)).toEqual({ phase: "one", itemsDone: 2 });
    expect(await shop.lines(jobId)).toHaveLength(2_000);
    expect(heard).toContain(jobId);
  });
});

describe("idempotency key", () => {
  test("answers the same job, also to two calls at the same moment, but not to another person", async () => {
    const request = { connection, engine, user, idempotencyKey: "double-click" };
    const [first, second] = await Promise.all([createBackup(request), createBackup(request)]);
    expect(second).toEqual(first);
    await shop.ended(first.jobId);
    expect(await createBackup(request)).toEqual(first);
    const other = await createBackup({ ...request, user: { id: "other", name: "Other" } });
    expect(other.jobId).not.toBe(first.jobId);
    await shop.ended(other.jobId);
    expect(await running()).toBe(0);
  });
});

describe("cancel", () => {
  test("of a running backup ends it within two seconds and leaves nothing", async () => {
    const before = shop.stored();
    const slow: BackupEngine = {
      ...engine,
      async write(from, sink, context) {
        const content = await engine.write(from, sink, context);
        await new Promise((_, reject) => context.signal.addEventListener("abort", () => reject(context.signal.reason as Error)));
        return content;
      },
    };
    const { jobId, backupId } = await createBackup({ connection, engine: slow, user });
    for (let waited = 0; shop.stored().length === before.length && waited < 5_000; waited += 10) await delay(10);
    expect(shop.stored()).toContain(`${backupId}.sqlite.partial`);
    const started = performance.now();
    await cancelJob(jobId);
    expect((await shop.ended(jobId)).state).toBe("cancelled");
    expect(performance.now() - started).toBeLessThan(2_000);
    expect(await shop.backup(backupId)).toMatchObject({ state: "failed", sha256: null, manifest: null });
    expect(shop.stored()).toEqual(before);
    expect(await codeOf(cancelJob(jobId))).toBe("CONFLICT");
  });

  test("of a backup that still waits leaves no backup that seems to run", async () => {
    const blocker = gate();
    const blocking = await startJob({ kind: "backup", connection, user, request: {} }, blocker.run);
    const waiting = await createBackup({ connection, engine, user });
    await cancelJob(waiting.jobId);
    blocker.open();
    await shop.ended(blocking.jobId);
    expect((await shop.ended(waiting.jobId)).state).toBe("cancelled");
    await expect.poll(() => shop.backup(waiting.backupId)).toMatchObject({ state: "failed" });
  });
});

describe("a backup", () => {
  test("is complete when it was read back, with its manifest beside it", async () => {
    const row = await shop.complete();
    const { artefact, manifest } = await storedArtefact(row);
    expect(row).toMatchObject({ state: "complete", bytes: artefact.bytes, engine: "sqlite", consistency: "snapshot" });
    expect(row.verified_at).not.toBeNull();
    expect(Manifest.parse(JSON.parse(readFileSync(`${artefact.path}.manifest.json`, "utf8")))).toEqual(manifest);
    expect(statSync(artefact.path).mode & 0o077).toBe(0);
    expect(statSync(storeDir()).mode & 0o077).toBe(0);
    expect(manifest.objects.find(({ name }) => name === "books")?.count).toBe(200);
  });

  const faults: Record<string, { engine: BackupEngine; code: string }> = {
    "the writer fails half-way": { engine: failing(new AppError("UNREACHABLE", "the server went away")), code: "UNREACHABLE" },
    "the disk is full": { engine: failing(Object.assign(new Error("write"), { code: "ENOSPC" })), code: "LIMIT_EXCEEDED" },
    "the tool says it is well but a table is short": {
      engine: {
        ...engine,
        async write(from, sink, context) {
          const content = await engine.write(from, sink, context);
          const copy = new Database(sink.path);
          copy.exec("DELETE FROM reviews WHERE rowid = (SELECT max(rowid) FROM reviews)");
          copy.close();
          return content;
        },
      },
      code: "INTERNAL",
    },
    "what is read back has other counts": {
      engine: { ...engine, verify: async (...args) => lessOne(await engine.verify(...args)) },
      code: "INTERNAL",
    },
    "the file is damaged after it was written": {
      engine: {
        ...engine,
        async write(from, sink, context) {
          const content = await engine.write(from, sink, context);
          truncateSync(sink.path, statSync(sink.path).size - 5_000);
          return content;
        },
      },
      code: "",
    },
  };

  function failing(error: Error): BackupEngine {
    return {
      ...engine,
      async write(from, sink, context) {
        await engine.write(from, sink, context);
        throw error;
      },
    };
  }

  function lessOne<T extends { objects: { count: number | null }[] }>(verification: T): T {
    return { ...verification, objects: verification.objects.map((object, index) => (index === 0 ? { ...object, count: (object.count ?? 0) - 1 } : object)) };
  }

  test.for(Object.entries(faults))("fails and leaves no file when %s", async ([, fault]) => {
    const before = shop.stored();
    const { jobId, backupId } = await createBackup({ connection, engine: fault.engine, user });
    const row = await shop.ended(jobId);
    expect(row.state).toBe("failed");
    const failed = await shop.backup(backupId);
    expect(failed).toMatchObject({ state: "failed", manifest: null, sha256: null, verified_at: null });
    const error = JSON.parse(failed.error ?? "{}") as { code: string; message: string };
    if (fault.code) expect(error.code).toBe(fault.code);
    expect(error.message.length).toBeGreaterThan(10);
    expect(shop.stored()).toEqual(before);
    expect(await codeOf(storedArtefact(failed))).toBe("CONFLICT");
  });

  test("is found only through its own connection, and only by its exact id", async () => {
    const row = await shop.complete();
    expect((await backupOf("sqlite/main", row.id)).id).toBe(row.id);
    for (const [from, id] of [
      ["sqlite/control-plane", row.id],
      ["sqlite/main", "absent"],
      ["sqlite/main", "../../etc/passwd"],
      ["sqlite/main", row.job_id],
      ["sqlite/main", `${row.id}%00`],
    ] as const) {
      expect(await codeOf(backupOf(from, id)), `${from} ${id}`).toBe("NOT_FOUND");
    }
    for (const name of ["../../etc/passwd", "sq-a/../../x.sqlite", "/etc/passwd", "sq-a.sqlite\0", ""])
      expect(() => artefactPath(name), name).toThrow(AppError);
  });
});

describe("an altered file", () => {
  const context = { signal: new AbortController().signal, progress() {}, log() {} } as unknown as JobContext;

  test("never verifies: flipped at 200 random places, cut at every 4 KiB and by one byte, longer by one", async () => {
    const row = await shop.complete();
    const path = artefactPath(row.file_name);
    const good = `${path}.good`;
    copyFileSync(path, good);
    const bytes = readFileSync(good);
    const verifies = () => codeOf(checkArtefact({ backup: row, engine, context }));
    expect(await verifies()).toBe("ok");
    const passed: string[] = [];
    const attempt = async (what: string) => {
      if ((await verifies()) === "ok") passed.push(what);
    };
    for (let flip = 0; flip < 200; flip += 1) {
      const place = Math.floor(Math.random() * bytes.length);
      const altered = Buffer.from(bytes);
      altered[place] = (altered[place] ?? 0) ^ (1 << (flip % 8));
      writeFileSync(path, altered);
      await attempt(`bit ${flip % 8} of byte ${place} flipped`);
    }
    for (let length = 0; length < bytes.length; length += 4_096) {
      writeFileSync(path, bytes.subarray(0, length));
      await attempt(`cut to ${length}`);
    }
    writeFileSync(path, bytes.subarray(0, -1));
    await attempt("last byte cut");
    copyFileSync(good, path);
    appendFileSync(path, "\0");
    await attempt("one byte longer");
    expect(passed).toEqual([]);
    copyFileSync(good, path);
    expect(await verifies()).toBe("ok");
    rmSync(good);
  }, 120_000);

  test("loses its good name when verified, and cannot be restored", async () => {
    const row = await shop.complete();
    const path = artefactPath(row.file_name);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    const { jobId } = await verifyBackup({ backup: row, connection, engine, user });
    expect((await shop.ended(jobId)).state).toBe("failed");
    expect(await shop.backup(row.id)).toMatchObject({ state: "failed", verified_at: null, verified_how: null });
  });

  test("a cancelled or impossible verification takes nothing away", async () => {
    const row = await shop.complete();
    const missingTool: BackupEngine = { ...engine, verify: () => Promise.reject(new AppError("TOOL_MISSING", "there is no pg_restore here")) };
    const { jobId } = await verifyBackup({ backup: row, connection, engine: missingTool, user });
    expect((await shop.ended(jobId)).state).toBe("failed");
    expect(await shop.backup(row.id)).toMatchObject({ state: "complete", verified_at: row.verified_at });
  });

  test("J4: a link in its place is not followed", async () => {
    const row = await shop.complete();
    const path = artefactPath(row.file_name);
    rmSync(path);
    symlinkSync("/etc/passwd", path);
    expect(await codeOf(storedArtefact(row))).toBe("NOT_FOUND");
    rmSync(path);
    expect(await codeOf(storedArtefact(row))).toBe("NOT_FOUND");
  });
});
