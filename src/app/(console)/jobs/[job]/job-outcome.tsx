"use client";
import { backupHref } from "@/backups/backup-href";
import { outcomeOf } from "@/backups/restore-outcome";
import { later } from "@/components/later";
import { ButtonLink } from "@/components/ui/button";
import { ResultBanner } from "@/components/ui/result-banner";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { ENGINES, type EngineId } from "@/engines";
import { capitalised, formatCounted } from "@/lib/format";
import { jobText } from "@/lib/job-words";
import type { RouterOutputs } from "@/trpc/client";

const FailedWord = later(() => import("@/backups/restore-failed").then((module) => module.FailedWord), { loading: () => <LinesSkeleton lines={2} /> });
const ComparedTable = later(() => import("@/backups/compared-table").then((module) => module.ComparedTable), { loading: () => <LinesSkeleton lines={6} /> });

type Job = RouterOutputs["jobs"]["get"];

interface JobOutcomeProps {
  job: Job;
  engine: EngineId;
  connection: string;
}

/** How a job ended, in words: what is live now, what is kept, what was proved. Nothing for those whose backup says it. */
export function JobOutcome({ job, engine, connection }: JobOutcomeProps) {
  if (job.endedAt === null) return null;
  if (job.kind === "restore") return <RestoreOutcomeNote job={job} engine={engine} connection={connection} />;
  if (job.state !== "succeeded") return <Failed job={job} />;
  const target = jobText(job.request, "target");
  const backups = `/manage-dbs/${engine}/${encodeURIComponent(connection)}/backups`;
  if (job.kind === "undo")
    return (
      <ResultBanner
        outcome="done"
        title={jobText(job.outcome, "word") === "undone" ? "Undone" : "Put back again"}
        end={<ButtonLink href={backups}>Open what is kept</ButtonLink>}
      >
        {jobText(job.outcome, "word") === "undone"
          ? `What was live in ${target} before the restore is live again. The restored copy is kept aside.`
          : `The restored copy of ${target} is live again. The state before it is kept aside.`}{" "}
        Now at {jobText(job.outcome, "place")}.
      </ResultBanner>
    );
  if (job.kind === "drop")
    return (
      <ResultBanner outcome="done" title="Space freed">
        What was kept of the restore of {target} is dropped: it cannot be undone any more. What is live was not touched.
      </ResultBanner>
    );
  if (job.kind === "drill") {
    const outcome = outcomeOf(job);
    const items = outcome.objects.reduce((sum, object) => sum + (object.restored ?? 0), 0);
    return (
      <>
        <ResultBanner outcome="done" title="Proved">
          Restored aside, compared and dropped: {formatCounted(outcome.objects.length, { one: "object", many: "objects" })},{" "}
          {formatCounted(items, ENGINES[engine].itemWord)}. {capitalised(jobText(job.outcome, "method"))}.
        </ResultBanner>
        {outcome.objects.length > 0 ? <ComparedTable objects={outcome.objects} /> : null}
      </>
    );
  }
  return null;
}

function RestoreOutcomeNote({ job, engine, connection }: JobOutcomeProps) {
  const backupId = jobText(job.request, "backupId");
  const open = <ButtonLink href={backupHref({ connectionId: job.connectionId, id: backupId }, `/restore?job=${job.id}`)}>Open the restore</ButtonLink>;
  if (job.state !== "succeeded") return <FailedWord engine={engine} connection={connection} job={job} end={open} />;
  const outcome = outcomeOf(job);
  return (
    <ResultBanner outcome={outcome.skipped.length > 0 ? "partly" : "done"} title={capitalised(outcome.word)} end={open}>
      Now at {outcome.place}.
    </ResultBanner>
  );
}

/** What an unsuccessful job means for what is live is said by its words; only a drill never touches it. */
function Failed({ job }: { job: Job }) {
  const title =
    job.state === "cancelled"
      ? "Cancelled"
      : job.kind === "drill"
        ? "Not proved"
        : job.kind === "undo"
          ? "Not undone"
          : job.kind === "drop"
            ? "Not freed"
            : "Failed";
  return (
    <ResultBanner outcome="failed" title={title}>
      {job.error ? [job.error.message, job.error.fix].filter(Boolean).join(". ") : null}
      {job.error?.detail ? <code className="mt-1 block font-mono text-12 break-words">{job.error.detail}</code> : null}
    </ResultBanner>
  );
}
