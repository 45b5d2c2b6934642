"use client";
import type { JobDetail } from "@/backups/backups.schema";
import { CopyButton } from "@/components/ui/copy-button";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { formatClock, formatCounted } from "@/lib/format";
import { useNow } from "@/components/ui/relative-time";

/** The log of a job, as it grows. */
export function JobLog({ log }: { log: JobDetail["log"] }) {
  const hydrated = useNow() !== null;
  return (
    <Panel>
      <PanelHead
        title="Log"
        note={formatCounted(log.length, { one: "line", many: "lines" })}
        end={<CopyButton label="Copy the log" text={() => log.map((line) => `${line.at} ${line.text}`).join("\n")} />}
      />
      <PanelBody className="py-2">
        {log.length === 0 ? <p className="py-2 text-fg-2">Nothing was written yet.</p> : null}
        <ol className="flex max-h-[60vh] flex-col gap-1 overflow-y-auto py-2 font-mono text-12" aria-live="polite">
          {log.map((line) => (
            <li key={line.id} className="flex gap-4">
              <time dateTime={line.at} className="shrink-0 text-fg-3" title={line.at}>
                {hydrated ? formatClock(line.at) : line.at.slice(11, 19)}
              </time>
              <span className="min-w-0 break-words">{line.text}</span>
            </li>
          ))}
        </ol>
      </PanelBody>
    </Panel>
  );
}
