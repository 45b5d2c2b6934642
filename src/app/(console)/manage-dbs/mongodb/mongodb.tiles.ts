import "server-only";

import type { Document } from "mongodb";

import { numberOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import type { Tile } from "@/lib/engine-contract";
import { formatBytes, formatCount, formatDuration } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { single } from "@/server/single";

interface Counters {
  at: number;
  operations: number;
  networkBytes: number;
}

/** Counters only grow: a rate needs the reading before. */
const readings = (): Map<string, Counters> => single("mongodb.counters", () => new Map<string, Counters>());
const SAME_READING_MS = 500;

/** The four tiles; a figure the server does not keep says so and has no number. */
export function readTiles(connection: Connection, status: Document | null): Tile[] {
  const rates = ratesOf(connection, status);
  return [operationsTile(status, rates), connectionsTile(status), memoryTile(status), networkTile(status, rates)];
}

const missing = (id: string, label: string): Tile => ({ id, label, value: "not reported", note: "this server does not keep it", number: null, series: [] });

interface Rates {
  operations: number | null;
  networkBytes: number | null;
  /** What the rates are over, in words. */
  over: string;
}

function ratesOf(connection: Connection, status: Document | null): Rates {
  const operations = sum(status?.["opcounters"] as Document | undefined, ["insert", "query", "update", "delete", "getmore", "command"]);
  const network = status?.["network"] as Document | undefined;
  const networkBytes = sum(network, ["bytesIn", "bytesOut"]);
  const uptime = numberOf(status?.["uptime"]);
  const now = { at: Date.now(), operations: operations ?? 0, networkBytes: networkBytes ?? 0 };
  const before = readings().get(connection.id);
  const usable =
    before && now.at - before.at >= SAME_READING_MS && now.operations >= before.operations && now.networkBytes >= before.networkBytes ? before : null;
  if (!before || usable || now.operations < before.operations) readings().set(connection.id, now);
  const seconds = usable ? (now.at - usable.at) / 1000 : Math.max(1, uptime ?? 1);
  const rate = (total: number | null, earlier: number) => (total === null || (!usable && uptime === null) ? null : (total - earlier) / seconds);
  return {
    operations: rate(operations, usable?.operations ?? 0),
    networkBytes: rate(networkBytes, usable?.networkBytes ?? 0),
    over: usable ? `over the last ${formatDuration(Math.max(1, seconds))}` : "average since the server started",
  };
}

function sum(counters: Document | undefined, names: string[]): number | null {
  const values = names.flatMap((name) => numberOf(counters?.[name]) ?? []);
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0);
}

function operationsTile(status: Document | null, rates: Rates): Tile {
  if (rates.operations === null) return missing("operations", "Operations");
  const queries = numberOf((status?.["opcounters"] as Document | undefined)?.["query"]);
  const value = rates.operations < 10 ? rates.operations.toFixed(1) : formatCount(rates.operations);
  return {
    id: "operations",
    label: "Operations",
    value,
    unit: "a second",
    note: queries === null ? rates.over : `${rates.over}, ${formatCount(queries)} queries in all`,
    number: Math.round(rates.operations * 10) / 10,
    series: [],
  };
}

function connectionsTile(status: Document | null): Tile {
  const connections = status?.["connections"] as Document | undefined;
  const current = numberOf(connections?.["current"]);
  if (current === null) return missing("connections", "Connections");
  const available = numberOf(connections?.["available"]);
  const active = numberOf(connections?.["active"]);
  return {
    id: "connections",
    label: "Connections",
    value: formatCount(current),
    ...(available ? { unit: `of ${formatCount(current + available)}` } : {}),
    ...(active === null ? {} : { note: `${formatCount(active)} active` }),
    number: current,
    series: [],
  };
}

function memoryTile(status: Document | null): Tile {
  const resident = numberOf((status?.["mem"] as Document | undefined)?.["resident"]);
  if (!resident) return missing("memory", "Memory");
  const bytes = resident * 1024 * 1024;
  const [value, unit] = formatBytes(bytes).split(" ");
  const cache = numberOf(((status?.["wiredTiger"] as Document | undefined)?.["cache"] as Document | undefined)?.["bytes currently in the cache"]);
  return {
    id: "memory",
    label: "Memory",
    value: value ?? "",
    ...(unit ? { unit } : {}),
    note: cache === null ? "resident" : `${formatBytes(cache)} of it cache`,
    number: bytes,
    series: [],
  };
}

function networkTile(status: Document | null, rates: Rates): Tile {
  const network = status?.["network"] as Document | undefined;
  const sent = numberOf(network?.["bytesOut"]);
  if (rates.networkBytes === null || !sent) return missing("network", "Network");
  const [value, unit] = formatBytes(rates.networkBytes).split(" ");
  return {
    id: "network",
    label: "Network",
    value: value ?? "",
    unit: `${unit ?? "B"} a second`,
    note: `${formatBytes(sent)} sent in all`,
    number: Math.round(rates.networkBytes),
    series: [],
  };
}
