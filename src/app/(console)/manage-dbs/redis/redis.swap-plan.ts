import "server-only";
import type { RestorePlan, RestoreTarget } from "@/backups/engine";
import { liveName } from "@/backups/live-name";
import { formatBytes, formatCount } from "@/lib/format";
import { checkContent, checkMemory, checkRole, checkVersions, neededBytes, restoreWords, type Check, type Situation } from "./redis.backup-checks";
import { asideDatabases, markedDatabases, MARKERS } from "./redis.backup-marker";
import { countTypes } from "./redis.backup-compare";
import { objectName } from "./redis.backup-read";
import { filledDatabases, readObjectName } from "./redis.backup-target";
import { countFunctions } from "./redis.functions-restore";
import { FUNCTIONS_OBJECT } from "./redis.rdb-content";
import { redisClient } from "./redis.client";
import { inPlacePlan, type WayPlan } from "./redis.in-place-plan";
import { databaseCounts, infoNumber } from "./redis.server-facts";
import { databaseSize, type Spares } from "./redis.swap-databases";
import { estimateBytes } from "./redis.swap-size";
import { findWay, type ReplaceWay } from "./redis.swap-way";

/** Types are counted up to here; counting more would read all keys of a live server. */
const COUNTED_KEYS_MAX = 10_000;

interface Replace extends Situation {
  /** The target's only name. */
  own: string;
  /** Live databases that are replaced: those of the backup. */
  lives: number[];
  found: Spares;
  way: ReplaceWay;
}

/**
 * What putting a backup in the place of live data would do: each logical database of the backup replaces the one of the same number,
 * in one step; key by key only where databases cannot be exchanged.
 */
export async function planReplace(start: Situation, target: RestoreTarget): Promise<RestorePlan> {
  const { connection, artefact, origin, info, facts } = start;
  const lives = filledDatabases(artefact.manifest, origin);
  const way = await findWay(connection, { lives, info, facts, isPortable: origin.isPortable });
  const { found, inPlaceBecause } = way;
  const placements = lives.map((db, index) => ({ from: db, to: found.spares[index] ?? -1, live: db }));
  const situation: Replace = { ...start, placements, own: liveName(connection), lives, found, way };
  const sizes = await liveSizes(situation);
  const items = [...sizes.values()].reduce<number>((sum, size) => sum + (size ?? 0), 0);
  const bytes = estimateBytes(info, lives);
  const ofWay = inPlaceBecause === null ? swapPlan(situation, bytes) : inPlacePlan({ ...situation, because: inPlaceBecause, remedy: way.remedy, items });
  return {
    target: names(lives) || target.name,
    way: ofWay.way,
    objects: await comparedObjects(situation, sizes),
    checks: [
      ...checkAsked(situation, target),
      checkReplaced(situation),
      ...checkRights(situation),
      ...checkDatabases(situation, sizes),
      ...(await checkVersions(situation)),
      ...(await ofWay.checks()),
      ...(await checkAside(situation)),
      ...(await checkContent(situation)),
    ],
    bytesNeeded: neededBytes(situation),
    steps: ofWay.steps,
    replaces: { place: `${names(lives) || `db${situation.own}`} of ${connection.address}`, items, bytes, sessions: null },
    undo: ofWay.undo,
  };
}

function swapPlan(situation: Replace, bytes: number | null): WayPlan {
  const how = `SWAPDB back. What is live until then stays in ${names(situation.found.spares) || "a spare database"}; keys with an expiry go on expiring there.`;
  return {
    way: "swap: SWAPDB",
    checks: async () => [...checkSpares(situation), ...checkMemory(situation), ...checkEviction(situation), ...(await checkClients(situation))],
    steps: plannedSteps(situation),
    undo: { how, bytes },
  };
}

const names = (databases: number[]): string => databases.map((db) => `db${db}`).join(", ");

/** Keys in each database that is to be replaced; null where the server has no such database. */
async function liveSizes({ connection, lives, found }: Replace): Promise<Map<number, number | null>> {
  const sizes = new Map<number, number | null>();
  for (const db of lives) sizes.set(db, db < found.databases ? await databaseSize(connection, db) : null);
  return sizes;
}

