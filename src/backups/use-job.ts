"use client";
import { useEffect, useRef, useState } from "react";
import type { JobView } from "@/backups/backups.schema";
import type { ReadableError } from "@/components/query-error";
import { trpc } from "@/trpc/client";

const ASK_EVERY_MS = 5_000;

/** A job as it changes: by its stream, and by asking in case the stream cannot be had. `onEnd` is called once. */
export function useJob(jobId: string, onEnd?: (job: JobView) => void): { job: JobView | undefined; error: ReadableError | null } {
  const asked = trpc.jobs.get.useQuery({ id: jobId }, { refetchInterval: (query) => (query.state.data?.endedAt === null ? ASK_EVERY_MS : false) });
  const [streamed, setStreamed] = useState<JobView>();
  const running = asked.data?.endedAt === null && streamed?.endedAt == null;
  useEffect(() => (running ? watchJob(jobId, setStreamed) : undefined), [jobId, running]);
  const job = asked.data?.endedAt != null ? asked.data : (streamed ?? asked.data);
  const told = useRef(false);
  const { refetch } = asked;
  useEffect(() => {
    if (!job || job.endedAt === null || told.current) return;
    told.current = true;
    void refetch();
    onEnd?.(job);
  }, [job, onEnd, refetch]);
  return { job, error: asked.error };
}

/** Tells each change of a job; the browser takes up a broken stream again. By hand, as the link for subscriptions is on no other page. */
function watchJob(id: string, onChange: (job: JobView) => void): () => void {
  const source = new EventSource(`/api/trpc/jobs.watch?input=${encodeURIComponent(JSON.stringify({ id }))}`);
  const close = () => source.close();
  source.addEventListener("message", (event: MessageEvent<string>) => onChange(JSON.parse(event.data)));
  for (const ending of ["return", "serialized-error"]) source.addEventListener(ending, close);
  return close;
}
