import "server-only";
import type { CallContext, Connection } from "@/server/connection";
import type { EngineInfo, EngineOverview, LargestObject, Tile } from "@/lib/engine-contract";
import { formatBytes, formatCount } from "@/lib/format";
import { throwIfCancelled } from "@/server/errors";
import { redisClient, type RedisClient } from "./redis.client";
import { showBytes } from "./redis.codec";
import { redisError } from "./redis.errors";
import { describeServer, type ServerSettings } from "./redis.info-facts";
import { findWarnings } from "./redis.info-warnings";
import { asBuffers, asList, asText, numberOrNull, type Reply } from "./redis.reply";
import { databaseCounts, infoNumber, serverFacts, type InfoFields } from "./redis.server-facts";

type ConnectedInfo = Extract<EngineInfo, { state: "connected" }>;

const SAMPLED_KEYS = 500;
const LARGEST_SHOWN = 10;

/** Whether the server answers, and what it is. Never throws for a server that is away or refuses. */
export async function getInfo(connection: Connection): Promise<EngineInfo> {
  try {
    const startedAt = performance.now();
    const info = await redisClient(connection).info();
    return connectedInfo({ connection, info, latencyMs: performance.now() - startedAt });
  } catch (error) {
    const known = redisError(error, { address: connection.address });
    return {
      state: "not-connected",
      address: connection.address,
      code: known.code,
      reason: known.message,
      fix: known.fix ?? "Check the connection's settings.",
      ...(known.detail === undefined ? {} : { detail: known.detail }),
    };
  }
}

/** The overview page: one INFO, a few settings, a bounded sample of keys. @throws AppError when the server is away */
export async function getOverview(connection: Connection, { signal }: CallContext = {}): Promise<EngineOverview> {
  const client = redisClient(connection);
  const startedAt = performance.now();
  const info = await client.info();
  const latencyMs = performance.now() - startedAt;
  const settings = await readSettings(client);
  throwIfCancelled(signal);
  const facts = serverFacts(info);
  return {
    info: connectedInfo({ connection, info, latencyMs }),
    facts: describeServer({ connection, info, facts, settings }),
    tiles: tilesOf(info),
    largest: await findLargest(connection, info, signal),
    warnings: findWarnings({ info, settings }),
    checkedAt: new Date().toISOString(),
  };
}

/** The tiles' numbers now, by tile id, for the sampler: one INFO. */
export async function sample(connection: Connection): Promise<Record<string, number | null>> {
  const info = await redisClient(connection).info();
  return Object.fromEntries(tilesOf(info).map((tile) => [tile.id, tile.number]));
}

async function readSettings(client: RedisClient): Promise<ServerSettings> {
  const [user, defaultUser, password, protectedMode, save, databases] = await client.run([
    ["ACL", "WHOAMI"],
    ["ACL", "GETUSER", "default"],
    ["CONFIG", "GET", "requirepass"],
    ["CONFIG", "GET", "protected-mode"],
    ["CONFIG", "GET", "save"],
    ["CONFIG", "GET", "databases"],
  ]);
  const isProtected = configText(protectedMode);
  return {
    user: Buffer.isBuffer(user) ? asText(user) : null,
    isOpen: isOpenUser(defaultUser) ?? isEmpty(configText(password)),
    protectedMode: isProtected === null ? null : isProtected === "yes",
    save: configText(save),
    databases: Array.isArray(databases) ? numberOrNull(databases[1]) : null,
  };
}

function isOpenUser(reply: Reply | undefined): boolean | null {
  if (!Array.isArray(reply)) return null;
  const flags = reply[reply.findIndex((part) => Buffer.isBuffer(part) && part.equals(Buffer.from("flags"))) + 1];
  if (!Array.isArray(flags)) return null;
  const words = flags.map((flag) => asText(flag));
  return words.includes("on") && words.includes("nopass");
}

function isEmpty(text: string | null): boolean | null {
  return text === null ? null : text === "";
}

function configText(reply: Reply | undefined): string | null {
  return Array.isArray(reply) && Buffer.isBuffer(reply[1]) ? asText(reply[1]) : null;
}

