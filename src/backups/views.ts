import "server-only";
import { placeText, readPlace } from "@/backups/place";
import type { BackupSummary, JobView, SwapView } from "@/backups/backups.schema";
import type { BackupRow } from "@/server/control-plane/backups.repo";
import type { JobRow } from "@/server/control-plane/jobs.repo";
import type { SwapRow } from "@/server/control-plane/swaps.repo";

/** @param isElsewhere whether it is another database's than its connection opens now */
export function backupSummary(row: Omit<BackupRow, "manifest">, isElsewhere: boolean): BackupSummary {
  const place = readPlace(row.place);
  return {
    id: row.id,
    connectionId: row.connection_id,
    engine: row.engine,
    environment: row.environment,
    state: row.state,
    jobId: row.job_id,
    fileName: row.file_name,
    format: row.format,
    bytes: row.bytes,
    sha256: row.sha256,
    consistency: row.consistency,
    objectCount: row.object_count,
    itemCount: row.item_count,
    serverVersion: row.server_version,
    tool: row.tool,
    verifiedAt: row.verified_at,
    verifiedHow: row.verified_how,
    provedAt: row.proved_at,
    provedHow: row.proved_how,
    drillFailedAt: row.drill_failed_at,
    drillError: row.drill_error === null ? null : (JSON.parse(row.drill_error) as BackupSummary["drillError"]),
    scheduleId: row.schedule_id,
    origin: row.origin,
    takenFrom: place === null ? null : placeText(place),
    isElsewhere,
    error: row.error === null ? null : (JSON.parse(row.error) as BackupSummary["error"]),
    createdBy: row.created_by_name,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

export function jobView(row: JobRow): JobView {
  return {
    id: row.id,
    kind: row.kind,
    connectionId: row.connection_id,
    userName: row.user_name,
    state: row.state,
    progress: JSON.parse(row.progress) as JobView["progress"],
    request: JSON.parse(row.request) as JobView["request"],
    outcome: row.outcome === null ? null : (JSON.parse(row.outcome) as JobView["outcome"]),
    error: row.error === null ? null : (JSON.parse(row.error) as JobView["error"]),
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
  };
}

export function swapView(row: SwapRow): SwapView {
  return {
    id: row.id,
    backupId: row.backup_id,
    target: row.target,
    state: row.state,
    keptBytes: row.kept_bytes,
    keptUntil: row.kept_until,
    userName: row.user_name,
    createdAt: row.created_at,
    changedAt: row.changed_at,
    error: row.error === null ? null : (JSON.parse(row.error) as SwapView["error"]),
  };
}

/** Opaque keyset cursors: `time|id`. */
export const cursorOf = (time: string, id: string): string => Buffer.from(`${time}|${id}`).toString("base64url");

export function parseCursor(cursor: string | undefined): { time: string; id: string } | undefined {
  if (!cursor) return undefined;
  const [time, id] = Buffer.from(cursor, "base64url").toString().split("|");
  return time && id ? { time, id } : undefined;
}
