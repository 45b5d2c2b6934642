"use client";
import { useState } from "react";
import type { SwapView } from "@/backups/backups.schema";
import { useApprovals } from "@/backups/use-approval";
import { ConfirmGrave } from "@/backups/confirm-grave";
import type { Environment } from "@/components/ui/badge";
import { RelativeTime } from "@/components/ui/relative-time";
import type { EngineId } from "@/engines";
import { formatBytes } from "@/lib/format";
import { trpc } from "@/trpc/client";

/** "again" puts the restored copy back in place after an undo. */
export type KeptAction = "undo" | "again" | "drop";

const WORDS: Record<KeptAction, { title: (target: string) => string; action: string }> = {
  undo: { title: (target) => `Undo the restore of ${target}`, action: "Undo this restore" },
  again: { title: (target) => `Put the restored copy of ${target} back again`, action: "Put it back again" },
  drop: { title: () => "Free the space of what is kept", action: "Free the space" },
};

interface KeptRestoreDialogProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
  restore: SwapView;
  /** Null: closed. */
  action: KeptAction | null;
  onClose: () => void;
  onStarted: (jobId: string) => void;
}

/** Undo, undo of the undo, and giving up what is kept: each with the typed name and a recent sign-in. */
export function KeptRestoreDialog({ engine, connection, environment, restore, action, onClose, onStarted }: KeptRestoreDialogProps) {
  // The words stay while the dialog fades out.
  const [last, setLast] = useState<KeptAction>("undo");
  if (action !== null && action !== last) setLast(action);
  const utilities = trpc.useUtils();
  const rule = useApprovals(engine, connection, { enabled: action !== null });
  const settled = {
    onSuccess: ({ jobId }: { jobId: string }) => {
      onStarted(jobId);
      void utilities.jobs.list.invalidate();
    },
  };
  const undo = trpc[engine].restores.undo.useMutation(settled);
  const drop = trpc[engine].restores.drop.useMutation(settled);
  return (
    <ConfirmGrave
      open={action !== null}
      onClose={onClose}
      title={WORDS[last].title(restore.target)}
      action={WORDS[last].action}
      expected={restore.target}
      environment={environment}
      run={(typed) => (last === "drop" ? drop : undo).mutateAsync({ connection, id: restore.id, confirm: typed })}
    >
      <Meaning action={last} restore={restore} />
      <Asked action={last} isTwoPerson={rule.data?.required ?? false} />
    </ConfirmGrave>
  );
}

const ASKED: Record<KeptAction, string> = {
  undo: "Undo needs no second person, also where replacing needs two.",
  again: "Replacing needs two persons here: this is done where two agreed to the restore.",
  drop: "It needs no second person, and takes the way back of everybody: tell them first.",
};

/** What is asked of who confirms. */
function Asked({ action, isTwoPerson }: { action: KeptAction; isTwoPerson: boolean }) {
  return (
    <p className="text-12 text-fg-3">
      Asked for: the name, typed, and your password when you signed in more than five minutes ago. {isTwoPerson ? ASKED[action] : null}
    </p>
  );
}

function Meaning({ action, restore }: { action: KeptAction; restore: SwapView }) {
  if (action === "undo")
    return (
      <p>
        What was live before the restore of <RelativeTime time={restore.createdAt} show="moment" inSentence /> is live again, all of it, in one step. What is
        live now, with everything written since, is kept aside: it can be put back again until its time is over.
      </p>
    );
  if (action === "again")
    return (
      <p>
        The restored copy, as it was when its restore was undone, is live again in one step. What is live now is kept aside and can be brought back the same
        way.
      </p>
    );
  return (
    <p>
      {restore.state === "undone" ? "The restored copy" : "What was live before the restore"} is dropped
      {restore.keptBytes === null ? "" : ` and ${formatBytes(restore.keptBytes)} come back`}. It cannot be brought back afterwards. What is live stays as it is.
    </p>
  );
}
