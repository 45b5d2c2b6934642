"use client";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import type { Environment } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { ConfirmDanger } from "@/components/ui/confirm-danger";
import { useToast } from "@/components/ui/toast";
import { formatBytes, formatCount } from "@/lib/format";
import { trpc, type RouterOutputs } from "@/trpc/client";
import type { RedisBytes } from "../../redis.schema";
import { addressOf } from "./key-names";

interface DeleteKeyProps {
  connection: string;
  environment: Environment;
  db: number;
  name: RedisBytes;
  title: string;
  detail: RouterOutputs["redis"]["keys"]["get"];
  onDeleted: () => void;
  onClose: () => void;
}

/** Deletes the key after its name was typed. There is no undo: Redis keeps nothing. */
export function DeleteKey({ connection, environment, db, name, title, detail, onDeleted, onClose }: DeleteKeyProps) {
  const [open, setOpen] = useState(false);
  const toast = useToast();
  const deletion = trpc.redis.keys.delete.useMutation();
  const address = addressOf(name);
  if (!address) return null;
  const shown = title === "" ? "''" : title;
  const confirm = (): void =>
    deletion.mutate(
      { connection, db, ...address },
      {
        onSuccess: () => {
          setOpen(false);
          toast({ title: `Deleted ${shown}`, detail: `db${db}` });
          onDeleted();
          onClose();
        },
      },
    );
  return (
    <>
      <Button
        variant="danger-line"
        onClick={() => {
          deletion.reset();
          setOpen(true);
        }}
      >
        <Trash2 aria-hidden />
        Delete key
      </Button>
      <ConfirmDanger
        open={open}
        onOpenChange={setOpen}
        title="Delete this key"
        expected={shown}
        action="Delete key"
        environment={environment}
        onConfirm={confirm}
        busy={deletion.isPending}
        error={deletion.error?.message}
      >
        <p>
          A {detail.type} {sizeOf(detail)} in db{db} of {connection} will be gone. Redis cannot bring it back; only a backup can.
        </p>
      </ConfirmDanger>
    </>
  );
}

function sizeOf({ type, length, memoryBytes }: DeleteKeyProps["detail"]): string {
  if (length === null) return memoryBytes === null ? "" : `of ${formatBytes(memoryBytes)}`;
  return type === "string" ? `of ${formatBytes(length)}` : `with ${formatCount(length)} ${length === 1 ? "element" : "elements"}`;
}
