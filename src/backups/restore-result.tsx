"use client";
import { ArrowUpRight, SkipForward } from "lucide-react";
import type { JobView } from "@/backups/backups.schema";
import { ComparedTable } from "@/backups/compared-table";
import { outcomeOf, type RestoreOutcome } from "@/backups/restore-outcome";
import { UndoCard } from "@/backups/undo-card";
import { useKeptRestores } from "@/backups/use-kept-restore";
import { Avatar } from "@/components/ui/avatar";
import { CountBadge, type Environment } from "@/components/ui/badge";
import { ButtonLink, TextLink } from "@/components/ui/button";
import { ResultBanner } from "@/components/ui/result-banner";
import { ListRow, Panel, PanelBody, PanelFoot, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { PhaseList } from "@/components/ui/phases";
import { ENGINES, type EngineId } from "@/engines";
import { capitalised, formatCount, formatCounted, formatDuration } from "@/lib/format";

interface RestoreResultProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
  job: JobView;
  mayRestore: boolean;
}

/** "Restored" or "Restored with N skipped": what is there now, and the way back. */
export function RestoreResult({ engine, connection, environment, job, mayRestore }: RestoreResultProps) {
  const outcome = outcomeOf(job);
  const isReplaced = outcome.restoreId !== null;
  const kept = useKeptRestores(engine, connection, { enabled: isReplaced });
  const isUndone = kept.data?.restores.find((entry) => entry.id === outcome.restoreId)?.state === "undone";
  const open = isReplaced ? connection : outcome.openConnection;
  const link =
    open === null ? undefined : (
      <ButtonLink href={placeHref(engine, open, outcome)}>
        <ArrowUpRight aria-hidden />
        Open {ENGINES[engine].sections[1]?.label.toLowerCase()}
      </ButtonLink>
    );
  return (
    <>
      {isUndone ? (
        <ResultBanner outcome="partly" title="Restored, undone since" end={link}>
          What was live in {outcome.target} before this restore is live again. The restored copy is kept aside.
        </ResultBanner>
      ) : (
        <ResultBanner outcome={outcome.skipped.length > 0 ? "partly" : "done"} title={capitalised(outcome.word)} end={link}>
          <Sentence engine={engine} outcome={outcome} job={job} />
        </ResultBanner>
      )}
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_372px]">
        <div className="flex min-w-0 flex-col gap-4">
          <Skipped skipped={outcome.skipped} engine={engine} />
          {outcome.objects.length > 0 ? <ComparedTable objects={outcome.objects} /> : null}
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          {outcome.restoreId === null ? null : (
            <UndoCard engine={engine} connection={connection} environment={environment} id={outcome.restoreId} mayRestore={mayRestore} />
          )}
          <WhatHappened outcome={outcome} job={job} />
        </div>
      </div>
    </>
  );
}

function placeHref(engine: EngineId, connection: string, outcome: RestoreOutcome): string {
  const query = {
    mongodb: `?database=${encodeURIComponent(outcome.target)}`,
    redis: /^\d+$/.test(outcome.target) ? `?db=${outcome.target}` : "",
    postgres: "",
    sqlite: "",
  };
  return `/manage-dbs/${engine}/${encodeURIComponent(connection)}/${ENGINES[engine].sections[1]?.segment ?? ""}${query[engine]}`;
}

function Sentence({ engine, outcome, job }: { engine: EngineId; outcome: RestoreOutcome; job: JobView }) {
  const total = outcome.objects.reduce((sum, object) => sum + (object.restored ?? 0), 0);
  const took = job.startedAt !== null && job.endedAt !== null ? (Date.parse(job.endedAt) - Date.parse(job.startedAt)) / 1000 : null;
  return (
    <>
      {outcome.objects.length > 0
        ? `${formatCounted(outcome.objects.length, { one: "object", many: "objects" })}, ${formatCounted(total, ENGINES[engine].itemWord)}, all counts equal to the manifest. `
        : null}
      {outcome.note === "" ? null : `${capitalised(outcome.note)}. `}
      {job.endedAt === null || outcome.restoreId === null ? null : (
        <>
          Live since <RelativeTime time={job.endedAt} show="moment" inSentence />.{" "}
        </>
      )}
      {took === null ? null : `Took ${formatDuration(took)}. `}
      Now at {outcome.place}.
    </>
  );
}

function Skipped({ skipped, engine }: { skipped: RestoreOutcome["skipped"]; engine: EngineId }) {
  if (skipped.length === 0) return null;
  return (
    <Panel>
      <PanelHead title="Skipped" badge={<CountBadge tone="amber">{formatCount(skipped.reduce((sum, entry) => sum + entry.count, 0))}</CountBadge>} />
      <ul className="max-h-96 overflow-y-auto">
        {skipped.map((entry) => (
          <ListRow
            key={`${entry.name} ${entry.reason}`}
            icon={<SkipForward className="text-amber" aria-hidden />}
            title={`${entry.name}: ${formatCounted(entry.count, ENGINES[engine].itemWord)}`}
            detail={entry.reason}
          />
        ))}
      </ul>
    </Panel>
  );
}

/** The phases with their times, and who asked for it. */
export function WhatHappened({ outcome, job }: { outcome: RestoreOutcome; job: JobView }) {
  return (
    <Panel>
      <PanelHead title="What happened" end={<TextLink href={`/jobs/${job.id}`}>Log</TextLink>} />
      {outcome.phases.length > 0 ? (
        <PanelBody className="py-3">
          <PhaseList
            phases={outcome.phases.map((phase) => ({
              title: phase.title,
              state: "done" as const,
              end: phase.seconds < 0.1 ? "under 0.1 s" : formatDuration(phase.seconds),
            }))}
          />
        </PanelBody>
      ) : null}
      <PanelFoot className="min-h-10">
        <Avatar name={job.userName} size="sm" />
        <span className="truncate">{job.userName}</span>
        <span className="ml-auto whitespace-nowrap">job {job.id}</span>
      </PanelFoot>
    </Panel>
  );
}
