"use client";
import { RotateCw, Trash2, Undo2 } from "lucide-react";
import { useState } from "react";
import type { SwapView } from "@/backups/backups.schema";
import { type KeptAction, KeptRestoreDialog } from "@/backups/kept-restore-dialog";
import { RunningJob } from "@/backups/running-job";
import { isChangeable, useKeptRestores } from "@/backups/use-kept-restore";
import { QueryError } from "@/components/query-error";
import type { Environment } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Note } from "@/components/ui/note";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { Progress } from "@/components/ui/progress";
import { RelativeTime, useNow } from "@/components/ui/relative-time";
import { LinesSkeleton } from "@/components/ui/skeleton";
import type { EngineId } from "@/engines";
import { formatBytes, formatDuration } from "@/lib/format";

interface UndoCardProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
  /** Of the restore. */
  id: string;
  mayRestore: boolean;
}

/** What is kept of one restore, for how long, and the way back. */
export function UndoCard({ engine, connection, environment, id, mayRestore }: UndoCardProps) {
  const list = useKeptRestores(engine, connection);
  const [action, setAction] = useState<KeptAction | null>(null);
  const [jobId, setJobId] = useState<string | null>(null);
  const restore = list.data?.restores.find((entry) => entry.id === id);
  if (!list.data)
    return (
      <Panel>
        <PanelHead title="Undo this restore" icon={<Undo2 aria-hidden />} />
        {list.error ? <QueryError error={list.error} onRetry={() => void list.refetch()} retrying={list.isFetching} /> : <LinesSkeleton lines={5} />}
      </Panel>
    );
  if (!restore) return null;
  return (
    <>
      {jobId ? <RunningJob jobId={jobId} onEnd={() => void list.refetch()} /> : null}
      <Panel>
        <PanelHead title={restore.state === "undone" ? "This restore was undone" : "Undo this restore"} icon={<Undo2 aria-hidden />} />
        <PanelBody className="flex flex-col gap-3">
          <Kept restore={restore} />
          {restore.error ? (
            <Note tone="amber" title={restore.error.message}>
              {restore.error.fix}
            </Note>
          ) : null}
          {mayRestore && isChangeable(restore) ? (
            <div className="flex flex-wrap items-center gap-2">
              {restore.state === "undone" ? (
                <Button variant="danger-line" onClick={() => setAction("again")}>
                  <RotateCw aria-hidden />
                  Put it back again
                </Button>
              ) : (
                <Button variant="danger-line" onClick={() => setAction("undo")}>
                  <Undo2 aria-hidden />
                  Undo this restore
                </Button>
              )}
              <Button variant="ghost" onClick={() => setAction("drop")}>
                <Trash2 aria-hidden />
                Free the space
              </Button>
            </div>
          ) : null}
        </PanelBody>
      </Panel>
      <KeptRestoreDialog
        engine={engine}
        connection={connection}
        environment={environment}
        restore={restore}
        action={action}
        onClose={() => setAction(null)}
        onStarted={(started) => {
          setJobId(started);
          void list.refetch();
        }}
      />
    </>
  );
}

function Kept({ restore }: { restore: SwapView }) {
  const now = useNow();
  const size = restore.keptBytes === null ? "" : `, ${formatBytes(restore.keptBytes)}`;
  if (restore.state === "dropped") return <p className="text-fg-2">Nothing is kept any more: this restore cannot be undone.</p>;
  if (!isChangeable(restore))
    return (
      <p className="text-fg-2" aria-live="polite">
        {restore.state === "swapping" ? "The swap is under way." : "The two states are being exchanged."} Both are kept.
      </p>
    );
  const whole = (Date.parse(restore.keptUntil) - Date.parse(restore.changedAt)) / 1000;
  const left = now === null ? null : Math.max(0, (Date.parse(restore.keptUntil) - now.getTime()) / 1000);
  return (
    <>
      <div>
        <p className="text-20 font-semibold">
          {left === null ? "24 h" : formatDuration(left >= 3600 ? Math.floor(left / 60) * 60 : left)}{" "}
          <span className="text-13 font-normal text-fg-2">left</span>
        </p>
        <Progress size="thin" className="mt-2" share={left === null ? 1 : left / whole} label="Time left to undo" />
      </div>
      <p className="text-12 text-fg-2">
        Possible until <RelativeTime time={restore.keptUntil} show="exact" />.{" "}
        {restore.state === "undone" ? `The restored copy is kept aside${size}.` : `What was live before is kept aside${size}.`}
      </p>
      <p className="rounded-md border border-line px-3 py-2 text-12 text-fg-2">
        {restore.state === "undone"
          ? "Putting it back again exchanges the two once more; what is live then is kept."
          : "Undo brings back what was live before. What was written since goes aside with the restored copy and is kept, too."}
      </p>
    </>
  );
}
