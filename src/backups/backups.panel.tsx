"use client";
import { FileUp } from "lucide-react";
import Link from "next/link";
import { parseAsStringLiteral, useQueryState } from "nuqs";
import { useEffect, useState } from "react";
import { backupHref } from "@/backups/backup-href";
import { BackUpButton } from "@/backups/back-up-button";
import { BackupBadges } from "@/backups/backup-badges";
import type { BackupRights } from "@/backups/rights";
import { timelineOf } from "@/backups/timeline-of";
import type { BackupSummary } from "@/backups/backups.schema";
import { EngineMark } from "@/components/engine-mark";
import { later } from "@/components/later";
import { QueryError } from "@/components/query-error";
import { CountBadge, type Environment } from "@/components/ui/badge";
import { Button, ButtonLink } from "@/components/ui/button";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { Segmented } from "@/components/ui/segmented";
import { TableSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import { ActionsHead, ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { ENGINES, type EngineId } from "@/engines";
import { capitalised, formatBytes, formatCount, formatCounted, formatDuration } from "@/lib/format";
import { PASSIVE, trpc } from "@/trpc/client";

const BackupTimeline = later(() => import("@/components/ui/timeline").then((module) => module.BackupTimeline), {
  loading: () => <div className="h-24" />,
});
const TimelineLegend = later(() => import("@/components/ui/timeline").then((module) => module.TimelineLegend));
const loadRunningJob = () => import("@/backups/running-job");
const RunningJob = later(() => loadRunningJob().then((module) => module.RunningJob));

const ScheduleLine = later(() => import("@/backups/schedule-line").then((module) => module.ScheduleLine));
const BesideBackups = later(() => import("@/backups/beside-backups").then((module) => module.BesideBackups));
const BackupMenu = later(() => import("@/backups/backup-menu").then((module) => module.BackupMenu), {
  loading: () => <span className="size-7 shrink-0" />,
});
const RemovedBackups = later(() => import("@/backups/removed-backups").then((module) => module.RemovedBackups));
const UploadPanel = later(() => import("@/backups/upload-panel").then((module) => module.UploadPanel));

const SHOW = ["all", "verified", "proved", "failed"] as const;
const REFRESH_MS = 10_000;

interface BackupsPanelProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
  may: BackupRights;
  uploadBytesMax: number;
}

/** The backups of one connection: the last 30 days, what runs, and the list. */
export function BackupsPanel({ engine, connection, environment, may, uploadBytesMax }: BackupsPanelProps) {
  const query = trpc[engine].backups.list.useQuery({ connection, limit: 200 }, { refetchInterval: REFRESH_MS, ...PASSIVE });
  const running = query.data?.backups.filter((backup) => backup.state === "running") ?? [];
  const [isUploading, setUploading] = useState(false);
  // Here before it is needed: a small backup is over within a second.
  useEffect(() => void loadRunningJob(), []);
  return (
    <div className="flex flex-col gap-3.5 p-4 max-md:p-3">
      <BackupsView
        kept={<BesideBackups engine={engine} connection={connection} environment={environment} mayRestore={may.restore} />}
        query={query}
        backups={query.data?.backups}
        may={may}
        schedules={<ScheduleLine engine={engine} connection={connection} />}
        action={
          may.backup ? (
            <>
              {may.restore ? (
                <Button aria-expanded={isUploading} onClick={() => setUploading(!isUploading)}>
                  <FileUp aria-hidden />
                  Upload a backup
                </Button>
              ) : null}
              <BackUpButton engine={engine} connection={connection} />
            </>
          ) : null
        }
        running={
          <>
            {isUploading ? <UploadPanel engine={engine} connection={connection} maxBytes={uploadBytesMax} onClose={() => setUploading(false)} /> : null}
            {running
              .filter((backup) => !isUploading || backup.origin === "console")
              .map((backup) => (
                <RunningJob key={backup.jobId} jobId={backup.jobId} onEnd={() => void query.refetch()} />
              ))}
          </>
        }
      />
    </div>
  );
}

/** The backups of every connection one may see; for admins also those whose connection is no more. */
export function AllBackupsPanel({ may }: { may: BackupRights }) {
  const query = trpc.backups.list.useQuery({ limit: 200 }, { refetchInterval: REFRESH_MS, ...PASSIVE });
  return (
    <>
      <BackupsView query={query} backups={query.data?.backups} may={may} action={null} running={null} withConnection />
      {may.administer ? <RemovedBackups /> : null}
    </>
  );
}

interface BackupsViewProps {
  query: { error: Parameters<typeof QueryError>[0]["error"] | null; refetch(): unknown; isFetching: boolean; dataUpdatedAt: number };
  backups: BackupSummary[] | undefined;
  may: BackupRights;
  action: React.ReactNode;
  running: React.ReactNode;
  /** When backups run by themselves. */
  schedules?: React.ReactNode;
  /** Restores that can be undone. */
  kept?: React.ReactNode;
  withConnection?: boolean;
}

function BackupsView({ query, backups, may, action, running, kept, schedules, withConnection = false }: BackupsViewProps) {
  const [show, setShow] = useQueryState("show", parseAsStringLiteral(SHOW).withDefault("all"));
  if (query.error && !backups) return <QueryError error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />;
  const shown = backups?.filter((backup) => isShown(backup, show));
  const count = (what: (typeof SHOW)[number]) => backups?.filter((backup) => isShown(backup, what)).length ?? 0;
  const proved = count("proved");
  return (
    <>
      <Panel>
        <PanelHead
          title="Last 30 days"
          note={
            backups
              ? `${formatCounted(backups.length, { one: "backup", many: "backups" })}, ${count("verified")} verified${proved > 0 ? `, ${proved} of them proved` : ""}, ${count("failed")} failed`
              : ""
          }
          end={<TimelineLegend />}
        />
        <PanelBody className="overflow-x-auto">
          <BackupTimeline
            backups={timelineOf(backups ?? [])}
            now={new Date(query.dataUpdatedAt).toISOString()}
            hrefOf={(mark) => hrefOfMark(backups, mark.id)}
          />
        </PanelBody>
      </Panel>
      {running}
      {kept}
      <Panel>
        <PanelHead
          title="Backups"
          badge={backups ? <CountBadge>{backups.length}</CountBadge> : null}
          note={schedules}
          end={
            <span className="flex flex-wrap items-center justify-end gap-2">
              <Segmented
                label="Show"
                name="show"
                value={show}
                onChange={(value) => void setShow(value)}
                options={SHOW.map((value) => ({ value, label: capitalised(value) }))}
              />
              {action}
            </span>
          }
        />
        {shown === undefined ? <TableSkeleton columns={7} /> : null}
        {shown?.length === 0 ? (
          <EmptyState title={show === "all" ? "No backup yet" : `No ${show} backup`} action={show === "all" ? action : undefined}>
            {show === "all" ? "A backup is read back whole before it is called good." : "Show all to see the others."}
          </EmptyState>
        ) : null}
        {shown && shown.length > 0 ? <BackupTable backups={shown} may={may} withConnection={withConnection} /> : null}
      </Panel>
    </>
  );
}

function isShown(backup: BackupSummary, show: (typeof SHOW)[number]): boolean {
  if (show === "all") return true;
  if (show === "failed") return backup.state === "failed";
  return backup.state === "complete" && (show === "proved" ? backup.provedAt : backup.verifiedAt) !== null;
}

function hrefOfMark(backups: readonly BackupSummary[] | undefined, id: string): string {
  const backup = backups?.find((candidate) => candidate.id === id);
  return backup ? backupHref(backup) : "#";
}

function BackupTable({ backups, may, withConnection }: { backups: readonly BackupSummary[]; may: BackupRights; withConnection: boolean }) {
  return (
    <Table label="Backups">
      <TableHead>
        <tr>
          <ColumnHead>When</ColumnHead>
          {withConnection ? <ColumnHead className="max-md:hidden">Connection</ColumnHead> : null}
          <ColumnHead>State</ColumnHead>
          <ColumnHead number className="max-md:hidden">
            Size
          </ColumnHead>
          <ColumnHead number className="max-md:hidden">
            Objects
          </ColumnHead>
          <ColumnHead number className="max-md:hidden">
            Items
          </ColumnHead>
          <ColumnHead number className="max-lg:hidden">
            Took
          </ColumnHead>
          <ColumnHead className="max-lg:hidden">Consistency</ColumnHead>
          <ColumnHead className="max-lg:hidden">Stored in</ColumnHead>
          <ActionsHead />
        </tr>
      </TableHead>
      <tbody>
        {backups.map((backup) => (
          <BackupRow key={backup.id} backup={backup} may={may} withConnection={withConnection} />
        ))}
      </tbody>
    </Table>
  );
}

function BackupRow({ backup, may, withConnection }: { backup: BackupSummary; may: BackupRights; withConnection: boolean }) {
  const took = backup.finishedAt === null ? null : (Date.parse(backup.finishedAt) - Date.parse(backup.startedAt)) / 1000;
  const complete = backup.state === "complete";
  return (
    <TableRow>
      <RowHead className="max-md:py-1.5">
        <Link href={backupHref(backup)} className="font-medium whitespace-nowrap hover:text-accent-text">
          <RelativeTime time={backup.startedAt} show="moment" />
        </Link>{" "}
        <span className="text-12 font-normal whitespace-nowrap text-fg-3">
          <RelativeTime time={backup.startedAt} />
        </span>
        <span className="block pb-1 text-12 font-normal text-fg-2 md:hidden">
          {withConnection ? `${ENGINES[backup.engine].label} / ${backup.connectionId.slice(backup.engine.length + 1)}` : null}
          {withConnection && backup.bytes !== null ? " · " : null}
          {backup.bytes === null ? null : formatBytes(backup.bytes)}
        </span>
      </RowHead>
      {withConnection ? (
        <TableCell className="max-md:hidden">
          <span className="inline-flex items-center gap-2">
            <EngineMark engine={backup.engine} />
            {ENGINES[backup.engine].label} / {backup.connectionId.slice(backup.engine.length + 1)}
          </span>
        </TableCell>
      ) : null}
      <TableCell>
        <BackupBadges backup={backup} />
      </TableCell>
      <TableCell number className="font-medium max-md:hidden">
        {backup.bytes === null ? "" : formatBytes(backup.bytes)}
      </TableCell>
      <TableCell number className="max-md:hidden">
        {backup.objectCount === null ? "" : formatCount(backup.objectCount)}
      </TableCell>
      <TableCell number className="max-md:hidden">
        {backup.itemCount === null ? "" : formatCount(backup.itemCount)}
      </TableCell>
      <TableCell number className="max-lg:hidden">
        {took === null ? "" : formatDuration(took)}
      </TableCell>
      <TableCell className="max-lg:hidden">{backup.consistency}</TableCell>
      <TableCell className="max-lg:hidden">
        {backup.state === "failed" ? (
          <span className="line-clamp-1 max-w-72 text-red-text" title={backup.error?.message}>
            {backup.error?.message}
          </span>
        ) : complete ? (
          "disk"
        ) : (
          ""
        )}
      </TableCell>
      <TableCell className="text-right">
        <span className="inline-flex items-center gap-1">
          {complete && may.restore ? (
            <ButtonLink size="sm" className="max-md:hidden" href={backupHref(backup, "/restore")}>
              Restore
            </ButtonLink>
          ) : null}
          <BackupMenu backup={backup} may={may} />
        </span>
      </TableCell>
    </TableRow>
  );
}
