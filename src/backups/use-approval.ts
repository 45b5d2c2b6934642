"use client";
import type { Approval } from "@/backups/approvals.schema";
import type { EngineId } from "@/engines";
import { PASSIVE, trpc } from "@/trpc/client";

const REFRESH_MS = 4_000;

interface ApprovedInput {
  id: string;
  target: string;
  objects?: readonly string[] | undefined;
}

export function useApprovals(engine: EngineId, connection: string, { enabled = true }: { enabled?: boolean } = {}) {
  return trpc[engine].approvals.list.useQuery({ connection }, { enabled, refetchInterval: REFRESH_MS, ...PASSIVE });
}

const sameObjects = (a: readonly string[] | null, b: readonly string[] | undefined): boolean =>
  a === null || b === undefined ? a === null && b === undefined : a.length === b.length && a.toSorted().join("\n") === b.toSorted().join("\n");

/** My newest request for just this restore, whatever became of it: an approval is bound to backup, target and objects. */
export function ownRequest(approvals: readonly Approval[], input: ApprovedInput): Approval | undefined {
  return approvals
    .filter((approval) => approval.isMine && approval.kind === "restore" && approval.backupId === input.id && approval.target === input.target)
    .filter((approval) => sameObjects(approval.objects, input.objects))
    .toSorted((a, b) => b.requestedAt.localeCompare(a.requestedAt))[0];
}
