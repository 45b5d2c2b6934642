import "server-only";
import type { ManifestContent } from "@/backups/engine";
import { AppError } from "@/server/errors";
import type { BackupOrigin } from "./redis.backup-source";

/** Which logical database of the backup goes into which one of the server. */
export interface Placement {
  from: number;
  to: number;
  /** The database it changes places with when it is whole; absent when it stays where it is. */
  live?: number;
}

/**
 * Reads a restore target. "5": the backup's only (or first) non-empty database goes into 5. "0:5,3:6": 0 goes into 5 and 3
 * into 6. What is not named is left out.
 * @param available non-empty logical databases of the backup, in order
 * @throws INVALID
 */
export function readPlacements(name: string, available: number[]): Placement[] {
  const text = name.replace(/\s/g, "");
  if (/^\d{1,7}$/.test(text)) return available[0] === undefined ? [] : [{ from: available[0], to: Number(text) }];
  const placements = readTargetPairs(text);
  const unknown = placements.find(({ from }) => !available.includes(from));
  if (unknown)
    throw new AppError("INVALID", `The backup holds no keys of db${unknown.from}`, {
      fix: `It holds ${available.map((db) => `db${db}`).join(", ") || "no keys at all"}.`,
    });
  return placements;
}

/**
 * Non-empty databases of a backup, in order: by the manifest, which counts what was written, else by its beginning.
 * @param chosen the manifest's names of what was asked for; absent for all
 */
export function filledDatabases(manifest: ManifestContent, origin: Pick<BackupOrigin, "databases">, chosen?: string[]): number[] {
  const counted = manifest.objects.flatMap((object) => {
    const isAsked = (object.count ?? 0) > 0 && (chosen?.includes(object.name) ?? true);
    return isAsked ? [readObjectName(object.name)?.db ?? Number.NaN] : [];
  });
  const databases = manifest.objects.length > 0 ? counted : origin.databases;
  return [...new Set(databases.filter((db) => Number.isInteger(db)))].sort((a, b) => a - b);
}

/** "db0 hash" */
export function readObjectName(name: string): { db: number; type: string } | null {
  const [, db, type] = /^db(\d+) (.+)$/.exec(name) ?? [];
  return db === undefined || type === undefined ? null : { db: Number(db), type };
}

/** The types that were asked for of one database of the backup; null for all. */
export function chosenTypes(chosen: string[] | undefined, db: number): string[] | null {
  return (
    chosen?.flatMap((name) => {
      const object = readObjectName(name);
      return object?.db === db ? [object.type] : [];
    }) ?? null
  );
}

function readTargetPairs(text: string): Placement[] {
  if (!/^\d{1,7}:\d{1,7}(,\d{1,7}:\d{1,7})*$/.test(text)) {
    throw new AppError("INVALID", `"${text.slice(0, 50)}" names no logical database`, {
      fix: "Write a number (5), or for several databases pairs of from:to (0:5,3:6).",
    });
  }
  const placements = text.split(",").map((pair) => {
    const [from = 0, to = 0] = pair.split(":").map(Number);
    return { from, to };
  });
  for (const side of ["from", "to"] as const) {
    if (new Set(placements.map((one) => one[side])).size < placements.length) {
      throw new AppError("INVALID", side === "to" ? "Two databases cannot go into the same one" : "A database is named twice", {
        fix: "Name each database once: 0:5,3:6.",
      });
    }
  }
  return placements;
}
