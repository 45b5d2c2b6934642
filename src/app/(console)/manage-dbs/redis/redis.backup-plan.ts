import "server-only";
import type { z } from "zod";
import type { Artefact, PlanCheck, RestorePlan, RestoreTarget } from "@/backups/engine";
import { formatBytes, formatCount } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import type { BackupHeader } from "./redis.backup-format";
import { readHeader } from "./redis.backup-read";
import { libraryName } from "./redis.backup-write";
import { filledDatabases, readPlacements, type Placement } from "./redis.backup-target";
import { redisClient } from "./redis.client";
import { CORE_TYPES, dumpVersion, RDB_VERSION_BEFORE_7 } from "./redis.dump";
import { asNumber, type Reply } from "./redis.reply";
import { infoNumber, serverFacts, speaks, type InfoFields, type ServerFacts } from "./redis.server-facts";

type Check = z.infer<typeof PlanCheck>;

interface Situation {
  artefact: Artefact;
  header: BackupHeader;
  connection: Connection;
  placements: Placement[];
  leftOut: number[];
  info: InfoFields;
  facts: ServerFacts;
}

/** What restoring into empty logical databases would do. Reads the backup's first line and asks the server; changes nothing. */
export async function planRestore(
  artefact: Artefact,
  connection: Connection,
  target: RestoreTarget,
  { signal }: { signal?: AbortSignal | undefined },
): Promise<RestorePlan> {
  const header = await readHeader(artefact, { signal });
  const available = filledDatabases(artefact.manifest, header);
  const placements = readPlacements(target.name, available);
  const info = await redisClient(connection).info();
  throwIfCancelled(signal);
  const leftOut = available.filter((db) => !placements.some(({ from }) => from === db));
  const situation: Situation = { artefact, header, connection, placements, leftOut, info, facts: serverFacts(info) };
  const checks = [
    checkRole(situation),
    await checkVersion(situation),
    ...(await checkTargets(situation)),
    ...checkMemory(situation),
    ...(await checkContent(situation)),
  ];
  return {
    target: placements.map(({ from, to }) => `db${from} into db${to}`).join(", ") || target.name,
    way: placements.length > 1 ? "empty logical databases" : "empty logical database",
    objects: plannedObjects(situation),
    checks,
    bytesNeeded: neededBytes(situation),
    steps: plannedSteps(situation),
  };
}

function plannedObjects({ artefact, placements }: Situation): RestorePlan["objects"] {
  return artefact.manifest.objects.map((object) => {
    const isPlaced = placements.some(({ from }) => object.name.startsWith(`db${from} `));
    return { name: object.name, kind: object.kind, inBackup: object.count, liveNow: isPlaced ? 0 : null, after: isPlaced ? object.count : null };
  });
}

function plannedSteps({ placements, connection }: Situation): RestorePlan["steps"] {
  const places = placements.map(({ to }) => `db${to}`).join(", ");
  return [
    { title: "Claim", detail: `Put one marker key into ${places}, so that a second restore keeps away and a crash can be cleared.` },
    {
      title: "Restore",
      detail: `RESTORE each key with its absolute expiry and use into ${places} of ${connection.address}, never over an existing key. What has expired is left out and counted.`,
    },
    { title: "Compare", detail: "Count the keys by type and look for evictions." },
    { title: "Keep", detail: "Remove the marker. If anything differs, exactly the restored keys are removed again instead." },
  ];
}

function checkRole({ facts, connection }: Situation): Check {
  if (facts.isCluster)
    return {
      result: "fail",
      title: "Not a cluster",
      detail: `${connection.address} is a cluster node: it has one database and holds only a part of the keys.`,
    };
  if (facts.isReplica)
    return { result: "fail", title: "Not a replica", detail: `${connection.address} is a replica and takes no writes. Restore to its master.` };
  return { result: "pass", title: "Takes writes", detail: `${connection.address} is a master, not in a cluster.` };
}

async function checkVersion({ header, facts, connection }: Situation): Promise<Check> {
  const title = "Server reads this dump version";
  const came = `${header.product} ${header.serverVersion} (RDB version ${header.rdbVersion ?? "none"})`;
  if (header.rdbVersion === null) return { result: "pass", title, detail: "The backup holds no keys." };
  const own = await ownRdbVersion(connection, facts);
  if (own === null)
    return { result: "warn", title, detail: `Made by ${came}; what this ${facts.product} ${facts.version} reads is not known. If it cannot, nothing is kept.` };
  // From 12 to 79 are Redis's versions after the fork: Valkey refuses them whatever its own number.
  const isForeign = facts.product === "Valkey" && header.rdbVersion >= 12 && header.rdbVersion < 80;
  const fits = header.rdbVersion <= own && !isForeign;
  return { result: fits ? "pass" : "fail", title, detail: `Made by ${came}; ${facts.product} ${facts.version} reads up to ${isForeign ? "11, and 80" : own}.` };
}

