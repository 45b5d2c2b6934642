import "server-only";
import type { Artefact, BackupEngine, Manifest } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";

/** Logical databases are tried from the last one down: 16 is what a Redis server has unless told otherwise. */
const LAST_DATABASE = 15;

interface Place {
  artefact: Artefact;
  manifest: Manifest;
  connection: Connection;
  engine: BackupEngine;
  jobId: string;
  signal: AbortSignal;
}

/**
 * A name for a drill's scratch place that nobody else uses: it carries the job's id; on Redis empty logical databases.
 * @throws AppError CONFLICT when the server has no empty one
 */
export async function drillTarget(place: Place): Promise<string> {
  const { connection, jobId } = place;
  if (connection.engine === "sqlite") return `drill-${jobId}.sqlite`;
  if (connection.engine !== "redis") return `drill_${jobId}`;
  return emptyDatabases(place);
}

/** Pairs "0:15,3:14" that put every filled database of the backup into an empty one of the server. */
async function emptyDatabases(place: Place): Promise<string> {
  const filled = filledDatabases(place.manifest);
  if (filled.length === 0) filled.push(0);
  const free: number[] = [];
  for (let db = LAST_DATABASE; db >= 0 && free.length < filled.length; db -= 1) if (await isFree(place, db)) free.push(db);
  if (free.length < filled.length)
    throw new AppError("CONFLICT", `${place.connection.address} has ${free.length} empty logical databases, the drill needs ${filled.length}`, {
      fix: "Empty one that nothing needs, or give the server more (databases in redis.conf).",
    });
  return filled.length === 1 ? String(free[0]) : filled.map((from, index) => `${from}:${free[index]}`).join(",");
}

/** By the manifest's names: "db0 hash". */
function filledDatabases(manifest: Manifest): number[] {
  const filled = manifest.objects.flatMap(({ name, count }) => {
    const db = /^db(\d+) /.exec(name)?.[1];
    return db !== undefined && (count ?? 0) > 0 ? [Number(db)] : [];
  });
  return [...new Set(filled)].toSorted((a, b) => a - b);
}

/** The engine's own plan says whether it would restore there. */
async function isFree({ artefact, connection, engine, signal }: Place, db: number): Promise<boolean> {
  const plan = await engine.plan(artefact, connection, { name: String(db) }, { signal });
  return plan.checks.every((check) => check.result !== "fail");
}
