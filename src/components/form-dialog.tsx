"use client";
import { useId } from "react";
import { ErrorNote } from "@/components/error-note";
import type { ReadableError } from "@/components/query-error";
import { Dialog, type DialogProps } from "@/components/ui/dialog";
import { FormFoot } from "@/components/ui/form-foot";

interface FormDialogProps extends Omit<DialogProps, "open" | "onOpenChange" | "foot"> {
  /** Where the dialog stays while it is closed, so that it can fade out; otherwise it is there only while it is open. */
  open?: boolean;
  onClose: () => void;
  onSubmit: () => void;
  /** Verb and object: "Add user". */
  action: string;
  /** Nothing is sent a second time meanwhile. */
  busy: boolean;
  /** Why the last try was refused; not for what is told by a toast. */
  error?: ReadableError | null;
}

/** A dialog that asks for a few things: its form, what went wrong, Cancel and the one act. */
export function FormDialog({ open = true, onClose, onSubmit, action, busy, error, children, ...dialog }: FormDialogProps) {
  const id = useId();
  return (
    <Dialog
      {...dialog}
      open={open}
      onOpenChange={(next) => !next && onClose()}
      foot={
        <FormFoot form={id} busy={busy} onCancel={onClose}>
          {action}
        </FormFoot>
      }
    >
      <form
        id={id}
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          // A dialog may stand inside another form, which must not hear of this one.
          event.stopPropagation();
          if (!busy) onSubmit();
        }}
      >
        {children}
        <ErrorNote error={error} />
      </form>
    </Dialog>
  );
}
