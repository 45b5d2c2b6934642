import { BadgeCheck, CircleX, Star } from "lucide-react";
import type { ReactNode } from "react";
import type { BackupDetail } from "@/backups/backups.schema";
import { CopyButton } from "@/components/ui/copy-button";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { capitalised, formatCount } from "@/lib/format";

export function Verified({ backup }: { backup: BackupDetail }) {
  if (backup.verifiedAt === null || backup.sha256 === null) return null;
  return (
    <TimedPanel title="Verified" icon={<BadgeCheck aria-hidden className="text-green" />} time={backup.verifiedAt}>
      <p className="text-fg-2">
        The file was read back whole and all {formatCount(backup.objectCount ?? 0)} counts are equal to the manifest: {backup.verifiedHow}.
      </p>
      <div className="mt-1">
        <p className="text-12 text-fg-3">SHA-256</p>
        <p className="flex items-center gap-2">
          <code className="min-w-0 font-mono text-12 break-all">{backup.sha256}</code>
          <CopyButton label="Copy the SHA-256" text={backup.sha256} />
        </p>
      </div>
    </TimedPanel>
  );
}

/** When a drill restored it aside and compared its content; or why the last one did not come out. */
export function Proved({ backup }: { backup: BackupDetail }) {
  return (
    <>
      {backup.provedAt === null ? null : (
        <TimedPanel title="Proved" icon={<Star aria-hidden className="fill-gold text-gold" />} time={backup.provedAt}>
          <p className="text-fg-2">Restored aside, compared and dropped.</p>
          <p className="text-12 break-words text-fg-3">{capitalised(backup.provedHow ?? "")}</p>
        </TimedPanel>
      )}
      {backup.drillError === null ? null : (
        <TimedPanel title="The last drill failed" icon={<CircleX aria-hidden className="text-red!" />} time={backup.drillFailedAt}>
          <p className="break-words text-red-text">{backup.drillError.message}</p>
          {backup.drillError.fix ? <p className="text-fg-2">{backup.drillError.fix}</p> : null}
          {backup.drillError.detail ? <code className="font-mono text-12 break-words text-fg-2">{backup.drillError.detail}</code> : null}
        </TimedPanel>
      )}
    </>
  );
}

interface TimedPanelProps {
  title: string;
  icon: ReactNode;
  /** When it was; null where nobody wrote it down. */
  time: string | null;
  children: ReactNode;
}

/** What a check came to, and how long ago. */
function TimedPanel({ title, icon, time, children }: TimedPanelProps) {
  return (
    <Panel>
      <PanelHead
        title={title}
        icon={icon}
        end={
          time === null ? null : (
            <span className="text-12 text-fg-3">
              <RelativeTime time={time} />
            </span>
          )
        }
      />
      <PanelBody className="flex flex-col gap-1">{children}</PanelBody>
    </Panel>
  );
}
