/** For tests: a control plane of its own with the seeded bookshop as sqlite/main, and what the tests of jobs and backups ask it. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { seed as seedSqlite } from "@/setup/seed/seed-sqlite.mjs";
import { temporaryControlPlane } from "@/test/control-plane";

/** Brings it up; import what reads the environment only after this. */
export async function sqliteConsole() {
  const folder = mkdtempSync(join(tmpdir(), "sqlite-console-"));
  const file = join(folder, "bookshop.sqlite");
  await seedSqlite(file);
  const plane = await temporaryControlPlane({ SQLITE_ADMIN_PATH: file });
  const { controlPlane } = await import("@/server/control-plane/database");
  const { getConnection } = await import("@/server/connections");
  const { engineServers } = await import("@/trpc/engine-servers");
  const backups = await import("@/backups/backups.service");
  const { storeDir } = await import("@/backups/store");
  const connection = await getConnection("sqlite", "main");
  const user = { id: "test", name: "Test" };

  const job = async (id: string) => controlPlane().selectFrom("jobs").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  const backup = async (id: string) => controlPlane().selectFrom("backups").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  /** Waits until the job has ended. */
  async function ended(id: string) {
    for (let waited = 0; waited < 30_000; waited += 10) {
      const row = await job(id);
      if (row.ended_at !== null) return row;
      await delay(10);
    }
    throw new Error(`job ${id} does not end`);
  }
  return {
    folder,
    file,
    directory: plane.directory,
    connection,
    user,
    engine: engineServers.sqlite.backup,
    job,
    backup,
    ended,
    lines: async (id: string) =>
      (await controlPlane().selectFrom("job_lines").select("text").where("job_id", "=", id).orderBy("id").execute()).map(({ text }) => text),
    stored: () => {
      try {
        return readdirSync(storeDir()).toSorted();
      } catch {
        return [];
      }
    },
    /** What lies beside the live file, without SQLite's own files. */
    beside: () =>
      readdirSync(folder)
        .filter((name) => !/-(wal|shm)$/.test(name))
        .toSorted(),
    /** A complete backup of sqlite/main. */
    async complete() {
      const { jobId, backupId } = await backups.createBackup({ connection, engine: engineServers.sqlite.backup, user });
      const row = await ended(jobId);
      if (row.state !== "succeeded") throw new Error(`the backup failed: ${row.error}`);
      return backup(backupId);
    },
    async remove() {
      await engineServers.sqlite.close();
      await plane.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type SqliteConsole = Awaited<ReturnType<typeof sqliteConsole>>;
