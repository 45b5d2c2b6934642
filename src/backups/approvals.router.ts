import "server-only";
/** The two-person rule of one connection, the same for all engines. */
import { z } from "zod";
import { Approval } from "@/backups/approvals.schema";
import { approvalOf, approvalsOf, approve, isTwoPerson, refuse, requireTwoPersons } from "@/backups/approvals.service";
import type { EngineId } from "@/engines";
import { engineProcedure, requireRecentSignIn, requireTypedName, router } from "@/trpc/init";

const ApprovalId = z.object({ id: z.string().min(1).max(40) });

export function createApprovalsRouter(engineId: EngineId) {
  const procedure = engineProcedure(engineId);
  const path = `/${engineId}/approvals` as const;
  const tags = [engineId];

  return router({
    list: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path, tags, summary: "Whether replacing live data needs two persons here, and what waits for the second" } })
      .output(z.object({ required: z.boolean(), approvals: z.array(Approval) }))
      .query(async ({ ctx }) => ({ required: await isTwoPerson(ctx.connection), approvals: await approvalsOf(ctx) })),

    approve: procedure
      .action("restore")
      .meta({ openapi: { method: "POST", path: `${path}/{id}/approve`, tags, summary: "Approve what another person asked for" } })
      .input(ApprovalId.extend({ confirm: z.string().max(200) }))
      .output(Approval)
      .mutation(async ({ ctx, input }) => {
        requireTypedName(input.confirm, (await approvalOf(ctx.connection.id, input.id)).target);
        requireRecentSignIn(ctx.principal);
        return approve(ctx, input.id);
      }),

    refuse: procedure
      .action("restore")
      .meta({ openapi: { method: "POST", path: `${path}/{id}/refuse`, tags, summary: "Refuse a request, or take one's own back" } })
      .input(ApprovalId)
      .output(Approval)
      .mutation(({ ctx, input }) => refuse(ctx, input.id)),

    require: procedure
      .action("administer")
      .meta({ openapi: { method: "POST", path: `${path}/rule`, tags, summary: "Begin the two-person rule; ending it waits for another person" } })
      .input(z.object({ required: z.boolean() }))
      .output(z.object({ required: z.boolean(), approval: Approval.nullable() }))
      .mutation(async ({ ctx, input }) => {
        requireRecentSignIn(ctx.principal);
        return requireTwoPersons(ctx, input.required);
      }),
  });
}
