import "server-only";
import type { Fact } from "@/lib/engine-contract";
import { formatBytes, formatCount, formatDuration } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { databaseCounts, infoNumber, type InfoFields, type ServerFacts } from "./redis.server-facts";

/** What INFO does not say; each is null where the server does not let us know. */
export interface ServerSettings {
  user: string | null;
  /** Whether anybody who reaches the port is let in as the default user. */
  isOpen: boolean | null;
  protectedMode: boolean | null;
  /** The `save` setting: "" means no snapshots. */
  save: string | null;
  databases: number | null;
}

/** The rows of the server card, in order. */
export function describeServer({
  connection,
  info,
  facts,
  settings,
}: {
  connection: Connection;
  info: InfoFields;
  facts: ServerFacts;
  settings: ServerSettings;
}): Fact[] {
  const tls = connection.url.reveal().startsWith("rediss:");
  return [
    { label: "Version", value: `${facts.product} ${facts.version}`, ...noteOf(info.get("os")) },
    { label: "Address", value: connection.address, mono: true, badge: tls ? { text: "TLS", tone: "ok" } : { text: "no TLS", tone: "plain" } },
    { label: "Role", value: roleText(info), ...noteOf(roleNote(info)) },
    { label: "Mode", value: info.get("redis_mode") ?? info.get("server_mode") ?? "standalone" },
    { label: "Uptime", value: secondsText(infoNumber(info, "uptime_in_seconds")) },
    { label: "Memory", value: sizeText(infoNumber(info, "used_memory")), note: memoryNote(info) },
    { label: "Eviction", value: facts.evictionPolicy ?? "unknown", mono: true },
    { label: "Persistence", value: persistenceText(info, settings), ...noteOf(persistenceNote(info)) },
    databasesFact(info, settings),
    userFact(settings),
  ];
}

function databasesFact(info: InfoFields, settings: ServerSettings): Fact {
  const databases = databaseCounts(info);
  const value =
    databases.length === 0
      ? "all empty"
      : databases
          .slice(0, 8)
          .map((one) => `db${one.db}: ${formatCount(one.keys)}`)
          .join(", ");
  const more = databases.length > 8 ? `and ${databases.length - 8} more` : null;
  return { label: "Databases", value, ...noteOf(more ?? (settings.databases === null ? undefined : `of ${settings.databases}`)) };
}

function userFact({ user, isOpen }: ServerSettings): Fact {
  const fact: Fact = { label: "User", value: user ?? "default", mono: true };
  return isOpen === true ? { ...fact, badge: { text: "server open without password", tone: "warn" } } : fact;
}

function roleText(info: InfoFields): string {
  const role = info.get("role");
  return role === "slave" ? "replica" : (role ?? "unknown");
}

function roleNote(info: InfoFields): string | undefined {
  if (info.get("role") === "slave")
    return `of ${info.get("master_host") ?? "?"}:${info.get("master_port") ?? "?"}, link ${info.get("master_link_status") ?? "unknown"}`;
  const replicas = infoNumber(info, "connected_slaves") ?? 0;
  return replicas === 0 ? undefined : `${replicas} ${replicas === 1 ? "replica" : "replicas"}`;
}

function memoryNote(info: InfoFields): string {
  const max = infoNumber(info, "maxmemory") ?? 0;
  return max === 0 ? "no maxmemory" : `of ${formatBytes(max)}`;
}

function persistenceText(info: InfoFields, settings: ServerSettings): string {
  const parts = [
    ...(info.get("aof_enabled") === "1" ? ["append-only file"] : []),
    ...(settings.save === null ? [] : settings.save === "" ? [] : ["snapshots"]),
  ];
  if (parts.length > 0) return parts.join(" and ");
  return settings.save === null ? "unknown" : "none";
}

function persistenceNote(info: InfoFields): string | undefined {
  const saved = infoNumber(info, "rdb_last_save_time");
  if (saved === null || saved === 0) return undefined;
  return `last snapshot ${new Date(saved * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function secondsText(seconds: number | null): string {
  return seconds === null ? "unknown" : formatDuration(seconds);
}

function sizeText(bytes: number | null): string {
  return bytes === null ? "unknown" : formatBytes(bytes);
}

function noteOf(note: string | undefined): { note?: string } {
  return note === undefined ? {} : { note };
}
