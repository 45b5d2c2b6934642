"use client";
import { TriangleAlert } from "lucide-react";
import { useRef, useState } from "react";
import type { RestorePlan } from "@/backups/engine";
import type { Approval } from "@/backups/approvals.schema";
import { SecondPerson } from "@/backups/second-person";
import type { LivePlace } from "@/backups/live-place";
import { isEstimated, lossOf } from "@/backups/restore-choice";
import { ErrorNote } from "@/components/error-note";
import { ReauthenticateField } from "@/components/reauthenticate-field";
import { type Environment } from "@/components/ui/badge";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { TypedName } from "@/components/ui/typed-name";
import { ENGINES, type EngineId } from "@/engines";
import { formatBytes, formatCount, formatCounted } from "@/lib/format";
import { trpc } from "@/trpc/client";

interface RestoreConfirmProps {
  engine: EngineId;
  environment: Environment;
  live: LivePlace | null;
  input: { connection: string; id: string; target: string; replace?: boolean; objects?: string[] };
  plan: RestorePlan;
  /** Whether a second person has to agree. */
  isTwoPerson: boolean;
  /** My request to them. */
  request: Approval | undefined;
  /** Of the target's name; the button that sends it waits for the whole. */
  typed: string;
  onType: (typed: string) => void;
  onStarted: (jobId: string) => void;
}

/** The typed name, checked on the server too; and the password when the sign-in is not recent. */
export function RestoreConfirm({ engine, environment, live, input, plan, isTwoPerson, request, typed, onType, onStarted }: RestoreConfirmProps) {
  const { target } = input;
  const [password, setPassword] = useState("");
  const key = useRef(crypto.randomUUID());
  const utilities = trpc.useUtils();
  const restore = trpc[engine].backups.restore.useMutation({
    onSuccess: ({ jobId }) => {
      if (jobId !== null) return onStarted(jobId);
      // Another person has to agree first; then the same is sent again, as a new request.
      key.current = crypto.randomUUID();
      void utilities[engine].approvals.list.invalidate();
    },
  });
  const reauthenticate = trpc.session.reauthenticate.useMutation();
  const needsPassword = restore.error?.data?.detail === "REAUTHENTICATE";
  const problem = reauthenticate.error ?? (needsPassword ? null : restore.error);

  const run = async () => {
    if (restore.isPending || typed !== target || request?.state === "waiting") return;
    try {
      if (needsPassword) await reauthenticate.mutateAsync({ password });
      const approval = request?.state === "approved" ? { approvalId: request.id } : {};
      await restore.mutateAsync({ ...input, ...approval, confirm: typed, idempotencyKey: key.current });
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
      {plan.replaces ? (
        <WhatIsReplaced engine={engine} connection={input.connection} environment={environment} live={live} plan={plan} target={target} />
      ) : null}
      <div className={isTwoPerson ? "grid gap-4 md:grid-cols-2" : ""}>
        <Panel>
          <PanelHead title="Type the name of the target" />
          <PanelBody className="flex flex-col gap-3 py-4">
            <TypedName id="typed" expected={target} value={typed} onChange={onType} serverChecks autoFocus />
            {needsPassword ? <ReauthenticateField value={password} onChange={setPassword} /> : null}
            <ErrorNote error={problem} />
          </PanelBody>
        </Panel>
        {isTwoPerson ? <SecondPerson engine={engine} connection={input.connection} request={request} /> : null}
      </div>
      <Panel>
        <PanelHead title="What will run" note={plan.replaces ? "can be cancelled until the swap" : "can be cancelled until it is kept"} />
        <ol>
          {plan.steps.map((step, index) => (
            <li key={step.title} className="flex gap-x-4 border-t border-line-soft px-4 py-2 first:border-t-0 max-md:flex-wrap">
              <span className="text-fg-3">{index + 1}</span>
              <span className="w-40 shrink-0 grow-0 font-medium max-md:w-[calc(100%-32px)]">{step.title}</span>
              <span className="min-w-0 wrap-anywhere text-fg-2 max-md:pl-6">{step.detail}</span>
            </li>
          ))}
        </ol>
      </Panel>
    </form>
  );
}

const sizeOf = ({ replaces }: RestorePlan): string => (replaces?.bytes == null ? "size not known" : formatBytes(replaces.bytes));

interface WhatIsReplacedProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
  live: LivePlace | null;
  plan: RestorePlan;
  target: string;
}

/** The four figures to have read before the name is typed. */
function WhatIsReplaced({ engine, connection, environment, live, plan, target }: WhatIsReplacedProps) {
  const { itemWord, objectWord, label } = ENGINES[engine];
  const isProduction = environment === "production";
  const loss = lossOf(plan.objects);
  const after = plan.objects.reduce((sum, object) => sum + (object.after ?? 0), 0);
  const there = plan.objects.filter((object) => object.inBackup !== null || object.after !== null).length;
  const sessions = plan.replaces?.sessions ?? null;
  const estimated = isEstimated(plan, engine);
  const facts = [
    { label: "After this", value: formatCounted(after, itemWord), note: formatCounted(there, { one: "object", many: "objects" }) },
    {
      label: "Not in it",
      value: loss.items === 0 ? "nothing" : formatCounted(loss.items, itemWord, { estimated }),
      note:
        loss.objects === 0
          ? estimated
            ? "by the server's estimates"
            : "by the counts of now"
          : `${formatCounted(loss.objects, objectWord)} ${loss.objects === 1 ? "goes" : "go"} away`,
      lost: loss.items > 0 || loss.objects > 0,
    },
    sessions === null
      ? {
          label: "Live now",
          value: plan.replaces?.items == null ? "not counted" : formatCounted(plan.replaces.items, itemWord, { estimated }),
          note: sizeOf(plan),
        }
      : { label: "Sessions", value: sessions === 0 ? "none" : formatCount(sessions), note: "cut at the swap" },
    {
      label: "Undo",
      value: "for 24 hours",
      note: plan.undo?.bytes == null ? "what is live now is kept aside" : `keeping it takes ${formatBytes(plan.undo.bytes)}`,
    },
  ];
  return (
    <Panel className={isProduction ? "border-red-line!" : "border-amber-line!"} aria-label="What is replaced">
      <div
        className={`flex flex-wrap items-center gap-x-3 gap-y-1 border-b px-4 py-2.5 ${isProduction ? "border-red-line bg-red-soft text-red-text" : "border-amber-line bg-amber-soft text-amber-text"}`}
      >
        <TriangleAlert aria-hidden className="size-[18px]" />
        <h2 className="text-14 font-semibold">{isProduction ? "This replaces a production database" : `This replaces what is live in ${target}`}</h2>
        <span className="ml-auto min-w-0 wrap-anywhere">
          {label} / {connection}
          {live ? `, ${live.address}` : ""}
        </span>
      </div>
      <dl className="grid grid-cols-2 md:grid-cols-4">
        {facts.map((fact) => (
          <div key={fact.label} className="border-line-soft px-4 py-3 max-md:odd:border-r max-md:nth-[n+3]:border-t md:not-last:border-r">
            <dt className="text-12 text-fg-3">{fact.label}</dt>
            <dd>
              <span className={`block font-semibold ${fact.lost ? "text-red-text" : ""}`}>{fact.value}</span>
              <span className="block text-12 text-fg-2">{fact.note}</span>
            </dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
