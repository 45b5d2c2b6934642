/** Wire forms of backups, jobs and restores. Times ISO 8601 UTC, sizes bytes. */
import { z } from "zod";
import { ENGINE_IDS } from "@/engines";

export const Failure = z.object({ code: z.string(), message: z.string(), fix: z.string().nullable(), detail: z.string().nullable() });
export type Failure = z.infer<typeof Failure>;

export const BackupSummary = z.object({
  id: z.string(),
  /** `<engine>/<name>` of the connection it was taken from. */
  connectionId: z.string(),
  engine: z.enum(ENGINE_IDS),
  environment: z.enum(["production", "staging", "development"]),
  state: z.enum(["running", "complete", "failed"]),
  jobId: z.string(),
  fileName: z.string(),
  format: z.string().nullable(),
  bytes: z.number().nullable(),
  sha256: z.string().nullable(),
  consistency: z.string().nullable(),
  objectCount: z.number().nullable(),
  itemCount: z.number().nullable(),
  serverVersion: z.string().nullable(),
  tool: z.string().nullable(),
  verifiedAt: z.string().nullable(),
  verifiedHow: z.string().nullable(),
  /** When a drill last restored it aside and found its content equal, and how. */
  provedAt: z.string().nullable(),
  provedHow: z.string().nullable(),
  /** When the last drill failed, and why; both null after a good one. */
  drillFailedAt: z.string().nullable(),
  drillError: Failure.nullable(),
  /** The schedule that took it; null for one by hand. */
  scheduleId: z.string().nullable(),
  /** "upload": made elsewhere. */
  origin: z.enum(["console", "upload"]),
  /** The database it is a copy of, `host:port/database` or a path; null for an upload and where it was not noted. */
  takenFrom: z.string().nullable(),
  /** Whether its connection opens another database today. */
  isElsewhere: z.boolean(),
  error: Failure.nullable(),
  createdBy: z.string(),
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
});
export type BackupSummary = z.infer<typeof BackupSummary>;

export const BackupPage = z.object({ backups: z.array(BackupSummary), nextCursor: z.string().nullable() });

export const BackupDetail = BackupSummary.extend({
  objects: z.array(
    z.object({ name: z.string(), kind: z.string(), count: z.number().nullable(), bytes: z.number().nullable(), checksum: z.string().nullable() }),
  ),
  skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
  source: z.string().nullable(),
  log: z.array(z.object({ at: z.string(), text: z.string() })),
});
export type BackupDetail = z.infer<typeof BackupDetail>;

/** A restore that replaced live data. */
export const SwapView = z.object({
  /** Of the restore job. */
  id: z.string(),
  backupId: z.string(),
  target: z.string(),
  state: z.enum(["swapping", "restored", "exchanging", "undone", "dropped"]),
  keptBytes: z.number().nullable(),
  /** Undo works until then. */
  keptUntil: z.string(),
  userName: z.string(),
  createdAt: z.string(),
  changedAt: z.string(),
  error: Failure.nullable(),
});
export type SwapView = z.infer<typeof SwapView>;
export const SwapPage = z.object({ restores: z.array(SwapView) });

export const JobProgress = z.object({
  phase: z.string().optional(),
  object: z.string().optional(),
  objectsDone: z.number().optional(),
  objectsTotal: z.number().optional(),
  itemsDone: z.number().optional(),
  itemsTotal: z.number().optional(),
  bytesDone: z.number().optional(),
  bytesTotal: z.number().optional(),
});

export const JobView = z.object({
  id: z.string(),
  kind: z.string(),
  connectionId: z.string(),
  userName: z.string(),
  state: z.enum(["queued", "running", "succeeded", "failed", "cancelled"]),
  progress: JobProgress,
  request: z.record(z.string(), z.json()),
  outcome: z.record(z.string(), z.json()).nullable(),
  error: Failure.nullable(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  endedAt: z.string().nullable(),
});
export type JobView = z.infer<typeof JobView>;

export const JobPage = z.object({ jobs: z.array(JobView), nextCursor: z.string().nullable() });
export const JobDetail = JobView.extend({ log: z.array(z.object({ id: z.number(), at: z.string(), text: z.string() })) });
export type JobDetail = z.infer<typeof JobDetail>;

/** A file that waits at `url`; it can be fetched once, within a minute, by whoever asked for it. */
export const FileTicket = z.object({ url: z.string(), expiresAt: z.string() });
export type FileTicket = z.infer<typeof FileTicket>;
