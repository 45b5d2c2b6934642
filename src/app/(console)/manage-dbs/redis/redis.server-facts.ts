import "server-only";

/** The `name:value` lines of INFO, of all sections; section headings are left out. */
export type InfoFields = ReadonlyMap<string, string>;

export function parseInfo(text: string): InfoFields {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const at = line.indexOf(":");
    if (at > 0 && !line.startsWith("#")) fields.set(line.slice(0, at), line.slice(at + 1).trimEnd());
  }
  return fields;
}

export function infoNumber(info: InfoFields, name: string): number | null {
  const value = Number(info.get(name) ?? "");
  return info.has(name) && info.get(name) !== "" && Number.isFinite(value) ? value : null;
}

export interface DatabaseCount {
  db: number;
  keys: number;
  /** Keys with an expiry. */
  expires: number;
}

/** Non-empty logical databases, by number, from INFO keyspace. */
export function databaseCounts(info: InfoFields): DatabaseCount[] {
  const counts: DatabaseCount[] = [];
  for (const [name, value] of info) {
    const db = /^db(\d+)$/.exec(name)?.[1];
    const keys = /(?:^|,)keys=(\d+)/.exec(value)?.[1];
    if (db === undefined || keys === undefined) continue;
    counts.push({ db: Number(db), keys: Number(keys), expires: Number(/(?:^|,)expires=(\d+)/.exec(value)?.[1] ?? 0) });
  }
  return counts.sort((a, b) => a.db - b.db);
}

/** What decides which commands a server knows. */
export interface ServerFacts {
  product: "Redis" | "Valkey";
  /** The product's own version. */
  version: string;
  /** The Redis version whose commands it knows: Valkey 8 says 7.2.4. */
  speaks: [major: number, minor: number];
  isCluster: boolean;
  isReplica: boolean;
  /** maxmemory-policy; null where the server does not say. */
  evictionPolicy: string | null;
  runId: string | null;
}

export function serverFacts(info: InfoFields): ServerFacts {
  const redisVersion = info.get("redis_version") ?? "0.0.0";
  const valkeyVersion = info.get("valkey_version");
  const [major = 0, minor = 0] = redisVersion.split(".").map(Number);
  return {
    product: valkeyVersion === undefined && info.get("server_name") !== "valkey" ? "Redis" : "Valkey",
    version: valkeyVersion ?? redisVersion,
    speaks: [major, minor],
    isCluster: info.get("cluster_enabled") === "1" || info.get("redis_mode") === "cluster",
    isReplica: info.get("role") === "slave",
    evictionPolicy: info.get("maxmemory_policy") ?? null,
    runId: info.get("run_id") ?? null,
  };
}

export function speaks(facts: ServerFacts, major: number, minor = 0): boolean {
  return facts.speaks[0] > major || (facts.speaks[0] === major && facts.speaks[1] >= minor);
}

/** LFU servers count accesses (OBJECT FREQ), all others remember the last one (OBJECT IDLETIME). */
export function countsFrequency(facts: ServerFacts): boolean {
  return facts.evictionPolicy?.endsWith("lfu") ?? false;
}
