"use client";

import { type ReactNode, useId, useState } from "react";
import type { ReadableError } from "@/components/query-error";
import { ReauthenticateField } from "@/components/reauthenticate-field";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Note } from "@/components/ui/note";
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
  const id = useId();
  const [password, setPassword] = useState("");
  const reauthenticate = trpc.session.reauthenticate.useMutation({ onSuccess: onDone, onError: () => setPassword("") });
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="sm"
      title="Is it still you?"
      foot={
        <>
          <Button variant="ghost" onClick={onClose}>
            Cancel
          </Button>
          <Button variant="primary" type="submit" form={id} busy={reauthenticate.isPending}>
            Go on
          </Button>
        </>
      }
    >
      <form
        id={id}
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          // A form inside a dialog inside a form: the outer one must not hear of it.
          event.stopPropagation();
          reauthenticate.mutate({ password });
        }}
      >
        <ReauthenticateField value={password} onChange={setPassword} />
        {reauthenticate.error ? (
          <Note tone="red" role="alert" title={reauthenticate.error.message}>
            {reauthenticate.error.data?.fix}
          </Note>
        ) : null}
      </form>
    </Dialog>
  );
}
