"use client";
import { ArrowLeft, CircleX } from "lucide-react";
import { RunningJob } from "@/backups/running-job";
import { QueryError } from "@/components/query-error";
import { StateBadge } from "@/components/ui/badge";
import { ButtonLink } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { KeyValueList } from "@/components/ui/key-value-list";
import { PageBody, PageHeader } from "@/components/ui/page-header";
import { ListRow, Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { ENGINES, type EngineId } from "@/engines";
import { formatDuration } from "@/lib/format";
import { jobTitle } from "@/lib/job-words";
import { type RouterOutputs, trpc } from "@/trpc/client";
import { JOB_BADGE } from "../jobs.panel";

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
  return (
    <PageBody>
      <PageHeader
        back={
          <ButtonLink size="sm" variant="ghost" href="/jobs" aria-label="Back to the jobs">
            <ArrowLeft aria-hidden />
          </ButtonLink>
        }
        title={`${jobTitle(job.kind)} of ${ENGINES[engine].label} / ${job.connectionId.slice(engine.length + 1)}`}
        badges={<StateBadge state={JOB_BADGE[job.state]}>{job.state}</StateBadge>}
        note={<code className="font-mono">{job.id}</code>}
        end={
          typeof job.request["backupId"] === "string" ? (
            <ButtonLink href={`/manage-dbs/${job.connectionId}/backups/${encodeURIComponent(job.request["backupId"])}`}>Open backup</ButtonLink>
          ) : null
        }
      />
      {job.endedAt === null ? <RunningJob jobId={id} onEnd={() => void query.refetch()} /> : null}
      {job.error ? (
        <Panel>
          <ul>
            <ListRow
              icon={<CircleX className="text-red" aria-hidden />}
              title={job.error.message}
              detail={[job.error.fix, job.error.detail].filter(Boolean).join(" ")}
            />
          </ul>
        </Panel>
      ) : null}
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_332px]">
        <LogPanel job={job} />
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

function LogPanel({ job }: { job: Job }) {
  return (
    <Panel>
      <PanelHead
        title="Log"
        note={`${job.log.length} lines`}
        end={<CopyButton label="Copy the log" text={() => job.log.map((line) => `${line.at} ${line.text}`).join("\n")} />}
      />
      <PanelBody className="py-2">
        {job.log.length === 0 ? <p className="py-2 text-fg-2">Nothing was written yet.</p> : null}
        <ol className="flex flex-col gap-1 py-2 font-mono text-12" aria-live="polite">
          {job.log.map((line) => (
            <li key={line.id} className="flex gap-4">
              <span className="shrink-0 text-fg-3">{line.at.slice(11, 23)}</span>
              <span className="min-w-0 break-words">{line.text}</span>
            </li>
          ))}
        </ol>
      </PanelBody>
    </Panel>
  );
}

function facts(job: Job) {
  const took = job.startedAt !== null && job.endedAt !== null ? formatDuration((Date.parse(job.endedAt) - Date.parse(job.startedAt)) / 1000) : null;
  return [
    { label: "Asked by", value: job.userName },
    { label: "Asked", value: <RelativeTime time={job.createdAt} show="exact" /> },
    ...(job.startedAt === null ? [] : [{ label: "Started", value: <RelativeTime time={job.startedAt} show="exact" /> }]),
    ...(job.endedAt === null ? [] : [{ label: "Ended", value: <RelativeTime time={job.endedAt} show="exact" /> }]),
    ...(took === null ? [] : [{ label: "Took", value: took }]),
    ...Object.entries(job.request).map(([label, value]) => ({
      label: label === "backupId" ? "Backup" : label.charAt(0).toUpperCase() + label.slice(1),
      value: typeof value === "string" ? value : JSON.stringify(value),
      mono: true,
    })),
    ...(typeof job.outcome?.["word"] === "string" ? [{ label: "Outcome", value: job.outcome["word"] }] : []),
  ];
}
