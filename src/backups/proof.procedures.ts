import "server-only";
/** What one can learn of a backup without restoring it for good: look inside, compare with live, prove. The same for all engines. */
import { z } from "zod";
import { backupOf, storedArtefact } from "@/backups/backups.service";
import { startDrill } from "@/backups/drills.service";
import { Peek, type BackupEngine } from "@/backups/engine";
import { LiveComparison } from "@/backups/inside.schema";
import { compareWithLive, peekBackup } from "@/backups/inside.service";
import type { EngineId } from "@/engines";
import { LIMITS } from "@/server/limits";
import { deadline, engineProcedure } from "@/trpc/init";

const BackupId = z.object({ id: z.string().min(1).max(120) });

export function createProofProcedures(engineId: EngineId, engine: BackupEngine) {
  const procedure = engineProcedure(engineId);
  const path = `/${engineId}/backups/{id}` as const;
  const tags = [engineId];

  return {
    // Who may read the database may read its backups: the same data, a little older.
    peek: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path: `${path}/peek`, tags, summary: "The first rows, documents or keys of one object of a backup" } })
      .input(BackupId.extend({ object: z.string().min(1).max(1_000), limit: z.coerce.number().int().min(1).max(LIMITS.peekItemsMax).default(50) }))
      .output(Peek)
      .query(async ({ ctx, input, signal }) =>
        peekBackup({ backup: await backupOf(ctx.connection.id, input.id), engine, signal: deadline(signal) }, { object: input.object, limit: input.limit }),
      ),

    compare: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path: `${path}/compare`, tags, summary: "What changed since a backup, by counts" } })
      .input(BackupId)
      .output(LiveComparison)
      .query(async ({ ctx, input, signal }) =>
        compareWithLive(ctx.connection, { backup: await backupOf(ctx.connection.id, input.id), engine, signal: deadline(signal) }),
      ),

    // A drill leaves nothing behind, but while it runs it makes a database on the server: the right to restore, as design.md section 7 has it.
    drill: procedure
      .action("restore")
      .meta({ openapi: { method: "POST", path: `${path}/drill`, tags, summary: "Prove a backup: restore aside, compare its content, remove" } })
      .input(BackupId.extend({ idempotencyKey: z.string().min(8).max(100).optional() }))
      .output(z.object({ jobId: z.string() }))
      .mutation(async ({ ctx, input }) => {
        const backup = await backupOf(ctx.connection.id, input.id);
        await storedArtefact(backup);
        const user = { id: ctx.principal.userId, name: ctx.principal.name };
        return startDrill({ backup, connection: ctx.connection, engine, user, idempotencyKey: input.idempotencyKey });
      }),
  };
}
