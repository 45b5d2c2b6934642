import "server-only";
import { z } from "zod";
import { AttentionItem } from "@/backups/attention.schema";
import { attentionFor } from "@/backups/attention.service";
import { BackupPage } from "@/backups/backups.schema";
import { backupsOfRemoved, removeOfRemoved } from "@/backups/removed-connections.service";
import { summariesOf } from "@/backups/taken-from";
import { cursorOf, parseCursor } from "@/backups/views";
import type { Principal } from "@/server/auth/principal";
import { listConnections } from "@/server/connections";
import { listBackups } from "@/server/control-plane/backups.repo";
import { effectiveRole } from "@/server/grants";
import { procedure, requireRecentSignIn, requireTypedName, router } from "@/trpc/init";

/** Backups of every connection the asking person may see. */
export const allBackupsRouter = router({
  list: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: "/backups", tags: ["backups"], summary: "Backups of all connections, newest first" } })
    .input(
      z.object({
        limit: z.coerce.number().int().min(1).max(500).default(100),
        before: z.string().max(200).optional(),
        sinceDays: z.coerce.number().int().min(1).max(366).optional(),
      }),
    )
    .output(BackupPage)
    .query(async ({ ctx, input }) => {
      const visible = await visibleConnections(ctx.principal);
      const before = parseCursor(input.before);
      const since = input.sinceDays === undefined ? undefined : new Date(Date.now() - input.sinceDays * 86_400_000).toISOString();
      const rows = await listBackups({ connectionIds: visible, since, limit: input.limit, before: before && { startedAt: before.time, id: before.id } });
      return pageOf(rows, input.limit);
    }),

  removed: procedure
    .action("administer")
    .meta({ openapi: { method: "GET", path: "/backups/removed", tags: ["backups"], summary: "Backups whose connection was removed, newest first" } })
    .input(z.object({ limit: z.coerce.number().int().min(1).max(500).default(100), before: z.string().max(200).optional() }))
    .output(BackupPage)
    .query(async ({ ctx, input }) => {
      const before = parseCursor(input.before);
      return pageOf(await backupsOfRemoved(ctx.principal, { limit: input.limit, before: before && { startedAt: before.time, id: before.id } }), input.limit);
    }),

  removeRemoved: procedure
    .action("administer")
    .meta({
      openapi: {
        method: "POST",
        path: "/backups/removed/{id}/remove",
        tags: ["backups"],
        summary: "Delete a backup whose connection was removed, also its last one",
      },
    })
    .input(z.object({ id: z.string().min(1).max(120), confirm: z.string().max(200) }))
    .output(z.object({ done: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      requireTypedName(input.confirm, input.id);
      requireRecentSignIn(ctx.principal);
      await removeOfRemoved(ctx.principal, input.id);
      return { done: true as const };
    }),

  attention: procedure
    .action("read")
    .meta({
      openapi: { method: "GET", path: "/backups/attention", tags: ["backups"], summary: "Failed schedules and drills, unsettled restores, waiting approvals" },
    })
    .output(z.object({ items: z.array(AttentionItem) }))
    .query(async ({ ctx }) => ({ items: await attentionFor(ctx.principal, await visibleConnections(ctx.principal)) })),
});

async function pageOf(rows: Parameters<typeof summariesOf>[0], limit: number): Promise<z.infer<typeof BackupPage>> {
  const last = rows.at(-1);
  return { backups: await summariesOf(rows), nextCursor: rows.length === limit && last ? cursorOf(last.started_at, last.id) : null };
}

async function visibleConnections(principal: Principal): Promise<string[]> {
  const visible: string[] = [];
  for (const { id } of await listConnections()) {
    if ((await effectiveRole(principal.userId, principal.role, id)) !== "none") visible.push(id);
  }
  return visible;
}
