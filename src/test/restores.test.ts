/** Restores into a new place: all or nothing, one at a time, and only by who may and means it. */
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { TRPCError } from "@trpc/server";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BackupEngine } from "@/backups/engine";
import type { Principal } from "@/server/auth/principal";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import { AppError } from "@/server/errors";
import { codeOf } from "@/test/outcomes";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const { startRestore } = await import("@/backups/restores.service");
const { cancelJob, startJob } = await import("@/backups/jobs");
const { addRestoredConnection } = await import("@/server/connection-changes");
const { artefactPath } = await import("@/backups/store");
const { addPerson, principalOf } = await import("@/test/people");
const { createCaller } = await import("@/trpc/root");
const { controlPlane } = await import("@/server/control-plane/database");

afterAll(() => shop.remove());

const restore = (backup: BackupRow, target: string, options: { engine?: BackupEngine; idempotencyKey?: string; replace?: boolean } = {}) =>
  startRestore({
    backup,
    connection: shop.connection,
    engine: options.engine ?? shop.engine,
    target: { name: target, replace: options.replace },
    user: shop.user,
    idempotencyKey: options.idempotencyKey,
    addConnection: (parts) => addRestoredConnection({ origin: shop.connection, createdBy: shop.user.id, ...parts }),
  });
const name = () => `copy-${randomUUID()}.sqlite`;

/** An engine whose restore waits between stage and keep. */
function slow(): { engine: BackupEngine; go: () => void } {
  let go: () => void = () => {};
  const gone = new Promise<void>((resolve) => (go = resolve));
  return {
    go,
    engine: {
      ...shop.engine,
      async stage(...args) {
        await gone;
        return shop.engine.stage(...args);
      },
    },
  };
}

describe("a restore", () => {
  test("makes the same database under a new name, and a connection that opens it", async () => {
    const target = name();
    const { jobId } = await restore(await shop.complete(), target);
    const row = await shop.ended(jobId);
    expect(row).toMatchObject({ state: "succeeded", error: null });
    const outcome = JSON.parse(row.outcome ?? "{}") as {
      openConnection: string;
      objects: { equal: boolean; inManifest: number | null; restored: number | null }[];
    };
    expect(outcome.objects.length).toBeGreaterThan(10);
    for (const object of outcome.objects) expect(object).toMatchObject({ equal: true, restored: object.inManifest });
    const dump = (path: string) => {
      const database = new Database(path, { readonly: true });
      const tables = database.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").all();
      const values = database.prepare("SELECT id, label, typeof(value), hex(CAST(value AS BLOB)) FROM awkward_values ORDER BY id").all();
      database.close();
      return { tables, values };
    };
    expect(dump(join(dirname(shop.file), target))).toEqual(dump(shop.file));
    const { getConnection } = await import("@/server/connections");
    const { engineServers } = await import("@/trpc/engine-servers");
    expect(await engineServers.sqlite.info(await getConnection("sqlite", outcome.openConnection), {})).toMatchObject({ state: "connected" });
  });

  test("I11: two into one target at a time: the second is refused, and the name stays taken after", async () => {
    const backup = await shop.complete();
    const target = name();
    const { engine, go } = slow();
    const first = await restore(backup, target, { engine });
    expect(await codeOf(restore(backup, target))).toBe("CONFLICT");
    const jobs = await controlPlane().selectFrom("jobs").select("id").where("kind", "=", "restore").where("state", "in", ["queued", "running"]).execute();
    expect(jobs).toHaveLength(1);
    go();
    expect((await shop.ended(first.jobId)).state).toBe("succeeded");
    const before = shop.beside();
    const third = await shop.ended((await restore(backup, target)).jobId);
    expect(third.state).toBe("failed");
    expect(JSON.parse(third.error ?? "{}")).toMatchObject({ code: "CONFLICT" });
    expect(shop.beside()).toEqual(before);
  });

  test("a repeated request answers its own job and leaves no lock", async () => {
    const backup = await shop.complete();
    const target = name();
    const { engine, go } = slow();
    const first = await restore(backup, target, { engine, idempotencyKey: "repeated" });
    expect(await restore(backup, target, { engine, idempotencyKey: "repeated" })).toEqual(first);
    go();
    await shop.ended(first.jobId);
    expect(await restore(backup, target, { idempotencyKey: "repeated" })).toEqual(first);
    // The lock is free: the next one gets as far as the name, which is taken.
    const next = await shop.ended((await restore(backup, target)).jobId);
    expect(JSON.parse(next.error ?? "{}")).toMatchObject({ message: expect.stringContaining("taken") as string });
  });

  test("one that is cancelled while it waits gives its target back", async () => {
    const backup = await shop.complete();
    const target = name();
    let open: () => void = () => {};
    const blocked = new Promise<void>((resolve) => (open = resolve));
    const blocker = await startJob({ kind: "backup", connection: shop.connection, user: shop.user, request: {} }, async () => {
      await blocked;
      return {};
    });
    const waiting = await restore(backup, target);
    await cancelJob(waiting.jobId);
    expect((await shop.ended(waiting.jobId)).state).toBe("cancelled");
    open();
    await shop.ended(blocker.jobId);
    expect((await shop.ended((await restore(backup, target)).jobId)).state).toBe("succeeded");
  });

  test.for(["its last byte", "its first page"])(
    "I5: of a file altered in %s is refused, nothing of it is left, and the backup is no good one any more",
    async (where) => {
      const backup = await shop.complete();
      const path = artefactPath(backup.file_name);
      const bytes = readFileSync(path);
      const at = where === "its first page" ? 100 : bytes.length - 1;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      writeFileSync(path, bytes);
      const before = shop.beside();
      const row = await shop.ended(
        (await (where === "its first page" ? restore(backup, "bookshop.sqlite", { replace: true }) : restore(backup, name()))).jobId,
      );
      expect(row.state).toBe("failed");
      expect(JSON.parse(row.error ?? "{}")).toMatchObject({ message: "The file is not the one that was written: its SHA-256 differs" });
      expect(shop.beside()).toEqual(before);
      expect(await shop.backup(backup.id)).toMatchObject({ state: "failed", verified_at: null });
    },
  );

  const wrong: Record<string, BackupEngine["stage"]> = {
    "a table came out short": async (...args) => {
      const staged = await shop.engine.stage(...args);
      return { ...staged, objects: staged.objects.map((object) => (object.name === "books" ? { ...object, count: 199 } : object)) };
    },
    "a table is not there": async (...args) => {
      const staged = await shop.engine.stage(...args);
      return { ...staged, objects: staged.objects.filter((object) => object.name !== "books") };
    },
    "more is said to be skipped than is missing": async (...args) => ({
      ...(await shop.engine.stage(...args)),
      skipped: [{ name: "books", count: 1, reason: "why not" }],
    }),
    "keeping it fails": async (...args) => ({ ...(await shop.engine.stage(...args)), keep: () => Promise.reject(new AppError("CONFLICT", "taken meanwhile")) }),
  };
  test.for(Object.entries(wrong))("I6: fails and leaves nothing when %s", async ([, stage]) => {
    const before = shop.beside();
    const connections = await controlPlane().selectFrom("connections").select("id").execute();
    const row = await shop.ended((await restore(await shop.complete(), name(), { engine: { ...shop.engine, stage } })).jobId);
    expect(row).toMatchObject({ state: "failed", outcome: null });
    expect(JSON.parse(row.error ?? "{}")).toMatchObject({ code: "CONFLICT" });
    expect(shop.beside()).toEqual(before);
    expect(await controlPlane().selectFrom("connections").select("id").execute()).toEqual(connections);
  });

  test("a cancelled one leaves nothing", async () => {
    const before = shop.beside();
    const engine: BackupEngine = {
      ...shop.engine,
      async stage(...args) {
        const staged = await shop.engine.stage(...args);
        const { signal } = args[3];
        // It may have been cancelled while it was staged.
        if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        return staged;
      },
    };
    const target = name();
    const { jobId } = await restore(await shop.complete(), target, { engine });
    for (let waited = 0; !shop.beside().some((file) => file.includes(".restore-")) && waited < 5_000; waited += 10) await delay(10);
    await cancelJob(jobId);
    expect((await shop.ended(jobId)).state).toBe("cancelled");
    expect(shop.beside()).toEqual(before);
    expect(existsSync(join(dirname(shop.file), target))).toBe(false);
  });
});

