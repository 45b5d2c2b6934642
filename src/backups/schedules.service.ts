import "server-only";
/**
 * Schedules: each slot runs once, whatever the console does meanwhile. The row says which slot is next; a tick starts what is due under
 * a key made of the slot, so that a restart in between meets the same job. What was missed while the console was down is run once.
 */
import { randomBytes } from "node:crypto";
import { createBackup } from "@/backups/backups.service";
import { nextRun, nextRuns } from "@/backups/cron";
import { startDrill } from "@/backups/drills.service";
import type { BackupEngine } from "@/backups/engine";
import { asAppError, errorJson } from "@/backups/jobs";
import { newestGood } from "@/backups/retention.service";
import type { Schedule, ScheduleFields } from "@/backups/schedules.schema";
import { SYSTEM_ACTOR, SYSTEM_USER } from "@/backups/system-user";
import { backupFormat, ENGINES } from "@/engines";
import { appendAudit, completeAudit } from "@/server/audit";
import type { Connection } from "@/server/connection";
import { connectionById } from "@/server/connections";
import { findJob } from "@/server/control-plane/jobs.repo";
import * as repo from "@/server/control-plane/schedules.repo";
import { AppError } from "@/server/errors";
import { logger } from "@/server/logger";
import { single } from "@/server/single";

type Row = repo.ScheduleRow;
export type EngineOf = (connectionId: string) => BackupEngine;

const timesOf = (row: Row) => ({ cron: row.cron, timeZone: row.time_zone });
const SHOWN_RUNS = 3;

export async function schedulesOf(connectionId: string): Promise<Schedule[]> {
  const rows = await repo.listSchedules([connectionId]);
  return Promise.all(rows.map(view));
}

async function view(row: Row): Promise<Schedule> {
  const job = row.last_job_id === null ? undefined : await findJob(row.last_job_id);
  return {
    id: row.id,
    connectionId: row.connection_id,
    kind: row.kind,
    cron: row.cron,
    timeZone: row.time_zone,
    keepLast: row.keep_last,
    keepDays: row.keep_days,
    enabled: row.enabled === 1,
    format: row.format,
    createdBy: row.created_by_name,
    createdAt: row.created_at,
    lastRunAt: row.last_run_at,
    lastJobId: row.last_job_id,
    lastJobState: job?.state ?? null,
    lastError: row.last_error === null ? null : (JSON.parse(row.last_error) as Schedule["lastError"]),
    nextRunAt: row.next_run_at,
    nextRuns: row.enabled === 1 ? nextRuns(timesOf(row), { count: SHOWN_RUNS }).map((run) => run.toISOString()) : [],
  };
}

/** Makes a schedule, or changes one of this connection. @throws AppError INVALID, NOT_FOUND */
export async function saveSchedule(connection: Connection, fields: ScheduleFields, user: { id: string; name: string }): Promise<Schedule> {
  if (fields.kind === "drill" && (fields.keepLast !== null || fields.keepDays !== null))
    throw new AppError("INVALID", "A drill keeps nothing", { fix: "Set what to keep on the schedule that backs up." });
  assertFormat(connection, fields);
  const known = fields.id === undefined ? null : await scheduleOf(connection.id, fields.id);
  if (known && known.kind !== fields.kind) throw new AppError("INVALID", "A schedule keeps its kind", { fix: "Remove it and make another." });
  const [next] = nextRuns(fields, { count: 1 });
  const change = {
    cron: fields.cron.trim(),
    time_zone: fields.timeZone,
    keep_last: fields.keepLast,
    keep_days: fields.keepDays,
    enabled: fields.enabled ? 1 : 0,
    format: fields.format,
    next_run_at: fields.enabled ? (next?.toISOString() ?? null) : null,
    // Whoever changes it has seen why it could not start.
    last_error: null,
  };
  const id = known?.id ?? randomBytes(6).toString("hex");
  if (known) await repo.updateSchedule(id, change);
  else
    await repo.insertSchedule({
      ...change,
      id,
      connection_id: connection.id,
      kind: fields.kind,
      created_by: user.id,
      created_by_name: user.name,
      created_at: new Date().toISOString(),
    });
  return view(await scheduleOf(connection.id, id));
}

function assertFormat({ engine }: Connection, { kind, format }: ScheduleFields): void {
  if (format === null) return;
  if (kind === "drill") throw new AppError("INVALID", "A drill writes no backup, so it has no format", { fix: "Leave the format out." });
  if (backupFormat(engine, format)) return;
  const choices = ENGINES[engine].formats?.map(({ id }) => id).join(", ");
  throw new AppError("INVALID", `"${format}" is not a format that can be asked for here`, {
    fix: choices ? `Leave it out, or ask for ${choices}.` : "Leave it out: there is nothing to choose.",
  });
}

