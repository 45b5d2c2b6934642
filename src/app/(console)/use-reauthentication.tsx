"use client";

import { type ReactNode, useState } from "react";
import { FormDialog } from "@/components/form-dialog";
import type { ReadableError } from "@/components/query-error";
import { ReauthenticateField } from "@/components/reauthenticate-field";
import { useToast } from "@/components/ui/toast";
import { trpc } from "@/trpc/client";

interface Reauthentication {
  /** Runs a mutation; when the sign-in is too old for it, asks for the password and runs it again. Other errors become a toast. */
  guarded: (run: () => Promise<unknown>) => Promise<void>;
  /** Put it somewhere in the panel. */
  dialog: ReactNode;
}

/** For grave acts: `const { guarded, dialog } = useReauthentication(); guarded(() => setRole.mutateAsync(input))`. */
export function useReauthentication(): Reauthentication {
  const toast = useToast();
  const [waiting, setWaiting] = useState<(() => Promise<unknown>) | null>(null);

  async function guarded(run: () => Promise<unknown>): Promise<void> {
    try {
      await run();
    } catch (thrown) {
      const error = thrown as ReadableError;
      if (error.data?.detail === "REAUTHENTICATE") setWaiting(() => run);
      else toast({ title: error.message, detail: error.data?.fix, tone: "red" });
    }
  }

  return {
    guarded,
    dialog: waiting ? (
      <ReauthenticateDialog
        onClose={() => setWaiting(null)}
        onDone={() => {
          setWaiting(null);
          void guarded(waiting);
        }}
      />
    ) : null,
  };
}

function ReauthenticateDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [password, setPassword] = useState("");
  const reauthenticate = trpc.session.reauthenticate.useMutation({ onSuccess: onDone, onError: () => setPassword("") });
  return (
    <FormDialog
      size="sm"
      title="Is it still you?"
      action="Go on"
      busy={reauthenticate.isPending}
      error={reauthenticate.error}
      onClose={onClose}
      onSubmit={() => reauthenticate.mutate({ password })}
    >
      <ReauthenticateField value={password} onChange={setPassword} />
    </FormDialog>
  );
}
