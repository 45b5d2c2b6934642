"use client";
import { useState } from "react";
import type { Approval } from "@/backups/approvals.schema";
import { useApprovals } from "@/backups/use-approval";
import { later } from "@/components/later";
import { Avatar } from "@/components/ui/avatar";
import { CountBadge, type Environment, StateBadge } from "@/components/ui/badge";
import { Button, ButtonLink } from "@/components/ui/button";
import { Panel, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { useToast } from "@/components/ui/toast";
import type { EngineId } from "@/engines";
import { formatCounted } from "@/lib/format";
import { trpc } from "@/trpc/client";

const ConfirmGrave = later(() => import("@/backups/confirm-grave").then((module) => module.ConfirmGrave));

interface WaitingApprovalsProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
}

/** What waits for a second person, and one's own requests until they are used. Nothing is shown where there is none. */
export function WaitingApprovals({ engine, connection, environment }: WaitingApprovalsProps) {
  const list = useApprovals(engine, connection);
  const [asked, setAsked] = useState<{ approval: Approval; open: boolean } | null>(null);
  const toast = useToast();
  const utilities = trpc.useUtils();
  const changed = () => {
    void list.refetch();
    void utilities.backups.attention.invalidate();
  };
  const approve = trpc[engine].approvals.approve.useMutation({ onSuccess: changed });
  const refuse = trpc[engine].approvals.refuse.useMutation({
    onSuccess: changed,
    onError: (error) => toast({ title: error.message, detail: error.data?.fix, tone: "red" }),
  });
  const open = list.data?.approvals.filter(({ state, isMine }) => state === "waiting" || (state === "approved" && isMine)) ?? [];
  return (
    <>
      {open.length > 0 ? (
        <Panel aria-label="Waiting for a second person">
          <PanelHead title="Waiting for a second person" badge={<CountBadge tone="amber">{open.length}</CountBadge>} />
          <ul>
            {open.map((approval) => (
              <li key={approval.id} className="flex flex-wrap items-center gap-3 border-b border-line-soft px-4 py-2.5 last:border-b-0">
                <Avatar name={approval.requestedBy} />
                <div className="min-w-0 grow basis-60">
                  <p className="font-medium break-words">{wordsOf(approval)}</p>
                  <p className="text-12 break-words text-fg-2">
                    {approval.backupId === null ? null : <>from {approval.backupId}, </>}
                    {approval.copyOf === null ? null : <b className="text-amber-text">a copy of another database, {approval.copyOf}, </b>}
                    {approval.objects === null ? null : <>{formatCounted(approval.objects.length, { one: "object", many: "objects" })} only, </>}
                    asked <RelativeTime time={approval.requestedAt} show="moment" inSentence />, ends <RelativeTime time={approval.expiresAt} />
                  </p>
                </div>
                <span className="flex items-center gap-2">
                  {approval.state === "approved" ? <StateBadge state="fits">{approval.decidedBy} agrees</StateBadge> : null}
                  {approval.isMine && approval.kind === "restore" && approval.backupId !== null ? (
                    <ButtonLink size="sm" href={`/manage-dbs/${approval.connectionId}/backups/${encodeURIComponent(approval.backupId)}/restore`}>
                      Open the restore
                    </ButtonLink>
                  ) : null}
                  {approval.isMine ? (
                    <Button size="sm" variant="ghost" busy={refuse.isPending} onClick={() => refuse.mutate({ connection, id: approval.id })}>
                      Take it back
                    </Button>
                  ) : null}
                  {approval.mayDecide ? (
                    <>
                      <Button size="sm" variant="ghost" busy={refuse.isPending} onClick={() => refuse.mutate({ connection, id: approval.id })}>
                        Refuse
                      </Button>
                      <Button size="sm" variant="danger-line" onClick={() => setAsked({ approval, open: true })}>
                        Approve
                      </Button>
                    </>
                  ) : null}
                </span>
              </li>
            ))}
          </ul>
        </Panel>
      ) : null}
      {asked ? (
        <ConfirmGrave
          open={asked.open}
          onClose={() => setAsked({ ...asked, open: false })}
          title={asked.approval.kind === "restore" ? `Approve replacing ${asked.approval.target}` : "Approve ending the rule of two persons"}
          expected={asked.approval.target}
          action="Approve"
          environment={environment}
          run={(typed) => approve.mutateAsync({ connection, id: asked.approval.id, confirm: typed })}
        >
          <p>
            {wordsOf(asked.approval)}
            {asked.approval.backupId === null ? "" : ` from the backup ${asked.approval.backupId}`}
            {asked.approval.copyOf === null ? "" : `, which is a copy of another database: ${asked.approval.copyOf}`}.{" "}
            {asked.approval.kind === "restore"
              ? "You agree to just this; they then start it, and it can be undone for 24 hours."
              : "After that one person alone may replace what is live here."}
          </p>
        </ConfirmGrave>
      ) : null}
    </>
  );
}

function wordsOf({ isMine, requestedBy, kind, target }: Approval): string {
  const who = isMine ? "You ask" : `${requestedBy} asks`;
  return kind === "restore" ? `${who} to replace ${target}, which is live` : `${who} to end the rule of two persons for ${target}`;
}
