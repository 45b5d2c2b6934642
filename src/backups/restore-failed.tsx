"use client";
import { CircleX, ShieldCheck } from "lucide-react";
import type { ReactNode } from "react";
import { backupHref } from "@/backups/backup-href";
import type { BackupDetail, JobDetail, JobView } from "@/backups/backups.schema";
import { JobLog } from "@/backups/job-log";
import { UndoCard } from "@/backups/undo-card";
import { isUnderWay, useKeptRestores } from "@/backups/use-kept-restore";
import type { Environment } from "@/components/ui/badge";
import { ButtonLink } from "@/components/ui/button";
import { KeyValueList } from "@/components/ui/key-value-list";
import { Note } from "@/components/ui/note";
import { ResultBanner } from "@/components/ui/result-banner";
import { ListRow, Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { LinesSkeleton } from "@/components/ui/skeleton";
import type { EngineId } from "@/engines";
import { formatDuration } from "@/lib/format";
import { jobText } from "@/lib/job-words";

interface RestoreFailedProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
  job: JobView;
  log: JobDetail["log"];
  backup: Pick<BackupDetail, "id" | "connectionId">;
}

/** "Failed, nothing changed", with the reason; or, while a swap that broke off is not settled, that both states are kept. */
export function RestoreFailed(props: RestoreFailedProps) {
  const { engine, connection, environment, job, log, backup } = props;
  const replaces = isReplace(job);
  const { swap, isKnown } = useSwapOf(props);
  const isOpen = swap !== undefined && isUnderWay(swap);
  // A crash in the swap may have been settled the other way after the job had been given up.
  const isLive = swap?.state === "restored";
  const left = job.error?.message.includes("could not be removed") ?? false;
  return (
    <>
      <FailedWord engine={engine} connection={connection} job={job} end={<ButtonLink href={backupHref(backup)}>Back to the backup</ButtonLink>} />
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_372px]">
        <div className="flex min-w-0 flex-col gap-4">
          {left ? (
            <Note tone="amber" title="Something was left aside.">
              It carries the id of this job, {job.id}, in its name and is not in use.
            </Note>
          ) : null}
          <Why job={job} />
          <JobLog log={log} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          {swap && swap.state !== "dropped" ? <UndoCard engine={engine} connection={connection} environment={environment} id={swap.id} mayRestore /> : null}
          {!isKnown || isOpen || isLive ? null : <WhatIsLive job={job} isReplace={replaces} left={left} />}
        </div>
      </div>
    </>
  );
}

type OfRestore = Pick<RestoreFailedProps, "engine" | "connection" | "job">;

const isReplace = (job: JobView): boolean => job.request["replace"] === true;

/** The swap of a restore that was to replace what is live; only with it is known what became of that. */
function useSwapOf({ engine, connection, job }: OfRestore) {
  const list = useKeptRestores(engine, connection, { enabled: isReplace(job) });
  return { swap: list.data?.restores.find((entry) => entry.id === job.id), isKnown: !isReplace(job) || list.data !== undefined, error: list.error };
}

/** What a restore that did not come to its end means for what is live. */
export function FailedWord({ end, ...restore }: OfRestore & { end: ReactNode }) {
  const { swap, isKnown, error } = useSwapOf(restore);
  const { job } = restore;
  if (!isKnown)
    return error ? (
      <Note tone="amber" role="alert" title="What is live now could not be asked." end={end}>
        {[error.message, error.data?.fix].filter(Boolean).join(". ")}
      </Note>
    ) : (
      <LinesSkeleton lines={2} />
    );
  if (swap && isUnderWay(swap))
    return (
      <Note tone="amber" role="alert" title="Not settled yet." end={end}>
        The swap broke off, and the console does not know yet which of the two states is live. Both are kept; it looks again every minute.
      </Note>
    );
  if (swap?.state === "restored")
    return (
      <ResultBanner outcome="done" title="Restored" end={end}>
        The swap broke off and was found whole afterwards: the restored copy is live.
      </ResultBanner>
    );
  return (
    <ResultBanner outcome="failed" title="Failed, nothing changed" end={end}>
      {job.state === "cancelled" ? "It was cancelled" : job.error?.message}. What is live is as it was.
    </ResultBanner>
  );
}

function Why({ job }: { job: JobView }) {
  return (
    <Panel>
      <PanelHead
        title="Why"
        {...(job.progress.phase ? { note: `stopped at: ${job.progress.phase.toLowerCase()}` } : {})}
        end={
          <ButtonLink size="sm" href={`/jobs/${job.id}`}>
            Open the log
          </ButtonLink>
        }
      />
      <ul>
        <ListRow icon={<CircleX className="text-red" aria-hidden />} title={job.error?.message ?? job.state} detail={job.error?.fix} />
      </ul>
      {job.error?.detail ? (
        <PanelBody className="pt-0 pl-11">
          <code className="block rounded-md border border-line bg-sunken p-3 font-mono text-12 break-words">{job.error.detail}</code>
        </PanelBody>
      ) : null}
    </Panel>
  );
}

function WhatIsLive({ job, isReplace, left }: { job: JobView; isReplace: boolean; left: boolean }) {
  const ran = job.startedAt !== null && job.endedAt !== null ? (Date.parse(job.endedAt) - Date.parse(job.startedAt)) / 1000 : null;
  return (
    <Panel>
      <PanelHead title="What is live" icon={<ShieldCheck aria-hidden className="text-green" />} />
      <PanelBody className="py-1.5">
        <KeyValueList
          ends
          items={[
            { label: isReplace ? "Target" : "Asked for", value: <span className="wrap-anywhere">{jobText(job.request, "target")}</span> },
            { label: "Changed", value: "nothing" },
            { label: "Left behind", value: left ? "see the reason" : "nothing" },
            ...(ran === null ? [] : [{ label: "Ran for", value: formatDuration(ran) }]),
            ...(job.endedAt === null ? [] : [{ label: "Stopped", value: <RelativeTime time={job.endedAt} show="moment" /> }]),
          ]}
        />
      </PanelBody>
    </Panel>
  );
}
