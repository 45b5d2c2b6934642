import "server-only";
import { statSync } from "node:fs";
import { z } from "zod";
import type { EngineInfo, EngineOverview, EngineWarning, Fact } from "@/lib/engine-contract";
import { formatBytes, formatCount, formatCounted } from "@/lib/format";
import type { CallContext, Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { sqliteObjects } from "./sqlite.client";
import { sqliteError } from "./sqlite.errors";
import { sqliteTables } from "./tables/sqlite-tables.service";

/** Figures of the file in one question; the pragma functions read its header and schema only. */
const FACTS = `
  SELECT sqlite_version() AS version,
    (SELECT page_size FROM pragma_page_size) AS pageSize, (SELECT page_count FROM pragma_page_count) AS pageCount,
    (SELECT freelist_count FROM pragma_freelist_count) AS freePages, (SELECT journal_mode FROM pragma_journal_mode) AS journalMode,
    (SELECT encoding FROM pragma_encoding) AS encoding, (SELECT user_version FROM pragma_user_version) AS userVersion,
    (SELECT application_id FROM pragma_application_id) AS applicationId,
    (SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\') AS tables,
    (SELECT count(*) FROM sqlite_schema WHERE type = 'view') AS views, (SELECT count(*) FROM sqlite_schema WHERE type = 'index') AS indexes,
    (SELECT count(*) FROM sqlite_schema WHERE type = 'trigger') AS triggers`;

const Facts = z.object({
  version: z.string(),
  pageSize: z.number(),
  pageCount: z.number(),
  freePages: z.number(),
  journalMode: z.string(),
  encoding: z.string(),
  userVersion: z.number(),
  applicationId: z.number(),
  tables: z.number(),
  views: z.number(),
  indexes: z.number(),
  triggers: z.number(),
});
type Facts = z.infer<typeof Facts>;

interface Reading {
  facts: Facts;
  fileBytes: number;
  walBytes: number;
  changedAt: Date;
  latencyMs: number;
}

async function read(connection: Connection, signal?: AbortSignal): Promise<Reading> {
  const started = performance.now();
  const [row] = await sqliteObjects(connection, FACTS, [], signal);
  const path = connection.url.reveal();
  // It was there a moment ago; gone by now is the same clear error as gone before.
  const file = statSync(path, { throwIfNoEntry: false });
  if (!file) throw sqliteError(Object.assign(new Error("no such file"), { code: "ENOENT" }), path);
  const wal = statSync(`${path}-wal`, { throwIfNoEntry: false });
  const changedAt = wal && wal.mtimeMs > file.mtimeMs ? wal.mtime : file.mtime;
  return { facts: Facts.parse(row), fileBytes: file.size, walBytes: wal?.size ?? 0, changedAt, latencyMs: performance.now() - started };
}

/** Never throws for a file that cannot be read: it says why and what to do. */
export async function sqliteInfo(connection: Connection, { signal }: CallContext): Promise<EngineInfo> {
  try {
    return connected(connection, await read(connection, signal));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const detail = error.detail === undefined ? {} : { detail: error.detail };
    return { state: "not-connected", address: connection.address, code: error.code, reason: error.message, fix: error.fix ?? "Try again.", ...detail };
  }
}

function connected(connection: Connection, { facts, fileBytes, walBytes, latencyMs }: Reading) {
  return {
    state: "connected" as const,
    product: "SQLite",
    version: facts.version,
    address: connection.address,
    latencyMs,
    uptimeSeconds: null,
    sizeBytes: fileBytes + walBytes,
    memoryBytes: null,
    holds: { count: facts.tables, estimated: false, word: facts.tables === 1 ? "table" : "tables" },
  };
}

export async function sqliteOverview(connection: Connection, context: CallContext): Promise<EngineOverview> {
  const reading = await read(connection, context.signal);
  const { tables } = await sqliteTables.list(connection, context);
  const largest = tables
    .filter((table) => table.kind !== "view")
    .sort((a, b) => (b.bytes ?? b.rowsEstimate ?? 0) - (a.bytes ?? a.rowsEstimate ?? 0))
    .slice(0, 10)
    .map((table) => ({ group: null, name: table.name, bytes: table.bytes, count: table.rowsEstimate, countEstimated: !table.rowsExact }));
  return {
    info: connected(connection, reading),
    facts: factsOf(connection, reading),
    tiles: tilesOf(reading),
    largest,
    warnings: warningsOf(reading),
    checkedAt: new Date().toISOString(),
  };
}

function factsOf(connection: Connection, { facts, fileBytes, walBytes }: Reading): Fact[] {
  return [
    { label: "Version", value: facts.version, note: "inside the console" },
    { label: "File", value: connection.address, mono: true },
    { label: "Size", value: formatBytes(fileBytes), ...(walBytes ? { note: `+ ${formatBytes(walBytes)} write-ahead log` } : {}) },
    { label: "Objects", value: objectsIn(facts) },
    { label: "Journal", value: facts.journalMode },
    { label: "Pages", value: `${formatCount(facts.pageCount)} of ${formatBytes(facts.pageSize)}`, note: `${formatCount(facts.freePages)} free` },
    { label: "Encoding", value: facts.encoding },
    { label: "User version", value: String(facts.userVersion), note: `application id ${facts.applicationId}` },
    { label: "Access", value: "the console opens it", badge: { text: "read only", tone: "plain" } },
    { label: "Backup tool", value: "built in", badge: { text: "fits", tone: "ok" } },
  ];
}

function objectsIn({ tables, views, indexes, triggers }: Reading["facts"]): string {
  const parts = [
    formatCounted(tables, { one: "table", many: "tables" }),
    formatCounted(views, { one: "view", many: "views" }),
    formatCounted(indexes, { one: "index", many: "indexes" }),
    formatCounted(triggers, { one: "trigger", many: "triggers" }),
  ];
  return parts.join(", ");
}

function tilesOf(reading: Reading): EngineOverview["tiles"] {
  const { facts, fileBytes, walBytes, changedAt, latencyMs } = reading;
  const [size = "", unit = ""] = formatBytes(fileBytes).split(/\s/);
  const [wal = "", walUnit = ""] = formatBytes(walBytes).split(/\s/);
  const free = facts.pageCount === 0 ? 0 : (facts.freePages / facts.pageCount) * 100;
  return [
    {
      id: "size",
      label: "File",
      value: size,
      unit,
      note: `changed ${changedAt.toISOString().slice(0, 19).replace("T", " ")} UTC`,
      number: fileBytes,
      series: [],
    },
    {
      id: "wal",
      label: "Write-ahead log",
      value: wal,
      unit: walUnit,
      note: facts.journalMode === "wal" ? "not yet in the file" : "not in use",
      number: walBytes,
      series: [],
    },
    {
      id: "free",
      label: "Free pages",
      value: free.toFixed(1),
      unit: "%",
      note: `${formatBytes(facts.freePages * facts.pageSize)} can be reused`,
      number: free,
      series: [],
    },
    { id: "latency", label: "Answer", value: latencyMs.toFixed(1), unit: "ms", note: "reading the header and schema", number: latencyMs, series: [] },
  ];
}

const LARGE_WAL_BYTES = 64 * 1024 * 1024;

function warningsOf({ facts, fileBytes, walBytes }: Reading): EngineWarning[] {
  const warnings: EngineWarning[] = [];
  if (walBytes > LARGE_WAL_BYTES) {
    warnings.push({
      level: "warn",
      title: `Write-ahead log is ${formatBytes(walBytes)}`,
      detail: "A reader that never ends keeps it from being written back.",
      fix: "Close long readers, then run PRAGMA wal_checkpoint(TRUNCATE).",
    });
  }
  if (facts.pageCount > 1_000 && facts.freePages / facts.pageCount > 0.3) {
    warnings.push({
      level: "info",
      title: `${Math.round((facts.freePages / facts.pageCount) * 100)} % of the file is free pages`,
      detail: `${formatBytes(fileBytes)} on disk.`,
      fix: "VACUUM gives the space back; it needs as much again while it runs.",
    });
  }
  if (facts.journalMode !== "wal") {
    warnings.push({
      level: "info",
      title: `The journal mode is ${facts.journalMode}`,
      detail: "Readers and the writer block each other.",
      fix: "PRAGMA journal_mode = WAL, if every program that opens the file is on this machine.",
    });
  }
  return warnings;
}

export async function sqliteSample(connection: Connection): Promise<Record<string, number>> {
  const tiles = tilesOf(await read(connection, AbortSignal.timeout(5_000)));
  return Object.fromEntries(tiles.map((tile) => [tile.id, tile.number ?? 0]));
}
