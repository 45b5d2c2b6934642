import type { JobView } from "@/backups/backups.schema";
import type { Phase } from "@/components/ui/phases";
import { jobShare } from "@/lib/job-words";
import { formatShare } from "@/lib/format";

/** Which of the five an engine's own word belongs to: it names what it does while it restores aside. */
function indexOf(phase: string, last: string): number {
  if (phase === "" || phase === "Check the file" || phase === "Read back whole") return 0;
  if (phase === "Check the target") return 1;
  if (phase === "Compare" || phase === "Tidy up") return 3;
  return phase === last ? 4 : 2;
}

/** The steps of a running restore, one after the other. */
export function restorePhases(job: JobView): Phase[] {
  const last = job.request["replace"] === true ? "Swap" : "Keep";
  const phase = job.progress.phase ?? "";
  const at = indexOf(phase, last);
  const share = jobShare(job.progress);
  return ["Check the file", "Check the target", "Restore aside", "Compare", last].map((title, index) => ({
    title,
    state: index < at ? "done" : index > at || job.state === "queued" ? "waiting" : "running",
    share: index === at ? share : null,
    end: index === at && share !== null ? formatShare(Math.floor(share * 100) / 100) : undefined,
  }));
}
