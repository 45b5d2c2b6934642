"use client";
import { RotateCw, Trash2, Undo2 } from "lucide-react";
import Link from "next/link";
import { useState } from "react";
import type { SwapView } from "@/backups/backups.schema";
import type { KeptAction } from "@/backups/kept-restore-dialog";
import { isChangeable, isUnderWay, useKeptRestores } from "@/backups/use-kept-restore";
import { later } from "@/components/later";
import { CountBadge, type Environment, StateBadge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Note } from "@/components/ui/note";
import { Panel, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { RowMenu } from "@/components/ui/row-menu";
import { ActionsHead, ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import type { EngineId } from "@/engines";
import { formatBytes } from "@/lib/format";

const KeptRestoreDialog = later(() => import("@/backups/kept-restore-dialog").then((module) => module.KeptRestoreDialog));
const RunningJob = later(() => import("@/backups/running-job").then((module) => module.RunningJob));

interface KeptRestoresProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
  mayRestore: boolean;
}

/** Restores that replaced what was live and can be undone. Nothing is shown where there is none. */
export function KeptRestores({ engine, connection, environment, mayRestore }: KeptRestoresProps) {
  const list = useKeptRestores(engine, connection);
  const [asked, setAsked] = useState<{ restore: SwapView; action: KeptAction | null } | null>(null);
  const [jobId, setJobId] = useState<string | null>(null);
  const kept = list.data?.restores.filter((restore) => restore.state !== "dropped") ?? [];
  const [newest] = kept;
  if (kept.length === 0 && jobId === null) return null;
  return (
    <>
      {jobId ? (
        <RunningJob
          jobId={jobId}
          onEnd={() => {
            setJobId(null);
            void list.refetch();
          }}
        />
      ) : null}
      {kept.length > 0 ? (
        <Panel aria-label="Restores that can be undone">
          <PanelHead title="Restores that can be undone" badge={<CountBadge>{kept.length}</CountBadge>} />
          {kept
            .filter((restore) => restore.error !== null)
            .map((restore) => (
              <Note key={restore.id} tone="amber" role="alert" className="mx-4 my-3" title={`The restore of ${restore.target} is not settled:`}>
                {restore.error?.message}. {restore.error?.fix}
              </Note>
            ))}
          <Table label="What is kept of restores">
            <TableHead>
              <tr>
                <ColumnHead>Restored</ColumnHead>
                <ColumnHead className="max-md:hidden">From the backup</ColumnHead>
                <ColumnHead className="max-lg:hidden">By</ColumnHead>
                <ColumnHead>Live now</ColumnHead>
                <ColumnHead className="max-md:hidden">Kept aside</ColumnHead>
                <ColumnHead className="max-md:hidden">Until</ColumnHead>
                <ActionsHead />
              </tr>
            </TableHead>
            <tbody>
              {kept.map((restore) => (
                <KeptRow
                  key={restore.id}
                  restore={restore}
                  href={`/manage-dbs/${engine}/${encodeURIComponent(connection)}/backups/${encodeURIComponent(restore.backupId)}`}
                  isNewest={restore.id === newest?.id}
                  mayRestore={mayRestore}
                  onAsk={(action) => setAsked({ restore, action })}
                />
              ))}
            </tbody>
          </Table>
        </Panel>
      ) : null}
      {asked ? (
        <KeptRestoreDialog
          engine={engine}
          connection={connection}
          environment={environment}
          restore={asked.restore}
          action={asked.action}
          onClose={() => setAsked({ ...asked, action: null })}
          onStarted={(started) => {
            setJobId(started);
            void list.refetch();
          }}
        />
      ) : null}
    </>
  );
}

interface KeptRowProps {
  restore: SwapView;
  /** Of the backup. */
  href: string;
  /** Only the last restore can be undone: an earlier one's result is not live any more. */
  isNewest: boolean;
  mayRestore: boolean;
  onAsk: (action: KeptAction) => void;
}

function KeptRow({ restore, href, isNewest, mayRestore, onAsk }: KeptRowProps) {
  const isUndone = restore.state === "undone";
  const what = isUndone ? "the restored copy" : "the state before";
  const size = restore.keptBytes === null ? "" : `, ${formatBytes(restore.keptBytes)}`;
  const exchange = { label: isUndone ? "Put it back again" : "Undo", action: isUndone ? ("again" as const) : ("undo" as const) };
  return (
    <TableRow tone={restore.error ? "amber" : undefined}>
      <RowHead className="max-md:py-1.5">
        <Link href={`${href}/restore?job=${restore.id}`} className="font-medium whitespace-nowrap hover:text-accent-text">
          <RelativeTime time={restore.createdAt} show="moment" />
        </Link>{" "}
        <span className="font-normal wrap-anywhere text-fg-2">into {restore.target}</span>
        <span className="block pb-1 text-12 font-normal text-fg-2 md:hidden">
          {what}
          {size}, kept until <RelativeTime time={restore.keptUntil} show="moment" inSentence />
        </span>
      </RowHead>
      <TableCell className="max-md:hidden">
        <Link href={href} className="font-mono text-12 wrap-anywhere hover:text-accent-text">
          {restore.backupId}
        </Link>
      </TableCell>
      <TableCell className="max-lg:hidden">{restore.userName}</TableCell>
      <TableCell>
        {isUnderWay(restore) ? (
          <StateBadge state={restore.error ? "to know" : "running"}>{restore.error ? "not settled" : restore.state}</StateBadge>
        ) : (
          <span className={isNewest ? "whitespace-nowrap" : "text-fg-3"}>
            {!isNewest ? "what a later restore left" : isUndone ? "the state before" : "the restored copy"}
          </span>
        )}
      </TableCell>
      <TableCell className="whitespace-nowrap max-md:hidden">{isUnderWay(restore) ? "both" : `${what}${size}`}</TableCell>
      <TableCell className="whitespace-nowrap max-md:hidden">
        <RelativeTime time={restore.keptUntil} show="moment" />{" "}
        <span className="text-12 text-fg-3">
          <RelativeTime time={restore.keptUntil} />
        </span>
      </TableCell>
      <TableCell className="text-right">
        {mayRestore && isChangeable(restore) ? (
          <span className="inline-flex items-center gap-1">
            {isNewest ? (
              <Button size="sm" variant="danger-line" className="max-md:hidden" onClick={() => onAsk(exchange.action)}>
                {isUndone ? <RotateCw aria-hidden /> : <Undo2 aria-hidden />}
                {exchange.label}
              </Button>
            ) : null}
            <RowMenu
              label={`More about the restore ${restore.id}`}
              items={[
                ...(isNewest ? [{ label: exchange.label, onSelect: () => onAsk(exchange.action) }] : []),
                { label: "Open the restore", href: `${href}/restore?job=${restore.id}` },
                { label: "Free the space", icon: <Trash2 aria-hidden />, danger: true, onSelect: () => onAsk("drop") },
              ]}
            />
          </span>
        ) : null}
      </TableCell>
    </TableRow>
  );
}
