import "server-only";
/** SQLite backups: one consistent copy by the backup API, checked by reading every page and row; restored beside as a new file. */
import { access, constants, copyFile, link, mkdir, open, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Artefact, BackupEngine, ManifestObject, RestorePlan, RestoreTarget, Verification } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { buildConnection } from "@/server/connections";
import { isConsoleFile, restoredDir } from "@/server/control-plane/database";
import { AppError } from "@/server/errors";
import { call, closeSqlite, sqliteObjects } from "./sqlite.client";
import { kindOf, listTables } from "./tables/sqlite-catalog";

/** A temporary connection to a file of ours: an artefact or a staged copy. */
function fileConnection(path: string): Connection {
  return buildConnection({
    engine: "sqlite",
    name: `file-${path}`,
    environment: "development",
    source: "console",
    url: path,
    database: null,
    tlsCa: null,
    address: path,
  });
}

async function withFile<T>(path: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = fileConnection(path);
  try {
    return await work(connection);
  } finally {
    await closeSqlite(connection.id);
  }
}

interface Checked {
  objects: ManifestObject[];
  foreignKeyViolations: number;
  /** Foreign keys that SQLite cannot check, in its words. */
  mismatches: string[];
}

/** Reads a whole file: structure, indexes, foreign keys, and the count of every table. Views are listed, never counted: one may be endless. */
async function checkFile(path: string, signal: AbortSignal): Promise<Checked> {
  return withFile(path, async (connection) => {
    const listed = await listTables(connection, signal);
    const counted = listed.filter((table) => table.type !== "view").map((table) => table.name);
    const result = (await call(connection, { op: "check", counts: counted }, signal)) as {
      integrity: string[];
      foreignKeys: number;
      mismatches: string[];
      counts: { name: string; count: number }[];
    };
    if (result.integrity.join() !== "ok") {
      throw new AppError("INTERNAL", "The SQLite file is damaged", {
        fix: "Choose another backup, or repair the database before backing it up.",
        detail: result.integrity.slice(0, 3).join("; "),
      });
    }
    const counts = new Map(result.counts.map((row) => [row.name, row.count]));
    const objects = listed.map((table) => ({ name: table.name, kind: kindOf(table), count: counts.get(table.name) ?? null, bytes: null, checksum: null }));
    return { objects, foreignKeyViolations: result.foreignKeys, mismatches: result.mismatches };
  });
}

export const sqliteBackup: BackupEngine = {
  extension: ".sqlite",

  async write(connection, sink, context) {
    context.progress({ phase: "Copy with SQLite's backup API" });
    const { pages } = (await call(connection, { op: "copy", target: sink.path }, context.signal, (done, total) =>
      context.progress({ itemsDone: done, itemsTotal: total }),
    )) as { pages: number };
    context.log(`${pages} pages copied in one consistent state`);
    const [version] = await sqliteObjects<{ version: string }>(connection, "SELECT sqlite_version() AS version");
    const { objects, foreignKeyViolations, mismatches } = await checkFile(sink.path, context.signal);
    if (foreignKeyViolations > 0) context.log(`${foreignKeyViolations} rows break a foreign key; they are in the backup as they are in the database`);
    for (const mismatch of mismatches.slice(0, 5)) context.log(`${mismatch}: SQLite cannot check this key; its rows are in the backup all the same`);
    return {
      format: "sqlite",
      server: { product: "SQLite", version: version?.version ?? "" },
      source: connection.address,
      tool: `SQLite ${version?.version ?? ""} backup API`,
      consistency: "snapshot",
      objects,
      skipped: [],
      details: { pages, foreignKeyViolations },
    };
  },

  async verify(artefact, context): Promise<Verification> {
    const { objects } = await checkFile(artefact.path, context.signal);
    return { method: "every page and row read: integrity_check, foreign_key_check, counts", objects: objects.map(({ name, count }) => ({ name, count })) };
  },

  async plan(artefact, connection, target): Promise<RestorePlan> {
    const path = targetPath(connection, target);
    const checks = await planChecks(artefact, path);
    return {
      target: path,
      way: "a new file beside the origin",
      objects: artefact.manifest.objects.map(({ name, kind, count }) => ({ name, kind, inBackup: count, liveNow: null, after: count })),
      checks,
      bytesNeeded: artefact.bytes,
      steps: [
        { title: "Restore aside", detail: `copy the file to ${path}.restore-…` },
        { title: "Compare", detail: "integrity_check, then every table's count with the manifest" },
        { title: "Keep", detail: `give it the name ${path} and open it as a connection of its own` },
      ],
    };
  },

  async stage(artefact, connection, target, context) {
    const path = targetPath(connection, target);
    const aside = asidePath(path, context.jobId);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    try {
      await copyFile(artefact.path, aside, constants.COPYFILE_EXCL);
      const { objects } = await checkFile(aside, context.signal);
      return {
        objects: objects.map(({ name, count }) => ({ name, count })),
        skipped: [],
        async keep() {
          const [stale] = await staleFiles(path);
          if (stale) throw inTheWay(stale);
          await syncFile(aside);
          // link() fails where the name has been taken meanwhile; rename() would overwrite.
          await link(aside, path).catch((error: NodeJS.ErrnoException) => {
            throw error.code === "EEXIST" ? taken(path) : error;
          });
          await rm(aside, { force: true });
          return { place: path, connection: { url: path, database: null } };
        },
        discard: () => rm(aside, { force: true }),
      };
    } catch (error) {
      await rm(aside, { force: true });
      throw error;
    }
  },

  sweep: (connection, left) => rm(asidePath(targetPath(connection, { name: left.target }), left.jobId), { force: true }),
};

