import "server-only";
import { z } from "zod";
import { JobDetail, JobPage, type JobView } from "@/backups/backups.schema";
import { cancelJob, jobChanges } from "@/backups/jobs";
import { cursorOf, jobView, parseCursor } from "@/backups/views";
import { findJob, type JobRow, listJobs, listLines } from "@/server/control-plane/jobs.repo";
import type { Principal } from "@/server/auth/principal";
import { AppError } from "@/server/errors";
import { effectiveRole } from "@/server/grants";
import { procedure, router } from "@/trpc/init";

const JobId = z.object({ id: z.string().min(1).max(40) });
const tags = ["jobs"];

/** A job is seen by whoever may see its connection; for everybody else it does not exist. */
async function visibleJob(principal: Principal, id: string): Promise<JobRow> {
  const job = await findJob(id);
  if (job && (await effectiveRole(principal.userId, principal.role, job.connection_id)) !== "none") return job;
  throw new AppError("NOT_FOUND", "There is no such job", { fix: "Choose one of the list." });
}

export const jobsRouter = router({
  list: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: "/jobs", tags, summary: "Jobs, newest first" } })
    .input(
      z.object({
        limit: z.coerce.number().int().min(1).max(200).default(50),
        before: z.string().max(200).optional(),
        running: z.enum(["true", "false"]).optional(),
        connectionId: z.string().max(60).optional(),
      }),
    )
    .output(JobPage)
    .query(async ({ ctx, input }) => {
      const before = parseCursor(input.before);
      const rows = await listJobs({
        limit: input.limit,
        before: before && { createdAt: before.time, id: before.id },
        states: input.running === "true" ? ["queued", "running"] : undefined,
        connectionId: input.connectionId,
      });
      const last = rows.at(-1);
      const seen: JobView[] = [];
      for (const row of rows) if ((await effectiveRole(ctx.principal.userId, ctx.principal.role, row.connection_id)) !== "none") seen.push(jobView(row));
      return { jobs: seen, nextCursor: rows.length === input.limit && last ? cursorOf(last.created_at, last.id) : null };
    }),

  get: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: "/jobs/{id}", tags, summary: "One job with its log" } })
    .input(JobId)
    .output(JobDetail)
    .query(async ({ ctx, input }) => {
      const job = await visibleJob(ctx.principal, input.id);
      return { ...jobView(job), log: await listLines(job.id, 0, 2_000) };
    }),

  /** The job as it changes, from now to its end. Without an id: every running job one may see. */
  watch: procedure
    .action("read")
    .input(z.object({ id: z.string().max(40).optional() }))
    .subscription(async function* ({ ctx, input, signal }): AsyncGenerator<JobView> {
      const ended = signal ?? new AbortController().signal;
      // Listen before the first read, so that no change falls between the two.
      const changes = jobChanges(input.id ?? null, ended);
      if (input.id) yield jobView(await visibleJob(ctx.principal, input.id));
      else for (const row of await listJobs({ limit: 50, states: ["queued", "running"] })) if (await maySee(ctx.principal, row)) yield jobView(row);
      for await (const id of changes) {
        const row = await findJob(id);
        if (!row || !(await maySee(ctx.principal, row))) continue;
        yield jobView(row);
        if (input.id && row.ended_at !== null) return;
      }
    }),

  cancel: procedure
    .action("backup")
    .meta({ openapi: { method: "POST", path: "/jobs/{id}/cancel", tags, summary: "Stop a job within two seconds" } })
    .input(JobId)
    .output(z.object({ done: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      const job = await visibleJob(ctx.principal, input.id);
      const role = await effectiveRole(ctx.principal.userId, ctx.principal.role, job.connection_id);
      // Who may start it may stop it; drills, uploads and undo are of those who may restore.
      if (role === "viewer" || (job.kind !== "backup" && job.kind !== "verify" && role !== "admin"))
        throw new AppError("FORBIDDEN", `${role} may not stop this job`, { fix: "Ask an admin." });
      await cancelJob(job.id);
      return { done: true as const };
    }),
});

async function maySee(principal: Principal, row: JobRow): Promise<boolean> {
  return (await effectiveRole(principal.userId, principal.role, row.connection_id)) !== "none";
}
