import "server-only";
/** What about backups needs a person: failed schedules and drills, swaps whose end is not known, approvals that wait. */
import { waitingFor } from "@/backups/approvals.service";
import type { AttentionItem } from "@/backups/attention.schema";
import type { Failure } from "@/backups/backups.schema";
import { runner } from "@/backups/jobs";
import type { Principal } from "@/server/auth/principal";
import { failedDrills } from "@/server/control-plane/backups.repo";
import { findJob } from "@/server/control-plane/jobs.repo";
import { listSchedules, type ScheduleRow } from "@/server/control-plane/schedules.repo";
import { unsettledSwaps } from "@/server/control-plane/swaps.repo";

/** Of the given connections, those this person may see; worst first, then newest. */
export async function attentionFor(principal: Principal, connectionIds: readonly string[]): Promise<AttentionItem[]> {
  const seen = new Set(connectionIds);
  const found = await Promise.all([
    scheduleTrouble(connectionIds),
    drillTrouble(connectionIds),
    swapTrouble(seen),
    waitingFor(principal, connectionIds).then((approvals) => approvals.map(approvalItem)),
  ]);
  const rank = ({ level }: AttentionItem) => (level === "danger" ? 0 : 1);
  return found.flat().toSorted((a, b) => rank(a) - rank(b) || b.at.localeCompare(a.at) || a.id.localeCompare(b.id));
}

const failureOf = (json: string | null): Failure | null => (json === null ? null : (JSON.parse(json) as Failure));

async function scheduleTrouble(connectionIds: readonly string[]): Promise<AttentionItem[]> {
  const rows = await listSchedules(connectionIds);
  const items = await Promise.all(rows.filter((row) => row.enabled === 1).map(scheduleItem));
  return items.flatMap((item) => item ?? []);
}

/** A tick comes every few seconds: one so late does not come at all. */
const OVERDUE_MS = 10 * 60_000;

/** The last run of a schedule, when it did not come to its end: an earlier failure is over once one went well. */
async function scheduleItem(row: ScheduleRow): Promise<AttentionItem | null> {
  const what = row.kind === "backup" ? "scheduled backup" : "scheduled drill";
  const item = { id: `schedule ${row.id}`, kind: "schedule" as const, level: "danger" as const, connectionId: row.connection_id, backupId: null };
  if (row.next_run_at !== null && Date.parse(row.next_run_at) < Date.now() - OVERDUE_MS)
    return { ...item, title: `A ${what} is overdue`, detail: "The console does not run its schedules; restart it.", at: row.next_run_at, jobId: null };
  const couldNot = failureOf(row.last_error);
  if (couldNot) return { ...item, title: `A ${what} could not start`, detail: couldNot.message, at: row.last_run_at ?? row.created_at, jobId: null };
  const job = row.last_job_id === null ? undefined : await findJob(row.last_job_id);
  if (job?.state !== "failed" && job?.state !== "cancelled") return null;
  const title = job.state === "failed" ? `The last ${what} failed` : `The last ${what} was cancelled`;
  return { ...item, title, detail: failureOf(job.error)?.message ?? "", at: job.ended_at ?? job.created_at, jobId: job.id };
}

/** A failed drill, until a later backup of its connection is proved. */
async function drillTrouble(connectionIds: readonly string[]): Promise<AttentionItem[]> {
  const rows = await failedDrills(connectionIds);
  return rows.map((row) => ({
    id: `drill ${row.id}`,
    kind: "drill",
    level: "danger",
    connectionId: row.connection_id,
    title: "A backup could not be proved",
    detail: failureOf(row.drill_error)?.message ?? "",
    at: row.drill_failed_at ?? row.started_at,
    jobId: null,
    backupId: row.id,
  }));
}

async function swapTrouble(seen: ReadonlySet<string>): Promise<AttentionItem[]> {
  const rows = await unsettledSwaps(runner().bootId);
  return rows
    .filter((row) => seen.has(row.connection_id))
    .map((row) => ({
      id: `swap ${row.id}`,
      kind: "swap",
      level: "danger",
      connectionId: row.connection_id,
      title: `It is not known yet what is live in ${row.target}`,
      detail: failureOf(row.error)?.message ?? "A restore was cut off in its swap; the console settles it when the server answers.",
      at: row.changed_at,
      jobId: row.id,
      backupId: row.backup_id,
    }));
}

const approvalItem = (approval: Awaited<ReturnType<typeof waitingFor>>[number]): AttentionItem => ({
  id: `approval ${approval.id}`,
  kind: "approval",
  level: "warning",
  connectionId: approval.connectionId,
  title: approval.kind === "restore" ? `${approval.requestedBy} asks to replace ${approval.target}` : `${approval.requestedBy} asks to end the two-person rule`,
  detail: `Waits for a second person until ${approval.expiresAt}`,
  at: approval.requestedAt,
  jobId: null,
  backupId: approval.backupId,
});
