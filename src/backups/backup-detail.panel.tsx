"use client";
import { ArrowLeft, BadgeCheck, Download, FileJson, RotateCcw } from "lucide-react";
import { useState } from "react";
import { backupHref } from "@/backups/backup-href";
import { BackupBadges } from "@/backups/backup-badges";
import { RunningJob } from "@/backups/running-job";
import { useBackupActions } from "@/backups/use-backup-actions";
import { QueryError } from "@/components/query-error";
import { ShellCrumbs } from "@/components/shell/app-shell";
import { Button, ButtonLink } from "@/components/ui/button";
import { CountBadge, PassMark } from "@/components/ui/badge";
import { CopyButton } from "@/components/ui/copy-button";
import { SearchInput } from "@/components/ui/input";
import { FactStrip } from "@/components/ui/key-value-list";
import { Note } from "@/components/ui/note";
import { PageHeader } from "@/components/ui/page-header";
import { Panel, PanelBody, PanelFoot, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { EmptyState } from "@/components/ui/states";
import { ColumnHead, RowHead, Table, TableCell, TableHead, TableRow } from "@/components/ui/table";
import { ENGINES, type EngineId } from "@/engines";
import { formatBytes, formatCount, formatDuration } from "@/lib/format";
import { type RouterOutputs, trpc } from "@/trpc/client";

type Detail = RouterOutputs["sqlite"]["backups"]["get"];

interface BackupDetailProps {
  engine: EngineId;
  connection: string;
  id: string;
  may: { backup: boolean; download: boolean; restore: boolean };
}

export function BackupDetailPanel({ engine, connection, id, may }: BackupDetailProps) {
  const query = trpc[engine].backups.get.useQuery({ connection, id });
  if (query.error && !query.data) return <QueryError className="grow" error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />;
  if (!query.data)
    return (
      <div className="p-4">
        <LinesSkeleton lines={10} />
      </div>
    );
  const backup = query.data;
  return (
    <div className="flex flex-col gap-4 p-4 max-md:p-3">
      <ShellCrumbs crumbs={[{ label: "Backups", href: `/manage-dbs/${engine}/${encodeURIComponent(connection)}/backups` }, { label: backup.id }]} />
      <Head backup={backup} connection={connection} may={may} />
      {backup.state === "running" ? <RunningJob jobId={backup.jobId} onEnd={() => void query.refetch()} /> : null}
      {backup.error ? (
        <Note tone="red" title={backup.error.message}>
          {[backup.error.fix, backup.error.detail].filter(Boolean).join(" ")}
        </Note>
      ) : null}
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_332px]">
        <div className="flex min-w-0 flex-col gap-4">
          <Objects backup={backup} />
          <Log backup={backup} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Verified backup={backup} />
          <Actions backup={backup} may={may} />
        </div>
      </div>
    </div>
  );
}

function Head({ backup, connection, may }: { backup: Detail; connection: string; may: BackupDetailProps["may"] }) {
  const actions = useBackupActions(backup);
  const took = backup.finishedAt === null ? null : (Date.parse(backup.finishedAt) - Date.parse(backup.startedAt)) / 1000;
  const facts = [
    { label: "Size", value: backup.bytes === null ? "none" : formatBytes(backup.bytes) },
    { label: "Objects", value: formatCount(backup.objectCount ?? 0) },
    { label: itemsWord(backup.engine), value: formatCount(backup.itemCount ?? 0) },
    { label: "Consistency", value: backup.consistency ?? "none" },
    { label: "Took", value: took === null ? "running" : formatDuration(took) },
    { label: "Server", value: backup.serverVersion ?? "not known" },
    { label: "Written by", value: backup.tool ?? "not known" },
    { label: "Stored in", value: "disk" },
  ];
  return (
    <>
      <PageHeader
        back={
          <ButtonLink
            size="sm"
            variant="ghost"
            href={`/manage-dbs/${backup.engine}/${encodeURIComponent(connection)}/backups`}
            aria-label="Back to the backups"
          >
            <ArrowLeft aria-hidden />
          </ButtonLink>
        }
        title={
          <>
            Backup of <RelativeTime time={backup.startedAt} show="exact" />
          </>
        }
        badges={<BackupBadges backup={backup} />}
        end={
          backup.state === "complete" ? (
            <>
              {may.download ? (
                <Button onClick={actions.download}>
                  <Download aria-hidden />
                  Download
                </Button>
              ) : null}
              {may.restore ? (
                <ButtonLink variant="primary" href={backupHref(backup, "/restore")}>
                  <RotateCcw aria-hidden />
                  Restore
                </ButtonLink>
              ) : null}
            </>
          ) : null
        }
      />
      {backup.state === "complete" ? <FactStrip items={facts} /> : null}
    </>
  );
}

const SHOWN_FIRST = 50;

/** "Rows", "Keys", "Documents". */
function itemsWord(engine: EngineId): string {
  const { many } = ENGINES[engine].itemWord;
  return many.charAt(0).toUpperCase() + many.slice(1);
}