/** By the manifest's names, and what is live besides. Big databases are not counted by type. */
async function comparedObjects({ connection, artefact, lives }: Replace, sizes: Map<number, number | null>): Promise<RestorePlan["objects"]> {
  const live = new Map<string, number>();
  const counted = new Set<number>();
  for (const db of lives) {
    const size = sizes.get(db) ?? null;
    if (size === null || size > COUNTED_KEYS_MAX) continue;
    counted.add(db);
    for (const [type, count] of await countTypes(redisClient(connection, db), MARKERS.restored)) live.set(objectName(db, type), count);
  }
  const hasFunctions = artefact.manifest.objects.some(({ name }) => name === FUNCTIONS_OBJECT);
  const functions = hasFunctions ? await countFunctions(artefact, redisClient(connection)) : null;
  const inBackup = artefact.manifest.objects.map(({ name, kind, count }) => {
    if (functions && name === FUNCTIONS_OBJECT) return { name, kind, inBackup: count, ...functions };
    const db = readObjectName(name)?.db;
    const isCounted = db !== undefined && counted.has(db);
    return { name, kind, inBackup: count, liveNow: isCounted ? (live.get(name) ?? 0) : null, after: db === undefined ? null : count };
  });
  const known = new Set(inBackup.map(({ name }) => name));
  const only = [...live].filter(([name]) => !known.has(name)).map(([name, liveNow]) => ({ name, kind: "keys", inBackup: 0, liveNow, after: 0 }));
  return [...inBackup, ...only];
}

function checkAsked({ own, lives, connection }: Replace, { name, objects }: RestoreTarget): Check[] {
  const checks: Check[] = [];
  if (name !== own) {
    checks.push({
      result: "fail",
      title: `Only ${own} can be replaced here`,
      detail: `The connection opens db${own} of ${connection.address}: to replace its data name ${own}. For db${name} restore into it while it is empty, without replacing.`,
    });
  }
  if (objects) {
    checks.push({
      result: "fail",
      title: "Live data is replaced whole",
      detail:
        "The databases change places whole, so keys that are not of the chosen objects would be gone. Restore chosen objects into an empty logical database.",
    });
  }
  if (!lives.includes(Number(own))) {
    checks.push({
      result: "fail",
      title: `The backup holds nothing of db${own}`,
      detail: `It holds ${names(lives) || "no keys at all"}. What it has no copy of is never replaced; restore it into an empty logical database.`,
    });
  }
  return checks;
}

function checkReplaced(situation: Replace): Check {
  const { facts, connection } = situation;
  if (!facts.isCluster) return checkRole(situation);
  return {
    result: "fail",
    title: "Not a cluster",
    detail: `${connection.address} is a cluster node: a cluster has one logical database and no SWAPDB, and no backup is taken of a part of one. Restore into an empty database of another connection, a server that stands alone, and bring it into a new cluster with redis-cli --cluster import.`,
  };
}

function checkRights({ connection, facts, way }: Replace): Check[] {
  if (facts.isCluster || facts.isReplica) return [];
  const { refused, unknown, inPlaceBecause, hasFlush } = way;
  if (refused.length > 0) {
    const missing = refused.filter((command) => unknown.includes(command));
    return [
      {
        result: "fail",
        title: `${refused.join(", ")} not allowed`,
        detail: `${whyRefused(connection.address, refused, missing)} ${missing.length > 0 ? "Give them back their names in the server's configuration" : "Allow it with ACL SETUSER (also for the keys foundry-console:*)"}, or restore into an empty logical database or another connection.`,
      },
    ];
  }
  if (inPlaceBecause !== null)
    return [{ result: "pass", title: "May replace keys", detail: "The user of this connection may run RESTORE and all that goes with it." }];
  const checks: Check[] = [
    { result: "pass", title: "May exchange databases", detail: "The user of this connection may run SWAPDB and all that goes with it." },
  ];
  if (!hasFlush)
    checks.push({
      result: "warn",
      title: "No FLUSHDB",
      detail: "What is kept for undo is dropped key by key instead, which takes longer.",
    });
  return checks;
}

function whyRefused(address: string, refused: string[], missing: string[]): string {
  if (missing.length > 0) return `${address} has no command ${missing.join(", ")}: it was renamed away, or the service does not offer it.`;
  return `The user of this connection may not run ${refused.join(", ")} on ${address}.`;
}

function checkDatabases({ lives, found, facts, connection, info }: Replace, sizes: Map<number, number | null>): Check[] {
  if (facts.isCluster) return [];
  const checks: Check[] = [];
  const missing = lives.filter((db) => sizes.get(db) === null);
  if (missing.length > 0) {
    checks.push({
      result: "fail",
      title: `${names(missing)} exists`,
      detail: `${connection.address} has ${found.databases} logical databases. Raise \`databases\` in its configuration, or restore ${names(missing)} into an empty one of another number.`,
    });
  }
  const others = databaseCounts(info).filter(({ db }) => !lives.includes(db));
  if (others.length > 0) {
    checks.push({
      result: "warn",
      title: "Other databases stay",
      detail: `The backup holds no keys of ${names(others.map(({ db }) => db))}: they stay as they are.`,
    });
  }
  return checks;
}

