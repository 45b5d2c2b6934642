"use client";
import { GitCompareArrows } from "lucide-react";
import { useState } from "react";
import { type ComparedObject, comparedRows, DIFFERENCE_WORDS } from "@/backups/comparison";
import type { BackupDetail } from "@/backups/backups.schema";
import { QueryError } from "@/components/query-error";
import { ShowAllFoot } from "@/components/show-all-foot";
import { Badge, CountBadge, PassMark, type Tone } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { SearchInput } from "@/components/ui/input";
import { Panel, PanelFoot, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { Segmented } from "@/components/ui/segmented";
import { EmptyState } from "@/components/ui/states";
import { ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { ENGINES } from "@/engines";
import { capitalised, formatBytes, formatCount, formatDifference } from "@/lib/format";
import { trpc } from "@/trpc/client";

const SHOWN_FIRST = 50;

interface BackupObjectsProps {
  backup: BackupDetail;
  connection: string;
  /** Beside what is live, and then only what differs unless all is asked for. */
  isCompared: boolean;
  onCompare: (wanted: boolean) => void;
  /** Opens the first items of an object. */
  onOpen: (name: string) => void;
}

/** What a backup holds, object by object; beside what is live when that is asked for. */
export function BackupObjects({ backup, connection, isCompared, onCompare, onOpen }: BackupObjectsProps) {
  const [search, setSearch] = useState("");
  const [all, setAll] = useState(false);
  const [show, setShow] = useState<"differences" | "all">("differences");
  const isComplete = backup.state === "complete";
  const comparison = trpc[backup.engine].backups.compare.useQuery(
    { connection, id: backup.id },
    { enabled: isCompared && isComplete, staleTime: Infinity, refetchOnWindowFocus: false },
  );
  const live = isCompared ? comparison.data : undefined;
  const rows = comparedRows(backup.objects, live);
  const wanted = live && show === "differences" ? rows.filter((row) => row.difference !== "same" && row.difference !== "not counted") : rows;
  const found = wanted.filter((row) => row.name.toLowerCase().includes(search.toLowerCase()));
  const shown = all ? found : found.slice(0, SHOWN_FIRST);
  const differences = live ? live.counts.changed + live.counts.onlyInBackup + live.counts.onlyLive : 0;
  return (
    <Panel>
      <PanelHead
        title="Objects"
        badge={<CountBadge>{formatCount(backup.objects.length)}</CountBadge>}
        note={
          live ? (
            <>
              compared by counts with {live.place} <RelativeTime time={live.checkedAt} />
            </>
          ) : comparison.isFetching && isCompared ? (
            "comparing with what is live"
          ) : null
        }
        end={
          <span className="flex flex-wrap items-center justify-end gap-2">
            {live ? (
              <Segmented
                label="Objects shown"
                name="compared-objects"
                value={show}
                onChange={setShow}
                options={[
                  { value: "differences", label: `Differences ${formatCount(differences)}` },
                  { value: "all", label: `All ${formatCount(rows.length)}` },
                ]}
              />
            ) : null}
            <SearchInput
              fieldSize="sm"
              label="Search objects"
              placeholder="Search objects"
              value={search}
              onChange={(event) => setSearch(event.target.value)}
            />
            {isComplete ? (
              <Button size="sm" busy={comparison.isFetching} onClick={() => (isCompared ? void comparison.refetch() : onCompare(true))}>
                <GitCompareArrows aria-hidden />
                {live ? "Compare again" : "Compare with live"}
              </Button>
            ) : null}
          </span>
        }
      />
      {isCompared && comparison.error && !comparison.isFetching ? (
        <QueryError error={comparison.error} onRetry={() => void comparison.refetch()} />
      ) : shown.length === 0 ? (
        <EmptyState title={emptyWords({ search, isCompared: live !== undefined, hasObjects: rows.length > 0 })}>
          {live && search === "" ? "Equal counts may still hold different content: a proof drill compares content." : null}
        </EmptyState>
      ) : (
        <ObjectTable
          rows={shown}
          backup={backup}
          estimated={live?.liveIsEstimate ?? false}
          isCompared={live !== undefined}
          onOpen={isComplete ? onOpen : undefined}
        />
      )}
      <ShowAllFoot shown={shown.length} total={found.length} onShowAll={() => setAll(true)} />
      {backup.skipped.length > 0 ? (
        <PanelFoot className="py-2">
          {backup.skipped.length} left out:{" "}
          {backup.skipped
            .slice(0, 5)
            .map((entry) => `${entry.name} (${entry.reason})`)
            .join(", ")}
        </PanelFoot>
      ) : null}
    </Panel>
  );
}

function emptyWords({ search, isCompared, hasObjects }: { search: string; isCompared: boolean; hasObjects: boolean }): string {
  if (search !== "") return `No object has ${search} in its name`;
  return isCompared && hasObjects ? "Every count is equal to what is live" : "This backup has no objects";
}

interface ObjectTableProps {
  rows: readonly ComparedObject[];
  backup: BackupDetail;
  estimated: boolean;
  isCompared: boolean;
  onOpen: ((name: string) => void) | undefined;
}

function ObjectTable({ rows, backup, estimated, isCompared, onOpen }: ObjectTableProps) {
  const { many } = ENGINES[backup.engine].itemWord;
  const items = capitalised(many);
  return (
    <Table label="Objects of this backup">
      <TableHead>
        <tr>
          <ColumnHead>Object</ColumnHead>
          <ColumnHead className="max-md:hidden">Kind</ColumnHead>
          {isCompared ? null : (
            <ColumnHead number className="max-md:hidden">
              In file
            </ColumnHead>
          )}
          <ColumnHead number>
            <span className="max-md:hidden">{items} in backup</span>
            <span className="md:hidden">In backup</span>
          </ColumnHead>
          {isCompared ? (
            <>
              <ColumnHead number>Live now</ColumnHead>
              <ColumnHead number>Live has</ColumnHead>
            </>
          ) : (
            <ColumnHead>Counts</ColumnHead>
          )}
        </tr>
      </TableHead>
      <tbody>
        {rows.map((row) => (
          <TableRow key={row.name}>
            <RowHead className="min-w-32 wrap-anywhere">
              {onOpen && row.isInBackup ? (
                <button
                  type="button"
                  className="rounded-sm text-left font-medium hover:text-accent-text hover:underline"
                  onClick={() => onOpen(row.name)}
                  title="Look inside"
                >
                  {row.name}
                </button>
              ) : (
                row.name
              )}
            </RowHead>
            <TableCell className="max-md:hidden">{row.kind}</TableCell>
            {isCompared ? null : (
              <TableCell number className="max-md:hidden">
                {row.bytes === null ? "" : formatBytes(row.bytes)}
              </TableCell>
            )}
            <TableCell number className="font-medium">
              {row.count === null ? <span className="font-normal text-fg-3">{row.isInBackup ? "" : "none"}</span> : formatCount(row.count)}
            </TableCell>
            {isCompared ? (
              <>
                <TableCell number>
                  {row.live === null ? (
                    <span className="text-fg-3">{row.difference === "only in backup" ? "none" : ""}</span>
                  ) : (
                    formatCount(row.live, { estimated })
                  )}
                </TableCell>
                <TableCell number>
                  <DifferenceMark row={row} estimated={estimated} />
                </TableCell>
              </>
            ) : (
              <TableCell>
                {row.count === null ? null : <PassMark failed={backup.verifiedAt === null}>{backup.verifiedAt === null ? "not checked" : "equal"}</PassMark>}
              </TableCell>
            )}
          </TableRow>
        ))}
      </tbody>
    </Table>
  );
}

const TONE: Partial<Record<NonNullable<ComparedObject["difference"]>, Tone>> = { "only in backup": "red", "only live": "green" };

function DifferenceMark({ row, estimated }: { row: ComparedObject; estimated: boolean }) {
  const { difference } = row;
  if (difference === "changed" && row.live !== null && row.count !== null) {
    const by = row.live - row.count;
    return (
      <span className={by < 0 ? "text-red-text" : "text-green-text"}>
        {estimated ? "~" : ""}
        {formatDifference(by)}
      </span>
    );
  }
  const tone = difference === null ? undefined : TONE[difference];
  const words = difference === null ? "" : DIFFERENCE_WORDS[difference];
  return tone ? <Badge tone={tone}>{words}</Badge> : <span className="text-fg-3">{words}</span>;
}
