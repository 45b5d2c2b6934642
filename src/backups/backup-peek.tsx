"use client";
import type { BackupDetail } from "@/backups/backups.schema";
import { QueryError } from "@/components/query-error";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Select } from "@/components/ui/select";
import { TableSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import { ColumnHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { ENGINES } from "@/engines";
import { formatCount, formatCounted } from "@/lib/format";
import { type RouterOutputs, trpc } from "@/trpc/client";

const LIMIT = 50;

interface BackupPeekProps {
  backup: BackupDetail;
  connection: string;
  object: string;
  onChange: (object: string) => void;
  onClose: () => void;
}

/** The first items of one object, read from the file itself: nothing is restored for it. */
export function BackupPeek({ backup, connection, object, onChange, onClose }: BackupPeekProps) {
  const peek = trpc[backup.engine].backups.peek.useQuery(
    { connection, id: backup.id, object, limit: LIMIT },
    { staleTime: Infinity, refetchOnWindowFocus: false, retry: false },
  );
  const { itemWord } = ENGINES[backup.engine];
  const entry = backup.objects.find((candidate) => candidate.name === object);
  const total = entry?.count ?? null;
  const found = peek.data?.rows.length ?? 0;
  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      size="lg"
      title={<span className="wrap-anywhere">{object}</span>}
      description={
        peek.data
          ? `${peek.data.hasMore ? "The first " : ""}${formatCounted(found, itemWord)}${peek.data.hasMore && total !== null ? ` of ${formatCount(total)}` : ""}, read from the backup's file. Nothing was restored.`
          : "Reading the backup's file. Nothing is restored."
      }
      foot={
        <>
          <Select label="Object" className="mr-auto max-w-[60%]" value={object} onChange={(event) => onChange(event.target.value)}>
            {(entry ? [] : [object]).concat(backup.objects.map((candidate) => candidate.name)).map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </Select>
          <Button onClick={onClose}>Close</Button>
        </>
      }
    >
      <div className="min-h-80">
        {peek.error ? (
          <QueryError error={peek.error} onRetry={() => void peek.refetch()} retrying={peek.isFetching} />
        ) : peek.data ? (
          <Items peek={peek.data} word={itemWord.many} />
        ) : (
          <TableSkeleton columns={4} rows={7} label={`Reading ${object}`} />
        )}
      </div>
    </Dialog>
  );
}

function Items({ peek, word }: { peek: RouterOutputs["sqlite"]["backups"]["peek"]; word: string }) {
  if (peek.rows.length === 0) return <EmptyState title={`This object holds no ${word}`} />;
  return (
    <div className="overflow-hidden rounded-md border border-line">
      <Table label="First items">
        <TableHead>
          <tr>
            {peek.columns.map((column, index) => (
              <ColumnHead key={`${index} ${column}`}>{column}</ColumnHead>
            ))}
          </tr>
        </TableHead>
        <tbody>
          {peek.rows.map((row, line) => (
            <TableRow key={line} dense>
              {row.map((cell, index) => (
                <TableCell key={index} className="max-w-[420px] py-1.5 align-top font-mono text-12">
                  <Cell text={cell} alone={row.length === 1} />
                </TableCell>
              ))}
            </TableRow>
          ))}
        </tbody>
      </Table>
    </div>
  );
}

/** NULL and the empty string are two things. */
function Cell({ text, alone }: { text: string | null; alone: boolean }) {
  if (text === null) return <span className="text-fg-3 italic">NULL</span>;
  if (text === "") return <span className="text-fg-3">&apos;&apos;</span>;
  return <span className={alone ? "break-words whitespace-pre-wrap" : "line-clamp-3 break-words whitespace-pre-wrap"}>{text}</span>;
}
