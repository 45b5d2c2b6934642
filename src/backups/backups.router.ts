import "server-only";
/** The backup procedures of one engine, the same for all four. */
import { z } from "zod";
import { Approval } from "@/backups/approvals.schema";
import { passTwoPersonRule } from "@/backups/approvals.service";
import { BackupDetail, BackupPage, FileTicket } from "@/backups/backups.schema";
import { backupOf, createBackup, storedArtefact, verifyBackup } from "@/backups/backups.service";
import { RestorePlan, RestoreTarget, type BackupEngine } from "@/backups/engine";
import { createKeepingProcedures } from "@/backups/keeping.procedures";
import { createProofProcedures } from "@/backups/proof.procedures";
import { planRestore, startRestore } from "@/backups/restores.service";
import { isFromElsewhere, summariesOf } from "@/backups/taken-from";
import { backupSummary, cursorOf, parseCursor } from "@/backups/views";
import type { EngineId } from "@/engines";
import { addRestoredConnection } from "@/server/connection-changes";
import { listBackups } from "@/server/control-plane/backups.repo";
import { listLines } from "@/server/control-plane/jobs.repo";
import { assertStillMay } from "@/server/grants";
import { issueTicket } from "@/server/tickets";
import { deadline, engineProcedure, requireRecentSignIn, requireTypedName, router } from "@/trpc/init";

const BackupId = z.object({ id: z.string().min(1).max(120) });
const JobStarted = z.object({ jobId: z.string() });
/** Where to: a new place, or with `replace` what the connection opens now; everything, or only the named objects. */
const target = { target: RestoreTarget.shape.name, replace: RestoreTarget.shape.replace, objects: RestoreTarget.shape.objects };
const targetOf = (input: { target: string } & Omit<RestoreTarget, "name">): RestoreTarget => ({
  name: input.target,
  replace: input.replace,
  objects: input.objects,
});
const idempotencyKey = z.string().min(8).max(100).optional();

export function createBackupsRouter(engineId: EngineId, engine: BackupEngine) {
  const procedure = engineProcedure(engineId);
  const path = `/${engineId}/backups` as const;
  const tags = [engineId];
  const choice = engine.formats ? `one of ${engine.formats.join(", ")}` : "there is nothing to choose";
  const format = z.string().max(50).optional().describe(`Absent: what the engine takes by itself. Else ${choice}.`);

  return router({
    ...createProofProcedures(engineId, engine),
    ...createKeepingProcedures(engineId),

    list: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path, tags, summary: "Backups of a connection, newest first" } })
      .input(z.object({ limit: z.coerce.number().int().min(1).max(500).default(100), before: z.string().max(200).optional() }))
      .output(BackupPage)
      .query(async ({ ctx, input }) => {
        const before = parseCursor(input.before);
        const rows = await listBackups({ connectionIds: [ctx.connection.id], limit: input.limit, before: before && { startedAt: before.time, id: before.id } });
        const last = rows.at(-1);
        return { backups: await summariesOf(rows), nextCursor: rows.length === input.limit && last ? cursorOf(last.started_at, last.id) : null };
      }),

    get: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path: `${path}/{id}`, tags, summary: "One backup with its objects and log" } })
      .input(BackupId)
      .output(BackupDetail)
      .query(async ({ ctx, input }) => {
        const backup = await backupOf(ctx.connection.id, input.id);
        const content =
          backup.manifest === null
            ? null
            : (JSON.parse(backup.manifest) as { objects: BackupDetail["objects"]; skipped: BackupDetail["skipped"]; source: string });
        return {
          ...backupSummary(backup, await isFromElsewhere(backup, ctx.connection)),
          objects: content?.objects ?? [],
          skipped: content?.skipped ?? [],
          source: content?.source ?? null,
          log: await listLines(backup.job_id, 0, 200),
        };
      }),

    create: procedure
      .action("backup")
      .meta({ openapi: { method: "POST", path, tags, summary: "Back up now" } })
      .input(z.object({ idempotencyKey, format }))
      .output(JobStarted.extend({ backupId: z.string() }))
      .mutation(({ ctx, input }) =>
        createBackup({
          connection: ctx.connection,
          engine,
          user: { id: ctx.principal.userId, name: ctx.principal.name },
          idempotencyKey: input.idempotencyKey,
          format: input.format,
        }),
      ),

    verify: procedure
      .action("backup")
      .meta({ openapi: { method: "POST", path: `${path}/{id}/verify`, tags, summary: "Read a backup back whole and compare its counts" } })
      .input(BackupId)
      .output(JobStarted)
      .mutation(async ({ ctx, input }) => {
        const backup = await backupOf(ctx.connection.id, input.id);
        await storedArtefact(backup);
        return verifyBackup({ backup, connection: ctx.connection, engine, user: { id: ctx.principal.userId, name: ctx.principal.name } });
      }),

    download: procedure
      .action("download")
      .meta({ redirect: true, openapi: { method: "GET", path: `${path}/{id}/download`, tags, summary: "The artefact, as a single-use link (303)" } })
      .input(BackupId.extend({ part: z.enum(["artefact", "manifest"]).default("artefact") }))
      .output(FileTicket)
      .query(async ({ ctx, input }) => {
        const backup = await backupOf(ctx.connection.id, input.id);
        await storedArtefact(backup);
        return issueTicket(ctx.principal, { kind: input.part, connectionId: ctx.connection.id, backupId: backup.id });
      }),

    plan: procedure
      .action("restore")
      .meta({ openapi: { method: "POST", path: `${path}/{id}/plan`, tags, summary: "What a restore would do; changes nothing" } })
      .input(BackupId.extend(target))
      .output(RestorePlan)
      .mutation(async ({ ctx, input, signal }) => {
        const backup = await backupOf(ctx.connection.id, input.id);
        return planRestore({ backup, connection: ctx.connection, engine, target: targetOf(input) }, deadline(signal));
      }),

    restore: procedure
      .action("restore")
      .meta({ openapi: { method: "POST", path: `${path}/{id}/restore`, tags, summary: "Restore into a new place, or replace what is live: all or nothing" } })
      .input(BackupId.extend({ ...target, confirm: z.string().max(200), idempotencyKey, approvalId: z.string().min(1).max(40).optional() }))
      .output(z.object({ jobId: z.string().nullable(), approval: Approval.nullable() }))
      .mutation(async ({ ctx, input }) => {
        requireTypedName(input.confirm, input.target);
        requireRecentSignIn(ctx.principal);
        const backup = await backupOf(ctx.connection.id, input.id);
        await storedArtefact(backup);
        const restore = { backup, target: targetOf(input) };
        const passed = await passTwoPersonRule(ctx, { ...restore, approvalId: input.approvalId });
        if (passed.waiting) return { jobId: null, approval: passed.waiting };
        const { jobId } = await startRestore({
          ...restore,
          connection: ctx.connection,
          engine,
          user: { id: ctx.principal.userId, name: ctx.principal.name },
          idempotencyKey: input.idempotencyKey,
          async stillAllowed() {
            await assertStillMay(ctx.principal, "restore", ctx.connection.id);
            await passed.assertStillAgreed();
          },
          addConnection: (parts) => addRestoredConnection({ origin: ctx.connection, createdBy: ctx.principal.userId, ...parts }),
        }).catch(async (error: unknown) => {
          await passed.settled(null);
          throw error;
        });
        await passed.settled(jobId);
        return { jobId, approval: null };
      }),
  });
}
