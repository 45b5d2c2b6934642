"use client";
import { UserCheck } from "lucide-react";
import { useState } from "react";
import { useApprovals } from "@/backups/use-approval";
import { ErrorNote } from "@/components/error-note";
import { QueryError, type ReadableError } from "@/components/query-error";
import { ReauthenticateField } from "@/components/reauthenticate-field";
import { Badge, StateBadge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { LinesSkeleton } from "@/components/ui/skeleton";
import type { EngineId } from "@/engines";
import { trpc } from "@/trpc/client";

interface TwoPersonsProps {
  engine: EngineId;
  connection: string;
  mayChange: boolean;
}

/** The rule that a restore which replaces what is live needs a second person. Begun at once, ended only by two. */
export function TwoPersons({ engine, connection, mayChange }: TwoPersonsProps) {
  const list = useApprovals(engine, connection);
  const [problem, setProblem] = useState<ReadableError | null>(null);
  const [password, setPassword] = useState("");
  const change = trpc[engine].approvals.require.useMutation();
  const reauthenticate = trpc.session.reauthenticate.useMutation();
  const needsPassword = problem?.data?.detail === "REAUTHENTICATE";
  const required = list.data?.required;
  const isEnding = list.data?.approvals.some(({ kind, state }) => kind === "rule off" && state === "waiting") ?? false;
  const submit = async () => {
    try {
      if (needsPassword) await reauthenticate.mutateAsync({ password });
      setProblem(null);
      await change.mutateAsync({ connection, required: !required });
      setPassword("");
      await list.refetch();
    } catch (error) {
      setProblem(error as ReadableError);
    }
  };
  return (
    <Panel aria-label="Two persons">
      <PanelHead
        title="Two persons"
        icon={<UserCheck aria-hidden />}
        badge={required === undefined ? null : required ? <StateBadge state="fits">required</StateBadge> : <Badge>not required</Badge>}
      />
      {required === undefined ? (
        list.error ? (
          <QueryError error={list.error} onRetry={() => void list.refetch()} retrying={list.isFetching} />
        ) : (
          <LinesSkeleton lines={2} />
        )
      ) : (
        <form
          className="flex flex-wrap items-end gap-x-6 gap-y-3 p-4"
          onSubmit={(event) => {
            event.preventDefault();
            void submit();
          }}
        >
          <p className="min-w-0 grow basis-80 self-center text-fg-2">
            {required
              ? "Replacing what is live here needs a second admin: who asks never approves, and an approval holds for one backup, one target, and half an hour. Undo needs one person; putting a copy back after it needs that two agreed to its restore. Ending the rule needs a second admin, too."
              : "One admin alone may replace what is live here. With the rule a second one has to agree to each such restore; it begins at once, and only two can end it."}
          </p>
          {needsPassword ? <ReauthenticateField value={password} onChange={setPassword} /> : null}
          {mayChange ? (
            <Button type="submit" busy={change.isPending || reauthenticate.isPending} disabled={isEnding}>
              {isEnding ? "Waits for a second person" : required ? "Ask to end the rule" : "Require two persons"}
            </Button>
          ) : null}
        </form>
      )}
      {problem && !needsPassword ? (
        <PanelBody className="pt-0">
          <ErrorNote error={problem} />
        </PanelBody>
      ) : null}
    </Panel>
  );
}
