import type { BackupSummary } from "@/backups/backups.schema";
import type { TimelineBackup } from "@/lib/timeline";

/** A backup's mark on the timeline: what can be relied on, not what was tried. */
export function timelineOf(backups: readonly BackupSummary[]): TimelineBackup[] {
  return backups.map((backup) => ({ id: backup.id, startedAt: backup.startedAt, state: stateOf(backup) }));
}

function stateOf({ state, verifiedAt, provedAt }: BackupSummary): TimelineBackup["state"] {
  if (state !== "complete") return state;
  return provedAt !== null ? "proved" : verifiedAt !== null ? "verified" : "complete";
}
