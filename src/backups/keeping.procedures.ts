import "server-only";
import { z } from "zod";
import { backupOf } from "@/backups/backups.service";
import { removeBackup } from "@/backups/retention.service";
import type { EngineId } from "@/engines";
import { engineProcedure, requireRecentSignIn, requireTypedName } from "@/trpc/init";

/** Deleting a backup by hand, the same for all engines. */
export function createKeepingProcedures(engineId: EngineId) {
  const path = `/${engineId}/backups/{id}/remove` as const;
  return {
    // What may be restored must not be taken away by who may only make it: an admin's act.
    remove: engineProcedure(engineId)
      .action("administer")
      .meta({ openapi: { method: "POST", path, tags: [engineId], summary: "Delete a backup; never the last good one of its connection" } })
      .input(z.object({ id: z.string().min(1).max(120), confirm: z.string().max(200) }))
      .output(z.object({ done: z.literal(true) }))
      .mutation(async ({ ctx, input }) => {
        const backup = await backupOf(ctx.connection.id, input.id);
        requireTypedName(input.confirm, backup.id);
        requireRecentSignIn(ctx.principal);
        await removeBackup(backup.id);
        return { done: true as const };
      }),
  };
}