function checkSpares({ found, facts, lives }: Replace): Check[] {
  if (facts.isCluster || found.spares.length === 0) return [];
  const words = `${names(found.spares)} ${lives.length === 1 ? "is empty and holds" : "are empty and hold"} the copy, then what it replaces. Nobody else may use ${lives.length === 1 ? "it" : "them"} until that is dropped.`;
  return [{ result: "pass", title: "Spare databases", detail: words }];
}

/** Two copies are in memory from now until what is kept is dropped. */
function checkEviction({ info, facts, lives }: Replace): Check[] {
  const policy = facts.evictionPolicy ?? "noeviction";
  const isLimited = (infoNumber(info, "maxmemory") ?? 0) > 0;
  if (!isLimited || policy === "noeviction") return [];
  const kept = estimateBytes(info, lives);
  const size = kept === null ? "" : ` of about ${formatBytes(kept)}`;
  const whose = policy.startsWith("allkeys")
    ? "any keys, of what is kept for undo and of what is live"
    : "keys with an expiry, of what is kept for undo and of what is live";
  return [
    {
      result: "warn",
      title: "Undo may be incomplete",
      detail: `When memory runs short the server removes ${whose} (${policy}). What is kept${size} takes its place until it is dropped: drop it as soon as the restore is found good.`,
    },
  ];
}

async function checkClients({ info }: Replace): Promise<Check[]> {
  const checks: Check[] = [];
  const blocked = infoNumber(info, "blocked_clients") ?? 0;
  const tracking = infoNumber(info, "tracking_clients") ?? 0;
  checks.push({
    result: "pass",
    title: "Clients stay connected",
    detail: `All see the restored data from one command to the next. Transactions that WATCH a key are refused once${blocked > 0 ? `; ${blocked} blocked clients wait on, for keys of the restored data` : ""}.`,
  });
  if (tracking > 0) {
    checks.push({
      result: "warn",
      title: "Client-side caches",
      detail: `${tracking} clients keep a cache of their own (CLIENT TRACKING), and SWAPDB does not tell them: make them drop it after the restore.`,
    });
  }
  return checks;
}

async function checkAside({ connection, info, facts, lives, way }: Replace): Promise<Check[]> {
  if (facts.isCluster) return [];
  const inTheWay = way.inPlaceBecause === null ? [] : (await markedDatabases(connection, info)).filter((db) => lives.includes(db));
  if (inTheWay.length > 0) {
    const detail = `${names(inTheWay)} holds what another restore stages or keeps for undo, or a key of that name (${Object.values(MARKERS).join(", ")}): undo or drop that restore first, or delete the key.`;
    return [{ result: "fail", title: "Earlier restores", detail }];
  }
  const aside = await asideDatabases(connection, info);
  if (aside.length === 0) return [];
  return [
    {
      result: "warn",
      title: "Earlier restores",
      detail: `${names(aside.map(({ db }) => db))} still holds what other restores stage or keep for undo. To undo those this one must be undone or dropped first.`,
    },
  ];
}

function plannedSteps(situation: Replace): RestorePlan["steps"] {
  const { lives, found, connection } = situation;
  const spares = names(found.spares);
  return [
    { title: "Claim", detail: `Put one marker key into ${spares}, empty until now, so that a second restore keeps away and a crash can be cleared.` },
    {
      title: "Restore",
      detail: `${restoreWords(situation)} into ${spares} of ${connection.address}. What has expired is left out and counted. ${names(lives)} is not touched.`,
    },
    { title: "Compare", detail: "Count the keys by type and look for evictions. If anything differs, exactly the restored keys are removed again." },
    {
      title: "Swap",
      detail: `${lives.map((db, index) => `SWAPDB ${db} ${found.spares[index] ?? "?"}`).join(", ")} in one MULTI: the keys of the backup's ${names(lives)} replace all that is there. Databases of which the backup holds no keys are left alone.`,
    },
    {
      title: "Keep",
      detail: `What was live until then, with everything written up to the swap, stays in ${spares} for undo until it is dropped (${formatCount(lives.length)} ${lives.length === 1 ? "database" : "databases"}).`,
    },
  ];
}