function connectedInfo({ connection, info, latencyMs }: { connection: Connection; info: InfoFields; latencyMs: number }): ConnectedInfo {
  const { product, version } = serverFacts(info);
  return {
    state: "connected",
    product,
    version,
    address: connection.address,
    latencyMs: Math.round(latencyMs * 10) / 10,
    uptimeSeconds: infoNumber(info, "uptime_in_seconds"),
    sizeBytes: null,
    memoryBytes: infoNumber(info, "used_memory"),
    holds: { count: databaseCounts(info).reduce((sum, database) => sum + database.keys, 0), estimated: false, word: "keys" },
  };
}

function tilesOf(info: InfoFields): Tile[] {
  const memory = infoNumber(info, "used_memory");
  const memoryMax = infoNumber(info, "maxmemory");
  const hits = infoNumber(info, "keyspace_hits") ?? 0;
  const misses = infoNumber(info, "keyspace_misses") ?? 0;
  const hitRate = hits + misses === 0 ? null : (100 * hits) / (hits + misses);
  const commands = infoNumber(info, "instantaneous_ops_per_sec");
  const clients = infoNumber(info, "connected_clients");
  const clientsMax = infoNumber(info, "maxclients");
  const blocked = infoNumber(info, "blocked_clients") ?? 0;
  return [
    { id: "commands", label: "Commands", value: countText(commands), unit: "/s", number: commands, series: [] },
    {
      id: "memory",
      label: "Memory",
      value: sizeText(memory),
      note: memoryMax === null || memoryMax === 0 ? "no maxmemory" : `of ${sizeText(memoryMax)}`,
      number: memory,
      series: [],
    },
    {
      id: "hit-rate",
      label: "Hit rate",
      value: hitRate === null ? "none yet" : hitRate.toFixed(1),
      ...(hitRate === null ? {} : { unit: "%" }),
      note: "since the server started",
      number: hitRate,
      series: [],
    },
    {
      id: "clients",
      label: "Clients",
      value: countText(clients),
      note: blocked > 0 ? `${blocked} blocked` : clientsMax === null ? "connected" : `of ${countText(clientsMax)}`,
      number: clients,
      series: [],
    },
  ];
}

/** Logical databases by key count, then the biggest keys met in a bounded sample of the fullest one. */
async function findLargest(connection: Connection, info: InfoFields, signal: AbortSignal | undefined): Promise<LargestObject[]> {
  const databases = databaseCounts(info).sort((a, b) => b.keys - a.keys);
  const counted = databases
    .slice(0, LARGEST_SHOWN / 2)
    .map((database): LargestObject => ({ group: null, name: `db${database.db}`, bytes: null, count: database.keys, countEstimated: false }));
  const fullest = databases[0];
  if (fullest === undefined) return counted;
  const keys = await biggestKeys(redisClient(connection, fullest.db), signal);
  const sampled = keys.map((key): LargestObject => ({ group: `db${fullest.db}`, name: key.name, bytes: key.bytes, count: null, countEstimated: true }));
  return [...counted, ...sampled].slice(0, LARGEST_SHOWN);
}

async function biggestKeys(client: RedisClient, signal: AbortSignal | undefined): Promise<{ name: string; bytes: number }[]> {
  const names: Buffer[] = [];
  let cursor = "0";
  do {
    throwIfCancelled(signal);
    const [next, page] = asList(await client.send("SCAN", cursor, "COUNT", 100));
    names.push(...asBuffers(page));
    cursor = asText(next);
  } while (cursor !== "0" && names.length < SAMPLED_KEYS);
  const unique = [...new Map(names.slice(0, SAMPLED_KEYS).map((name) => [name.toString("latin1"), name])).values()];
  const sizes = await client.run(unique.map((name) => ["MEMORY", "USAGE", name, "SAMPLES", 5]));
  return unique
    .map((name, index) => ({ name: showBytes(name).slice(1, -1), bytes: numberOrNull(sizes[index]) ?? 0 }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, LARGEST_SHOWN);
}

function countText(value: number | null): string {
  return value === null ? "unknown" : formatCount(value);
}

function sizeText(bytes: number | null): string {
  return bytes === null ? "unknown" : formatBytes(bytes);
}
