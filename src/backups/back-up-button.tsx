"use client";
import { DatabaseBackup } from "lucide-react";
import { useRef } from "react";
import { Button } from "@/components/ui/button";
import { useToast } from "@/components/ui/toast";
import { ENGINES, type EngineId } from "@/engines";
import { trpc } from "@/trpc/client";

/** Starts a backup. The key makes a double click one job. */
export function BackUpButton({
  engine,
  connection,
  size = "md",
  variant = "secondary",
}: {
  engine: EngineId;
  connection: string;
  size?: "sm" | "md";
  variant?: "primary" | "secondary";
}) {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const key = useRef<string | null>(null);
  const create = trpc[engine].backups.create.useMutation({
    onSuccess: ({ jobId }) => {
      toast({ title: `Backing up ${ENGINES[engine].label} / ${connection}`, tone: "plain", action: { label: "Open job", href: `/jobs/${jobId}` } });
      void utilities[engine].backups.list.invalidate();
      void utilities.backups.list.invalidate();
      void utilities.jobs.list.invalidate();
    },
    onError: (error) => toast({ title: error.message, detail: error.data?.fix, tone: "red" }),
    onSettled: () => (key.current = null),
  });
  return (
    <Button
      size={size}
      variant={variant}
      busy={create.isPending}
      onClick={() => {
        key.current ??= crypto.randomUUID();
        create.mutate({ connection, idempotencyKey: key.current });
      }}
    >
      <DatabaseBackup aria-hidden />
      Back up now
    </Button>
  );
}
