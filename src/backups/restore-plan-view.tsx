import { CircleCheck, CircleX, TriangleAlert } from "lucide-react";
import type { RestorePlan } from "@/backups/engine";
import { Badge, StateBadge } from "@/components/ui/badge";
import { ListRow, Panel, PanelFoot, PanelHead } from "@/components/ui/panel";
import { ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { formatBytes, formatCount } from "@/lib/format";

const SIGN = {
  pass: <CircleCheck className="text-green" aria-label="fits" />,
  warn: <TriangleAlert className="text-amber" aria-label="to know" />,
  fail: <CircleX className="text-red" aria-label="stops the restore" />,
};

/** What will be there afterwards, and whether it can be done. */
export function RestorePlanView({ plan, itemWord }: { plan: RestorePlan; itemWord: string }) {
  const count = (result: "pass" | "warn" | "fail") => plan.checks.filter((check) => check.result === result).length;
  const total = plan.objects.reduce((sum, object) => sum + (object.inBackup ?? 0), 0);
  return (
    <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_388px]">
      <Panel className="self-start">
        <PanelHead title="What will be there" note={`${plan.objects.length} objects, ${plan.way}`} />
        <div className="max-h-[60vh] overflow-y-auto">
          <Table label="Objects of the plan">
            <TableHead>
              <tr>
                <ColumnHead>Object</ColumnHead>
                <ColumnHead className="max-md:hidden">Kind</ColumnHead>
                <ColumnHead number>In backup</ColumnHead>
                <ColumnHead number>Live now</ColumnHead>
                <ColumnHead number>After</ColumnHead>
              </tr>
            </TableHead>
            <tbody>
              {plan.objects.map((object) => (
                <TableRow key={object.name} dense>
                  <RowHead className="min-w-36 break-all">{object.name}</RowHead>
                  <TableCell className="max-md:hidden">{object.kind}</TableCell>
                  <TableCell number>{object.inBackup === null ? "" : formatCount(object.inBackup)}</TableCell>
                  <TableCell number>{object.liveNow === null ? "none" : formatCount(object.liveNow)}</TableCell>
                  <TableCell number className="font-medium">
                    {object.after === null ? "" : formatCount(object.after)}
                  </TableCell>
                </TableRow>
              ))}
            </tbody>
          </Table>
        </div>
        <PanelFoot>
          <span className="text-12 font-medium">
            Together {formatCount(total)} {itemWord}
          </span>
        </PanelFoot>
      </Panel>
      <div className="flex min-w-0 flex-col gap-4">
        <Panel>
          <PanelHead
            title="Checks"
            end={
              <span className="flex gap-2">
                <StateBadge state="fits">{count("pass")} pass</StateBadge>
                {count("warn") > 0 ? <StateBadge state="to know">{count("warn")} to know</StateBadge> : null}
                {count("fail") > 0 ? <Badge tone="red">{count("fail")} to mend</Badge> : null}
              </span>
            }
          />
          <ul>
            {plan.checks.map((check) => (
              <ListRow key={check.title} icon={SIGN[check.result]} title={check.title} detail={check.detail} />
            ))}
          </ul>
        </Panel>
        <Panel>
          <PanelHead title={`Way: ${plan.way}`} {...(plan.bytesNeeded === null ? {} : { note: `needs ${formatBytes(plan.bytesNeeded)}` })} />
          <ol className="flex flex-col gap-2 px-4 py-3 text-13">
            {plan.steps.map((step, index) => (
              <li key={step.title} className="flex gap-3">
                <span className="text-fg-3">{index + 1}</span>
                <span className="min-w-0">
                  <span className="font-medium">{step.title}</span> <span className="break-words text-fg-2">{step.detail}</span>
                </span>
              </li>
            ))}
          </ol>
        </Panel>
      </div>
    </div>
  );
}
