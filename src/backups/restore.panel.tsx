"use client";
import { ArrowRight, Lock } from "lucide-react";
import { parseAsString, useQueryState } from "nuqs";
import { type ReactNode, useEffect, useState } from "react";
import { backupHref, backupsHref } from "@/backups/backup-href";
import type { BackupDetail } from "@/backups/backups.schema";
import type { LivePlace } from "@/backups/live-place";
import type { RestoreChoice } from "@/backups/restore-choice";
import { RestoreTarget } from "@/backups/restore-target";
import { ownRequest, useApprovals } from "@/backups/use-approval";
import { useStepFocus } from "@/backups/use-step-focus";
import { later } from "@/components/later";
import { QueryError } from "@/components/query-error";
import { ShellCrumbs } from "@/components/shell/app-shell";
import { Button, ButtonLink } from "@/components/ui/button";
import { EnvironmentLabel, type Environment } from "@/components/ui/badge";
import { Note } from "@/components/ui/note";
import { PageHeader } from "@/components/ui/page-header";
import { RelativeTime } from "@/components/ui/relative-time";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { Stepper } from "@/components/ui/stepper";
import type { EngineId } from "@/engines";
import { formatBytes } from "@/lib/format";
import { jobText } from "@/lib/job-words";
import { trpc } from "@/trpc/client";

const loading = () => <LinesSkeleton lines={8} />;
const loadPlan = () => import("@/backups/restore-plan-view");
const loadConfirm = () => import("@/backups/restore-confirm");
const loadConfirmButton = () => import("@/backups/restore-confirm-button");
const loadRun = () => import("@/backups/restore-run");
const RestorePlanView = later(() => loadPlan().then((module) => module.RestorePlanView), { loading });
const RestoreConfirm = later(() => loadConfirm().then((module) => module.RestoreConfirm), { loading });
const RestoreConfirmButton = later(() => loadConfirmButton().then((module) => module.RestoreConfirmButton), {
  loading: ({ target }) => (
    <Button disabled className="max-w-full min-w-0 shrink!">
      <span className="truncate">Restore into {target}</span>
    </Button>
  ),
});
const RestoreRun = later(() => loadRun().then((module) => module.RestoreRun), { loading });

const STEPS = ["Target", "Plan", "Confirm", "Run"] as const;
const RUN = 3;

interface RestorePanelProps {
  engine: EngineId;
  connection: string;
  id: string;
  environment: Environment;
  /** Null where the connection opens nothing that could be replaced. */
  live: LivePlace | null;
}

/** Four steps, a page of its own: where to, what it does, the typed name, the run. A run is in the address: it is found again. */
export function RestorePanel(props: RestorePanelProps) {
  const { engine, connection, id } = props;
  const backup = trpc[engine].backups.get.useQuery({ connection, id });
  const [jobId, setJobId] = useQueryState("job", parseAsString);
  const [isStartedHere, setStartedHere] = useState(false);
  const start = (started: string) => {
    setStartedHere(true);
    void setJobId(started);
  };
  if (backup.error && !backup.data)
    return <QueryError className="grow" error={backup.error} onRetry={() => void backup.refetch()} retrying={backup.isFetching} />;
  if (!backup.data) return <LinesSkeleton lines={8} />;
  return (
    <div className="flex min-h-0 grow flex-col">
      <ShellCrumbs
        crumbs={[{ label: "Backups", href: backupsHref(engine, connection) }, { label: backup.data.id, href: backupHref(backup.data) }, { label: "Restore" }]}
      />
      {jobId === null ? (
        <Preparation {...props} backup={backup.data} onStarted={start} />
      ) : (
        <Run {...props} backup={backup.data} jobId={jobId} isStartedHere={isStartedHere} />
      )}
    </div>
  );
}

interface HeadProps {
  backup: BackupDetail;
  environment: Environment;
  target: string;
  step: number;
  failed?: boolean;
}

function Head({ backup, environment, target, step, failed = false }: HeadProps) {
  return (
    <PageHeader
      title={target === "" ? "Restore a backup" : `Restore into ${target}`}
      badges={<EnvironmentLabel environment={environment} solid />}
      below
      note={
        <>
          from the backup of <RelativeTime time={backup.startedAt} show="exact" /> · {formatBytes(backup.bytes ?? 0)} ·{" "}
          <code className="font-mono wrap-anywhere">{backup.id}</code>
        </>
      }
      end={<Stepper label="Steps of the restore" steps={STEPS} current={step} failed={failed} />}
    />
  );
}

