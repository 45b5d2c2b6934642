import "server-only";
/** What a restore must know of the server and the backup, whatever its way. */
import type { z } from "zod";
import type { Artefact, PlanCheck } from "@/backups/engine";
import { formatBytes } from "@/lib/format";
import type { Connection } from "@/server/connection";
import type { BackupOrigin } from "./redis.backup-source";
import { chosenTypes, readObjectName, type Placement } from "./redis.backup-target";
import { redisClient } from "./redis.client";
import { CORE_TYPES, dumpVersion, RDB_VERSION_BEFORE_7 } from "./redis.dump";
import { checkPortable } from "./redis.portable-plan";
import { RDB_FORMAT } from "./redis.rdb-content";
import { checkFunctions } from "./redis.functions-restore";
import { checkRdbValues } from "./redis.rdb-plan";
import { infoNumber, speaks, type InfoFields, type ServerFacts } from "./redis.server-facts";

export type Check = z.infer<typeof PlanCheck>;

export interface Situation {
  artefact: Artefact;
  origin: BackupOrigin;
  connection: Connection;
  placements: Placement[];
  /** The manifest's names of what was asked for; absent for all. */
  chosen: string[] | undefined;
  info: InfoFields;
  facts: ServerFacts;
}

/** The manifest's objects that are restored. */
export function placedObjects({ artefact, placements, chosen }: Situation): Artefact["manifest"]["objects"] {
  return artefact.manifest.objects.filter(({ name }) => {
    const object = readObjectName(name);
    return object !== null && placements.some(({ from }) => from === object.db) && (chosenTypes(chosen, object.db)?.includes(object.type) ?? true);
  });
}

export function checkRole({ facts, connection }: Situation): Check {
  if (facts.isCluster)
    return {
      result: "fail",
      title: "Not a cluster",
      detail: `${connection.address} is a cluster node: it has one database and holds only a part of the keys. Restore into another connection.`,
    };
  if (facts.isReplica)
    return { result: "fail", title: "Not a replica", detail: `${connection.address} is a replica and takes no writes. Restore to its master.` };
  return { result: "pass", title: "Takes writes", detail: `${connection.address} is a master, not in a cluster.` };
}

export async function checkVersions(situation: Situation): Promise<Check[]> {
  const { artefact, origin, connection, placements, chosen } = situation;
  if (!origin.isPortable) return [await checkVersion(situation)];
  return checkPortable(artefact, connection, { from: placements.map(({ from }) => from), chosen });
}

async function checkVersion(situation: Situation): Promise<Check> {
  const { artefact, origin, facts, connection, placements, chosen } = situation;
  const title = "Server reads this dump version";
  const came = `${origin.product} ${origin.serverVersion} (RDB version ${origin.rdbVersion ?? "none"})`;
  if (origin.rdbVersion === null) return { result: "pass", title, detail: "The backup holds no keys." };
  const own = await ownRdbVersion(connection, facts);
  if (artefact.manifest.format === RDB_FORMAT)
    return checkRdbValues({ manifest: artefact.manifest, databases: placements.map(({ from }) => from), chosen, facts, own });
  if (own === null)
    return { result: "warn", title, detail: `Made by ${came}; what this ${facts.product} ${facts.version} reads is not known. If it cannot, nothing is kept.` };
  // From 12 to 79 are Redis's versions after the fork: Valkey refuses them whatever its own number.
  const isForeign = facts.product === "Valkey" && origin.rdbVersion >= 12 && origin.rdbVersion < 80;
  const fits = origin.rdbVersion <= own && !isForeign;
  return { result: fits ? "pass" : "fail", title, detail: `Made by ${came}; ${facts.product} ${facts.version} reads up to ${isForeign ? "11, and 80" : own}.` };
}

/** A server reads what it writes, and older. From 7.0 on it says so itself. */
async function ownRdbVersion(connection: Connection, facts: ServerFacts): Promise<number | null> {
  if (!speaks(facts, 7)) return speaks(facts, 5) ? RDB_VERSION_BEFORE_7 : null;
  const [dump] = await redisClient(connection).run([["FUNCTION", "DUMP"]]);
  return Buffer.isBuffer(dump) ? dumpVersion(dump) : null;
}

interface MemoryPlan {
  /** Bytes that are given free before. */
  freed: number;
  /** What becomes of the restore when the server removes keys meanwhile. */
  whenEvicted: string;
}

