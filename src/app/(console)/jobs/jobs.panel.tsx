"use client";
import Link from "next/link";
import type { JobView } from "@/backups/backups.schema";
import { EngineMark } from "@/components/engine-mark";
import { QueryError } from "@/components/query-error";
import { StateBadge, type BadgeState } from "@/components/ui/badge";
import { PageBody, PageHeader } from "@/components/ui/page-header";
import { Panel } from "@/components/ui/panel";
import { Progress } from "@/components/ui/progress";
import { RelativeTime } from "@/components/ui/relative-time";
import { TableSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import { ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { ENGINES, type EngineId } from "@/engines";
import { formatDuration } from "@/lib/format";
import { jobShare, jobText, jobTitle } from "@/lib/job-words";
import { PASSIVE, trpc } from "@/trpc/client";

export const JOB_BADGE: Record<JobView["state"], BadgeState> = {
  queued: "queued",
  running: "running",
  succeeded: "complete",
  failed: "failed",
  cancelled: "cancelled",
};

const REFRESH_MS = 3_000;

export function JobsPanel() {
  const query = trpc.jobs.list.useQuery({ limit: 100 }, { refetchInterval: REFRESH_MS, ...PASSIVE });
  const jobs = query.data?.jobs;
  return (
    <PageBody>
      <PageHeader title="Jobs" note={jobs ? `${jobs.filter((job) => job.endedAt === null).length} running` : undefined} />
      <Panel>
        {query.error && !jobs ? <QueryError error={query.error} onRetry={() => void query.refetch()} /> : null}
        {!query.error && !jobs ? <TableSkeleton columns={6} /> : null}
        {jobs?.length === 0 ? (
          <EmptyState title="No job has run yet">Backups, read-backs and restores show here while they run and afterwards.</EmptyState>
        ) : null}
        {jobs && jobs.length > 0 ? (
          <Table label="Jobs">
            <TableHead>
              <tr>
                <ColumnHead>Job</ColumnHead>
                <ColumnHead className="max-md:hidden">Connection</ColumnHead>
                <ColumnHead>State</ColumnHead>
                <ColumnHead className="max-md:hidden">Progress or outcome</ColumnHead>
                <ColumnHead number className="max-md:hidden">
                  Took
                </ColumnHead>
                <ColumnHead className="max-md:hidden">By</ColumnHead>
                <ColumnHead>Started</ColumnHead>
              </tr>
            </TableHead>
            <tbody>
              {jobs.map((job) => (
                <JobRow key={job.id} job={job} asked={query.dataUpdatedAt} />
              ))}
            </tbody>
          </Table>
        ) : null}
      </Panel>
    </PageBody>
  );
}

/** @param asked when the list was asked for, in ms: a running job took this long until then */
function JobRow({ job, asked }: { job: JobView; asked: number }) {
  const engine = job.connectionId.split("/")[0] as EngineId;
  const took = job.startedAt === null ? null : ((job.endedAt === null ? asked : Date.parse(job.endedAt)) - Date.parse(job.startedAt)) / 1000;
  return (
    <TableRow>
      <RowHead>
        <Link href={`/jobs/${job.id}`} className="font-medium hover:text-accent-text">
          {jobTitle(job.kind)}
        </Link>{" "}
        <span className="font-mono text-12 font-normal text-fg-3 max-md:hidden">{job.id}</span>
        <span className="block pb-1 text-12 font-normal text-fg-2 md:hidden">
          {ENGINES[engine].label} / {job.connectionId.slice(engine.length + 1)}
        </span>
      </RowHead>
      <TableCell className="max-md:hidden">
        <span className="inline-flex items-center gap-2">
          <EngineMark engine={engine} />
          {ENGINES[engine].label} / {job.connectionId.slice(engine.length + 1)}
        </span>
      </TableCell>
      <TableCell>
        <StateBadge state={JOB_BADGE[job.state]}>{job.state}</StateBadge>
      </TableCell>
      <TableCell className="max-w-80 max-md:hidden">
        <JobSummary job={job} />
      </TableCell>
      <TableCell number className="max-md:hidden">
        {took === null ? "" : formatDuration(took)}
      </TableCell>
      <TableCell className="max-md:hidden">{job.userName}</TableCell>
      <TableCell className="whitespace-nowrap">
        <RelativeTime time={job.createdAt} />
      </TableCell>
    </TableRow>
  );
}

function JobSummary({ job }: { job: JobView }) {
  if (job.endedAt === null)
    return (
      <span className="flex items-center gap-3">
        <Progress share={jobShare(job.progress)} label={job.kind} className="w-32" />
        <span className="truncate text-12 text-fg-2">{job.progress.phase ?? job.state}</span>
      </span>
    );
  if (job.error)
    return (
      <span className="block truncate text-red-text" title={job.error.message}>
        {job.error.message}
      </span>
    );
  const word = jobText(job.outcome, "word");
  const target = jobText(job.request, "target");
  return <span className="block truncate text-fg-2">{word === "" ? jobText(job.request, "backupId") : [word, target].filter(Boolean).join(", ")}</span>;
}
