import "server-only";
/** Restores that replaced live data, of one engine: what is kept for undo, undo, and dropping it. The same for all four. */
import { z } from "zod";
import { assertMayPutBack } from "@/backups/approvals.service";
import { SwapPage } from "@/backups/backups.schema";
import type { BackupEngine } from "@/backups/engine";
import { startDrop, startUndo, swapOf } from "@/backups/swaps.service";
import { swapView } from "@/backups/views";
import type { EngineId } from "@/engines";
import { listSwaps } from "@/server/control-plane/swaps.repo";
import { assertStillMay } from "@/server/grants";
import { engineProcedure, requireRecentSignIn, requireTypedName, router } from "@/trpc/init";

const RestoreId = z.object({ id: z.string().min(1).max(40) });
const JobStarted = z.object({ jobId: z.string() });

export function createRestoresRouter(engineId: EngineId, engine: BackupEngine) {
  const procedure = engineProcedure(engineId);
  const path = `/${engineId}/restores` as const;
  const tags = [engineId];

  const change = (kind: "undo" | "drop", summary: string) =>
    procedure
      .action("restore")
      .meta({ openapi: { method: "POST", path: `${path}/{id}/${kind}`, tags, summary } })
      .input(RestoreId.extend({ confirm: z.string().max(200), idempotencyKey: z.string().min(8).max(100).optional() }))
      .output(JobStarted)
      .mutation(async ({ ctx, input }) => {
        const row = await swapOf(ctx.connection.id, input.id);
        requireTypedName(input.confirm, row.target);
        requireRecentSignIn(ctx.principal);
        const isPutBack = kind === "undo" && row.state === "undone";
        if (isPutBack) await assertMayPutBack(ctx.connection, row.id);
        const user = { id: ctx.principal.userId, name: ctx.principal.name };
        const stillAllowed = async () => {
          await assertStillMay(ctx.principal, "restore", row.connection_id);
          if (isPutBack) await assertMayPutBack(ctx.connection, row.id);
        };
        return (kind === "undo" ? startUndo : startDrop)({ row, connection: ctx.connection, engine, user, idempotencyKey: input.idempotencyKey, stillAllowed });
      });

  return router({
    list: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path, tags, summary: "Restores that replaced live data, newest first, and what is kept of them" } })
      .input(z.object({ limit: z.coerce.number().int().min(1).max(500).default(100) }))
      .output(SwapPage)
      .query(async ({ ctx, input }) => ({ restores: (await listSwaps(ctx.connection.id, input.limit)).map(swapView) })),
    undo: change("undo", "Exchange what is live and what is kept: undo, and undo of the undo"),
    drop: change("drop", "Drop what is kept for undo, to have its space back"),
  });
}