/** What SQLite would read together with a file of this name: an earlier database's log would be replayed over the restored one. */
async function staleFiles(path: string): Promise<string[]> {
  const found = await Promise.all(["-wal", "-shm", "-journal"].map(async (suffix) => ((await isThere(`${path}${suffix}`)) ? [`${path}${suffix}`] : [])));
  return found.flat();
}

const inTheWay = (stale: string) =>
  new AppError("CONFLICT", `${stale} of an earlier database is in the way: SQLite would replay it over the restored file`, {
    fix: "Choose another name, or remove that file when nothing needs it.",
  });

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

const asidePath = (path: string, jobId: string): string => `${path}.restore-${jobId}`;
const taken = (path: string) => new AppError("CONFLICT", `${path} exists already`, { fix: "Choose another name; nothing is overwritten." });

/** New files lie beside their origin; those of the control plane in a directory of their own. @throws AppError INVALID */
function targetPath(connection: Connection, target: RestoreTarget): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(target.name) || target.name.includes("..")) {
    throw new AppError("INVALID", `${target.name} is not a file name`, { fix: "Use letters, digits, dots, hyphens and underscores; no directory." });
  }
  const directory = isConsoleFile(connection.address) ? restoredDir() : dirname(connection.url.reveal());
  return join(directory, /\.(sqlite3?|db)$/.test(target.name) ? target.name : `${target.name}.sqlite`);
}

async function planChecks(artefact: Artefact, path: string): Promise<RestorePlan["checks"]> {
  const checks: RestorePlan["checks"] = [];
  const exists = await isThere(path);
  const stale = exists ? [] : await staleFiles(path);
  if (stale.length > 0) checks.push({ result: "fail", title: "Files of an earlier database are in the way", detail: stale.join(", ") });
  checks.push(
    exists
      ? { result: "fail", title: "The name is taken", detail: `${path} exists; nothing is overwritten` }
      : { result: "pass", title: "The name is free", detail: path },
  );
  const directory = await existingParent(path);
  const writable = await access(directory, constants.W_OK).then(
    () => true,
    () => false,
  );
  checks.push(
    writable
      ? { result: "pass", title: "Rights are enough", detail: `the console may write in ${directory}` }
      : { result: "fail", title: "The console may not write there", detail: directory },
  );
  const space = await statfs(directory);
  const free = space.bavail * space.bsize;
  const enough = free > artefact.bytes * 1.1;
  checks.push({
    result: enough ? "pass" : "fail",
    title: enough ? "Space is enough" : "Not enough space",
    detail: `needs ${artefact.bytes} of ${free} bytes free`,
  });
  const violations = Number(artefact.manifest.details["foreignKeyViolations"] ?? 0);
  if (violations > 0)
    checks.push({ result: "warn", title: `${violations} rows break a foreign key`, detail: "they did so in the origin; they are restored as they were" });
  return checks;
}

async function existingParent(path: string): Promise<string> {
  const parent = dirname(path);
  return access(parent).then(
    () => parent,
    () => existingParent(parent),
  );
}
