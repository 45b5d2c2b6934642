import { BadgeCheck, CircleX, Star } from "lucide-react";
import type { BackupDetail } from "@/backups/backups.schema";
import { CopyButton } from "@/components/ui/copy-button";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { capitalised } from "@/backups/restore-outcome";
import { formatCount } from "@/lib/format";

export function Verified({ backup }: { backup: BackupDetail }) {
  if (backup.verifiedAt === null || backup.sha256 === null) return null;
  return (
    <Panel>
      <PanelHead
        title="Verified"
        icon={<BadgeCheck aria-hidden className="text-green" />}
        end={
          <span className="text-12 text-fg-3">
            <RelativeTime time={backup.verifiedAt} />
          </span>
        }
      />
      <PanelBody className="flex flex-col gap-2">
        <p className="text-fg-2">
          The file was read back whole and all {formatCount(backup.objectCount ?? 0)} counts are equal to the manifest: {backup.verifiedHow}.
        </p>
        <div>
          <p className="text-12 text-fg-3">SHA-256</p>
          <p className="flex items-center gap-2">
            <code className="min-w-0 font-mono text-12 break-all">{backup.sha256}</code>
            <CopyButton label="Copy the SHA-256" text={backup.sha256} />
          </p>
        </div>
      </PanelBody>
    </Panel>
  );
}

/** When a drill restored it aside and compared its content; or why the last one did not come out. */
export function Proved({ backup }: { backup: BackupDetail }) {
  return (
    <>
      {backup.provedAt === null ? null : (
        <Panel>
          <PanelHead
            title="Proved"
            icon={<Star aria-hidden className="fill-gold text-gold" />}
            end={
              <span className="text-12 text-fg-3">
                <RelativeTime time={backup.provedAt} />
              </span>
            }
          />
          <PanelBody>
            <p className="text-fg-2">Restored aside, compared and dropped.</p>
            <p className="mt-1 text-12 break-words text-fg-3">{capitalised(backup.provedHow ?? "")}</p>
          </PanelBody>
        </Panel>
      )}
      {backup.drillError === null ? null : (
        <Panel>
          <PanelHead
            title="The last drill failed"
            icon={<CircleX aria-hidden className="text-red!" />}
            end={
              backup.drillFailedAt === null ? null : (
                <span className="text-12 text-fg-3">
                  <RelativeTime time={backup.drillFailedAt} />
                </span>
              )
            }
          />
          <PanelBody className="flex flex-col gap-1">
            <p className="break-words text-red-text">{backup.drillError.message}</p>
            {backup.drillError.fix ? <p className="text-fg-2">{backup.drillError.fix}</p> : null}
            {backup.drillError.detail ? <code className="font-mono text-12 break-words text-fg-2">{backup.drillError.detail}</code> : null}
          </PanelBody>
        </Panel>
      )}
    </>
  );
}
