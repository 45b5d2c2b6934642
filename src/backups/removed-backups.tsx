"use client";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Trash2 } from "lucide-react";
import Link from "next/link";
import { type RefObject, useEffect, useRef, useState } from "react";
import { BackupBadges } from "@/backups/backup-badges";
import type { BackupSummary } from "@/backups/backups.schema";
import { EngineMark } from "@/components/engine-mark";
import { ErrorNote } from "@/components/error-note";
import { later } from "@/components/later";
import { QueryError, type ReadableError } from "@/components/query-error";
import { CountBadge } from "@/components/ui/badge";
import { LoadMore } from "@/components/ui/load-more";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { RowMenu } from "@/components/ui/row-menu";
import { ActionsHead, ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { useToast } from "@/components/ui/toast";
import { ENGINES } from "@/engines";
import { formatBytes } from "@/lib/format";
import { trpc } from "@/trpc/client";

const ConfirmGrave = later(() => import("@/backups/confirm-grave").then((module) => module.ConfirmGrave));

const TITLE = "Backups of removed connections";
const PAGE_BACKUPS = 50;
const REFRESH_MS = 30_000;

/** For admins: backups that no page of a connection shows any more. Nothing is shown where there is none. */
export function RemovedBackups() {
  const list = useRemovedBackups();
  const [asked, setAsked] = useState<{ backup: BackupSummary; isOpen: boolean } | null>(null);
  const error = list.error as ReadableError | null;
  const backups = list.data?.pages.flatMap((page) => page.backups) ?? [];
  const panel = useFocusAfter(asked !== null, backups.length);
  return (
    <>
      {error && !list.data ? (
        <Panel aria-label={TITLE}>
          <PanelHead title={TITLE} />
          <QueryError error={error} onRetry={() => void list.refetch()} retrying={list.isFetching} />
        </Panel>
      ) : null}
      {backups.length > 0 ? (
        <Panel ref={panel} tabIndex={-1} aria-label={TITLE} className="-outline-offset-2">
          <PanelHead title={TITLE} badge={<CountBadge>{list.hasNextPage ? `${backups.length}+` : backups.length}</CountBadge>} />
          <p className="border-b border-line px-4 py-2.5 text-fg-2">
            <Link href="/settings/connections" className="text-accent-text underline">
              Add a connection
            </Link>{" "}
            again under its name, and its backups are back with it.
          </p>
          <RemovedTable backups={backups} onDelete={(backup) => setAsked({ backup, isOpen: true })} />
          {list.isFetchNextPageError ? (
            <PanelBody>
              <ErrorNote error={error} />
            </PanelBody>
          ) : null}
          <LoadMore hasMore={list.hasNextPage} loading={list.isFetchingNextPage} onLoad={() => void list.fetchNextPage()} what="older backups" />
        </Panel>
      ) : null}
      {asked ? (
        <DeleteDialog
          key={asked.backup.id}
          backup={asked.backup}
          open={asked.isOpen}
          onClose={() => setAsked({ ...asked, isOpen: false })}
          onSettled={() => void list.refetch()}
        />
      ) : null}
    </>
  );
}

function useRemovedBackups() {
  const utilities = trpc.useUtils();
  return useInfiniteQuery({
    queryKey: ["backups", "of removed connections"],
    queryFn: ({ pageParam, signal }) =>
      utilities.client.backups.removed.query({ limit: PAGE_BACKUPS, ...(pageParam ? { before: pageParam } : {}) }, { signal, context: { passive: true } }),
    initialPageParam: "",
    getNextPageParam: (last) => last.nextCursor,
    // A connection may have been removed, or added again, a second ago on another page.
    staleTime: 0,
    refetchInterval: REFRESH_MS,
  });
}

/** The row that was deleted took the focus with it: the panel has it then, so that the keyboard goes on from there. */
function useFocusAfter(isDeleting: boolean, count: number): RefObject<HTMLElement | null> {
  const panel = useRef<HTMLElement>(null);
  const last = useRef(count);
  useEffect(() => {
    const isFewer = count < last.current;
    last.current = count;
    if (isDeleting && isFewer && document.activeElement === document.body) panel.current?.focus({ preventScroll: true });
  }, [isDeleting, count]);
  return panel;
}

function RemovedTable({ backups, onDelete }: { backups: readonly BackupSummary[]; onDelete: (backup: BackupSummary) => void }) {
  return (
    <Table label="List of backups of removed connections">
      <TableHead>
        <tr>
          <ColumnHead>Connection</ColumnHead>
          <ColumnHead className="max-md:hidden">Engine</ColumnHead>
          <ColumnHead className="max-md:hidden">When</ColumnHead>
          <ColumnHead number className="max-md:hidden">
            Size
          </ColumnHead>
          <ColumnHead>State</ColumnHead>
          <ActionsHead />
        </tr>
      </TableHead>
      <tbody>
        {backups.map((backup) => (
          <RemovedRow key={backup.id} backup={backup} onDelete={() => onDelete(backup)} />
        ))}
      </tbody>
    </Table>
  );
}

function RemovedRow({ backup, onDelete }: { backup: BackupSummary; onDelete: () => void }) {
  return (
    <TableRow>
      <RowHead className="max-md:py-1.5">
        <span className="wrap-anywhere">{connectionOf(backup)}</span>
        <span className="block pb-1 text-12 font-normal text-fg-2 md:hidden">
          {ENGINES[backup.engine].label} · <RelativeTime time={backup.startedAt} show="moment" />
          {backup.bytes === null ? null : ` · ${formatBytes(backup.bytes)}`}
        </span>
      </RowHead>
      <TableCell className="max-md:hidden">
        <span className="inline-flex items-center gap-2">
          <EngineMark engine={backup.engine} />
          {ENGINES[backup.engine].label}
        </span>
      </TableCell>
      <TableCell className="whitespace-nowrap max-md:hidden">
        <RelativeTime time={backup.startedAt} show="moment" />{" "}
        <span className="text-12 text-fg-3">
          <RelativeTime time={backup.startedAt} />
        </span>
      </TableCell>
      <TableCell number className="font-medium max-md:hidden">
        {backup.bytes === null ? "" : formatBytes(backup.bytes)}
      </TableCell>
      <TableCell>
        <BackupBadges backup={backup} />
      </TableCell>
      <TableCell className="text-right">
        {backup.state === "running" ? null : (
          <RowMenu label={`More about the backup ${backup.id}`} items={[{ label: "Delete", icon: <Trash2 aria-hidden />, danger: true, onSelect: onDelete }]} />
        )}
      </TableCell>
    </TableRow>
  );
}

interface DeleteDialogProps {
  backup: BackupSummary;
  open: boolean;
  onClose: () => void;
  /** It is gone, or why not may be on the list: somebody else was faster, the connection is back. */
  onSettled: () => void;
}

function DeleteDialog({ backup, open, onClose, onSettled }: DeleteDialogProps) {
  const toast = useToast();
  const remove = trpc.backups.removeRemoved.useMutation({
    onSuccess: () => toast({ title: "The backup is deleted", tone: "plain" }),
    onSettled,
  });
  return (
    <ConfirmGrave
      open={open}
      onClose={onClose}
      title="Delete this backup"
      expected={backup.id}
      action="Delete backup"
      environment={backup.environment}
      run={(typed) => remove.mutateAsync({ id: backup.id, confirm: typed })}
    >
      <p>
        The backup of {ENGINES[backup.engine].label} / {connectionOf(backup)} of <RelativeTime time={backup.startedAt} show="exact" />
        {backup.bytes === null ? "" : `, ${formatBytes(backup.bytes)},`} goes away with its manifest and cannot be brought back, even when it is the last good
        one.
      </p>
    </ConfirmGrave>
  );
}

const connectionOf = (backup: BackupSummary): string => backup.connectionId.slice(backup.engine.length + 1);