/** A server reads what it writes, and older. From 7.0 on it says so itself. */
async function ownRdbVersion(connection: Connection, facts: ServerFacts): Promise<number | null> {
  if (!speaks(facts, 7)) return speaks(facts, 5) ? RDB_VERSION_BEFORE_7 : null;
  const [dump] = await redisClient(connection).run([["FUNCTION", "DUMP"]]);
  return Buffer.isBuffer(dump) ? dumpVersion(dump) : null;
}

async function checkTargets({ placements, connection, leftOut }: Situation): Promise<Check[]> {
  const checks: Check[] = [];
  for (const { to } of placements) checks.push(await checkTarget(connection, to));
  if (placements.length === 0) checks.push({ result: "warn", title: "Nothing to restore", detail: "The backup holds no keys." });
  if (leftOut.length > 0) {
    const names = leftOut.map((db) => `db${db}`).join(", ");
    checks.push({
      result: "warn",
      title: `${names} left out`,
      detail: `The target does not say where ${names} should go. To restore more than one database write pairs, for example ${[...placements.map(({ from }) => from), ...leftOut].map((db, index) => `${db}:${index + 1}`).join(",")}.`,
    });
  }
  return checks;
}

async function checkTarget(connection: Connection, db: number): Promise<Check> {
  const title = `db${db} is empty`;
  try {
    const keys = asNumber(await redisClient(connection, db).send("DBSIZE"));
    if (keys === 0) return { result: "pass", title, detail: "It holds no keys." };
    return { result: "fail", title, detail: `It holds ${formatCount(keys)} keys. Choose another one.` };
  } catch (error) {
    if (error instanceof AppError && error.code === "NOT_FOUND")
      return { result: "fail", title: `db${db} exists`, detail: `${error.message}. ${error.fix ?? ""}` };
    throw error;
  }
}

function checkMemory(situation: Situation): Check[] {
  const { info, facts } = situation;
  const needed = neededBytes(situation);
  const max = infoNumber(info, "maxmemory") ?? 0;
  const used = infoNumber(info, "used_memory") ?? 0;
  const system = infoNumber(info, "total_system_memory") ?? 0;
  const title = "Memory";
  if (needed === null) return [{ result: "warn", title, detail: "How much memory the keys need is not known." }];
  const words = `The keys need about ${formatBytes(needed)}; ${formatBytes(used)}${max > 0 ? ` of ${formatBytes(max)}` : ""} are in use.`;
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
          detail: `At its limit the server removes keys (${facts.evictionPolicy}); if it does so while restoring, nothing is kept.`,
        },
      ]
    : [passed];
}

async function checkContent(situation: Situation): Promise<Check[]> {
  const { artefact, placements } = situation;
  const types = artefact.manifest.objects.flatMap((object) => {
    const [, db, type] = /^db(\d+) (.+)$/.exec(object.name) ?? [];
    return type !== undefined && placements.some(({ from }) => String(from) === db) ? [type] : [];
  });
  const modules = [...new Set(types.filter((type) => !CORE_TYPES.has(type)))];
  const checks: Check[] = [];
  if (modules.length > 0)
    checks.push({
      result: "warn",
      title: "Types of modules",
      detail: `${modules.join(", ")}: the server needs the modules that know them, or nothing is kept.`,
    });
  checks.push(...(await checkFunctions(situation)));
  checks.push({
    result: "warn",
    title: "Not a snapshot",
    detail: "The keys were read one after another while the server went on: values that belong together may be of slightly different times.",
  });
  return checks;
}

/** Functions belong to the whole server, which is live: they are compared and left alone. */
async function checkFunctions({ header, connection, facts }: Situation): Promise<Check[]> {
  if (header.libraries.length === 0) return [];
  const [list] = speaks(facts, 7) ? await redisClient(connection).run([["FUNCTION", "LIST"]]) : [];
  const there = new Set(Array.isArray(list) ? list.map((library: Reply) => libraryName(library)) : []);
  const missing = header.libraries.filter((library) => !there.has(library));
  if (missing.length === 0)
    return [{ result: "pass", title: "Functions", detail: `The server has libraries of the same names: ${header.libraries.join(", ")}.` }];
  return [
    {
      result: "warn",
      title: "Functions",
      detail: `Not on this server: ${missing.join(", ")}. They belong to the whole server and are not restored into a database; the backup's first line holds them for FUNCTION RESTORE.`,
    },
  ];
}

function neededBytes({ artefact, placements }: Situation): number | null {
  const measured = artefact.manifest.details["memoryBytes"];
  if (typeof measured !== "object" || measured === null || Array.isArray(measured)) return null;
  let sum = 0;
  for (const { from } of placements) {
    const bytes = measured[String(from)];
    if (typeof bytes !== "number") return null;
    sum += bytes;
  }
  return sum;
}
