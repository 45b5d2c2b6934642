"use client";
import { ListTree } from "lucide-react";
import { QueryError } from "@/components/query-error";
import { Badge } from "@/components/ui/badge";
import { RelativeTime } from "@/components/ui/relative-time";
import { TableSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import { ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { formatBytes, formatCount, formatDuration } from "@/lib/format";
import { trpc, type RouterOutputs } from "@/trpc/client";
import type { CollectionAddress } from "./collections.state";

type CollectionIndex = RouterOutputs["mongodb"]["collections"]["schema"]["indexes"][number];

/** The indexes of a collection: what they order by, what they cost, how often they were used. */
export function IndexesView({ address }: { address: CollectionAddress }) {
  const query = trpc.mongodb.collections.schema.useQuery(address, { staleTime: 60_000 });
  if (query.error && !query.data) return <QueryError className="grow" error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />;
  if (!query.data) return <TableSkeleton columns={5} />;
  const { indexes, kind } = query.data;
  if (indexes.length === 0) {
    return (
      <EmptyState className="grow" icon={<ListTree aria-hidden />} title={kind === "view" ? "A view has no indexes of its own" : "The server lists no indexes"}>
        {kind === "view" ? "It uses those of the collection it reads." : null}
      </EmptyState>
    );
  }
  return (
    <div className="min-h-0 grow overflow-auto bg-surface">
      <Table label="Indexes">
        <TableHead>
          <tr>
            <ColumnHead>Index</ColumnHead>
            <ColumnHead>Key</ColumnHead>
            <ColumnHead>Options</ColumnHead>
            <ColumnHead number>Size</ColumnHead>
            <ColumnHead number>Uses</ColumnHead>
          </tr>
        </TableHead>
        <tbody>
          {indexes.map((index) => (
            <TableRow key={index.name}>
              <RowHead className="whitespace-nowrap">
                {index.name} <Marks index={index} />
              </RowHead>
              <TableCell className="font-mono text-12 break-all">{index.key}</TableCell>
              <TableCell className="font-mono text-12 break-all text-fg-2">{index.options === "{}" ? "" : index.options}</TableCell>
              <TableCell number>{index.bytes === null ? "" : formatBytes(index.bytes)}</TableCell>
              <TableCell number>
                {index.uses === null ? <span className="text-fg-3">not counted</span> : formatCount(index.uses)}
                {index.uses !== null && index.usesSince ? (
                  <span className="text-fg-3">
                    {" "}
                    since <RelativeTime time={index.usesSince} />
                  </span>
                ) : null}
              </TableCell>
            </TableRow>
          ))}
        </tbody>
      </Table>
    </div>
  );
}

function Marks({ index }: { index: CollectionIndex }) {
  return (
    <>
      {index.unique ? <Badge>unique</Badge> : null} {index.sparse ? <Badge>sparse</Badge> : null} {index.partial ? <Badge>partial</Badge> : null}{" "}
      {index.hidden ? <Badge tone="amber">hidden</Badge> : null}{" "}
      {index.expireAfterSeconds === null ? null : <Badge>expires after {formatDuration(index.expireAfterSeconds)}</Badge>}
    </>
  );
}
