"use client";
import { backupHref } from "@/backups/backup-href";
import type { BackupSummary } from "@/backups/backups.schema";
import type { BackupRights } from "@/backups/rights";
import { useBackupActions } from "@/backups/use-backup-actions";
import { RowMenu } from "@/components/ui/row-menu";

/** What can be done with one backup of the list. */
export function BackupMenu({ backup, may }: { backup: BackupSummary; may: BackupRights }) {
  const actions = useBackupActions(backup);
  const isComplete = backup.state === "complete";
  return (
    <RowMenu
      label={`More about the backup ${backup.id}`}
      items={[
        { label: "Open", href: backupHref(backup) },
        ...(isComplete && may.restore ? [{ label: "Restore", href: backupHref(backup, "/restore") }] : []),
        { label: "Open job", href: `/jobs/${backup.jobId}` },
        ...(isComplete && may.backup ? [{ label: "Verify again", onSelect: actions.verify }] : []),
        ...(isComplete && may.download
          ? [
              { label: "Download", onSelect: actions.download },
              { label: "Download manifest", onSelect: actions.downloadManifest },
            ]
          : []),
      ]}
    />
  );
}
