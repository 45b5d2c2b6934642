/** For tests: files, contexts and steps of restores that replace a SQLite file. */
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import Database from "better-sqlite3";
import type { Artefact, JobContext, ManifestContent, Swap, SwapRecord } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { temporaryControlPlane } from "@/test/control-plane";
import { testConnection } from "@/test/connections";
import { temporaryFilesInMemory } from "@/test/memory-disk";

/** A console with its own data directory, and a folder for live files. */
export async function restoreBench() {
  temporaryFilesInMemory();
  const plane = await temporaryControlPlane();
  const { sqliteBackup } = await import("./sqlite.backup");
  const { closeSqlite } = await import("./sqlite.client");
  const { keptDir } = await import("./sqlite.files");
  const { openArtefact } = await import("@/backups/store");
  const folder = mkdtempSync(join(tmpdir(), "sqlite-restores-"));
  const lines: string[] = [];
  const newContext = (jobId = randomBytes(6).toString("hex"), signal = new AbortController().signal): JobContext => ({
    signal,
    progress: () => undefined,
    log: (line) => void lines.push(line),
    jobId,
    scratchDir: folder,
    child: () => undefined,
  });

  function artefactOf(path: string, manifest: ManifestContent): Artefact {
    return { path, bytes: statSync(path).size, manifest, open: (range) => openArtefact(path, range) };
  }

  return {
    engine: sqliteBackup,
    directory: plane.directory,
    folder,
    lines,
    newContext,
    artefactOf,
    /** What the console keeps for undo. */
    kept: () => (readdirSync(join(plane.directory)).includes("kept") ? readdirSync(keptDir()).toSorted() : []),
    /** A live file made by `make`, and its connection. */
    live(make: (db: Database.Database) => void, name = `${randomUUID()}.sqlite`): { path: string; connection: Connection } {
      const path = join(folder, name);
      const db = new Database(path);
      make(db);
      db.close();
      return { path, connection: testConnection("sqlite", path, { name: randomUUID() }) };
    },
    async backUp(connection: Connection): Promise<Artefact> {
      const path = join(folder, `${randomUUID()}.artefact`);
      const manifest = await sqliteBackup.write(connection, { path, stream: () => Promise.reject(new Error("not used")) as never }, newContext());
      return artefactOf(path, manifest);
    },
    /** Stages and swaps. The journal is the swap's record. */
    async replace(artefact: Artefact, connection: Connection, context = newContext()): Promise<Swap> {
      const swap: Swap = { jobId: context.jobId, target: basename(connection.url.reveal()), record: {} };
      const staged = await sqliteBackup.stage(artefact, connection, { name: swap.target, replace: true }, context);
      if (!staged.swap) throw new Error("no swap");
      await staged.swap(async (record) => void (swap.record = record));
      return swap;
    },
    async exchange(connection: Connection, swap: Swap): Promise<void> {
      const journal = async (record: SwapRecord) => void (swap.record = record);
      await sqliteBackup.exchange?.(connection, swap, { journal, context: newContext(swap.jobId) });
    },
    settle: (connection: Connection, swap: Swap) => sqliteBackup.settle?.(connection, swap, { log: (line) => void lines.push(line) }),
    dropKept: (connection: Connection, swap: Swap) => sqliteBackup.dropKept?.(connection, swap, newContext(swap.jobId)),
    async remove() {
      await closeSqlite();
      await plane.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type RestoreBench = Awaited<ReturnType<typeof restoreBench>>;

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Everything a database holds as text: the statements that made it, every value with its storage class, its numbers. */
export function dumpOf(path: string): string {
  const db = new Database(path, { readonly: true });
  try {
    db.defaultSafeIntegers();
    const made = db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").raw().all();
    const listed =
      "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow', 'virtual') AND name <> 'sqlite_schema' ORDER BY name";
    const rows = (db.prepare(listed).all() as { name: string; wr: bigint }[]).flatMap(({ name, wr }) => {
      const columns = db.prepare("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1").pluck().all(name) as string[];
      const rowid = wr === 1n ? [] : ["rowid", "_rowid_"].filter((word) => !columns.includes(word)).slice(0, 1);
      const values = columns.map((column) => `typeof(${quoted(column)}) || ':' || hex(CAST(${quoted(column)} AS BLOB))`);
      return [
        name,
        ...(db
          .prepare(`SELECT ${[...rowid, ...values].join(" || '|' || ")} FROM ${quoted(name)}`)
          .pluck()
          .all() as string[]),
      ];
    });
    const numbers = ["user_version", "application_id", "encoding"].map((name) => String(db.pragma(name, { simple: true })));
    return [...made.map((row) => JSON.stringify(row)), ...rows, ...numbers].join("\n");
  } finally {
    db.close();
  }
}

export function integrityOf(path: string): string {
  const db = new Database(path);
  try {
    return (db.pragma("integrity_check") as { integrity_check: string }[]).map((row) => row.integrity_check).join();
  } finally {
    db.close();
  }
}
