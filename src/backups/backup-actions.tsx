"use client";
import { BadgeCheck, FileJson, GitCompareArrows, ListTree, Star, Trash2 } from "lucide-react";
import { useRouter } from "next/navigation";
import { type ReactNode, useRef, useState } from "react";
import { backupsHref } from "@/backups/backup-href";
import type { BackupDetail } from "@/backups/backups.schema";
import type { BackupRights } from "@/backups/rights";
import { useBackupActions } from "@/backups/use-backup-actions";
import { later } from "@/components/later";
import type { Environment } from "@/components/ui/badge";
import { Button, ButtonLink } from "@/components/ui/button";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { useToast } from "@/components/ui/toast";
import { formatBytes } from "@/lib/format";
import { trpc } from "@/trpc/client";

const ConfirmGrave = later(() => import("@/backups/confirm-grave").then((module) => module.ConfirmGrave));

export interface BackupActionsProps {
  backup: BackupDetail;
  connection: string;
  environment: Environment;
  may: BackupRights;
  onCompare: () => void;
  /** A drill has begun. */
  onStarted: (jobId: string) => void;
}

export function BackupActions({ backup, connection, environment, may, onCompare, onStarted }: BackupActionsProps) {
  const actions = useBackupActions(backup);
  const isComplete = backup.state === "complete";
  return (
    <Panel>
      <PanelHead title="Actions" />
      <PanelBody className="flex flex-col gap-1 px-2 py-2">
        {isComplete && may.backup ? (
          <Act icon={<BadgeCheck aria-hidden />} busy={actions.verifying} onClick={actions.verify}>
            Verify again
          </Act>
        ) : null}
        {isComplete && may.restore ? <Prove backup={backup} connection={connection} onStarted={onStarted} /> : null}
        {isComplete ? (
          <Act icon={<GitCompareArrows aria-hidden />} onClick={onCompare}>
            Compare with live
          </Act>
        ) : null}
        {isComplete && may.download ? (
          <Act icon={<FileJson aria-hidden />} onClick={actions.downloadManifest}>
            Download manifest
          </Act>
        ) : null}
        <ButtonLink variant="ghost" className="justify-start px-2" href={`/jobs/${backup.jobId}`}>
          <ListTree aria-hidden />
          Open job
        </ButtonLink>
      </PanelBody>
      {may.administer && backup.state !== "running" ? <Remove backup={backup} connection={connection} environment={environment} /> : null}
    </Panel>
  );
}

function Act({ icon, busy, onClick, children }: { icon: ReactNode; busy?: boolean; onClick: () => void; children: ReactNode }) {
  return (
    <Button variant="ghost" className="justify-start px-2" busy={busy} onClick={onClick}>
      {icon}
      {children}
    </Button>
  );
}

/** A drill: restored aside, compared, dropped. Nothing live is touched, so nothing is typed. */
function Prove({ backup, connection, onStarted }: Pick<BackupActionsProps, "backup" | "connection" | "onStarted">) {
  const toast = useToast();
  const key = useRef<string | null>(null);
  const drill = trpc[backup.engine].backups.drill.useMutation({
    onSuccess: ({ jobId }) => onStarted(jobId),
    onError: (error) => toast({ title: error.message, detail: error.data?.fix, tone: "red" }),
    onSettled: () => (key.current = null),
  });
  return (
    <Act
      icon={<Star aria-hidden />}
      busy={drill.isPending}
      onClick={() => {
        key.current ??= crypto.randomUUID();
        drill.mutate({ connection, id: backup.id, idempotencyKey: key.current });
      }}
    >
      {backup.provedAt === null ? "Prove by a drill" : "Prove again"}
    </Act>
  );
}

function Remove({ backup, connection, environment }: Pick<BackupActionsProps, "backup" | "connection" | "environment">) {
  const [isAsked, setAsked] = useState<boolean | null>(null);
  const router = useRouter();
  const toast = useToast();
  const utilities = trpc.useUtils();
  const remove = trpc[backup.engine].backups.remove.useMutation({
    onSuccess: () => {
      toast({ title: "The backup is deleted", tone: "plain" });
      void utilities[backup.engine].backups.list.invalidate();
      void utilities.backups.list.invalidate();
      router.push(backupsHref(backup.engine, connection));
    },
  });
  return (
    <div className="border-t border-line px-2 py-2">
      <Button variant="ghost" className="w-full justify-start px-2 text-red-text! enabled:hover:bg-red-soft" onClick={() => setAsked(true)}>
        <Trash2 aria-hidden />
        Delete backup
      </Button>
      {isAsked === null ? null : (
        <ConfirmGrave
          open={isAsked}
          onClose={() => setAsked(false)}
          title="Delete this backup"
          expected={backup.id}
          action="Delete backup"
          environment={environment}
          run={(typed) => remove.mutateAsync({ connection, id: backup.id, confirm: typed })}
        >
          <p>
            The backup of <RelativeTime time={backup.startedAt} show="exact" />
            {backup.bytes === null ? "" : `, ${formatBytes(backup.bytes)},`} goes away with its manifest and cannot be brought back. The last good backup of a
            connection is never deleted.
          </p>
        </ConfirmGrave>
      )}
    </div>
  );
}
