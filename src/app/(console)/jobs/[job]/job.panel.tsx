"use client";
import { ArrowLeft } from "lucide-react";
import { JobLog } from "@/backups/job-log";
import { RunningJob } from "@/backups/running-job";
import { QueryError } from "@/components/query-error";
import { StateBadge } from "@/components/ui/badge";
import { ButtonLink } from "@/components/ui/button";
import { KeyValueList } from "@/components/ui/key-value-list";
import { PageBody, PageHeader } from "@/components/ui/page-header";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { ENGINES, type EngineId } from "@/engines";
import { capitalised, formatDuration } from "@/lib/format";
import { jobText, jobTitle } from "@/lib/job-words";
import { type RouterOutputs, trpc } from "@/trpc/client";
import { JOB_BADGE } from "../jobs.panel";
import { JobOutcome } from "./job-outcome";

type Job = RouterOutputs["jobs"]["get"];

/** One job: what it does now, what came out, its log. */
export function JobPanel({ id }: { id: string }) {
  const query = trpc.jobs.get.useQuery({ id }, { refetchInterval: (state) => (state.state.data?.endedAt === null ? 2_000 : false) });
  if (query.error && !query.data) return <QueryError className="grow" error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />;
  if (!query.data)
    return (
      <PageBody>
        <LinesSkeleton lines={8} />
      </PageBody>
    );
  const job = query.data;
  const engine = job.connectionId.split("/")[0] as EngineId;
  const connection = job.connectionId.slice(engine.length + 1);
  return (
    <PageBody>
      <PageHeader
        back={
          <ButtonLink size="sm" variant="ghost" href="/jobs" aria-label="Back to the jobs">
            <ArrowLeft aria-hidden />
          </ButtonLink>
        }
        title={titleOf(job, `${ENGINES[engine].label} / ${connection}`)}
        badges={<StateBadge state={JOB_BADGE[job.state]}>{job.state}</StateBadge>}
        note={<code className="font-mono">{job.id}</code>}
        end={
          typeof job.request["backupId"] === "string" ? (
            <ButtonLink href={`/manage-dbs/${job.connectionId}/backups/${encodeURIComponent(job.request["backupId"])}`}>Open backup</ButtonLink>
          ) : null
        }
      />
      {job.endedAt === null ? <RunningJob jobId={id} onEnd={() => void query.refetch()} /> : null}
      <JobOutcome job={job} engine={engine} connection={connection} />
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_332px]">
        <JobLog log={job.log} />
        <Panel>
          <PanelHead title="Facts" />
          <PanelBody className="py-2">
            <KeyValueList items={facts(job)} />
          </PanelBody>
        </Panel>
      </div>
    </PageBody>
  );
}

/** "Undo of the restore of foundry, PostgreSQL / main" */
function titleOf(job: Job, place: string): string {
  const target = jobText(job.request, "target");
  switch (job.kind) {
    case "restore":
      return `Restore into ${target}, ${place}`;
    case "undo":
      return `Undo of the restore of ${target}, ${place}`;
    case "drop":
      return `Freeing what is kept of ${target}, ${place}`;
    case "drill":
      return `Proof drill of ${place}`;
    default:
      return `${jobTitle(job.kind)} of ${place}`;
  }
}

const FACT_LABELS: Record<string, string> = { backupId: "Backup", restoreId: "Restore", replace: "Replaces" };
const asText = (value: unknown): string => (typeof value === "string" ? value : value === true ? "what is live" : JSON.stringify(value));

function facts(job: Job) {
  const took = job.startedAt !== null && job.endedAt !== null ? formatDuration((Date.parse(job.endedAt) - Date.parse(job.startedAt)) / 1000) : null;
  return [
    { label: "Asked by", value: job.userName },
    { label: "Asked", value: <RelativeTime time={job.createdAt} show="exact" /> },
    ...(job.startedAt === null ? [] : [{ label: "Started", value: <RelativeTime time={job.startedAt} show="exact" /> }]),
    ...(job.endedAt === null ? [] : [{ label: "Ended", value: <RelativeTime time={job.endedAt} show="exact" /> }]),
    ...(took === null ? [] : [{ label: "Took", value: took }]),
    ...Object.entries(job.request).map(([label, value]) => ({
      label: FACT_LABELS[label] ?? capitalised(label),
      value: asText(value),
      mono: true,
    })),
    ...(typeof job.outcome?.["word"] === "string" ? [{ label: "Outcome", value: job.outcome["word"] }] : []),
  ];
}