describe("the procedure", () => {
  let principal: Principal;
  beforeAll(async () => {
    principal = principalOf(await addPerson("admin"));
  });
  const callAs = (who: Principal) => createCaller({ principal: who, requestId: "test", address: "127.0.0.1" }).sqlite.backups;
  const jobs = async () => (await controlPlane().selectFrom("jobs").select("id").execute()).length;

  test("I14: needs the target's name typed letter by letter", async () => {
    const { id } = await shop.complete();
    const before = { jobs: await jobs(), files: shop.beside() };
    for (const confirm of ["", "copy", "Copy.sqlite", "copy.sqlite ", "cоpy.sqlite"]) {
      expect(await codeOf(callAs(principal).restore({ id, target: "copy.sqlite", confirm })), confirm).toBe("BAD_REQUEST");
    }
    expect({ jobs: await jobs(), files: shop.beside() }).toEqual(before);
  });

  test("needs a password given in the last five minutes; a token is its own proof", async () => {
    const { id } = await shop.complete();
    const before = await jobs();
    const stale = { ...principal, signedInAt: new Date(Date.now() - 5 * 60_000 - 1_000).toISOString() };
    const target = name();
    expect(await codeOf(callAs(stale).restore({ id, target, confirm: target }))).toBe("FORBIDDEN");
    expect(await jobs()).toBe(before);
    const { jobId } = await callAs({ ...stale, kind: "token" }).restore({ id, target, confirm: target });
    expect((await shop.ended(jobId ?? "")).state).toBe("succeeded");
  });

  test("plan says what would be refused, and changes nothing", async () => {
    const { id } = await shop.complete();
    const before = shop.beside();
    const plan = await callAs(principal).plan({ id, target: "bookshop.sqlite" });
    expect(plan.checks.filter(({ result }) => result === "fail").map(({ title }) => title)).toEqual(["The name is taken"]);
    for (const target of ["../x.sqlite", "a/b", ".hidden", "x".repeat(101), "a\0b"])
      expect(await codeOf(callAs(principal).plan({ id, target })), target).toBe("BAD_REQUEST");
    expect(shop.beside()).toEqual(before);
  });

  test("a backup of another connection is as absent as one that never was", async () => {
    const { id } = await shop.complete();
    const absent = await callAs(principal)
      .get({ connection: "control-plane", id })
      .catch((error: unknown) => error as TRPCError);
    const never = await callAs(principal)
      .get({ connection: "control-plane", id: "sq-never" })
      .catch((error: unknown) => error as TRPCError);
    expect(absent).toMatchObject({ code: "NOT_FOUND", message: (never as TRPCError).message });
  });
});
