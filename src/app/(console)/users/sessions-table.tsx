"use client";

import { QueryError } from "@/components/query-error";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { RelativeTime } from "@/components/ui/relative-time";
import { TableSkeleton } from "@/components/ui/skeleton";
import { ActionsHead, ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { useToast } from "@/components/ui/toast";
import { browserName } from "@/lib/browser-name";
import { type RouterOutputs, trpc } from "@/trpc/client";

type Session = RouterOutputs["users"]["sessions"]["sessions"][number];

/** Everybody's open sessions; each can be ended at once. */
export function AllSessions() {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const query = trpc.users.sessions.useQuery();
  const end = trpc.users.endSession.useMutation({
    onSuccess: () => toast({ title: "Session ended" }),
    onError: (error) => toast({ title: error.message, detail: error.data?.fix, tone: "red" }),
    onSettled: () => utilities.users.invalidate(),
  });
  if (query.error && !query.data) return <QueryError error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <TableSkeleton columns={5} />;
  return (
    <SessionsTable
      sessions={query.data.sessions}
      withPerson
      onEnd={(session) => end.mutate({ id: session.id })}
      ending={end.isPending ? end.variables.id : null}
    />
  );
}

interface SessionsTableProps {
  sessions: readonly Session[];
  withPerson?: boolean;
  /** Without it, sessions are only shown. */
  onEnd?: (session: Session) => void;
  /** The session that is being ended. */
  ending?: string | null;
}

export function SessionsTable({ sessions, withPerson = false, onEnd, ending = null }: SessionsTableProps) {
  return (
    <Table label="Sessions">
      <TableHead>
        <tr>
          {withPerson ? <ColumnHead>Person</ColumnHead> : null}
          <ColumnHead>Browser</ColumnHead>
          <ColumnHead>Address</ColumnHead>
          <ColumnHead>Last used</ColumnHead>
          <ColumnHead className="max-md:hidden">Began</ColumnHead>
          {onEnd ? <ActionsHead /> : null}
        </tr>
      </TableHead>
      <tbody>
        {sessions.map((session) => (
          <TableRow key={session.id}>
            {withPerson ? <RowHead>{session.userName}</RowHead> : null}
            <TableCell title={session.userAgent}>
              <span className="inline-flex items-center gap-2">
                {browserName(session.userAgent)}
                {session.current ? <Badge tone="accent">this one</Badge> : null}
              </span>
            </TableCell>
            <TableCell className="font-mono text-12">{session.address}</TableCell>
            <TableCell className="whitespace-nowrap">
              <RelativeTime time={session.lastSeenAt} />
            </TableCell>
            <TableCell className="whitespace-nowrap max-md:hidden">
              <RelativeTime time={session.createdAt} />
            </TableCell>
            {onEnd ? (
              <TableCell className="text-right">
                {session.current ? null : (
                  <Button size="sm" variant="danger-line" busy={ending === session.id} onClick={() => onEnd(session)}>
                    End
                  </Button>
                )}
              </TableCell>
            ) : null}
          </TableRow>
        ))}
      </tbody>
    </Table>
  );
}
