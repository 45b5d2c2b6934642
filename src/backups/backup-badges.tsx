import type { BackupSummary } from "@/backups/backups.schema";
import { backupFormat } from "@/engines";
import { Badge, StateBadge } from "@/components/ui/badge";
import { formatUtc } from "@/lib/format";

type Shown = Pick<
  BackupSummary,
  "state" | "verifiedAt" | "verifiedHow" | "provedAt" | "provedHow" | "origin" | "takenFrom" | "isElsewhere" | "error" | "engine" | "format"
>;

/** What can be relied on: a verified backup was read back whole with equal counts, a proved one was restored and compared. */
export function BackupBadges({ backup }: { backup: Shown }) {
  if (backup.state === "running") return <StateBadge state="running" />;
  const format = backupFormat(backup.engine, backup.format);
  return (
    <span className="inline-flex flex-wrap items-center gap-1">
      {backup.state === "failed" ? <StateBadge state="failed" title={backup.error?.message ?? "failed"} /> : null}
      {backup.state === "complete" && backup.verifiedAt === null ? <StateBadge state="complete" /> : null}
      {backup.state === "complete" && backup.verifiedAt !== null ? (
        <StateBadge state="verified" title={`Read back whole on ${formatUtc(backup.verifiedAt)}: ${backup.verifiedHow ?? ""}`} />
      ) : null}
      {backup.state === "complete" && backup.provedAt !== null ? (
        <StateBadge state="proved" title={`Restored aside, compared and dropped on ${formatUtc(backup.provedAt)}: ${backup.provedHow ?? ""}`} />
      ) : null}
      {format ? (
        <Badge tone="plain" title={format.words}>
          {format.label}
        </Badge>
      ) : null}
      {backup.origin === "upload" ? (
        <Badge tone="plain" title="Made elsewhere and uploaded: this console did not write it">
          uploaded, not ours
        </Badge>
      ) : null}
      {backup.isElsewhere ? (
        <Badge tone="amber" title={`Taken from ${backup.takenFrom ?? "another database"}, which this connection does not open any more`}>
          of another database
        </Badge>
      ) : null}
    </span>
  );
}
