import type { BackupDetail } from "@/backups/backups.schema";
import type { LiveComparison } from "@/backups/inside.schema";

type Difference = LiveComparison["objects"][number]["difference"];

export interface ComparedObject {
  name: string;
  kind: string;
  isInBackup: boolean;
  /** In the backup; null where nothing is counted. */
  count: number | null;
  bytes: number | null;
  live: number | null;
  /** Null where nothing was compared. */
  difference: Difference | null;
}

export const DIFFERENCE_WORDS: Record<Difference, string> = {
  same: "equal",
  changed: "changed",
  "only in backup": "gone from live",
  "only live": "not in backup",
  "not counted": "not counted",
};

const RANK: Record<Difference, number> = { "only in backup": 0, "only live": 1, changed: 2, same: 3, "not counted": 4 };

/** The objects of a backup, and those that only live has; what differs first once they are compared. */
export function comparedRows(objects: BackupDetail["objects"], live: LiveComparison | undefined): ComparedObject[] {
  if (!live) return objects.map((object) => ({ ...object, isInBackup: true, live: null, difference: null }));
  const inBackup = new Map(objects.map((object) => [object.name, object]));
  return live.objects
    .map((object) => ({
      name: object.name,
      kind: object.kind,
      isInBackup: inBackup.has(object.name),
      count: object.inBackup,
      bytes: inBackup.get(object.name)?.bytes ?? null,
      live: object.live,
      difference: object.difference,
    }))
    .toSorted((a, b) => RANK[a.difference] - RANK[b.difference]);
}
