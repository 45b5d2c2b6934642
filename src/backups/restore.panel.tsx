"use client";
import { ArrowRight, Lock, RotateCcw } from "lucide-react";
import { useState } from "react";
import { backupHref } from "@/backups/backups.panel";
import { RestoreConfirm } from "@/backups/restore-confirm";
import { RestoreRun } from "@/backups/restore-run";
import { RestorePlanView } from "@/backups/restore-plan-view";
import { QueryError } from "@/components/query-error";
import { ShellCrumbs } from "@/components/shell/app-shell";
import { Button, ButtonLink } from "@/components/ui/button";
import { EnvironmentLabel, type Environment } from "@/components/ui/badge";
import { Field, Input } from "@/components/ui/input";
import { PageHeader } from "@/components/ui/page-header";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { Stepper } from "@/components/ui/stepper";
import { ENGINES, type EngineId } from "@/engines";
import { formatBytes } from "@/lib/format";
import { trpc } from "@/trpc/client";

const STEPS = ["Target", "Plan", "Confirm", "Run"] as const;

interface RestorePanelProps {
  engine: EngineId;
  connection: string;
  id: string;
  environment: Environment;
}

/** Four steps, a page of its own: where to, what it does, the typed name, the run. */
export function RestorePanel({ engine, connection, id, environment }: RestorePanelProps) {
  const backup = trpc[engine].backups.get.useQuery({ connection, id });
  const [step, setStep] = useState(0);
  const [target, setTarget] = useState("");
  const [jobId, setJobId] = useState<string | null>(null);
  const [failed, setFailed] = useState(false);
  const plan = trpc[engine].backups.plan.useMutation({ onSuccess: () => setStep(1) });
  if (backup.error && !backup.data)
    return <QueryError className="grow" error={backup.error} onRetry={() => void backup.refetch()} retrying={backup.isFetching} />;
  if (!backup.data)
    return (
      <div className="p-4">
        <LinesSkeleton lines={8} />
      </div>
    );
  const blocked = plan.data?.checks.some((check) => check.result === "fail") ?? false;
  const back = backupHref(backup.data);

  return (
    <div className="flex min-h-0 grow flex-col">
      <ShellCrumbs
        crumbs={[
          { label: "Backups", href: `/manage-dbs/${engine}/${encodeURIComponent(connection)}/backups` },
          { label: backup.data.id, href: back },
          { label: "Restore" },
        ]}
      />
      <div className="flex min-h-0 grow flex-col gap-4 overflow-y-auto p-4 *:shrink-0 max-md:p-3">
        <PageHeader
          title={step === 0 ? "Restore a backup" : `Restore into ${target}`}
          badges={<EnvironmentLabel environment={environment} solid />}
          below
          note={
            <>
              from the backup of <RelativeTime time={backup.data.startedAt} show="exact" /> · {formatBytes(backup.data.bytes ?? 0)} ·{" "}
              <code className="font-mono">{backup.data.id}</code>
            </>
          }
          end={<Stepper label="Steps of the restore" steps={STEPS} current={failed ? 3 : step} failed={failed} />}
        />
        {step === 0 ? (
          <TargetStep engine={engine} target={target} onChange={setTarget} error={plan.error} onNext={() => plan.mutate({ connection, id, target })} />
        ) : null}
        {step === 1 && plan.data ? <RestorePlanView plan={plan.data} itemWord={ENGINES[engine].itemWord.many} /> : null}
        {step === 2 && plan.data ? (
          <RestoreConfirm
            engine={engine}
            connection={connection}
            id={id}
            target={target}
            plan={plan.data}
            onStarted={(started) => {
              setJobId(started);
              setStep(3);
            }}
          />
        ) : null}
        {step === 3 && jobId ? <RestoreRun engine={engine} jobId={jobId} back={back} onFailed={() => setFailed(true)} /> : null}
      </div>
      {step < 3 ? (
        <footer className="flex min-h-15 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-t border-line bg-surface px-4 max-md:px-3 max-md:py-2">
          <span className="flex items-center gap-2 text-fg-2 max-md:text-12">
            <Lock aria-hidden className="size-3.5" />
            Nothing has been changed yet
          </span>
          <span className="ml-auto flex min-w-0 flex-wrap items-center justify-end gap-2">
            <ButtonLink variant="ghost" href={back}>
              Cancel
            </ButtonLink>
            {step > 0 ? <Button onClick={() => setStep(step - 1)}>Back to {STEPS[step - 1]?.toLowerCase()}</Button> : null}
            {step === 0 ? (
              <Button variant="primary" form="restore-target" type="submit" busy={plan.isPending} disabled={target === ""}>
                Go on to plan
                <ArrowRight aria-hidden />
              </Button>
            ) : null}
            {step === 1 ? (
              <Button variant="primary" disabled={blocked} onClick={() => setStep(2)}>
                Go on to confirm
                <ArrowRight aria-hidden />
              </Button>
            ) : null}
            {step === 2 ? (
              <Button variant="primary" form="restore-confirm" type="submit">
                <RotateCcw aria-hidden />
                Restore into {target}
              </Button>
            ) : null}
          </span>
        </footer>
      ) : null}
    </div>
  );
}

const TARGET_WORDS: Record<EngineId, { label: string; hint: string; example: string }> = {
  sqlite: { label: "Name of the new file", hint: "It is made beside the origin and opened as a connection of its own.", example: "bookshop-copy.sqlite" },
  redis: { label: "Number of an empty logical database", hint: "Keys are restored into it; it must hold none. Several at once: 0:5,3:6.", example: "5" },
  postgres: { label: "Name of the new database", hint: "It is made on the same server and opened as a connection of its own.", example: "bookshop_copy" },
  mongodb: { label: "Name of the new database", hint: "It must not exist on the server, or be empty.", example: "bookshop_copy" },
};

interface TargetStepProps {
  engine: EngineId;
  target: string;
  onChange: (target: string) => void;
  error: Parameters<typeof QueryError>[0]["error"] | null;
  onNext: () => void;
}

function TargetStep({ engine, target, onChange, error, onNext }: TargetStepProps) {
  const words = TARGET_WORDS[engine];
  return (
    <form
      id="restore-target"
      className="mx-auto w-full max-w-2xl"
      onSubmit={(event) => {
        event.preventDefault();
        onNext();
      }}
    >
      <Panel>
        <PanelHead title="Where to" note="aside, into a new name: what is live is not touched" />
        <PanelBody className="flex flex-col gap-3 py-4">
          <Field id="target" label={words.label} hint={words.hint} error={error ? [error.message, error.data?.fix].filter(Boolean).join(". ") : undefined}>
            <Input
              id="target"
              autoFocus
              required
              maxLength={100}
              fieldSize="lg"
              mono
              placeholder={words.example}
              value={target}
              onChange={(event) => onChange(event.target.value.trim())}
            />
          </Field>
        </PanelBody>
      </Panel>
    </form>
  );
}
