"use client";

import { type ReactNode, useId, useState } from "react";
import { type Environment, EnvironmentLabel } from "@/components/ui/badge";
import { Dialog } from "@/components/ui/dialog";
import { FormFoot } from "@/components/ui/form-foot";
import { Note } from "@/components/ui/note";
import { TypedName } from "@/components/ui/typed-name";

export interface ConfirmDangerProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** "Delete the backup of Sat 21 Nov 2026" */
  title: string;
  /** The name to type. */
  expected: string;
  /** Verb and object: "Delete backup". */
  action: string;
  environment?: Environment;
  /** Gets what was typed; the server compares it again. Stays open until the promise is settled and the caller closes it. */
  onConfirm: (typed: string) => void | Promise<void>;
  busy?: boolean;
  /** Why the last try was refused. */
  error?: string | null | undefined;
  /** True when the procedure compares the typed name too; only then does the dialog say so. */
  serverChecks?: boolean;
  /** Under the typed name: the password, when it is asked for again. */
  below?: ReactNode;
  /** What will be gone, in words and figures. */
  children?: ReactNode;
}

export function ConfirmDanger({
  open,
  onOpenChange,
  title,
  expected,
  action,
  environment,
  onConfirm,
  busy = false,
  error,
  serverChecks = false,
  below,
  children,
}: ConfirmDangerProps) {
  const id = useId();
  const [typed, setTyped] = useState("");
  const change = (next: boolean): void => {
    setTyped("");
    onOpenChange(next);
  };
  return (
    <Dialog
      open={open}
      onOpenChange={change}
      title={title}
      size="md"
      badges={environment ? <EnvironmentLabel environment={environment} solid /> : null}
      foot={
        <FormFoot variant="danger" form={`${id}-form`} busy={busy} disabled={typed !== expected} onCancel={() => change(false)}>
          {action}
        </FormFoot>
      }
    >
      <form
        id={`${id}-form`}
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (typed === expected && !busy) void onConfirm(typed);
        }}
      >
        {children ? <div className="text-fg-2">{children}</div> : null}
        <TypedName id={`${id}-name`} expected={expected} value={typed} onChange={setTyped} serverChecks={serverChecks} autoFocus />
        {below}
        {error ? (
          <Note tone="red" role="alert">
            {error}
          </Note>
        ) : null}
      </form>
    </Dialog>
  );
}
