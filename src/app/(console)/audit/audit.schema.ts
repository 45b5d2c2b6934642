import { z } from "zod";
import { LIMITS } from "@/server/limits";
import { AUDIT_OUTCOMES } from "@/lib/audit-words";
import { AuditFilters } from "@/lib/audit-filters";

export const AuditListInput = AuditFilters.extend({
  /** The `nextCursor` of the page before. */
  cursor: z.coerce.number().int().positive().optional(),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageRowsMax).default(LIMITS.pageRows),
});

export const AuditEntry = z.object({
  seq: z.number(),
  at: z.string(),
  actorId: z.string().nullable(),
  actorName: z.string(),
  role: z.string().nullable(),
  session: z.string().nullable(),
  address: z.string().nullable(),
  action: z.string(),
  connectionId: z.string().nullable(),
  procedure: z.string(),
  target: z.string(),
  /** JSON, without secrets. */
  input: z.string(),
  /** "started" while it runs, and for ever when the console was killed meanwhile. */
  outcome: z.enum(AUDIT_OUTCOMES),
  detail: z.string(),
  /** The row that says how it ended; null when none was needed or it has not ended. */
  completedBySeq: z.number().nullable(),
  completedAt: z.string().nullable(),
  requestId: z.string(),
  previousHash: z.string(),
  hash: z.string(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

export const AuditPage = z.object({ entries: z.array(AuditEntry), nextCursor: z.number().nullable() });

export const AuditVerification = z.object({
  ok: z.boolean(),
  /** Rows that are right. */
  rows: z.number(),
  firstBadSeq: z.number().optional(),
  problem: z.string().nullable(),
  head: z.object({ seq: z.number(), hash: z.string() }).nullable(),
  checkedAt: z.string(),
  elapsedMs: z.number(),
});
export type AuditVerification = z.infer<typeof AuditVerification>;

export const AuditSummary = z.object({
  /** Rows of the whole log. */
  rows: z.number(),
  /** Entries that match, counted up to 10,000. */
  matching: z.number(),
  more: z.boolean(),
  /** The last check of the chain since the start. */
  verification: AuditVerification.nullable(),
});
