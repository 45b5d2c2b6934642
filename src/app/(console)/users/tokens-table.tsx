"use client";

import { QueryError } from "@/components/query-error";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { RelativeTime } from "@/components/ui/relative-time";
import { TableSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import { ActionsHead, ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { useToast } from "@/components/ui/toast";
import { type RouterOutputs, trpc } from "@/trpc/client";

type Token = RouterOutputs["users"]["tokens"]["tokens"][number];

/** Everybody's API tokens. */
export function AllTokens() {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const query = trpc.users.tokens.useQuery();
  const revoke = trpc.users.revokeToken.useMutation({
    onSuccess: () => toast({ title: "Token revoked", detail: "Nothing can use it any more." }),
    onError: (error) => toast({ title: error.message, detail: error.data?.fix, tone: "red" }),
    onSettled: () => utilities.users.invalidate(),
  });
  if (query.error && !query.data) return <QueryError error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <TableSkeleton columns={5} />;
  if (query.data.tokens.length === 0) return <EmptyState title="Nobody has an API token">Everybody makes their own under Settings, Account.</EmptyState>;
  return (
    <TokensTable
      tokens={query.data.tokens}
      withPerson
      onRevoke={(token) => revoke.mutate({ id: token.id })}
      revoking={revoke.isPending ? revoke.variables.id : null}
    />
  );
}

interface TokensTableProps {
  tokens: readonly Token[];
  withPerson?: boolean;
  onRevoke: (token: Token) => void;
  /** The token that is being revoked. */
  revoking: string | null;
}

export function TokensTable({ tokens, withPerson = false, onRevoke, revoking }: TokensTableProps) {
  return (
    <Table label="API tokens">
      <TableHead>
        <tr>
          <ColumnHead>Token</ColumnHead>
          {withPerson ? <ColumnHead>Person</ColumnHead> : null}
          <ColumnHead>Last used</ColumnHead>
          <ColumnHead>Ends</ColumnHead>
          <ColumnHead className="max-md:hidden">Made</ColumnHead>
          <ActionsHead />
        </tr>
      </TableHead>
      <tbody>
        {tokens.map((token) => (
          <TableRow key={token.id}>
            <RowHead>{token.name}</RowHead>
            {withPerson ? <TableCell>{token.userName}</TableCell> : null}
            <TableCell className="whitespace-nowrap">
              {token.lastUsedAt ? <RelativeTime time={token.lastUsedAt} /> : <span className="text-fg-3">never</span>}
            </TableCell>
            <TableCell className="whitespace-nowrap">
              {token.expiresAt ? <RelativeTime time={token.expiresAt} show="moment" /> : <Badge tone="amber">never</Badge>}
            </TableCell>
            <TableCell className="whitespace-nowrap max-md:hidden">
              <RelativeTime time={token.createdAt} />
            </TableCell>
            <TableCell className="text-right">
              <Button size="sm" variant="danger-line" busy={revoking === token.id} onClick={() => onRevoke(token)}>
                Revoke
              </Button>
            </TableCell>
          </TableRow>
        ))}
      </tbody>
    </Table>
  );
}
