"use client";
import { BinaryText } from "@/components/key-tree/binary-name";
import { ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { formatCount, formatDuration } from "@/lib/format";
import type { StreamGroup } from "./element-rows";
import { bytesOf } from "./key-names";

/** Who reads a stream: each group with what it has not acknowledged, and its consumers. */
export function StreamGroups({ groups }: { groups: readonly StreamGroup[] }) {
  return (
    <div className="min-h-0 grow overflow-auto border-t border-line">
      <Table label="Groups">
        <TableHead>
          <tr>
            <ColumnHead>Group or consumer</ColumnHead>
            <ColumnHead number>Pending</ColumnHead>
            <ColumnHead number>Not delivered</ColumnHead>
            <ColumnHead>Last delivered</ColumnHead>
            <ColumnHead>Idle</ColumnHead>
          </tr>
        </TableHead>
        <tbody>
          {groups.map((group, index) => (
            <GroupRows key={index} group={group} />
          ))}
        </tbody>
      </Table>
    </div>
  );
}

function GroupRows({ group }: { group: StreamGroup }) {
  return (
    <>
      <TableRow dense>
        <RowHead className="font-mono text-12">
          <BinaryText bytes={bytesOf(group.name)} />
        </RowHead>
        <TableCell number>{formatCount(group.pending)}</TableCell>
        <TableCell number>{group.lag === null ? "not known" : formatCount(group.lag)}</TableCell>
        <TableCell className="font-mono text-12">{group.lastDeliveredId}</TableCell>
        <TableCell className="text-fg-3">
          {formatCount(group.consumers.length)} {group.consumers.length === 1 ? "consumer" : "consumers"}
        </TableCell>
      </TableRow>
      {group.consumers.map((consumer, index) => (
        <TableRow key={index} dense>
          <RowHead className="pl-9 font-mono text-12 font-normal first:pl-9">
            <BinaryText bytes={bytesOf(consumer.name)} />
          </RowHead>
          <TableCell number>{formatCount(consumer.pending)}</TableCell>
          <TableCell />
          <TableCell />
          <TableCell>{formatDuration(consumer.idleMs / 1000)}</TableCell>
        </TableRow>
      ))}
    </>
  );
}
