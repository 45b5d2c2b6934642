import type { BackupSummary } from "@/backups/backups.schema";
import { StateBadge } from "@/components/ui/badge";

/** What can be relied on: a verified backup was read back whole with equal counts. */
export function BackupBadges({ backup }: { backup: Pick<BackupSummary, "state" | "verifiedAt" | "verifiedHow" | "error"> }) {
  if (backup.state === "running") return <StateBadge state="running" />;
  if (backup.state === "failed") return <StateBadge state="failed" title={backup.error?.message ?? "failed"} />;
  return backup.verifiedAt === null ? (
    <StateBadge state="complete" />
  ) : (
    <StateBadge state="verified" title={`${backup.verifiedAt}: ${backup.verifiedHow ?? ""}`} />
  );
}
