import type { JobView } from "@/backups/backups.schema";

/** What a restore, or a drill, leaves in the outcome of its job. After a crash in the swap most of it is not known. */
export interface RestoreOutcome {
  word: string;
  place: string;
  target: string;
  /** Null when the console could not add a connection for it; the log says why. */
  openConnection: string | null;
  /** Of a restore that replaced something. */
  restoreId: string | null;
  objects: { name: string; inManifest: number | null; restored: number | null; equal: boolean }[];
  skipped: { name: string; count: number; reason: string }[];
  phases: { title: string; seconds: number }[];
  note: string;
}

export function outcomeOf(job: Pick<JobView, "outcome">): RestoreOutcome {
  const empty: RestoreOutcome = { word: "", place: "", target: "", openConnection: null, restoreId: null, objects: [], skipped: [], phases: [], note: "" };
  return { ...empty, ...(job.outcome as Partial<RestoreOutcome> | null) };
}
