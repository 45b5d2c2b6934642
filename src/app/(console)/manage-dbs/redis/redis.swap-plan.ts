import "server-only";
import type { RestorePlan, RestoreTarget } from "@/backups/engine";
import { liveName } from "@/backups/live-name";
import { formatBytes, formatCount } from "@/lib/format";
import { AppError } from "@/server/errors";
import { checkContent, checkMemory, checkRole, checkVersions, neededBytes, restoreWords, type Check, type Situation } from "./redis.backup-checks";
import { asideDatabases, MARKERS } from "./redis.backup-marker";
import { countTypes } from "./redis.backup-compare";
import { objectName } from "./redis.backup-read";
import { filledDatabases, readObjectName } from "./redis.backup-target";
import { redisClient, type CommandLine } from "./redis.client";
import { errorWord } from "./redis.errors";
import { databaseCounts, infoNumber } from "./redis.server-facts";
import { databaseSize, findSpares, selectedDatabases, type Spares } from "./redis.swap-databases";
import { estimateBytes } from "./redis.swap-size";

/** Types are counted up to here; counting more would read all keys of a live server. */
const COUNTED_KEYS_MAX = 10_000;

interface Replace extends Situation {
  /** The target's only name. */
  own: string;
  /** Live databases that are replaced: those of the backup. */
  lives: number[];
  found: Spares;
}

/** What putting a backup in the place of live data would do: each logical database of the backup replaces the one of the same number. */
export async function planReplace(start: Situation, target: RestoreTarget): Promise<RestorePlan> {
  const { connection, artefact, origin, info } = start;
  const lives = filledDatabases(artefact.manifest, origin);
  const found = start.facts.isCluster ? { spares: [], databases: 1 } : await findSpares(connection, { count: lives.length, taken: lives, info });
  const placements = lives.map((db, index) => ({ from: db, to: found.spares[index] ?? -1, live: db }));
  const situation: Replace = { ...start, placements, own: liveName(connection), lives, found };
  const sizes = await liveSizes(situation);
  const bytes = estimateBytes(info, lives);
  return {
    target: names(lives) || target.name,
    way: "swap: SWAPDB",
    objects: await comparedObjects(situation, sizes),
    checks: [
      ...checkAsked(situation, target),
      checkReplaced(situation),
      ...(await checkRights(situation)),
      ...checkDatabases(situation, sizes),
      ...(await checkVersions(situation)),
      ...checkMemory(situation),
      ...checkEviction(situation),
      ...(await checkClients(situation)),
      ...(await checkAside(situation)),
      ...(await checkContent(situation)),
    ],
    bytesNeeded: neededBytes(situation),
    steps: plannedSteps(situation),
    replaces: {
      place: `${names(lives) || `db${situation.own}`} of ${connection.address}`,
      items: [...sizes.values()].reduce<number>((sum, size) => sum + (size ?? 0), 0),
      bytes,
      sessions: await countSessions(situation),
    },
    undo: {
      how: `SWAPDB back. What is live until then stays in ${names(found.spares) || "a spare database"}; keys with an expiry go on expiring there.`,
      bytes,
    },
  };
}

/**
 * Why there is no other way in place: a FLUSHDB and a RESTORE of each key, or of a key at a time, would be seen half done by everybody and
 * could not be taken back as one step when it fails in the middle.
 */
const NO_OTHER_WAY =
  "Live data is replaced only by SWAPDB, in one step that can be undone: key by key it would be seen half done, and could not be taken back when it fails in the middle.";

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
  const inBackup = artefact.manifest.objects.map(({ name, kind, count }) => {
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
    detail: `${connection.address} is a cluster node: a cluster has one logical database and no SWAPDB. ${NO_OTHER_WAY} Restore into an empty database of another connection, a server that stands alone, and bring it into a new cluster with redis-cli --cluster import.`,
  };
}

