"use client";
import { useApprovals } from "@/backups/use-approval";
import { useKeptRestores } from "@/backups/use-kept-restore";
import { ErrorNote } from "@/components/error-note";
import { later } from "@/components/later";
import type { Environment } from "@/components/ui/badge";
import type { EngineId } from "@/engines";

/** Their place is kept while they come: the list below must not jump. */
const place = () => <div className="h-24" />;
const WaitingApprovals = later(() => import("@/backups/waiting-approvals").then((module) => module.WaitingApprovals), { loading: place });
const KeptRestores = later(() => import("@/backups/kept-restores").then((module) => module.KeptRestores), { loading: place });

interface BesideBackupsProps {
  engine: EngineId;
  connection: string;
  environment: Environment;
  mayRestore: boolean;
}

/** What waits for a second person, and what restores keep for undo. Most of the time there is neither, so their code comes when there is. */
export function BesideBackups({ engine, connection, environment, mayRestore }: BesideBackupsProps) {
  const waiting = useApprovals(engine, connection);
  const kept = useKeptRestores(engine, connection);
  const approvals = waiting.data?.approvals ?? [];
  const restores = kept.data?.restores ?? [];
  return (
    <>
      <ErrorNote error={(kept.data ? null : kept.error) ?? (waiting.data ? null : waiting.error)} />
      {approvals.some(({ state, isMine }) => state === "waiting" || (state === "approved" && isMine)) ? (
        <WaitingApprovals engine={engine} connection={connection} environment={environment} />
      ) : null}
      {restores.some(({ state }) => state !== "dropped") ? (
        <KeptRestores engine={engine} connection={connection} environment={environment} mayRestore={mayRestore} />
      ) : null}
    </>
  );
}