/** @throws AppError NOT_FOUND, also for one of another connection. */
export async function scheduleOf(connectionId: string, id: string): Promise<Row> {
  const row = await repo.findSchedule(id);
  if (!row || row.connection_id !== connectionId)
    throw new AppError("NOT_FOUND", "There is no such schedule of this connection", { fix: "Choose one of the list." });
  return row;
}

/** Its backups stay, as if a person had taken them. */
export async function removeSchedule(connectionId: string, id: string): Promise<void> {
  await repo.deleteSchedule((await scheduleOf(connectionId, id)).id);
}

/** Starts what is due. Called at boot and every few seconds; one failure does not stop the others, and two ticks do not meet. */
export async function runDueSchedules(engineOf: EngineOf, now = new Date()): Promise<void> {
  const ticking = single("schedules-tick", () => ({ isRunning: false }));
  if (ticking.isRunning) return;
  ticking.isRunning = true;
  try {
    for (const row of await repo.enabledSchedules()) await tick(row, engineOf, now);
  } finally {
    ticking.isRunning = false;
  }
}

async function tick(row: Row, engineOf: EngineOf, now: Date): Promise<void> {
  try {
    const next = nextRun(timesOf(row), now)?.toISOString() ?? null;
    if (row.next_run_at !== null && row.next_run_at <= now.toISOString()) await runSlot({ row, slot: row.next_run_at, next, engineOf, now });
    // The clock was set back since: the slot that was next then is no longer the next one.
    else if (next !== null && (row.next_run_at === null || next < row.next_run_at)) await repo.updateSchedule(row.id, { next_run_at: next });
  } catch (error) {
    logger().error({ schedule: row.id, error }, "a schedule could not be run");
  }
}

interface Slot {
  row: Row;
  /** The first one that was due and has not run: ISO 8601. */
  slot: string;
  /** The first one that is still to come. */
  next: string | null;
  engineOf: EngineOf;
  now: Date;
}

async function runSlot(due: Slot): Promise<void> {
  const { row, next, now } = due;
  const ended = { next_run_at: next, last_run_at: now.toISOString() };
  try {
    await assertPreviousEnded(row);
    const jobId = await withAudit(due, () => startSlot(due));
    await repo.updateSchedule(row.id, { ...ended, last_job_id: jobId, last_error: null });
  } catch (error) {
    const shown = asAppError(error, `schedule ${row.id}`);
    // Its connection was removed: there is nothing it could ever run on.
    const isOver = shown.code === "NOT_FOUND" ? { enabled: 0, next_run_at: null } : {};
    await repo.updateSchedule(row.id, { ...ended, ...isOver, last_error: JSON.stringify(errorJson(shown)) });
  }
}

async function assertPreviousEnded({ last_job_id: jobId }: Row): Promise<void> {
  const previous = jobId === null ? undefined : await findJob(jobId);
  if (previous?.ended_at === null)
    throw new AppError("CONFLICT", "The run before it was still under way, so this one was left out", { fix: "Leave more time between two runs." });
}

const keyOf = (row: Row, slot: string): string => `schedule-${row.id}-${slot}`;

async function startSlot({ row, slot, engineOf }: Slot): Promise<string> {
  const connection = await connectionById(row.connection_id);
  const engine = engineOf(row.connection_id);
  const idempotencyKey = keyOf(row, slot);
  if (row.kind === "backup") {
    const { jobId } = await createBackup({ connection, engine, user: SYSTEM_USER, idempotencyKey, schedule: row, format: row.format ?? undefined });
    return jobId;
  }
  const backup = await newestGood(row.connection_id);
  if (!backup) throw new AppError("CONFLICT", "There is no good backup to prove", { fix: "Back up first, or schedule it." });
  return (await startDrill({ backup, connection, engine, user: SYSTEM_USER, idempotencyKey })).jobId;
}

/** Nothing runs that the audit log does not know of. */
async function withAudit({ row, slot }: Slot, start: () => Promise<string>): Promise<string> {
  const { seq } = await appendAudit({
    ...SYSTEM_ACTOR,
    action: row.kind === "backup" ? "backup" : "restore",
    connection_id: row.connection_id,
    procedure: `schedule ${row.kind}`,
    target: row.id,
    input: JSON.stringify({ slot }),
    outcome: "started",
    detail: "",
    completes: null,
    request_id: `schedule ${row.id}`,
  });
  try {
    const jobId = await start();
    await completeAudit(seq, { outcome: "allowed", detail: `job ${jobId}` });
    return jobId;
  } catch (error) {
    await completeAudit(seq, { outcome: "failed", detail: error instanceof Error ? error.message.slice(0, 500) : "unknown" });
    throw error;
  }
}
