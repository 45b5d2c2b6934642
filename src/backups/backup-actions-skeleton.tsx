import type { BackupActionsProps } from "@/backups/backup-actions";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { Skeleton } from "@/components/ui/skeleton";

/** As high as the actions will be. */
export function BackupActionsSkeleton({ backup, may }: BackupActionsProps) {
  const isComplete = backup.state === "complete";
  const others = isComplete ? [may.backup, may.restore, true, may.download].filter(Boolean).length : 0;
  return (
    <Panel aria-busy>
      <PanelHead title="Actions" />
      <PanelBody className="flex flex-col gap-1 px-2 py-2">
        {Array.from({ length: others + 1 }, (_, index) => (
          <div key={index} className="flex h-8 items-center px-2">
            <Skeleton className="h-3 w-32" />
          </div>
        ))}
      </PanelBody>
      {may.administer && backup.state !== "running" ? <div className="h-12.25 border-t border-line" /> : null}
    </Panel>
  );
}
