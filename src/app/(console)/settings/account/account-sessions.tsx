"use client";

import { SessionsTable } from "@/app/(console)/users/sessions-table";
import { QueryError } from "@/components/query-error";
import { Button } from "@/components/ui/button";
import { Panel, PanelHead } from "@/components/ui/panel";
import { TableSkeleton } from "@/components/ui/skeleton";
import { useToast } from "@/components/ui/toast";
import { trpc } from "@/trpc/client";

/** Where one is signed in. */
export function AccountSessions() {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const query = trpc.session.list.useQuery();
  const endOthers = trpc.session.endOthers.useMutation({
    onSuccess: ({ ended }) => toast({ title: ended === 1 ? "1 other session ended" : `${ended} other sessions ended` }),
    onError: (error) => toast({ title: error.message, detail: error.data?.fix, tone: "red" }),
    onSettled: () => utilities.session.list.invalidate(),
  });
  const others = query.data?.sessions.filter((session) => !session.current).length ?? 0;
  return (
    <Panel>
      <PanelHead
        title="Sessions"
        note="where you are signed in"
        end={
          <Button size="sm" disabled={others === 0} busy={endOthers.isPending} onClick={() => endOthers.mutate()}>
            End the others
          </Button>
        }
      />
      {query.error && !query.data ? <QueryError error={query.error} onRetry={() => void query.refetch()} /> : null}
      {query.isPending ? <TableSkeleton columns={4} rows={2} /> : null}
      {query.data ? <SessionsTable sessions={query.data.sessions} /> : null}
    </Panel>
  );
}