/** One step of the task: it scrolls by itself, the foot under it stays. */
function Body({ step, before, children }: { step: number; before?: number | undefined; children: ReactNode }) {
  const body = useStepFocus(step, before);
  return (
    <div
      ref={body}
      tabIndex={-1}
      role="group"
      aria-label={`Step ${step + 1} of ${STEPS.length}: ${STEPS[step] ?? ""}`}
      className="flex min-h-0 grow flex-col gap-4 overflow-y-auto p-4 outline-none *:shrink-0 max-md:p-3"
    >
      {children}
    </div>
  );
}

function Run({
  engine,
  connection,
  environment,
  backup,
  jobId,
  isStartedHere,
}: RestorePanelProps & { backup: BackupDetail; jobId: string; isStartedHere: boolean }) {
  const { data: job } = trpc.jobs.get.useQuery({ id: jobId });
  const isOver = job?.endedAt != null;
  const failed = isOver && job.state !== "succeeded";
  return (
    <Body step={RUN} before={isStartedHere ? RUN - 1 : undefined}>
      <Head backup={backup} environment={environment} target={jobText(job?.request, "target")} step={isOver && !failed ? STEPS.length : RUN} failed={failed} />
      <RestoreRun engine={engine} connection={connection} environment={environment} jobId={jobId} backup={backup} />
    </Body>
  );
}

function Preparation(props: RestorePanelProps & { backup: BackupDetail; onStarted: (jobId: string) => void }) {
  const { engine, connection, id, environment, live, backup, onStarted } = props;
  const [step, setStep] = useState(0);
  const [choice, setChoice] = useState<RestoreChoice>({ replace: false, newName: "", objects: null });
  const [typed, setTyped] = useState("");
  // The later steps are here before they are asked for.
  useEffect(() => void Promise.all([loadPlan(), loadConfirm(), loadConfirmButton(), loadRun()]), []);
  const target = choice.replace ? (live?.name ?? "") : choice.newName;
  const plan = trpc[engine].backups.plan.useMutation({ onSuccess: () => setStep(1) });
  const input = {
    connection,
    id,
    target,
    ...(choice.replace ? { replace: true } : {}),
    ...(choice.objects ? { objects: [...choice.objects] } : {}),
  };
  const approvals = useApprovals(engine, connection, { enabled: choice.replace });
  const isTwoPerson = choice.replace && (approvals.data?.required ?? false);
  const request = isTwoPerson ? ownRequest(approvals.data?.approvals ?? [], input) : undefined;
  const blocked = plan.data?.checks.some((check) => check.result === "fail") ?? false;

  return (
    <>
      <Body step={step}>
        <Head backup={backup} environment={environment} target={step === 0 ? "" : target} step={step} />
        {backup.isElsewhere ? (
          <Note tone="amber" title="This backup is a copy of another database.">
            It was taken from {backup.takenFrom}, which {connection} does not open any more{live ? `: it opens ${live.address} now` : ""}.
          </Note>
        ) : null}
        {step === 0 ? (
          <RestoreTarget
            engine={engine}
            connection={connection}
            environment={environment}
            live={live}
            objects={backup.objects}
            choice={choice}
            onChange={(change) => {
              plan.reset();
              setTyped("");
              setChoice({ ...choice, ...change });
            }}
            error={plan.error}
            onNext={() => plan.mutate(input)}
          />
        ) : null}
        {step === 1 && plan.data ? (
          <RestorePlanView engine={engine} connection={connection} environment={environment} plan={plan.data} target={target} />
        ) : null}
        {step === 2 && plan.data ? (
          <RestoreConfirm
            engine={engine}
            environment={environment}
            live={live}
            input={input}
            plan={plan.data}
            isTwoPerson={isTwoPerson}
            request={request}
            typed={typed}
            onType={setTyped}
            onStarted={onStarted}
          />
        ) : null}
      </Body>
      <footer className="flex min-h-15 shrink-0 flex-wrap items-center gap-x-3 gap-y-1 border-t border-line bg-surface px-4 max-md:px-3 max-md:py-2">
        <span className="flex items-center gap-2 text-fg-2 max-md:text-12">
          <Lock aria-hidden className="size-3.5" />
          Nothing has been changed yet
        </span>
        <span className="ml-auto flex min-w-0 flex-wrap items-center justify-end gap-2">
          <ButtonLink variant="ghost" href={backupHref(backup)}>
            Cancel
          </ButtonLink>
          {step > 0 ? <Button onClick={() => setStep(step - 1)}>Back to {STEPS[step - 1]?.toLowerCase()}</Button> : null}
          {step === 0 ? (
            <Button variant="primary" form="restore-target" type="submit" busy={plan.isPending} disabled={target === "" || choice.objects?.length === 0}>
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
            <RestoreConfirmButton
              target={target}
              isReplace={choice.replace}
              approval={isTwoPerson ? (request?.state ?? "none") : null}
              isTyped={typed === target}
            />
          ) : null}
        </span>
      </footer>
    </>
  );
}
