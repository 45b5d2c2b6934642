"use client";
import { CircleCheck, CircleDashed, CircleX } from "lucide-react";
import type { ReactNode } from "react";
import type { Approval } from "@/backups/approvals.schema";
import { Avatar } from "@/components/ui/avatar";
import { StateBadge } from "@/components/ui/badge";
import { TextButton } from "@/components/ui/button";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { useToast } from "@/components/ui/toast";
import type { EngineId } from "@/engines";
import { trpc } from "@/trpc/client";

interface SecondPersonProps {
  engine: EngineId;
  connection: string;
  /** My request for this restore; absent before it was made. */
  request: Approval | undefined;
}

/** Where the rule of two persons stands for the restore that is being confirmed. */
export function SecondPerson({ engine, connection, request }: SecondPersonProps) {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const withdraw = trpc[engine].approvals.refuse.useMutation({
    onSuccess: () => void utilities[engine].approvals.list.invalidate(),
    onError: (error) => toast({ title: error.message, detail: error.data?.fix, tone: "red" }),
  });
  const isOpen = request?.state === "waiting" || request?.state === "approved";
  return (
    <Panel aria-label="A second person agrees">
      <PanelHead title="A second person agrees" end={request ? <Badge state={request.state} /> : null} />
      <PanelBody className="flex flex-col gap-3 py-4">
        {request ? (
          <>
            <Person
              name={request.requestedBy}
              detail={
                <>
                  asked <RelativeTime time={request.requestedAt} show="moment" inSentence />
                </>
              }
              end={
                <>
                  <CircleCheck aria-hidden className="size-4 text-green" />
                  agrees
                </>
              }
            />
            <Decision request={request} />
          </>
        ) : (
          <p className="text-fg-2">The rule of two persons holds here. When you go on, another admin is asked, and nothing runs before they agree.</p>
        )}
        {request && isOpen ? (
          <p className="flex items-end gap-x-3 text-12 text-fg-2">
            <span>
              The request ends <RelativeTime time={request.expiresAt} />. It holds for this backup, this target and these objects only.
            </span>
            <TextButton className="ml-auto whitespace-nowrap" disabled={withdraw.isPending} onClick={() => withdraw.mutate({ connection, id: request.id })}>
              Take it back
            </TextButton>
          </p>
        ) : null}
      </PanelBody>
    </Panel>
  );
}

function Badge({ state }: { state: Approval["state"] }) {
  if (state === "waiting") return <StateBadge state="waiting" />;
  if (state === "approved") return <StateBadge state="fits">agreed</StateBadge>;
  return <StateBadge state="cancelled">{state}</StateBadge>;
}

function Decision({ request }: { request: Approval }) {
  if (request.state === "waiting")
    return (
      <Person
        name="?"
        title="Another admin"
        detail="told on their home page, and on the backups of this connection"
        end={
          <>
            <CircleDashed aria-hidden className="size-4 text-fg-3" />
            not yet
          </>
        }
      />
    );
  const agreed = request.state === "approved" || request.state === "used";
  return (
    <Person
      name={request.decidedBy ?? "?"}
      title={request.decidedBy ?? "Nobody"}
      detail={request.decidedAt === null ? "the time of the request is over" : <RelativeTime time={request.decidedAt} show="moment" />}
      end={
        <>
          {agreed ? <CircleCheck aria-hidden className="size-4 text-green" /> : <CircleX aria-hidden className="size-4 text-red" />}
          {agreed ? "agrees" : request.state}
        </>
      }
    />
  );
}

function Person({ name, title = name, detail, end }: { name: string; title?: string; detail: ReactNode; end: ReactNode }) {
  return (
    <div className="flex items-center gap-3">
      <Avatar name={name} />
      <span className="min-w-0 grow">
        <span className="block truncate font-medium">{title}</span>
        <span className="block text-12 text-fg-2">{detail}</span>
      </span>
      <span className="flex shrink-0 items-center gap-1.5 text-fg-2">{end}</span>
    </div>
  );
}
