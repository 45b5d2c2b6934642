import "server-only";
import type { z } from "zod";
import { lastVerification } from "@/server/audit";
import type { AuditFilters } from "@/lib/audit-filters";
import { type AuditEntryView, countAudit, listAudit, newestSeq } from "@/server/audit-list";
import type { AuditEntry, AuditListInput, AuditPage, AuditSummary } from "./audit.schema";

export async function auditPage({ cursor, limit, ...filters }: z.infer<typeof AuditListInput>): Promise<z.infer<typeof AuditPage>> {
  const page = await listAudit(filters, { before: cursor, limit });
  return { entries: page.entries.map(entryOf), nextCursor: page.nextBefore };
}

export async function auditSummary(filters: AuditFilters): Promise<z.infer<typeof AuditSummary>> {
  const { count, more } = await countAudit(filters);
  return { rows: await newestSeq(), matching: count, more, verification: lastVerification() };
}

function entryOf(row: AuditEntryView): AuditEntry {
  return {
    seq: row.seq,
    at: row.at,
    actorId: row.actor_id,
    actorName: row.actor_name,
    role: row.role,
    session: row.session,
    address: row.address,
    action: row.action,
    connectionId: row.connection_id,
    procedure: row.procedure,
    target: row.target,
    input: row.input,
    outcome: row.outcome,
    detail: row.detail,
    completedBySeq: row.completedBySeq,
    completedAt: row.completedAt,
    requestId: row.request_id,
    previousHash: row.previous_hash,
    hash: row.hash,
  };
}
