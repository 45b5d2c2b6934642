"use client";
import { useToast } from "@/components/ui/toast";
import type { ReadableError } from "@/components/query-error";
import type { BackupSummary } from "@/backups/backups.schema";
import { fetchFile } from "@/lib/fetch-file";
import { trpc } from "@/trpc/client";

/** Verify and download of one backup. A download asks for a fresh single-use link each time. */
export function useBackupActions(backup: Pick<BackupSummary, "id" | "engine" | "connectionId">) {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const { engine } = backup;
  const connection = backup.connectionId.slice(engine.length + 1);
  const failed = (error: ReadableError) => toast({ title: error.message, detail: error.data?.fix, tone: "red" });
  const verify = trpc[engine].backups.verify.useMutation({
    onSuccess: ({ jobId }) => {
      toast({ title: "Reading the backup back", action: { label: "Open job", href: `/jobs/${jobId}` } });
      void utilities.jobs.list.invalidate();
    },
    onError: failed,
  });
  const download = async (part: "artefact" | "manifest") => {
    try {
      fetchFile(await utilities.client[engine].backups.download.query({ connection, id: backup.id, part }));
    } catch (error) {
      failed(error as ReadableError);
    }
  };
  return {
    verify: () => verify.mutate({ connection, id: backup.id }),
    verifying: verify.isPending,
    download: () => void download("artefact"),
    downloadManifest: () => void download("manifest"),
  };
}
