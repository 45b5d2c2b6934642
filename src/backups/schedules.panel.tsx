"use client";
import { CalendarClock, CalendarOff, Plus } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import { backupsHref } from "@/backups/backup-href";
import { cronWords } from "@/backups/cron-words";
import type { BackupRights } from "@/backups/rights";
import type { Schedule } from "@/backups/schedules.schema";
import { TwoPersons } from "@/backups/two-persons";
import { WaitingApprovals } from "@/backups/waiting-approvals";
import { later } from "@/components/later";
import { QueryError, type ReadableError } from "@/components/query-error";
import { ShellCrumbs } from "@/components/shell/app-shell";
import { Badge, CountBadge, type Environment, StateBadge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Panel, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { RowMenu } from "@/components/ui/row-menu";
import { TableSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import { ActionsHead, ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { useToast } from "@/components/ui/toast";
import { backupFormat, type EngineId } from "@/engines";
import { PASSIVE, trpc } from "@/trpc/client";

const ScheduleForm = later(() => import("@/backups/schedule-form").then((module) => module.ScheduleForm));
const REFRESH_MS = 10_000;

interface SchedulesPanelProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
  may: BackupRights;
}

/** When backups and drills of a connection run by themselves, how long they stay, and who has to agree to replace what is live. */
export function SchedulesPanel({ engine, connection, environment, may }: SchedulesPanelProps) {
  const query = trpc[engine].schedules.list.useQuery({ connection }, { refetchInterval: REFRESH_MS, ...PASSIVE });
  const [edited, setEdited] = useState<{ schedule: Schedule | null; open: boolean } | null>(null);
  const schedules = query.data?.schedules;
  const add = may.administer ? (
    <Button onClick={() => setEdited({ schedule: null, open: true })}>
      <Plus aria-hidden />
      Add schedule
    </Button>
  ) : null;
  return (
    <div className="flex flex-col gap-3.5 p-4 max-md:p-3">
      <ShellCrumbs crumbs={[{ label: "Backups", href: backupsHref(engine, connection) }, { label: "Schedules" }]} />
      <Panel aria-label="Schedules">
        <PanelHead title="Schedules" badge={schedules ? <CountBadge>{schedules.length}</CountBadge> : null} end={add} />
        {query.error && !schedules ? <QueryError error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} /> : null}
        {!query.error && !schedules ? <TableSkeleton columns={6} rows={3} /> : null}
        {schedules?.length === 0 ? (
          <EmptyState icon={<CalendarOff aria-hidden />} title="Nothing runs by itself here" action={add}>
            Backups are made by hand, and proved by hand.
          </EmptyState>
        ) : null}
        {schedules && schedules.length > 0 ? (
          <Table label="Schedules">
            <TableHead>
              <tr>
                <ColumnHead>What and when</ColumnHead>
                <ColumnHead className="max-md:hidden">Keeps</ColumnHead>
                <ColumnHead>Next</ColumnHead>
                <ColumnHead className="max-md:hidden">Last run</ColumnHead>
                <ColumnHead className="max-lg:hidden">By</ColumnHead>
                <ActionsHead />
              </tr>
            </TableHead>
            <tbody>
              {schedules.map((schedule) => (
                <ScheduleRow
                  key={schedule.id}
                  engine={engine}
                  connection={connection}
                  schedule={schedule}
                  mayChange={may.administer}
                  onEdit={() => setEdited({ schedule, open: true })}
                />
              ))}
            </tbody>
          </Table>
        ) : null}
      </Panel>
      <WaitingApprovals engine={engine} connection={connection} environment={environment} />
      <TwoPersons engine={engine} connection={connection} mayChange={may.administer} />
      {edited ? (
        <ScheduleForm
          key={edited.schedule?.id ?? "new"}
          engine={engine}
          connection={connection}
          schedule={edited.schedule}
          open={edited.open}
          onClose={() => setEdited({ ...edited, open: false })}
          onSaved={() => {
            setEdited(null);
            void query.refetch();
          }}
        />
      ) : null}
    </div>
  );
}

const keepWords = ({ kind, keepLast, keepDays }: Schedule): string => {
  if (kind === "drill") return "";
  const parts = [keepLast === null ? null : `the last ${keepLast}`, keepDays === null ? null : `${keepDays} days`].filter((part) => part !== null);
  return parts.length === 0 ? "all" : parts.join(", or ");
};

interface ScheduleRowProps {
  engine: EngineId;
  connection: string;
  schedule: Schedule;
  mayChange: boolean;
  onEdit: () => void;
}

function ScheduleRow({ engine, connection, schedule, mayChange, onEdit }: ScheduleRowProps) {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const changed = {
    onSuccess: () => void utilities[engine].schedules.list.invalidate(),
    onError: (error: ReadableError) => toast({ title: error.message, detail: error.data?.fix, tone: "red" as const }),
  };
  const save = trpc[engine].schedules.save.useMutation(changed);
  const remove = trpc[engine].schedules.remove.useMutation(changed);
  const { id, kind, cron, timeZone, keepLast, keepDays, enabled, format } = schedule;
  const formatLabel = backupFormat(engine, format)?.label;
  return (
    <TableRow>
      <RowHead className="py-1.5">
        <span className="flex items-center gap-2.5">
          <CalendarClock aria-hidden className="size-4 shrink-0 text-fg-2" />
          <span className="min-w-0">
            {kind === "backup" ? (formatLabel ? `Backup as ${formatLabel}` : "Backup") : "Proof drill of the newest backup"}, {cronWords(cron)}
            <span className="block text-12 font-normal text-fg-2">{timeZone}</span>
          </span>
        </span>
      </RowHead>
      <TableCell className="max-md:hidden">{keepWords(schedule)}</TableCell>
      <TableCell className="whitespace-nowrap">
        {!enabled ? <Badge>off</Badge> : schedule.nextRunAt === null ? "never" : <RelativeTime time={schedule.nextRunAt} show="moment" />}
      </TableCell>
      <TableCell className="max-md:hidden">
        <LastRun schedule={schedule} />
      </TableCell>
      <TableCell className="max-lg:hidden">{schedule.createdBy}</TableCell>
      <TableCell className="text-right">
        {mayChange ? (
          <RowMenu
            label={`More about the schedule ${cronWords(cron)}`}
            items={[
              { label: "Change", onSelect: onEdit },
              {
                label: enabled ? "Switch off" : "Switch on",
                onSelect: () => save.mutate({ connection, id, kind, cron, timeZone, keepLast, keepDays, enabled: !enabled, format }),
              },
              { label: "Remove", danger: true, onSelect: () => remove.mutate({ connection, id }) },
            ]}
          />
        ) : null}
      </TableCell>
    </TableRow>
  );
}

function LastRun({ schedule }: { schedule: Schedule }) {
  if (schedule.lastError)
    return (
      <span className="text-red-text" title={schedule.lastError.fix ?? undefined}>
        {schedule.lastError.message}
      </span>
    );
  if (schedule.lastRunAt === null) return <span className="text-fg-3">not yet</span>;
  const state = schedule.lastJobState;
  return (
    <span className="flex items-center gap-2 whitespace-nowrap">
      {state === null ? null : <StateBadge state={state === "succeeded" ? "complete" : state}>{state}</StateBadge>}
      {schedule.lastJobId === null ? (
        <RelativeTime time={schedule.lastRunAt} />
      ) : (
        <Link href={`/jobs/${schedule.lastJobId}`} className="hover:text-accent-text">
          <RelativeTime time={schedule.lastRunAt} />
        </Link>
      )}
    </span>
  );
}
