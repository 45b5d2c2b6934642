"use client";
import { CircleX, FileUp, X } from "lucide-react";
import { useRouter } from "next/navigation";
import { type DragEvent, useId, useState } from "react";
import type { JobView } from "@/backups/backups.schema";
import { RunningJob } from "@/backups/running-job";
import { useUpload } from "@/backups/use-upload";
import { Button, IconButton } from "@/components/ui/button";
import { Note } from "@/components/ui/note";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { Progress } from "@/components/ui/progress";
import { useToast } from "@/components/ui/toast";
import type { EngineId } from "@/engines";
import { formatBytes, formatDuration } from "@/lib/format";
import { trpc } from "@/trpc/client";

/** What can be taken in, in words. It is recognised by its content, not by its name. */
const TAKEN: Record<EngineId, string> = {
  postgres: "A file of pg_dump -Fc (custom format). Plain SQL cannot be taken: nothing can be proved of it.",
  mongodb: "A mongodump archive, plain or gzip, or a dump folder packed as tar.",
  redis: "An RDB file (dump.rdb) of Redis or Valkey, or a Redis backup of another console.",
  sqlite: "A SQLite database file, as it lies or from .backup.",
};

interface UploadPanelProps {
  engine: EngineId;
  connection: string;
  maxBytes: number;
  onClose: () => void;
}

/** Takes in a backup that was made elsewhere: sent as a stream, read whole, then in the list as "uploaded, not ours". */
export function UploadPanel({ engine, connection, maxBytes, onClose }: UploadPanelProps) {
  const id = useId();
  const [isOver, setOver] = useState(false);
  const { upload, start, refuse, cancel, reset } = useUpload(engine, connection);
  const router = useRouter();
  const toast = useToast();
  const utilities = trpc.useUtils();

  const take = (files: FileList | null) => {
    const [file] = files ?? [];
    if (!file) return;
    if (files && files.length > 1) return refuse({ title: "That was more than one file", fix: "Choose one; pack a folder as tar." });
    if (file.size === 0) return refuse({ title: `${file.name} is empty, or a folder`, fix: "Choose a file; pack a folder as tar." });
    if (file.size > maxBytes)
      return refuse({
        title: `${file.name} has ${formatBytes(file.size)}, more than ${formatBytes(maxBytes)}`,
        fix: "Restore it with the engine's own tools.",
      });
    start(file);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (upload.state === "idle") take(event.dataTransfer.files);
  };
  const ended = (job: JobView) => {
    void utilities[engine].backups.list.invalidate();
    void utilities.backups.list.invalidate();
    if (job.state === "succeeded" && upload.state === "sent") {
      toast({ title: `${upload.name} is taken in and verified`, tone: "green" });
      router.push(`/manage-dbs/${job.connectionId}/backups/${encodeURIComponent(upload.backupId)}`);
    } else refuse({ title: job.error?.message ?? "The file was not taken in", fix: job.error?.fix ?? null });
  };

  if (upload.state === "sent") return <RunningJob jobId={upload.jobId} onEnd={ended} />;
  return (
    <Panel aria-label="Upload a backup">
      <PanelHead
        title="Upload a backup made elsewhere"
        end={
          upload.state === "idle" ? (
            <IconButton label="Close the upload" size="sm" onClick={onClose}>
              <X aria-hidden />
            </IconButton>
          ) : (
            <Button size="sm" onClick={cancel}>
              <X aria-hidden />
              Cancel
            </Button>
          )
        }
      />
      <PanelBody className="flex min-h-44 flex-col gap-3">
        {upload.state === "sending" ? (
          <Sending name={upload.name} done={upload.bytesDone} total={upload.bytesTotal} rate={upload.bytesPerSecond} />
        ) : (
          <>
            <label
              htmlFor={id}
              onDragOver={(event) => {
                event.preventDefault();
                setOver(true);
              }}
              onDragLeave={() => setOver(false)}
              onDrop={drop}
              className={`flex min-h-28 cursor-pointer flex-col items-center justify-center gap-1 rounded-lg border border-dashed px-4 py-5 text-center has-focus-visible:outline-2 has-focus-visible:outline-accent ${isOver ? "border-accent bg-accent-soft" : "border-line-strong hover:bg-hover"}`}
            >
              <FileUp aria-hidden className="size-5 text-fg-2" />
              <span className="font-medium">
                <span className="text-accent-text">Choose a file</span> or drop it here
              </span>
              <span className="text-12 text-fg-2">{TAKEN[engine]}</span>
              <span className="text-12 text-fg-3">Up to {formatBytes(maxBytes)}. It is read whole before it is in the list.</span>
              <input
                id={id}
                type="file"
                className="sr-only"
                onChange={(event) => {
                  take(event.target.files);
                  event.target.value = "";
                }}
              />
            </label>
            {upload.problem ? (
              <Note
                tone="red"
                role="alert"
                icon={<CircleX aria-hidden />}
                title={`${upload.problem.title}.`}
                end={
                  <Button size="sm" onClick={reset}>
                    Dismiss
                  </Button>
                }
              >
                {upload.problem.fix}
              </Note>
            ) : null}
          </>
        )}
      </PanelBody>
    </Panel>
  );
}

function Sending({ name, done, total, rate }: { name: string; done: number; total: number; rate: number }) {
  const left = rate > 0 ? (total - done) / rate : null;
  return (
    <div className="flex grow flex-col justify-center gap-2">
      <p className="flex flex-wrap items-baseline gap-x-3">
        <span className="min-w-0 font-medium wrap-anywhere">{name}</span>
        <span className="ml-auto whitespace-nowrap">
          {formatBytes(done)} of {formatBytes(total)}
        </span>
      </p>
      <Progress share={total === 0 ? null : done / total} label={`Uploading ${name}`} />
      <p className="text-12 text-fg-2" aria-live="off">
        {done >= total
          ? "Everything has left; the console writes it down."
          : left === null
            ? "Starting."
            : `${formatBytes(rate)}/s, about ${formatDuration(left)} left. Stay on this page until it is sent.`}
      </p>
    </div>
  );
}
