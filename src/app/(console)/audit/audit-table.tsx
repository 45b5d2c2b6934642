"use client";

import { CalendarClock, ChevronDown, ChevronRight, CircleCheck, CircleX, Lock } from "lucide-react";
import { Fragment } from "react";
import { EngineMark } from "@/components/engine-mark";
import { Avatar } from "@/components/ui/avatar";
import { ActionBadge, EnvironmentLabel } from "@/components/ui/badge";
import { classNames } from "@/components/ui/class-names";
import { useNow } from "@/components/ui/relative-time";
import { Ring } from "@/components/ui/ring";
import { ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { isEngineId } from "@/engines";
import { OUTCOME_WORDS } from "@/lib/audit-words";
import { formatClock, formatDateTime, formatExact } from "@/lib/format";
import { type RouterOutputs, trpc } from "@/trpc/client";
import { AuditDetails } from "./audit-details";

export type Entry = RouterOutputs["audit"]["list"]["entries"][number];

const COLUMNS = 7;

interface AuditTableProps {
  entries: readonly Entry[];
  /** Number of the row that shows its details. */
  open: number | null;
  onOpen: (seq: number | null) => void;
}

/** The log, newest first, with a line where the day changes. */
export function AuditTable({ entries, open, onOpen }: AuditTableProps) {
  // The server writes UTC, the browser the reader's own time.
  const zone = useNow() === null ? "UTC" : undefined;
  const dayOf = (entry: Entry | undefined) => (entry ? (formatDateTime(entry.at, zone).split(",")[0] ?? "") : null);
  return (
    <Table label="Audit log" className="md:min-w-[960px]">
      <TableHead>
        <tr>
          <ColumnHead className="w-28">Time</ColumnHead>
          <ColumnHead>Who</ColumnHead>
          <ColumnHead className="max-md:hidden">Action</ColumnHead>
          <ColumnHead className="max-md:hidden">Connection</ColumnHead>
          <ColumnHead className="max-md:hidden">Procedure</ColumnHead>
          <ColumnHead className="max-md:hidden">Target</ColumnHead>
          <ColumnHead>Outcome</ColumnHead>
        </tr>
      </TableHead>
      <tbody>
        {entries.map((entry, index) => {
          const day = dayOf(entry);
          return (
            <Fragment key={entry.seq}>
              {index > 0 && day !== dayOf(entries[index - 1]) ? (
                <tr className="border-b border-line-soft bg-sunken">
                  <th scope="rowgroup" colSpan={COLUMNS} className="h-7 px-4 text-left text-12 font-medium text-fg-3">
                    {day}
                  </th>
                </tr>
              ) : null}
              <AuditRow entry={entry} zone={zone} open={open === entry.seq} onToggle={() => onOpen(open === entry.seq ? null : entry.seq)} />
              {open === entry.seq ? (
                <tr className="border-b border-line bg-sunken">
                  <td colSpan={COLUMNS} id={`audit-${entry.seq}`}>
                    <AuditDetails entry={entry} />
                  </td>
                </tr>
              ) : null}
            </Fragment>
          );
        })}
      </tbody>
    </Table>
  );
}

interface AuditRowProps {
  entry: Entry;
  zone: string | undefined;
  open: boolean;
  onToggle: () => void;
}

function AuditRow({ entry, zone, open, onToggle }: AuditRowProps) {
  const Chevron = open ? ChevronDown : ChevronRight;
  return (
    <TableRow className={classNames(open && "bg-sunken")}>
      <RowHead className="font-normal whitespace-nowrap">
        <button
          type="button"
          aria-expanded={open}
          aria-controls={open ? `audit-${entry.seq}` : undefined}
          aria-label={`${formatClock(entry.at, zone)}, row ${entry.seq}: ${open ? "hide" : "show"} the details`}
          title={formatExact(entry.at, zone)}
          onClick={onToggle}
          className={classNames("inline-flex h-8 items-center gap-2 rounded-md pr-1", open && "font-semibold")}
        >
          <Chevron aria-hidden className="size-4 text-fg-2" />
          {formatClock(entry.at, zone)}
        </button>
      </RowHead>
      <TableCell className="whitespace-nowrap max-md:w-full max-md:max-w-0 max-md:py-1.5 md:max-w-48">
        <span className="flex items-center gap-2">
          {entry.actorId === null && entry.actorName === "schedule" ? (
            <CalendarClock aria-hidden className="size-4 text-fg-2" />
          ) : (
            <Avatar name={entry.actorName} size="sm" />
          )}
          <span className={classNames("truncate", entry.actorId === null ? "text-fg-2" : "font-medium")}>{entry.actorName}</span>
        </span>
        <span className="block truncate text-12 text-fg-3 md:hidden">
          {entry.action} {entry.target}
        </span>
      </TableCell>
      <TableCell className="max-md:hidden">
        <ActionBadge action={entry.action} />
      </TableCell>
      <TableCell className="whitespace-nowrap max-md:hidden">
        <ConnectionName id={entry.connectionId} />
      </TableCell>
      <TableCell className="font-mono text-12 whitespace-nowrap text-fg-2 max-md:hidden">{entry.procedure}</TableCell>
      <TableCell className="max-w-64 truncate font-mono text-12 max-md:hidden" title={entry.target}>
        {entry.target}
      </TableCell>
      <TableCell className="md:max-w-64">
        <Outcome entry={entry} />
      </TableCell>
    </TableRow>
  );
}

function ConnectionName({ id }: { id: string | null }) {
  const connections = trpc.connections.list.useQuery({}).data?.connections;
  const [engine = "", name = ""] = id?.split("/") ?? [];
  if (!isEngineId(engine)) return <span className="text-fg-2">console</span>;
  const environment = connections?.find((entry) => entry.id === id)?.environment;
  return (
    <span className="flex items-center gap-2">
      <EngineMark engine={engine} />
      <span className="font-medium">{name}</span>
      {environment ? <EnvironmentLabel environment={environment} /> : null}
    </span>
  );
}

const SIGNS = {
  started: <Ring share={null} size={14} />,
  allowed: <CircleCheck aria-hidden className="size-3.5 text-green" />,
  refused: <Lock aria-hidden className="size-3.5 text-red-text" />,
  failed: <CircleX aria-hidden className="size-3.5 text-red-text" />,
};

function Outcome({ entry }: { entry: Entry }) {
  return (
    <span className="flex items-center gap-1.5 whitespace-nowrap" title={entry.detail || undefined}>
      {SIGNS[entry.outcome]}
      <span className="font-medium">{OUTCOME_WORDS[entry.outcome]}</span>
      <span className="truncate text-fg-3 max-md:hidden">{entry.detail}</span>
    </span>
  );
}
