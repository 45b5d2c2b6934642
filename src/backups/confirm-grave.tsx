"use client";
import { type ReactNode, useState } from "react";
import type { ReadableError } from "@/components/query-error";
import { ReauthenticateField } from "@/components/reauthenticate-field";
import type { Environment } from "@/components/ui/badge";
import { ConfirmDanger } from "@/components/ui/confirm-danger";
import { trpc } from "@/trpc/client";

interface ConfirmGraveProps {
  open: boolean;
  onClose: () => void;
  title: string;
  /** The name to type; the server compares it, too. */
  expected: string;
  /** Verb and object. */
  action: string;
  environment: Environment;
  /** Calls the procedure with what was typed. The dialog stays open with the words of its error. */
  run: (typed: string) => Promise<unknown>;
  children: ReactNode;
}

/** A typed name, and the password when the sign-in is older than five minutes: for what cannot be taken back by a click. */
export function ConfirmGrave({ open, onClose, title, expected, action, environment, run, children }: ConfirmGraveProps) {
  const [error, setError] = useState<ReadableError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [needsPassword, setNeedsPassword] = useState(false);
  const [password, setPassword] = useState("");
  const reauthenticate = trpc.session.reauthenticate.useMutation();
  const close = () => {
    setError(null);
    setNeedsPassword(false);
    setPassword("");
    onClose();
  };
  const confirm = async (typed: string) => {
    setBusy(true);
    setError(null);
    try {
      if (needsPassword) await reauthenticate.mutateAsync({ password });
      await run(typed);
      close();
    } catch (thrown) {
      const failure = thrown as ReadableError;
      if (failure.data?.detail === "REAUTHENTICATE") setNeedsPassword(true);
      else setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <ConfirmDanger
      open={open}
      onOpenChange={(next) => !next && close()}
      title={title}
      action={action}
      expected={expected}
      environment={environment}
      serverChecks
      busy={isBusy}
      error={error ? [error.message, error.data?.fix].filter(Boolean).join(". ") : null}
      onConfirm={confirm}
      below={needsPassword ? <ReauthenticateField value={password} onChange={setPassword} /> : null}
    >
      {children}
    </ConfirmDanger>
  );
}
