"use client";
import { useCallback } from "react";
import type { BackupDetail, JobView } from "@/backups/backups.schema";
import { JobLog } from "@/backups/job-log";
import { RestoreFailed } from "@/backups/restore-failed";
import { RestoreResult } from "@/backups/restore-result";
import { RunningJob } from "@/backups/running-job";
import { useJob } from "@/backups/use-job";
import { QueryError } from "@/components/query-error";
import type { Environment } from "@/components/ui/badge";
import { LinesSkeleton } from "@/components/ui/skeleton";
import type { EngineId } from "@/engines";
import { PASSIVE, trpc } from "@/trpc/client";

const LOG_EVERY_MS = 1_500;

interface RestoreRunProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
  jobId: string;
  backup: BackupDetail;
}

/** The run, and what came of it. */
export function RestoreRun({ engine, connection, environment, jobId, backup }: RestoreRunProps) {
  const utilities = trpc.useUtils();
  const onEnd = useCallback(
    (_job: JobView) => {
      void utilities.connections.list.invalidate();
      void utilities[engine].restores.list.invalidate();
    },
    [engine, utilities],
  );
  const { job, error } = useJob(jobId, onEnd);
  const detail = trpc.jobs.get.useQuery({ id: jobId }, { refetchInterval: job?.endedAt === null ? LOG_EVERY_MS : false, ...PASSIVE });
  if (!job) return error ? <QueryError error={error} onRetry={() => void detail.refetch()} retrying={detail.isFetching} /> : <LinesSkeleton lines={8} />;
  if (job.endedAt === null)
    return (
      <>
        <RunningJob jobId={jobId} />
        <JobLog log={detail.data?.log ?? []} />
      </>
    );
  if (job.state === "succeeded") return <RestoreResult engine={engine} connection={connection} environment={environment} job={job} mayRestore />;
  return <RestoreFailed engine={engine} connection={connection} environment={environment} job={job} log={detail.data?.log ?? []} backup={backup} />;
}