function Objects({ backup }: { backup: Detail }) {
  const [search, setSearch] = useState("");
  const [all, setAll] = useState(false);
  const found = backup.objects.filter((object) => object.name.toLowerCase().includes(search.toLowerCase()));
  const shown = all ? found : found.slice(0, SHOWN_FIRST);
  return (
    <Panel>
      <PanelHead
        title="Objects"
        badge={<CountBadge>{backup.objects.length}</CountBadge>}
        end={
          <SearchInput fieldSize="sm" label="Search objects" placeholder="Search objects" value={search} onChange={(event) => setSearch(event.target.value)} />
        }
      />
      {shown.length === 0 ? (
        <EmptyState title={search ? `No object has ${search} in its name` : "This backup has no objects"} />
      ) : (
        <Table label="Objects of this backup">
          <TableHead>
            <tr>
              <ColumnHead>Object</ColumnHead>
              <ColumnHead className="max-md:hidden">Kind</ColumnHead>
              <ColumnHead number className="max-md:hidden">
                In file
              </ColumnHead>
              <ColumnHead number>{itemsWord(backup.engine)} in backup</ColumnHead>
              <ColumnHead>Counts</ColumnHead>
            </tr>
          </TableHead>
          <tbody>
            {shown.map((object) => (
              <TableRow key={object.name}>
                <RowHead className="min-w-36 break-all">{object.name}</RowHead>
                <TableCell className="max-md:hidden">{object.kind}</TableCell>
                <TableCell number className="max-md:hidden">
                  {object.bytes === null ? "" : formatBytes(object.bytes)}
                </TableCell>
                <TableCell number className="font-medium">
                  {object.count === null ? "" : formatCount(object.count)}
                </TableCell>
                <TableCell>
                  {object.count === null ? null : (
                    <PassMark failed={backup.verifiedAt === null}>{backup.verifiedAt === null ? "not checked" : "equal"}</PassMark>
                  )}
                </TableCell>
              </TableRow>
            ))}
          </tbody>
        </Table>
      )}
      {found.length > shown.length ? (
        <PanelFoot>
          <button type="button" className="text-13 font-medium text-accent-text" onClick={() => setAll(true)}>
            Show all {found.length}
          </button>
        </PanelFoot>
      ) : null}
      {backup.skipped.length > 0 ? (
        <PanelFoot>
          <span className="text-12 text-fg-2">
            {backup.skipped.length} left out:{" "}
            {backup.skipped
              .slice(0, 5)
              .map((entry) => `${entry.name} (${entry.reason})`)
              .join(", ")}
          </span>
        </PanelFoot>
      ) : null}
    </Panel>
  );
}

function Log({ backup }: { backup: Detail }) {
  if (backup.log.length === 0) return null;
  return (
    <Panel>
      <PanelHead title="Log" end={<CopyButton label="Copy the log" text={() => backup.log.map((line) => `${line.at} ${line.text}`).join("\n")} />} />
      <PanelBody>
        <ol className="flex flex-col gap-1 font-mono text-12">
          {backup.log.map((line, index) => (
            <li key={`${line.at} ${index}`} className="flex gap-4">
              <span className="shrink-0 text-fg-3">{line.at.slice(11, 23)}</span>
              <span className="min-w-0 break-words">{line.text}</span>
            </li>
          ))}
        </ol>
      </PanelBody>
    </Panel>
  );
}

function Verified({ backup }: { backup: Detail }) {
  if (backup.verifiedAt === null || backup.sha256 === null) return null;
  return (
    <Panel>
      <PanelHead
        title="Verified"
        icon={<BadgeCheck aria-hidden className="text-green" />}
        end={
          <span className="text-12 text-fg-3">
            <RelativeTime time={backup.verifiedAt} />
          </span>
        }
      />
      <PanelBody className="flex flex-col gap-2">
        <p className="text-fg-2">
          The file was read back whole and all {formatCount(backup.objectCount ?? 0)} counts are equal to the manifest: {backup.verifiedHow}.
        </p>
        <div>
          <p className="text-12 text-fg-3">SHA-256</p>
          <p className="flex items-center gap-2">
            <code className="min-w-0 font-mono text-12 break-all">{backup.sha256}</code>
            <CopyButton label="Copy the SHA-256" text={backup.sha256} />
          </p>
        </div>
      </PanelBody>
    </Panel>
  );
}

function Actions({ backup, may }: { backup: Detail; may: BackupDetailProps["may"] }) {
  const actions = useBackupActions(backup);
  if (backup.state !== "complete") return null;
  return (
    <Panel>
      <PanelHead title="Actions" />
      <PanelBody className="flex flex-col gap-1">
        {may.backup ? (
          <Button variant="ghost" className="justify-start" busy={actions.verifying} onClick={actions.verify}>
            <BadgeCheck aria-hidden />
            Verify again
          </Button>
        ) : null}
        {may.download ? (
          <Button variant="ghost" className="justify-start" onClick={actions.downloadManifest}>
            <FileJson aria-hidden />
            Download manifest
          </Button>
        ) : null}
        <ButtonLink variant="ghost" className="justify-start" href={`/jobs/${backup.jobId}`}>
          <FileJson aria-hidden />
          Open job
        </ButtonLink>
      </PanelBody>
    </Panel>
  );
}
