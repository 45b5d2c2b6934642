import "server-only";
import { performance } from "node:perf_hooks";
import { browse, reachedTarget, remembered, type Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import {
  COUNTERS,
  HOLDS,
  LARGEST,
  MAY_WRITE,
  SERVER,
  type CountersRow,
  type HoldsRow,
  type MayWriteRow,
  type ServerRow,
} from "@/app/(console)/manage-dbs/postgres/postgres.info.queries";
import { findTools, type ToolSearch } from "@/app/(console)/manage-dbs/postgres/postgres.tools";
import { isLocal, type TlsMode } from "@/app/(console)/manage-dbs/postgres/postgres.target";
import { findWarnings } from "@/app/(console)/manage-dbs/postgres/postgres.warnings";
import type { ConnectedInfo, EngineInfo, EngineOverview, EngineWarning, Fact, LargestObject, Tile } from "@/lib/engine-contract";
import { formatBytes, formatCount, formatDuration } from "@/lib/format";
import type { CallContext, Connection } from "@/server/connection";
import { AppError } from "@/server/errors";

/** Reachable, or why not and what to do. Never throws for a server that is down; throws CANCELLED when the caller gave up. */
export async function getInfo(connection: Connection, context: CallContext): Promise<EngineInfo> {
  try {
    return await browse(connection, context, async (session) => {
      const { server, latencyMs } = await readServer(session);
      return connectedInfo(connection, { server, holds: await one(session.all(HOLDS)), latencyMs });
    });
  } catch (error) {
    if (!(error instanceof AppError) || error.code === "CANCELLED") throw error;
    return {
      state: "not-connected",
      address: connection.address,
      code: error.code,
      reason: error.message,
      fix: error.fix ?? "Read the server's log.",
      ...(error.detail === undefined ? {} : { detail: error.detail }),
    };
  }
}

/** The overview page: server card, four tiles, ten largest tables, warnings. Throws AppError when the server is not reachable. */
export async function getOverview(connection: Connection, context: CallContext & { tools: ToolSearch }): Promise<EngineOverview> {
  const { target, encrypted } = await reachedTarget(connection, context);
  return browse(connection, context, async (session) => {
    const { server, latencyMs } = await readServer(session);
    const holds = await one(session.all(HOLDS));
    const mayWrite = await one(session.all(MAY_WRITE));
    const counters = await one(session.all(COUNTERS));
    const tool = await describeTool(serverMajor(server), context.tools);
    return {
      info: connectedInfo(connection, { server, holds, latencyMs }),
      facts: [...serverFacts(connection, server, holds), roleFact(server, mayWrite), encryptionFact(server, target.tls, isLocal(target.host)), tool.fact],
      tiles: makeTiles({ counters, rates: ratesSince(connection, counters), server }),
      largest: (await session.all(LARGEST)).map((row): LargestObject => ({
        group: row.schema,
        name: row.name,
        bytes: row.bytes,
        count: row.rows,
        countEstimated: row.bytes > 0,
      })),
      warnings: [...(tool.warning ? [tool.warning] : []), ...(await findWarnings(session, server, { encrypted, local: isLocal(target.host) }))],
      checkedAt: new Date().toISOString(),
    };
  });
}

/** The tiles' figures by tile id, for the sparklines. Rates are there from the second sample on. */
export async function sample(connection: Connection): Promise<Record<string, number>> {
  return browse(connection, {}, async (session) => {
    const counters = await one(session.all(COUNTERS));
    const rates = ratesSince(connection, counters);
    const figures: Record<string, number | null> = {
      transactions: rates?.transactions ?? null,
      connections: counters.sessions,
      "cache-hits": hitRate(counters, rates),
      "disk-writes": rates?.walBytes ?? null,
    };
    return Object.fromEntries(Object.entries(figures).filter((entry): entry is [string, number] => entry[1] !== null));
  });
}

async function one<Row>(rows: Promise<Row[]>): Promise<Row> {
  const [row] = await rows;
  if (row === undefined)
    throw new AppError("INTERNAL", "PostgreSQL gave no answer to a question about itself", { fix: "Reload; if it stays, read the server's log." });
  return row;
}

async function readServer(session: Session): Promise<{ server: ServerRow; latencyMs: number }> {
  const started = performance.now();
  await session.rows("SELECT 1");
  const latencyMs = Math.round((performance.now() - started) * 10) / 10;
  return { server: await one(session.all(SERVER)), latencyMs };
}

const serverMajor = (server: ServerRow): number => Math.floor(server.version_number / 10_000);

/** "15.18" without the packager's words. */
const shortVersion = (server: ServerRow): string => server.version.split(" ")[0] ?? server.version;

function connectedInfo(connection: Connection, found: { server: ServerRow; holds: HoldsRow; latencyMs: number }): ConnectedInfo {
  const { server, holds, latencyMs } = found;
  return {
    state: "connected",
    product: "PostgreSQL",
    version: shortVersion(server),
    address: connection.address,
    latencyMs,
    uptimeSeconds: server.uptime_seconds,
    sizeBytes: server.size,
    memoryBytes: server.shared_buffers,
    holds: { count: holds.tables, estimated: false, word: holds.tables === 1 ? "table" : "tables" },
  };
}

function serverFacts(connection: Connection, server: ServerRow, holds: HoldsRow): Fact[] {
  const packager = /\(([^)]*)\)/.exec(server.version)?.[1];
  const machine = / on (\w+)-/.exec(server.long_version)?.[1];
  const note = [packager, machine, server.in_recovery ? "standby" : undefined].filter((part) => part !== undefined).join(", ");
  const plural = (count: number, word: string, words: string): string => `${formatCount(count)} ${count === 1 ? word : words}`;
  return [
    { label: "Version", value: shortVersion(server), ...(note ? { note } : {}) },
    { label: "Address", value: connection.address, mono: true },
    { label: "Database", value: server.database, mono: true },
    { label: "Uptime", value: formatDuration(server.uptime_seconds) },
    { label: "Size", value: server.size === null ? "unknown" : formatBytes(server.size) },
    {
      label: "Objects",
      value: [plural(holds.tables, "table", "tables"), plural(holds.views, "view", "views"), plural(holds.indexes, "index", "indexes")].join(", "),
    },
    { label: "Memory", value: formatBytes(server.shared_buffers), note: "shared buffers" },
  ];
}

