import "server-only";
import type { Insertable, Selectable } from "kysely";
import { controlPlane } from "./database";
import type { ApprovalsTable } from "./schema";

export type ApprovalRow = Selectable<ApprovalsTable>;

export async function insertApproval(row: Insertable<ApprovalsTable>): Promise<void> {
  await controlPlane().insertInto("approvals").values(row).execute();
}

export function findApproval(id: string): Promise<ApprovalRow | undefined> {
  return controlPlane().selectFrom("approvals").selectAll().where("id", "=", id).executeTakeFirst();
}

/** The one that a job was begun with. */
export function approvalOfJob(jobId: string): Promise<ApprovalRow | undefined> {
  return controlPlane().selectFrom("approvals").selectAll().where("job_id", "=", jobId).executeTakeFirst();
}

/** Newest first. */
export function listApprovals(connectionIds: readonly string[], limit: number): Promise<ApprovalRow[]> {
  if (connectionIds.length === 0) return Promise.resolve([]);
  return controlPlane()
    .selectFrom("approvals")
    .selectAll()
    .where("connection_id", "in", [...connectionIds])
    .orderBy("requested_at", "desc")
    .orderBy("id")
    .limit(limit)
    .execute();
}

/** The one of this person for exactly this that still waits or may still be used. */
export function openApproval(hash: string, requestedBy: string, now: string): Promise<ApprovalRow | undefined> {
  return controlPlane()
    .selectFrom("approvals")
    .selectAll()
    .where("hash", "=", hash)
    .where("requested_by", "=", requestedBy)
    .where("used_at", "is", null)
    .where("expires_at", ">", now)
    .where((where) => where.or([where("decision", "is", null), where("decision", "=", "approved")]))
    .orderBy("requested_at", "desc")
    .executeTakeFirst();
}

/** @returns false when it was decided meanwhile, or its time is over */
export async function decideApproval(id: string, decision: { decision: "approved" | "refused"; by: string; byName: string; at: string }): Promise<boolean> {
  const result = await controlPlane()
    .updateTable("approvals")
    .set({ decision: decision.decision, decided_by: decision.by, decided_by_name: decision.byName, decided_at: decision.at })
    .where("id", "=", id)
    .where("decision", "is", null)
    .where("used_at", "is", null)
    .where("expires_at", ">", decision.at)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Takes an approval that may still be withdrawn back. @returns false when it was used or refused */
export async function withdrawApproval(id: string, by: { id: string; name: string; at: string }): Promise<boolean> {
  const result = await controlPlane()
    .updateTable("approvals")
    .set({ decision: "refused", decided_by: by.id, decided_by_name: by.name, decided_at: by.at })
    .where("id", "=", id)
    .where("used_at", "is", null)
    .where((where) => where.or([where("decision", "is", null), where("decision", "=", "approved")]))
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** Spends an approval. @returns false when somebody was faster */
export async function useApproval(id: string, now: string): Promise<boolean> {
  const result = await controlPlane()
    .updateTable("approvals")
    .set({ used_at: now })
    .where("id", "=", id)
    .where("used_at", "is", null)
    .where("decision", "=", "approved")
    .where("expires_at", ">", now)
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/** What an approval led to; without a job it was not used after all. */
export async function settleApproval(id: string, jobId: string | null): Promise<void> {
  const change = jobId === null ? { used_at: null } : { job_id: jobId };
  await controlPlane().updateTable("approvals").set(change).where("id", "=", id).execute();
}
