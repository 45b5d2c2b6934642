import type { BackupSummary } from "@/backups/backups.schema";
import type { TimelineBackup } from "@/lib/timeline";

/** A backup's mark on the timeline: what can be relied on, not what was tried. */
export function timelineOf(backups: readonly BackupSummary[]): TimelineBackup[] {
  return backups.map(({ id, startedAt, state, verifiedAt }) => ({ id, startedAt, state: state === "complete" && verifiedAt !== null ? "verified" : state }));
}
