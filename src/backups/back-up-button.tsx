"use client";
import { ChevronDown, DatabaseBackup } from "lucide-react";
import { useRef } from "react";
import { Button } from "@/components/ui/button";
import { Menu } from "@/components/ui/menu";
import { useToast } from "@/components/ui/toast";
import { ENGINES, type EngineId } from "@/engines";
import { trpc } from "@/trpc/client";

/** Starts a backup; where there are other formats, a menu beside it asks for one. The key makes a double click one job. */
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
  const start = (format?: string): void => {
    key.current ??= crypto.randomUUID();
    create.mutate({ connection, idempotencyKey: key.current, format });
  };
  const { formats } = ENGINES[engine];
  const button = (
    <Button size={size} variant={variant} busy={create.isPending} onClick={() => start()}>
      <DatabaseBackup aria-hidden />
      Back up now
    </Button>
  );
  if (!formats) return button;
  return (
    <span className="inline-flex gap-1">
      {button}
      <Menu
        trigger={
          <Button size={size} variant={variant} className="px-1.5" aria-label="Other formats of a backup">
            <ChevronDown aria-hidden />
          </Button>
        }
        head={<p className="max-w-80 text-12 text-fg-2">{formats.map(({ words }) => words).join(" ")}</p>}
        items={formats.map(({ id, action }) => ({ label: action, onSelect: () => start(id) }))}
      />
    </span>
  );
}
