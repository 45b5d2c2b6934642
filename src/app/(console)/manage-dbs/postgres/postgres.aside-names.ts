import { AppError } from "@/server/errors";

/**
 * The database a restore works in until it is kept or swapped: letters of the target, then the job. Made of harmless characters only,
 * because it stands in pg_restore's arguments; short enough for every job id.
 */
export const stagingName = (target: string, jobId: string): string => asideName(target, "restore", jobId);

/** The name under which the state from before a restore is kept for undo. */
export const keptName = (target: string, jobId: string): string => asideName(target, "before", jobId);

function asideName(target: string, word: "restore" | "before", jobId: string): string {
  if (!/^[0-9a-f]{4,32}$/.test(jobId)) throw new AppError("INTERNAL", "The job has no usable id", { fix: "Try again." });
  const letters = target
    .toLowerCase()
    .replace(/[^a-z0-9_]+/g, "_")
    .slice(0, 16);
  return `${/^[a-z]/.test(letters) ? letters : `db_${letters}`}_${word}_${jobId}`;
}
