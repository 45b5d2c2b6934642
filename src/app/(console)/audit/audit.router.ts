import "server-only";
import { z } from "zod";
import { verifyAudit } from "@/server/audit";
import { AuditFilters } from "@/lib/audit-filters";
import { issueTicket } from "@/server/tickets";
import { procedure, router } from "@/trpc/init";
import { AuditListInput, AuditPage, AuditSummary, AuditVerification } from "./audit.schema";
import { auditPage, auditSummary } from "./audit.service";

const tags = ["audit"];

export const auditRouter = router({
  list: procedure
    .action("administer")
    .meta({ openapi: { method: "GET", path: "/audit", tags, summary: "The audit log, newest first" } })
    .input(AuditListInput)
    .output(AuditPage)
    .query(({ input }) => auditPage(input)),

  summary: procedure
    .action("administer")
    .meta({ openapi: { method: "GET", path: "/audit/summary", tags, summary: "How many rows there are and match, and the last check of the chain" } })
    .input(AuditFilters)
    .output(AuditSummary)
    .query(({ input }) => auditSummary(input)),

  verify: procedure
    .action("administer")
    .meta({ openapi: { method: "POST", path: "/audit/verify", tags, summary: "Check the whole chain of hashes" } })
    .output(AuditVerification)
    .mutation(() => verifyAudit()),

  export: procedure
    .action("administer")
    .meta({ openapi: { method: "POST", path: "/audit/export", tags, summary: "The matching rows as JSON lines" }, redirect: true })
    .input(AuditFilters)
    .output(z.object({ url: z.string(), expiresAt: z.string() }))
    .mutation(({ ctx, input }) => issueTicket(ctx.principal, { kind: "audit", input })),
});
