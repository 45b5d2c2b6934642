"use client";
import { ArrowUpRight, CircleX, SkipForward } from "lucide-react";
import { useCallback } from "react";
import type { JobView } from "@/backups/backups.schema";
import { RunningJob } from "@/backups/running-job";
import { useJob } from "@/backups/use-job";
import { PassMark } from "@/components/ui/badge";
import { ButtonLink } from "@/components/ui/button";
import { ResultBanner } from "@/components/ui/note";
import { ListRow, Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { PhaseList } from "@/components/ui/stepper";
import { ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { ENGINES, type EngineId } from "@/engines";
import { formatCount, formatDuration } from "@/lib/format";
import { trpc } from "@/trpc/client";

interface Outcome {
  word: string;
  place: string;
  /** Null when the console could not add a connection for it; the log says why. */
  openConnection: string | null;
  target: string;
  objects: { name: string; inManifest: number | null; restored: number | null; equal: boolean }[];
  skipped: { name: string; count: number; reason: string }[];
  phases: { title: string; seconds: number }[];
}

interface RestoreRunProps {
  engine: EngineId;
  jobId: string;
  back: string;
  onFailed: () => void;
}

/** The run and its result, in one of three words. */
export function RestoreRun({ engine, jobId, back, onFailed }: RestoreRunProps) {
  const utilities = trpc.useUtils();
  const onEnd = useCallback(
    (job: JobView) => {
      if (job.state !== "succeeded") onFailed();
      void utilities.connections.list.invalidate();
    },
    [onFailed, utilities],
  );
  const { job } = useJob(jobId, onEnd);
  if (!job || job.endedAt === null) return <RunningJob jobId={jobId} />;
  return job.state === "succeeded" ? <Restored engine={engine} outcome={job.outcome as unknown as Outcome} /> : <Failed job={job} back={back} />;
}

function Restored({ engine, outcome }: { engine: EngineId; outcome: Outcome }) {
  const total = outcome.objects.reduce((sum, object) => sum + (object.restored ?? 0), 0);
  const section = ENGINES[engine].sections[1];
  const query =
    engine === "mongodb"
      ? `?database=${encodeURIComponent(outcome.target)}`
      : engine === "redis" && /^\d+$/.test(outcome.target)
        ? `?db=${outcome.target}`
        : "";
  return (
    <>
      <ResultBanner
        outcome={outcome.skipped.length > 0 ? "partly" : "done"}
        title={outcome.word.charAt(0).toUpperCase() + outcome.word.slice(1)}
        end={
          outcome.openConnection === null ? undefined : (
            <ButtonLink href={`/manage-dbs/${engine}/${encodeURIComponent(outcome.openConnection)}/${section?.segment ?? ""}${query}`}>
              <ArrowUpRight aria-hidden />
              Open {section?.label.toLowerCase()}
            </ButtonLink>
          )
        }
      >
        {outcome.objects.length} objects, {formatCount(total)} {ENGINES[engine].itemWord.many}, all counts equal to the manifest. Now at {outcome.place}.
      </ResultBanner>
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_372px]">
        <div className="flex min-w-0 flex-col gap-4">
          {outcome.skipped.length > 0 ? (
            <Panel>
              <PanelHead title="Skipped" />
              <ul>
                {outcome.skipped.map((entry) => (
                  <ListRow
                    key={`${entry.name} ${entry.reason}`}
                    icon={<SkipForward className="text-amber" aria-hidden />}
                    title={`${entry.name}: ${formatCount(entry.count)}`}
                    detail={entry.reason}
                  />
                ))}
              </ul>
            </Panel>
          ) : null}
          <Panel>
            <PanelHead title="Compared with the manifest" />
            <Table label="Compared with the manifest">
              <TableHead>
                <tr>
                  <ColumnHead>Object</ColumnHead>
                  <ColumnHead number>In the manifest</ColumnHead>
                  <ColumnHead number>Restored</ColumnHead>
                  <ColumnHead>Result</ColumnHead>
                </tr>
              </TableHead>
              <tbody>
                {outcome.objects.map((object) => (
                  <TableRow key={object.name} dense>
                    <RowHead className="break-all">{object.name}</RowHead>
                    <TableCell number>{object.inManifest === null ? "" : formatCount(object.inManifest)}</TableCell>
                    <TableCell number>{object.restored === null ? "" : formatCount(object.restored)}</TableCell>
                    <TableCell>
                      <PassMark failed={!object.equal}>{object.equal ? "equal" : "different"}</PassMark>
                    </TableCell>
                  </TableRow>
                ))}
              </tbody>
            </Table>
          </Panel>
        </div>
        <Panel>
          <PanelHead title="What happened" />
          <PanelBody className="py-3">
            <PhaseList phases={outcome.phases.map((phase) => ({ title: phase.title, state: "done" as const, end: formatDuration(phase.seconds) }))} />
          </PanelBody>
        </Panel>
      </div>
    </>
  );
}

function Failed({ job, back }: { job: JobView; back: string }) {
  const cancelled = job.state === "cancelled";
  const left = job.error?.message.includes("could not be removed") ?? false;
  return (
    <>
      <ResultBanner
        outcome="failed"
        title={left ? "Failed, and something was left behind" : cancelled ? "Cancelled, nothing changed" : "Failed, nothing changed"}
        end={<ButtonLink href={back}>Back to the backup</ButtonLink>}
      >
        {job.error?.message}. What is live is as it was.
      </ResultBanner>
      <Panel>
        <PanelHead
          title="Why"
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
          <PanelBody>
            <code className="block rounded-md border border-line bg-sunken p-3 font-mono text-12 break-words">{job.error.detail}</code>
          </PanelBody>
        ) : null}
      </Panel>
    </>
  );
}
