"use client";
import { useState } from "react";
import type { RestorePlan } from "@/backups/engine";
import { byChange, type Change, isChange, isEstimated } from "@/backups/restore-choice";
import { Badge } from "@/components/ui/badge";
import { ShowAllFoot } from "@/components/show-all-foot";
import { Panel, PanelHead } from "@/components/ui/panel";
import { Segmented } from "@/components/ui/segmented";
import { EmptyState } from "@/components/ui/states";
import { ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { ENGINES, type EngineId } from "@/engines";
import { capitalised, formatCount, formatCounted, formatDifference } from "@/lib/format";

const SHOWN_FIRST = 14;

/** Per object: in the backup, live now, after. What changes stands first. */
export function RestorePlanObjects({ engine, plan }: { engine: EngineId; plan: RestorePlan }) {
  const [show, setShow] = useState<"all" | "changes">("all");
  const [whole, setWhole] = useState(false);
  const { itemWord } = ENGINES[engine];
  const replaces = plan.replaces != null;
  const estimated = isEstimated(plan, engine);
  const entries = byChange(plan.objects, estimated);
  const changes = entries.filter((entry) => isChange(entry.change));
  const wanted = show === "changes" ? changes : entries;
  const shown = whole ? wanted : wanted.slice(0, SHOWN_FIRST);
  const sum = (of: "inBackup" | "liveNow" | "after") => plan.objects.reduce((total, object) => total + (object[of] ?? 0), 0);
  const head = capitalised(itemWord.many);
  return (
    <Panel className="self-start">
      <PanelHead
        title={replaces ? "What changes" : "What will be there"}
        note={
          replaces
            ? `${formatCounted(plan.objects.length, { one: "object", many: "objects" })}, live counts ${estimated ? "are estimates" : "as of now"}`
            : `${formatCounted(plan.objects.length, { one: "object", many: "objects" })}, ${plan.way}`
        }
        end={
          replaces ? (
            <Segmented
              label="Objects shown"
              name="plan-objects"
              value={show}
              onChange={setShow}
              options={[
                { value: "all", label: `All ${formatCount(entries.length)}` },
                { value: "changes", label: `Changes ${formatCount(changes.length)}` },
              ]}
            />
          ) : null
        }
      />
      {shown.length === 0 ? (
        <EmptyState title={show === "changes" ? "No count changes" : "This backup has no objects"} />
      ) : (
        <Table label="Objects of the plan">
          <TableHead>
            <tr>
              <ColumnHead>Object</ColumnHead>
              <ColumnHead number className={replaces ? "max-md:hidden" : ""}>
                In backup
              </ColumnHead>
              {replaces ? <ColumnHead number>Live now</ColumnHead> : <ColumnHead className="max-md:hidden">Kind</ColumnHead>}
              <ColumnHead number>After</ColumnHead>
              {replaces ? <ColumnHead number>{head}</ColumnHead> : null}
            </tr>
          </TableHead>
          <tbody>
            {shown.map(({ object, change }) => (
              <TableRow key={object.name} dense>
                <RowHead className="min-w-28 wrap-anywhere">{object.name}</RowHead>
                <TableCell number className={replaces ? "max-md:hidden" : ""}>
                  {object.inBackup === null ? <Nothing>{change.kind === "goes away" ? "not in backup" : object.kind}</Nothing> : formatCount(object.inBackup)}
                </TableCell>
                {replaces ? (
                  <TableCell number>
                    {object.liveNow === null ? (
                      <Nothing>{change.kind === "new" ? "none" : object.inBackup === null ? "" : "not known"}</Nothing>
                    ) : (
                      formatCount(object.liveNow, { estimated })
                    )}
                  </TableCell>
                ) : (
                  <TableCell className="max-md:hidden">{object.kind}</TableCell>
                )}
                <TableCell number className="font-medium">
                  {object.after === null ? <Nothing>{change.kind === "goes away" ? "none" : ""}</Nothing> : formatCount(object.after)}
                </TableCell>
                {replaces ? (
                  <TableCell number>
                    <ChangeWord change={change} kind={object.kind} estimated={estimated} />
                  </TableCell>
                ) : null}
              </TableRow>
            ))}
          </tbody>
          <tfoot className="border-t border-line bg-sunken">
            <tr className="h-9">
              <RowHead>Together</RowHead>
              <TableCell number className={replaces ? "max-md:hidden" : ""}>
                {formatCount(sum("inBackup"))}
              </TableCell>
              {replaces ? <TableCell number>{formatCount(sum("liveNow"), { estimated })}</TableCell> : <TableCell className="max-md:hidden" />}
              <TableCell number className="font-medium">
                {formatCount(sum("after"))}
              </TableCell>
              {replaces ? (
                <TableCell number className={classOf(sum("after") - sum("liveNow"))}>
                  {differenceWords(sum("after") - sum("liveNow"), estimated)}
                </TableCell>
              ) : null}
            </tr>
          </tfoot>
        </Table>
      )}
      <ShowAllFoot
        shown={shown.length}
        total={wanted.length}
        note={replaces && shown.length >= changes.length ? ", none of them changes in count" : undefined}
        onShowAll={() => setWhole(true)}
      />
    </Panel>
  );
}

const Nothing = ({ children }: { children: string }) => <span className="font-normal text-fg-3">{children}</span>;

const classOf = (by: number): string => (by < 0 ? "font-medium text-red-text" : by > 0 ? "font-medium text-green-text" : "text-fg-2");
const differenceWords = (by: number, estimated: boolean): string =>
  by === 0 ? (estimated ? "about equal" : "equal") : `${estimated ? "~" : ""}${formatDifference(by)}`;

function ChangeWord({ change, kind, estimated }: { change: Change; kind: string; estimated: boolean }) {
  switch (change.kind) {
    case "goes away":
      return <Badge tone="red">{kind === "" ? "goes away" : `${kind} goes away`}</Badge>;
    case "new":
      return <Badge tone="green">comes back</Badge>;
    case "different":
      return <span className={classOf(change.by)}>{differenceWords(change.by, estimated)}</span>;
    case "equal":
      return <span className="text-fg-2">{differenceWords(0, estimated)}</span>;
    case "not counted":
      return <span className="text-fg-3">not counted</span>;
  }
}
