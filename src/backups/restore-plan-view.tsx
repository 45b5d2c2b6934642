"use client";
import { CircleCheck, CircleX, TriangleAlert, Undo2 } from "lucide-react";
import type { RestorePlan } from "@/backups/engine";
import { RestorePlanObjects } from "@/backups/restore-plan-objects";
import { isEstimated, lossOf } from "@/backups/restore-choice";
import { Badge, type Environment, StateBadge } from "@/components/ui/badge";
import { TextLink } from "@/components/ui/button";
import { KeyValueList } from "@/components/ui/key-value-list";
import { Note } from "@/components/ui/note";
import { ListRow, Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { ENGINES, type EngineId } from "@/engines";
import { capitalised, formatBytes, formatCount, formatCounted } from "@/lib/format";

const SIGN = {
  pass: <CircleCheck className="text-green" aria-label="fits" />,
  warn: <TriangleAlert className="text-amber" aria-label="to know" />,
  fail: <CircleX className="text-red" aria-label="stops the restore" />,
};
const ORDER = { fail: 0, warn: 1, pass: 2 };

interface RestorePlanViewProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
  plan: RestorePlan;
  /** The target's name; the plan may say it as a path. */
  target: string;
}

/** What will be there afterwards, what goes away by it, and whether it can be done. */
export function RestorePlanView({ engine, connection, environment, plan, target }: RestorePlanViewProps) {
  return (
    <>
      {plan.replaces ? <LossNote engine={engine} connection={connection} environment={environment} plan={plan} target={target} /> : null}
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_388px]">
        <RestorePlanObjects engine={engine} plan={plan} />
        <div className="flex min-w-0 flex-col gap-4">
          <Checks plan={plan} />
          {plan.replaces ? <Replaced engine={engine} replaces={plan.replaces} /> : null}
          <Panel>
            <PanelHead title="How it is done" {...(plan.bytesNeeded === null ? {} : { note: `needs ${formatBytes(plan.bytesNeeded)}` })} />
            <p className="px-4 pt-3 font-medium break-words">{capitalised(plan.way)}</p>
            <ol className="flex flex-col gap-2 px-4 py-3 text-13">
              {plan.steps.map((step, index) => (
                <li key={step.title} className="flex gap-3">
                  <span className="text-fg-3">{index + 1}</span>
                  <span className="min-w-0">
                    <span className="block font-medium">{step.title}</span>
                    <span className="block text-12 wrap-anywhere text-fg-2">{step.detail}</span>
                  </span>
                </li>
              ))}
            </ol>
          </Panel>
          {plan.undo ? (
            <Panel>
              <PanelHead title="Undo" icon={<Undo2 aria-hidden />} />
              <PanelBody className="flex flex-col gap-1 py-3">
                <p className="font-medium">Possible for 24 hours after the swap</p>
                <p className="break-words text-fg-2">{plan.undo.how}</p>
                <p className="text-12 text-fg-3">{costOf(plan.undo.bytes)}</p>
              </PanelBody>
            </Panel>
          ) : null}
        </div>
      </div>
    </>
  );
}

const costOf = (bytes: number | null): string =>
  bytes === null
    ? "What is live now is kept aside for so long, in about the space that it takes now."
    : `What is live now is kept aside for so long: ${formatBytes(bytes)}.`;

function Checks({ plan }: { plan: RestorePlan }) {
  const count = (result: "pass" | "warn" | "fail") => plan.checks.filter((check) => check.result === result).length;
  return (
    <Panel>
      <PanelHead
        title="Checks"
        end={
          <span className="flex gap-2">
            {count("fail") > 0 ? <Badge tone="red">{count("fail")} to mend</Badge> : null}
            {count("warn") > 0 ? <StateBadge state="to know">{count("warn")} to know</StateBadge> : null}
            <StateBadge state="fits">{count("pass")} pass</StateBadge>
          </span>
        }
      />
      <ul>
        {plan.checks
          .toSorted((a, b) => ORDER[a.result] - ORDER[b.result])
          .map((check) => (
            <ListRow
              key={`${check.title} ${check.detail}`}
              icon={SIGN[check.result]}
              title={check.title}
              detail={<span className="break-words">{check.detail}</span>}
            />
          ))}
      </ul>
    </Panel>
  );
}

function Replaced({ engine, replaces }: { engine: EngineId; replaces: NonNullable<RestorePlan["replaces"]> }) {
  const known = (value: number | null, words: (value: number) => string): string => (value === null ? "not known" : words(value));
  return (
    <Panel>
      <PanelHead title="What stands there now" />
      <PanelBody className="py-1.5">
        <KeyValueList
          ends
          items={[
            { label: "Place", value: <span className="wrap-anywhere">{replaces.place}</span> },
            { label: "Holds", value: known(replaces.items, (items) => `${formatCount(items)} ${ENGINES[engine].itemWord.many}`) },
            { label: "Size", value: known(replaces.bytes, formatBytes) },
            ...(replaces.sessions === null
              ? []
              : [{ label: "Sessions that will be cut", value: replaces.sessions === 0 ? "none" : formatCount(replaces.sessions) }]),
          ]}
        />
      </PanelBody>
    </Panel>
  );
}

/** The one sentence to read: how much of what is live will not be there. */
function LossNote({ engine, connection, environment, plan, target }: RestorePlanViewProps) {
  const loss = lossOf(plan.objects);
  const { itemWord, objectWord, sections } = ENGINES[engine];
  const estimated = isEstimated(plan, engine);
  const end = (
    <TextLink href={`/manage-dbs/${engine}/${encodeURIComponent(connection)}/${sections[1]?.segment ?? ""}`} className="max-md:hidden">
      Export them first
    </TextLink>
  );
  if (loss.items === 0 && loss.objects === 0)
    return (
      <Note tone="amber" title={`What is live in ${target} is replaced.`}>
        {estimated ? "By the server's estimates" : "By the counts"} nothing goes away; {itemWord.many} that were changed since the backup are not told apart by
        counts. What is live now is kept aside for 24 hours.
      </Note>
    );
  return (
    <Note
      tone={environment === "production" ? "red" : "amber"}
      title={
        loss.items === 0
          ? `${formatCounted(loss.objects, objectWord)} will not be in ${target} after this.`
          : `${formatCounted(loss.items, itemWord, { estimated })} that ${loss.items === 1 ? "is" : "are"} live now will not be in ${target} after this.`
      }
      end={end}
    >
      {loss.items > 0 && loss.objects > 0 ? `${formatCounted(loss.objects, objectWord)} ${loss.objects === 1 ? "goes" : "go"} away. ` : null}
      They stay in what is kept aside for 24 hours.
    </Note>
  );
}
