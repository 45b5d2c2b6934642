"use client";
import { ArrowLeft, Download, FolderOpen, RotateCcw } from "lucide-react";
import { parseAsBoolean, parseAsString, useQueryState } from "nuqs";
import { useState } from "react";
import { BackupActionsSkeleton } from "@/backups/backup-actions-skeleton";
import { BackupBadges } from "@/backups/backup-badges";
import { backupHref, backupsHref } from "@/backups/backup-href";
import { BackupObjects } from "@/backups/backup-objects";
import { Proved, Verified } from "@/backups/backup-proof";
import type { BackupDetail } from "@/backups/backups.schema";
import type { BackupRights } from "@/backups/rights";
import { useBackupActions } from "@/backups/use-backup-actions";
import { later } from "@/components/later";
import { QueryError } from "@/components/query-error";
import { ShellCrumbs } from "@/components/shell/app-shell";
import type { Environment } from "@/components/ui/badge";
import { Button, ButtonLink } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { FactStrip } from "@/components/ui/key-value-list";
import { Note } from "@/components/ui/note";
import { PageHeader } from "@/components/ui/page-header";
import { Panel, PanelBody, PanelHead } from "@/components/ui/panel";
import { RelativeTime } from "@/components/ui/relative-time";
import { LinesSkeleton } from "@/components/ui/skeleton";
import { ENGINES, type EngineId } from "@/engines";
import { capitalised, formatBytes, formatCount, formatDuration } from "@/lib/format";
import { trpc } from "@/trpc/client";

const BackupActions = later(() => import("@/backups/backup-actions").then((module) => module.BackupActions), { loading: BackupActionsSkeleton });
const RunningJob = later(() => import("@/backups/running-job").then((module) => module.RunningJob));
const BackupPeek = later(() => import("@/backups/backup-peek").then((module) => module.BackupPeek));

interface BackupDetailProps {
  engine: EngineId;
  connection: string;
  id: string;
  environment: Environment;
  may: BackupRights;
}

/** One backup: what is in it, how it was checked, and how live differs from it. */
export function BackupDetailPanel({ engine, connection, id, environment, may }: BackupDetailProps) {
  const query = trpc[engine].backups.get.useQuery({ connection, id });
  const [isCompared, setCompared] = useQueryState("compare", parseAsBoolean.withDefault(false));
  const [opened, setOpened] = useQueryState("object", parseAsString.withOptions({ history: "push" }));
  const [jobId, setJobId] = useState<string | null>(null);
  if (query.error && !query.data) return <QueryError className="grow" error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />;
  if (!query.data) return <LinesSkeleton lines={10} />;
  const backup = query.data;
  const running = backup.state === "running" ? backup.jobId : jobId;
  const first = backup.objects.find((object) => object.count !== 0 && object.count !== null) ?? backup.objects[0];
  return (
    <div className="flex flex-col gap-4 p-4 max-md:p-3">
      <ShellCrumbs crumbs={[{ label: "Backups", href: backupsHref(engine, connection) }, { label: backup.id }]} />
      <Head backup={backup} connection={connection} may={may} onLookInside={first ? () => void setOpened(first.name) : undefined} />
      {running ? (
        <RunningJob
          jobId={running}
          onEnd={() => {
            setJobId(null);
            void query.refetch();
          }}
        />
      ) : null}
      {backup.error ? (
        <Note tone="red" title={`${backup.error.message}.`}>
          {[backup.error.fix, backup.error.detail].filter(Boolean).join(" ")}
        </Note>
      ) : null}
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_332px]">
        <div className="flex min-w-0 flex-col gap-4">
          <BackupObjects
            backup={backup}
            connection={connection}
            isCompared={isCompared}
            onCompare={(wanted) => void setCompared(wanted || null)}
            onOpen={(name) => void setOpened(name)}
          />
          <Log backup={backup} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Verified backup={backup} />
          <Proved backup={backup} />
          <BackupActions
            backup={backup}
            connection={connection}
            environment={environment}
            may={may}
            onCompare={() => void setCompared(true)}
            onStarted={setJobId}
          />
        </div>
      </div>
      {opened !== null && backup.state === "complete" ? (
        <BackupPeek backup={backup} connection={connection} object={opened} onChange={(name) => void setOpened(name)} onClose={() => void setOpened(null)} />
      ) : null}
    </div>
  );
}

interface HeadProps {
  backup: BackupDetail;
  connection: string;
  may: BackupRights;
  onLookInside: (() => void) | undefined;
}

function Head({ backup, connection, may, onLookInside }: HeadProps) {
  const actions = useBackupActions(backup);
  const took = backup.finishedAt === null ? null : (Date.parse(backup.finishedAt) - Date.parse(backup.startedAt)) / 1000;
  const { many } = ENGINES[backup.engine].itemWord;
  const facts = [
    { label: "Size", value: backup.bytes === null ? "none" : formatBytes(backup.bytes) },
    { label: "Objects", value: formatCount(backup.objectCount ?? 0) },
    { label: capitalised(many), value: formatCount(backup.itemCount ?? 0) },
    { label: "Consistency", value: backup.consistency ?? "none" },
    { label: "Took", value: took === null ? "running" : formatDuration(took) },
    { label: "Server", value: backup.serverVersion ?? "not known" },
    { label: "Taken from", value: backup.takenFrom ?? (backup.origin === "upload" ? "uploaded" : "not noted") },
    { label: "Written by", value: backup.tool ?? "not known" },
    { label: "Stored in", value: "disk" },
  ];
  return (
    <>
      <PageHeader
        back={
          <ButtonLink size="sm" variant="ghost" href={backupsHref(backup.engine, connection)} aria-label="Back to the backups">
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
              {onLookInside ? (
                <Button onClick={onLookInside}>
                  <FolderOpen aria-hidden />
                  Look inside
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

function Log({ backup }: { backup: BackupDetail }) {
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