export function checkMemory(situation: Situation, { freed, whenEvicted }: MemoryPlan = { freed: 0, whenEvicted: "nothing is kept" }): Check[] {
  const { info, facts } = situation;
  const needed = neededBytes(situation);
  const max = infoNumber(info, "maxmemory") ?? 0;
  const inUse = infoNumber(info, "used_memory") ?? 0;
  const used = Math.max(0, inUse - freed);
  const system = infoNumber(info, "total_system_memory") ?? 0;
  const title = "Memory";
  if (needed === null) return [{ result: "warn", title, detail: "How much memory the keys need is not known." }];
  const place = freed > 0 ? `, in the place of about ${formatBytes(freed)}` : "";
  const words = `The keys need about ${formatBytes(needed)}${place}; ${formatBytes(inUse)}${max > 0 ? ` of ${formatBytes(max)}` : ""} are in use.`;
  if (max > 0 && used + needed > max) {
    const outcome =
      facts.evictionPolicy === "noeviction"
        ? "The server would refuse writes, from others too."
        : `The server would remove live keys (${facts.evictionPolicy}).`;
    return [{ result: "fail", title, detail: `${words} ${outcome}` }];
  }
  if (max === 0 && system > 0 && used + needed > system) return [{ result: "fail", title, detail: `${words} The machine has ${formatBytes(system)}.` }];
  const evicts = max > 0 && facts.evictionPolicy !== "noeviction" && facts.evictionPolicy !== null;
  const passed: Check = { result: "pass", title, detail: words };
  return evicts
    ? [
        passed,
        {
          result: "warn",
          title: "Eviction",
          detail: `At its limit the server removes keys (${facts.evictionPolicy}); if it does so while restoring, ${whenEvicted}.`,
        },
      ]
    : [passed];
}

export async function checkContent(situation: Situation): Promise<Check[]> {
  const types = placedObjects(situation).flatMap(({ name }) => readObjectName(name)?.type ?? []);
  const modules = [...new Set(types.filter((type) => !CORE_TYPES.has(type)))];
  const checks: Check[] = [];
  if (modules.length > 0)
    checks.push({
      result: "warn",
      title: "Types of modules",
      detail: `${modules.join(", ")}: the server needs the modules that know them, or nothing is kept.`,
    });
  checks.push(...(await checkLibraries(situation)));
  if (situation.origin.isSnapshot) return checks;
  checks.push({
    result: "warn",
    title: "Not a snapshot",
    detail: "The keys were read one after another while the server went on: values that belong together may be of slightly different times.",
  });
  return checks;
}

async function checkLibraries({ artefact, placements, chosen, origin, connection }: Situation): Promise<Check[]> {
  if (origin.libraries.length === 0) return [];
  if (!origin.isPortable) {
    const target = { replace: placements.some(({ live }) => live !== undefined), objects: chosen };
    return checkFunctions(artefact, target, redisClient(connection));
  }
  const detail = `A portable backup carries keys only. On the server it came from: ${origin.libraries.join(", ")}. Load them from their source, or restore a snapshot.`;
  return [{ result: "warn", title: "Functions", detail }];
}

/** How keys go in, in words. */
export function restoreWords({ origin }: Pick<Situation, "origin">): string {
  return origin.isPortable
    ? "Write each key by plain commands (SET, RPUSH, SADD, HSET, ZADD, XADD ...) with its absolute expiry"
    : "RESTORE each key with its absolute expiry and use";
}

/** By the server's estimate when it was backed up; of chosen objects their share of the file. Null when not known. */
export function neededBytes(situation: Situation): number | null {
  const { artefact, placements } = situation;
  const measured = artefact.manifest.details["memoryBytes"];
  if (typeof measured !== "object" || measured === null || Array.isArray(measured)) return null;
  const placed = placedObjects(situation);
  let sum = 0;
  for (const { from } of placements) {
    const bytes = measured[String(from)];
    if (typeof bytes !== "number") return null;
    const ofDatabase = (objects: typeof placed) =>
      objects.filter(({ name }) => readObjectName(name)?.db === from).reduce((total, object) => total + (object.bytes ?? 0), 0);
    const all = ofDatabase(artefact.manifest.objects);
    sum += all === 0 ? bytes : Math.round((bytes * ofDatabase(placed)) / all);
  }
  return sum;
}
