import "server-only";
import type { Selectable, Updateable } from "kysely";
import { controlPlane } from "./database";
import type { JobsTable } from "./schema";

export type JobRow = Selectable<JobsTable>;

/** @returns false when there is a job of this idempotency key already; then nothing was written */
export async function insertJob(job: {
  id: string;
  bootId: string;
  kind: string;
  connection: { id: string };
  user: { id: string; name: string };
  request: Record<string, unknown>;
  idempotencyKey?: string | undefined;
}): Promise<boolean> {
  const result = await controlPlane()
    .insertInto("jobs")
    .values({
      id: job.id,
      kind: job.kind,
      connection_id: job.connection.id,
      user_id: job.user.id,
      user_name: job.user.name,
      state: "queued",
      progress: "{}",
      outcome: null,
      error: null,
      boot_id: job.bootId,
      children: "[]",
      request: JSON.stringify(job.request),
      idempotency_key: job.idempotencyKey ?? null,
      created_at: new Date().toISOString(),
      started_at: null,
      ended_at: null,
    })
    .onConflict((conflict) => conflict.column("idempotency_key").doNothing())
    .executeTakeFirst();
  return result.numInsertedOrUpdatedRows === 1n;
}

export async function deleteJob(id: string): Promise<void> {
  await controlPlane().deleteFrom("jobs").where("id", "=", id).execute();
}

export async function updateJob(id: string, change: Updateable<JobsTable>): Promise<void> {
  await controlPlane().updateTable("jobs").set(change).where("id", "=", id).execute();
}

export function findJob(id: string): Promise<JobRow | undefined> {
  return controlPlane().selectFrom("jobs").selectAll().where("id", "=", id).executeTakeFirst();
}

export function findByIdempotencyKey(key: string): Promise<JobRow | undefined> {
  return controlPlane().selectFrom("jobs").selectAll().where("idempotency_key", "=", key).executeTakeFirst();
}

export async function insertLine(jobId: string, text: string): Promise<void> {
  await controlPlane().insertInto("job_lines").values({ job_id: jobId, at: new Date().toISOString(), text }).execute();
}

/** Newest first, after the cursor (`created_at|id` of the last one seen). */
export function listJobs(options: {
  before?: { createdAt: string; id: string } | undefined;
  limit: number;
  states?: JobRow["state"][] | undefined;
  connectionId?: string | undefined;
}): Promise<JobRow[]> {
  let query = controlPlane().selectFrom("jobs").selectAll().orderBy("created_at", "desc").orderBy("id", "desc").limit(options.limit);
  const { before, states, connectionId } = options;
  if (before)
    query = query.where((where) =>
      where.or([where("created_at", "<", before.createdAt), where.and([where("created_at", "=", before.createdAt), where("id", "<", before.id)])]),
    );
  if (states) query = query.where("state", "in", states);
  if (connectionId) query = query.where("connection_id", "=", connectionId);
  return query.execute();
}

export function listLines(jobId: string, afterId: number, limit: number): Promise<{ id: number; at: string; text: string }[]> {
  return controlPlane()
    .selectFrom("job_lines")
    .select(["id", "at", "text"])
    .where("job_id", "=", jobId)
    .where("id", ">", afterId)
    .orderBy("id")
    .limit(limit)
    .execute();
}

/** Jobs that another process left unfinished. */
export function unfinishedOfOtherBoots(bootId: string): Promise<JobRow[]> {
  return controlPlane().selectFrom("jobs").selectAll().where("state", "in", ["queued", "running"]).where("boot_id", "!=", bootId).execute();
}
