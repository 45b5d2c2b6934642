import "server-only";
import { mkdirSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import SqliteDatabase from "better-sqlite3";
import { Kysely, SqliteDialect } from "kysely";
import { Migrator, type Migration } from "kysely/migration";
import * as foundation from "../../../prisma-free-migrations/0001_foundation";
import * as swaps from "../../../prisma-free-migrations/0002_swaps";
import * as proofAndKeeping from "../../../prisma-free-migrations/0003_proof_and_keeping";
import * as backupPlace from "../../../prisma-free-migrations/0004_backup_place";
import * as scheduleFormat from "../../../prisma-free-migrations/0005_schedule_format";
import * as swapPlace from "../../../prisma-free-migrations/0006_swap_place";
import { env } from "@/env";
import { single } from "@/server/single";
import type { ControlPlane } from "./schema";

/** In the order of their names; a landed one is never edited. Listed here because the build has no directory to read at run time. */
export const MIGRATIONS: Record<string, Migration> = {
  "0001_foundation": foundation,
  "0002_swaps": swaps,
  "0003_proof_and_keeping": proofAndKeeping,
  "0004_backup_place": backupPlace,
  "0005_schedule_format": scheduleFormat,
  "0006_swap_place": swapPlace,
};

export const dataDir = (): string => resolve(env().CONSOLE_DATA_DIR);
export const controlPlanePath = (): string => join(dataDir(), "control-plane.sqlite");

/** Copies of the console's own database that restores have made. */
export const restoredDir = (): string => join(dataDir(), "restored");

/** A path without links, also of a file that is not there: the links that are there are followed. */
export function realPath(path: string, linksLeft = 40): string {
  try {
    return realpathSync(path);
  } catch {
    const whole = resolve(path);
    if (dirname(whole) === whole) return whole;
    const at = join(realPath(dirname(whole), linksLeft), basename(whole));
    const target = linksLeft === 0 ? null : linkAt(at);
    return target === null ? at : realPath(resolve(dirname(at), target), linksLeft - 1);
  }
}

function linkAt(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/** Whether a file is the console's own database or a restored copy of it, by whatever path it is named. */
export function isConsoleFile(path: string): boolean {
  const real = realPath(path);
  return real === realPath(controlPlanePath()) || real.startsWith(`${realPath(restoredDir())}/`);
}

/** Opens a control plane file; `:memory:` for tests. */
export function openControlPlane(path: string): Kysely<ControlPlane> {
  const sqlite = new SqliteDatabase(path);
  sqlite.pragma("journal_mode = WAL");
  sqlite.pragma("synchronous = FULL");
  sqlite.pragma("foreign_keys = ON");
  sqlite.pragma("busy_timeout = 5000");
  return new Kysely<ControlPlane>({ dialect: new SqliteDialect({ database: sqlite }) });
}

/** Brings a control plane to the newest migration. @throws Error with the failed migration's name. */
export async function migrate(db: Kysely<ControlPlane>, upTo?: string): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } });
  const { error, results } = upTo ? await migrator.migrateTo(upTo) : await migrator.migrateToLatest();
  if (!error) return;
  const failed = results?.find((result) => result.status === "Error")?.migrationName ?? "unknown";
  throw new Error(`The control plane's migration ${failed} failed`, { cause: error });
}

/** The console's own database, one connection for the whole process. */
export function controlPlane(): Kysely<ControlPlane> {
  return single("control-plane", () => {
    mkdirSync(dataDir(), { recursive: true, mode: 0o700 });
    return openControlPlane(controlPlanePath());
  });
}
