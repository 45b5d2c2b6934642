"use client";
import { CircleCheck, CircleX, Clock } from "lucide-react";
import Link from "next/link";
import type { JobView } from "@/backups/backups.schema";
import { QueryError } from "@/components/query-error";
import { ListRow } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { Ring } from "@/components/ui/ring";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { ENGINES, type EngineId } from "@/engines";
import { formatDuration } from "@/lib/format";
import { jobShare, jobText, jobTitle } from "@/lib/job-words";
import { PASSIVE, trpc } from "@/trpc/client";

const REFRESH_MS = 5_000;

export function RecentJobs() {
  const query = trpc.jobs.list.useQuery({ limit: 6 }, { refetchInterval: REFRESH_MS, ...PASSIVE });
  if (query.error && !query.data) return <QueryError error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />;
  if (!query.data)
    return (
      <div className="p-4">
        <LinesSkeleton lines={5} />
      </div>
    );
  if (query.data.jobs.length === 0) return <p className="px-4 py-4 text-fg-2">No job has run yet.</p>;
  return (
    <ul>
      {query.data.jobs.map((job) => (
        <RecentJob key={job.id} job={job} />
      ))}
    </ul>
  );
}

function RecentJob({ job }: { job: JobView }) {
  const engine = job.connectionId.split("/")[0] as EngineId;
  const seconds = job.startedAt !== null && job.endedAt !== null ? (Date.parse(job.endedAt) - Date.parse(job.startedAt)) / 1000 : null;
  return (
    <ListRow
      icon={<Sign job={job} />}
      title={
        <Link href={`/jobs/${job.id}`} className="hover:text-accent-text">
          {jobTitle(job.kind)}{" "}
          <span className="font-normal text-fg-2">
            · {ENGINES[engine].label} / {job.connectionId.slice(engine.length + 1)}
          </span>
        </Link>
      }
      detail={
        job.error?.message ?? (job.endedAt === null ? (job.progress.phase ?? job.state) : jobText(job.outcome, "word") || jobText(job.request, "backupId"))
      }
      end={
        <span className="text-right text-12 text-fg-3">
          <span className="block text-fg-2">{seconds === null ? "" : formatDuration(seconds)}</span>
          <RelativeTime time={job.createdAt} />
        </span>
      }
    />
  );
}

function Sign({ job }: { job: JobView }) {
  if (job.state === "running") return <Ring share={jobShare(job.progress)} label="running" />;
  if (job.state === "queued") return <Clock aria-label="waiting" className="text-fg-3" />;
  return job.state === "succeeded" ? <CircleCheck aria-label="done" className="text-green" /> : <CircleX aria-label={job.state} className="text-red" />;
}