/** Asked in ways that change nothing: the arguments are wrong, or the key does not exist, and rights are checked before that. Never FLUSHDB: a server that overlooks a wrong argument would empty live data. */
const PROBES: { command: string; probe: CommandLine }[] = [
  { command: "SWAPDB", probe: ["SWAPDB", "x", "x"] },
  { command: "RESTORE", probe: ["RESTORE", MARKERS.restored, "x", "x"] },
  { command: "RENAME", probe: ["RENAME", `${MARKERS.restored}:none`, `${MARKERS.before}:none`] },
  { command: "MOVE", probe: ["MOVE", MARKERS.before, "x"] },
  { command: "UNLINK", probe: ["UNLINK", `${MARKERS.restored}:none`] },
  { command: "WATCH", probe: ["WATCH", MARKERS.restored] },
];

async function checkRights({ connection, facts }: Replace): Promise<Check[]> {
  if (facts.isCluster || facts.isReplica) return [];
  const client = redisClient(connection);
  const replies = await client.run([...PROBES.map(({ probe }) => probe), ["UNWATCH"], ["COMMAND", "INFO", "FLUSHDB"]]);
  const needed = PROBES.filter((_, index) => isForbidden(replies[index])).map(({ command }) => command);
  const missing = PROBES.filter((_, index) => isUnknown(replies[index])).map(({ command }) => command);
  if (needed.length > 0) {
    return [
      {
        result: "fail",
        title: `${needed.join(", ")} not allowed`,
        detail: `${whyForbidden(connection.address, needed, missing)} ${NO_OTHER_WAY} ${missing.length > 0 ? "Give them back their names in the server's configuration" : "Allow it with ACL SETUSER (also for the keys foundry-console:*)"}, or restore into an empty logical database or another connection.`,
      },
    ];
  }
  const checks: Check[] = [
    { result: "pass", title: "May exchange databases", detail: "The user of this connection may run SWAPDB and all that goes with it." },
  ];
  const flush = replies.at(-1);
  if (Array.isArray(flush) && flush[0] === null)
    checks.push({
      result: "warn",
      title: "No FLUSHDB",
      detail: "What is kept for undo is dropped key by key instead, which takes longer.",
    });
  return checks;
}

function whyForbidden(address: string, needed: string[], missing: string[]): string {
  if (missing.length > 0) return `${address} has no command ${missing.join(", ")}: it was renamed away, or the service does not offer it.`;
  return `The user of this connection may not run ${needed.join(", ")} on ${address}.`;
}

function isForbidden(reply: unknown): boolean {
  return reply instanceof Error && (errorWord(reply) === "NOPERM" || isUnknown(reply));
}

const isUnknown = (reply: unknown): boolean => reply instanceof Error && reply.message.includes("unknown command");

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
  const title = "Spare databases";
  if (found.spares.length < lives.length) {
    checks.push({
      result: "fail",
      title,
      detail: `The restore needs ${lives.length} empty logical ${lives.length === 1 ? "database" : "databases"} beside the live ones, and ${connection.address} has ${found.spares.length} of its ${found.databases}. ${NO_OTHER_WAY} ${found.databases === 1 ? "Raise" : "Empty some, drop what earlier restores keep, raise"} \`databases\` in its configuration, or restore into another connection.`,
    });
  } else if (lives.length > 0) {
    checks.push({
      result: "pass",
      title,
      detail: `${names(found.spares)} is empty and holds the copy, then what it replaces. Nobody else may use it until that is dropped.`,
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

async function checkAside({ connection, info, facts }: Replace): Promise<Check[]> {
  if (facts.isCluster) return [];
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

async function countSessions({ connection, lives, facts }: Replace): Promise<number | null> {
  const selected = await selectedDatabases(connection).catch((error: unknown) => {
    if (error instanceof AppError && facts.isCluster) return null;
    throw error;
  });
  return selected === null ? null : lives.reduce((sum, db) => sum + (selected.get(db) ?? 0), 0);
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
