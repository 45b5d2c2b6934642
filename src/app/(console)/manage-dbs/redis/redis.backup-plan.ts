import "server-only";
import type { Artefact, RestorePlan, RestoreTarget } from "@/backups/engine";
import { formatCount } from "@/lib/format";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import {
  checkContent,
  checkMemory,
  checkRole,
  checkVersions,
  neededBytes,
  placedObjects,
  restoreWords,
  type Check,
  type Situation,
} from "./redis.backup-checks";
import { readOrigin } from "./redis.backup-source";
import { filledDatabases, readPlacements } from "./redis.backup-target";
import { redisClient } from "./redis.client";
import { serverFacts } from "./redis.server-facts";
import { databaseSize } from "./redis.swap-databases";
import { planReplace } from "./redis.swap-plan";

/** What restoring would do, into empty logical databases or in the place of live ones. Reads the backup's first line and asks the server; changes nothing. */
export async function planRestore(
  artefact: Artefact,
  connection: Connection,
  target: RestoreTarget,
  { signal }: { signal?: AbortSignal | undefined },
): Promise<RestorePlan> {
  const origin = await readOrigin(artefact, { signal });
  const info = await redisClient(connection).info();
  throwIfCancelled(signal);
  const situation: Situation = { artefact, origin, connection, placements: [], chosen: target.objects, info, facts: serverFacts(info) };
  return target.replace ? planReplace(situation, target) : planNewPlace(situation, target);
}

async function planNewPlace(start: Situation, target: RestoreTarget): Promise<RestorePlan> {
  const available = filledDatabases(start.artefact.manifest, start.origin, target.objects);
  const placements = readPlacements(target.name, available);
  const situation = { ...start, placements };
  const leftOut = available.filter((db) => !placements.some(({ from }) => from === db));
  const checks = [
    checkRole(situation),
    ...(await checkVersions(situation)),
    ...(await checkTargets(situation, leftOut)),
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

function plannedObjects(situation: Situation): RestorePlan["objects"] {
  const placed = new Set(placedObjects(situation));
  return situation.artefact.manifest.objects.map((object) => {
    const isPlaced = placed.has(object);
    return { name: object.name, kind: object.kind, inBackup: object.count, liveNow: isPlaced ? 0 : null, after: isPlaced ? object.count : null };
  });
}

function plannedSteps(situation: Situation): RestorePlan["steps"] {
  const { placements, connection } = situation;
  const places = placements.map(({ to }) => `db${to}`).join(", ");
  return [
    { title: "Claim", detail: `Put one marker key into ${places}, so that a second restore keeps away and a crash can be cleared.` },
    {
      title: "Restore",
      detail: `${restoreWords(situation)} into ${places} of ${connection.address}, never over an existing key. What has expired is left out and counted.`,
    },
    { title: "Compare", detail: "Count the keys by type and look for evictions." },
    { title: "Keep", detail: "Remove the marker. If anything differs, exactly the restored keys are removed again instead." },
  ];
}

async function checkTargets({ placements, connection }: Situation, leftOut: number[]): Promise<Check[]> {
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
    const keys = await databaseSize(connection, db);
    if (keys === 0) return { result: "pass", title, detail: "It holds no keys." };
    return { result: "fail", title, detail: `It holds ${formatCount(keys)} keys. Choose another one.` };
  } catch (error) {
    if (error instanceof AppError && error.code === "NOT_FOUND")
      return { result: "fail", title: `db${db} exists`, detail: `${error.message}. ${error.fix ?? ""}` };
    throw error;
  }
}
