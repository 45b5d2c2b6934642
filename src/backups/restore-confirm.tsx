"use client";
import { useRef, useState } from "react";
import type { RestorePlan } from "@/backups/engine";
import { ReauthenticateField } from "@/components/reauthenticate-field";
import { Note } from "@/components/ui/note";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { TypedName } from "@/components/ui/typed-name";
import type { EngineId } from "@/engines";
import { trpc } from "@/trpc/client";

interface RestoreConfirmProps {
  engine: EngineId;
  connection: string;
  id: string;
  target: string;
  plan: RestorePlan;
  onStarted: (jobId: string) => void;
}

/** The typed name, checked on the server too; and the password when the sign-in is not recent. */
export function RestoreConfirm({ engine, connection, id, target, plan, onStarted }: RestoreConfirmProps) {
  const [typed, setTyped] = useState("");
  const [password, setPassword] = useState("");
  const key = useRef(crypto.randomUUID());
  const restore = trpc[engine].backups.restore.useMutation({ onSuccess: ({ jobId }) => onStarted(jobId) });
  const reauthenticate = trpc.session.reauthenticate.useMutation();
  const needsPassword = restore.error?.data?.detail === "REAUTHENTICATE";
  const problem = reauthenticate.error ?? (needsPassword ? null : restore.error);

  const run = async () => {
    if (restore.isPending || typed !== target) return;
    try {
      if (needsPassword) await reauthenticate.mutateAsync({ password });
      await restore.mutateAsync({ connection, id, target, confirm: typed, idempotencyKey: key.current });
    } catch {
      // Shown below.
    }
  };

  return (
    <form
      id="restore-confirm"
      className="mx-auto flex w-full max-w-4xl flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        void run();
      }}
    >
      <Panel>
        <PanelHead title="Type the name of the target" />
        <PanelBody className="flex flex-col gap-3 py-4">
          <TypedName id="typed" expected={target} value={typed} onChange={setTyped} serverChecks autoFocus />
          {needsPassword ? <ReauthenticateField value={password} onChange={setPassword} /> : null}
          {problem ? (
            <Note tone="red" role="alert" title={problem.message}>
              {problem.data?.fix}
            </Note>
          ) : null}
        </PanelBody>
      </Panel>
      <Panel>
        <PanelHead title="What will run" note="can be cancelled until it is kept" />
        <ol>
          {plan.steps.map((step, index) => (
            <li key={step.title} className="flex gap-x-4 border-t border-line-soft px-4 py-2 first:border-t-0 max-md:flex-wrap">
              <span className="text-fg-3">{index + 1}</span>
              <span className="w-40 shrink-0 grow-0 font-medium max-md:w-[calc(100%-32px)]">{step.title}</span>
              <span className="min-w-0 break-words text-fg-2 max-md:pl-6">{step.detail}</span>
            </li>
          ))}
        </ol>
      </Panel>
    </form>
  );
}
