"use client";
import { X } from "lucide-react";
import type { JobView } from "@/backups/backups.schema";
import { restorePhases } from "@/backups/restore-phases";
import { useJob } from "@/backups/use-job";
import { Button, TextLink } from "@/components/ui/button";
import { Panel, PanelHead } from "@/components/ui/panel";
import { Progress } from "@/components/ui/progress";
import { RelativeTime } from "@/components/ui/relative-time";
import { type Phase, PhaseStrip } from "@/components/ui/phases";
import { useToast } from "@/components/ui/toast";
import { formatBytes, formatCount, formatShare } from "@/lib/format";
import { jobShare } from "@/lib/job-words";
import { trpc } from "@/trpc/client";

const TITLE: Record<string, string> = {
  backup: "Backing up now",
  verify: "Reading back now",
  restore: "Restoring now",
  undo: "Exchanging what is live and what is kept",
  drop: "Freeing the space of what is kept",
  drill: "Proving now",
  upload: "Reading the uploaded file",
};

/** A job under way: phase, object, figures, cancel. Shows nothing once it has ended. */
export function RunningJob({ jobId, onEnd }: { jobId: string; onEnd?: (job: JobView) => void }) {
  const { job } = useJob(jobId, onEnd);
  const toast = useToast();
  const cancel = trpc.jobs.cancel.useMutation({ onError: (error) => toast({ title: error.message, detail: error.data?.fix, tone: "red" }) });
  if (!job || job.endedAt !== null) return null;
  const share = jobShare(job.progress);
  return (
    <Panel aria-label={TITLE[job.kind] ?? job.kind}>
      <PanelHead
        plain
        title={job.state === "queued" ? "Waiting for its turn" : (TITLE[job.kind] ?? job.kind)}
        note={
          <>
            started by {job.userName} <RelativeTime time={job.createdAt} />, job {job.id}
          </>
        }
        end={
          <span className="flex items-center gap-3">
            <span className="text-13 max-md:hidden">{figures(job)}</span>
            <Button size="sm" busy={cancel.isPending} onClick={() => cancel.mutate({ id: job.id })}>
              <X aria-hidden />
              Cancel
            </Button>
          </span>
        }
      />
      <div className="px-4 pb-3">
        <Progress share={share} label={`${job.kind}, ${job.progress.phase ?? job.state}`} />
        <p className="mt-2 flex min-h-5 items-center gap-2 text-12 text-fg-2" aria-live="polite">
          <span>{job.progress.phase ?? "Starting"}</span>
          {job.progress.object ? <span className="truncate font-mono text-fg">{job.progress.object}</span> : null}
          <TextLink href={`/jobs/${job.id}`} className="ml-auto">
            Log
          </TextLink>
        </p>
      </div>
      {job.kind === "backup" ? <PhaseStrip phases={backupPhases(job, share)} /> : null}
      {job.kind === "restore" ? <PhaseStrip phases={restorePhases(job)} /> : null}
    </Panel>
  );
}

function figures({ progress }: JobView): string {
  const parts: string[] = [];
  if (progress.bytesDone !== undefined)
    parts.push(progress.bytesTotal ? `${formatBytes(progress.bytesDone)} of ~${formatBytes(progress.bytesTotal)}` : formatBytes(progress.bytesDone));
  if (progress.itemsDone !== undefined) parts.push(`${formatCount(progress.itemsDone)} items`);
  return parts.join(" · ");
}

/** A backup's four steps. The engine names the second in its own words. */
function backupPhases(job: JobView, share: number | null): Phase[] {
  const phase = job.progress.phase ?? "";
  const at = phase === "Compare counts" ? 3 : phase === "Read back whole" ? 2 : phase === "" || phase === "Take snapshot" ? 0 : 1;
  const titles = ["Take snapshot", at === 1 ? phase : "Write", "Read back whole", "Compare counts"];
  return titles.map((title, index) => ({
    title,
    state: index < at ? "done" : index > at || job.state === "queued" ? "waiting" : "running",
    share: index === at ? share : null,
    end: index === at && share !== null ? formatShare(Math.floor(share * 100) / 100) : undefined,
  }));
}
