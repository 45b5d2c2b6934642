"use client";
import { useEffect, useRef, useState } from "react";
import type { ReadableError } from "@/components/query-error";
import type { JobView } from "@/backups/backups.schema";
import { trpc } from "@/trpc/client";

/** A job as it changes; the last state stays when the stream has ended. Falls back to asking when the stream cannot be had. */
export function useJob(jobId: string, onEnd?: (job: JobView) => void): { job: JobView | undefined; error: ReadableError | null } {
  const first = trpc.jobs.get.useQuery({ id: jobId }, { refetchInterval: (query) => (query.state.data && query.state.data.endedAt === null ? 5_000 : false) });
  const [latest, setLatest] = useState<JobView>();
  const ended = useRef(false);
  const job = latest && !(first.data?.endedAt && latest.endedAt === null) ? latest : first.data;
  trpc.jobs.watch.useSubscription({ id: jobId }, { enabled: first.data !== undefined && first.data.endedAt === null && !ended.current, onData: setLatest });
  const refetch = first.refetch;
  useEffect(() => {
    if (!job || job.endedAt === null || ended.current) return;
    ended.current = true;
    void refetch();
    onEnd?.(job);
  }, [job, onEnd, refetch]);
  return { job, error: first.error };
}