function roleFact(server: ServerRow, mayWrite: MayWriteRow): Fact {
  const role = { label: "Role", value: server.role, mono: true };
  if (server.superuser) return { ...role, badge: { text: "superuser", tone: "warn" } };
  if (server.create_role || server.replication || server.bypass_rls) return { ...role, badge: { text: "too powerful", tone: "warn" } };
  if (mayWrite.may_write || mayWrite.may_create || server.create_database) return { ...role, note: "may write" };
  return { ...role, badge: { text: "read only", tone: "plain" } };
}

function encryptionFact(server: ServerRow, mode: TlsMode, local: boolean): Fact {
  const label = "Encryption";
  if (!server.tls)
    return local ? { label, value: "none", note: "this machine" } : { label, value: "none", badge: { text: "readable on the network", tone: "warn" } };
  const version = server.tls_version?.replace(/^TLSv/, "TLS ") ?? "TLS";
  return mode === "verify-full" || mode === "verify-ca"
    ? { label, value: `${version}, certificate checked` }
    : { label, value: version, note: "certificate not checked" };
}

async function describeTool(major: number, search: ToolSearch): Promise<{ fact: Fact; warning?: EngineWarning }> {
  try {
    const tools = await findTools(major, search);
    return { fact: { label: "Backup tool", value: `pg_dump ${tools.version}`, badge: { text: "fits", tone: "ok" } } };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return {
      fact: { label: "Backup tool", value: "pg_dump", badge: { text: error.detail === undefined ? "missing" : "too old", tone: "warn" } },
      warning: { level: "warn", title: "Backups cannot be made", detail: error.message, fix: error.fix ?? "" },
    };
  }
}

interface Rates {
  transactions: number;
  walBytes: number | null;
  hits: number;
  reads: number;
}
interface LastSample {
  at: number;
  counters: CountersRow;
  rates: Rates | null;
}

/** Per-second figures since the sample before. Looks that follow within a second share one answer; a reset of the counters gives none. */
function ratesSince(connection: Connection, counters: CountersRow): Rates | null {
  const memory = remembered(connection);
  const last = memory.get("sample") as LastSample | undefined;
  const now = performance.now();
  if (last && now - last.at < 1_000) return last.rates;
  const rates = last ? ratesBetween(last.counters, counters, (now - last.at) / 1_000) : null;
  memory.set("sample", { at: now, counters, rates } satisfies LastSample);
  return rates;
}

function ratesBetween(before: CountersRow, after: CountersRow, seconds: number): Rates | null {
  const transactions = after.transactions - before.transactions;
  if (transactions < 0) return null;
  const wal = before.wal_bytes === null || after.wal_bytes === null ? null : after.wal_bytes - before.wal_bytes;
  return {
    transactions: transactions / seconds,
    walBytes: wal === null || wal < 0 ? null : wal / seconds,
    hits: after.blocks_hit - before.blocks_hit,
    reads: after.blocks_read - before.blocks_read,
  };
}

/** Of the last interval where there was traffic, else since the statistics began; null for a database nobody has read. */
function hitRate(counters: CountersRow, rates: Rates | null): number | null {
  const [hits, reads] = rates && rates.hits + rates.reads > 0 ? [rates.hits, rates.reads] : [counters.blocks_hit, counters.blocks_read];
  return hits + reads === 0 ? null : (hits / (hits + reads)) * 100;
}

function makeTiles(found: { counters: CountersRow; rates: Rates | null; server: ServerRow }): Tile[] {
  const { counters, rates, server } = found;
  const hits = hitRate(counters, rates);
  const [walValue = "–", walUnit = ""] = rates?.walBytes == null ? [] : formatBytes(rates.walBytes).split(" ");
  const states = `${counters.active} active, ${counters.idle} idle, ${counters.in_transaction} in transaction`;
  return [
    {
      id: "transactions",
      label: "Transactions",
      value: rates ? formatCount(rates.transactions) : "–",
      unit: "a second",
      note: server.database,
      number: rates?.transactions ?? null,
      series: [],
    },
    {
      id: "connections",
      label: "Connections",
      value: formatCount(counters.sessions),
      unit: `of ${formatCount(server.max_connections)}`,
      note: server.monitor || server.superuser ? states : "states need the right pg_monitor",
      number: counters.sessions,
      series: [],
    },
    {
      id: "cache-hits",
      label: "Cache hit rate",
      value: hits === null ? "–" : hits.toFixed(1),
      unit: "%",
      note: `${formatBytes(server.shared_buffers)} shared buffers`,
      number: hits,
      series: [],
    },
    {
      id: "disk-writes",
      label: "Disk writes",
      value: walValue,
      unit: `${walUnit} a second`.trim(),
      note: "write-ahead log",
      number: rates?.walBytes ?? null,
      series: [],
    },
  ];
}
