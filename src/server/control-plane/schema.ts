/** Tables of the console's own database. Times are ISO 8601 UTC text, booleans 0 or 1, JSON is text. */
import type { Generated } from "kysely";
import type { EngineId } from "@/engines";
import type { Environment } from "@/server/connection";
import type { Role } from "@/lib/rights";

export interface UsersTable {
  id: string;
  /** Lower case, unique. */
  email: string;
  name: string;
  role: Role;
  password_hash: string;
  disabled: number;
  failed_sign_ins: number;
  /** Sign-in is refused until then. */
  locked_until: string | null;
  created_at: string;
}

export interface GrantsTable {
  user_id: string;
  /** `<engine>/<name>`. */
  connection_id: string;
  /** The role this user has on this connection instead of their own; "none" = no access. */
  role: Role | "none";
}

export interface SessionsTable {
  /** SHA-256 (hex) of the 256-bit id that only the cookie holds. */
  id_hash: string;
  user_id: string;
  created_at: string;
  /** Last time a password was given in this session. */
  signed_in_at: string;
  last_seen_at: string;
  address: string;
  user_agent: string;
  revoked_at: string | null;
}

export interface ApiTokensTable {
  id: string;
  user_id: string;
  name: string;
  token_hash: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  last_used_at: string | null;
}

export interface ConnectionsTable {
  /** `<engine>/<name>`. */
  id: string;
  engine: EngineId;
  name: string;
  environment: Environment;
  /** Safe to show: host:port or path. */
  address: string;
  /** AES-256-GCM of the URL or path, bound to id and address. */
  secret: string;
  database: string | null;
  tls_ca: string | null;
  created_by: string;
  created_at: string;
  updated_at: string;
}

export type JobState = "queued" | "running" | "succeeded" | "failed" | "cancelled";

export interface JobsTable {
  /** Twelve lower-case hexadecimal characters. */
  id: string;
  /** "backup", "verify", "restore", "undo", "drop", "drill", "upload". */
  kind: string;
  connection_id: string;
  user_id: string;
  user_name: string;
  state: JobState;
  /** JSON of Progress. */
  progress: string;
  /** JSON of what came out; null until it ended. */
  outcome: string | null;
  /** JSON {code, message, fix, detail}; null unless failed. */
  error: string | null;
  /** The id of the console process that runs it: a running job of another boot is dead. */
  boot_id: string;
  /** JSON array of {pid, startTicks} of child processes. */
  children: string;
  /** JSON of what the job was asked to do, without secrets. */
  request: string;
  idempotency_key: string | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
}

export interface JobLinesTable {
  id: Generated<number>;
  job_id: string;
  at: string;
  text: string;
}

export type BackupState = "running" | "complete" | "failed";

export interface BackupsTable {
  id: string;
  connection_id: string;
  engine: EngineId;
  environment: Environment;
  state: BackupState;
  job_id: string;
  /** Name inside the artefact store, made by the server. */
  file_name: string;
  format: string | null;
  bytes: number | null;
  sha256: string | null;
  consistency: string | null;
  object_count: number | null;
  item_count: number | null;
  server_version: string | null;
  tool: string | null;
  /** JSON of Manifest. */
  manifest: string | null;
  /** When it was last read back whole with equal counts, and how. */
  verified_at: string | null;
  verified_how: string | null;
  /** JSON {code, message, fix, detail} of a failed backup or a failed verification. */
  error: string | null;
  /** When a drill last restored it aside and found its content equal, and how it compared. */
  proved_at: string | null;
  proved_how: string | null;
  /** When a drill last failed, and JSON {code, message, fix, detail}; null again after a good one. */
  drill_failed_at: string | null;
  drill_error: string | null;
  /** The schedule that took it; null for one by hand. */
  schedule_id: string | null;
  /** "upload": the file was made elsewhere. */
  origin: Generated<"console" | "upload">;
  /** JSON of Place: the database its connection opened then; null for an upload and for older ones. */
  place: string | null;
  created_by: string;
  created_by_name: string;
  started_at: string;
  finished_at: string | null;
}

/**
 * swapping, exchanging: an effect is under way, or was when the console stopped. restored: the restored copy is live, the state from before
 * it is kept. undone: the other way round. dropped: nothing is kept any more.
 */
export type SwapState = "swapping" | "restored" | "exchanging" | "undone" | "dropped";

/** Restores that replaced live data, one row each, written before the effect. */
export interface SwapsTable {
  /** The id of the restore job. */
  id: string;
  connection_id: string;
  backup_id: string;
  target: string;
  state: SwapState;
  /** JSON of the engine's SwapRecord. */
  record: string;
  /** JSON of Place: the database that was replaced, and beside which what is kept lies. */
  place: string | null;
  kept_bytes: number | null;
  user_id: string;
  user_name: string;
  /** The console process that last worked on it. */
  boot_id: string;
  created_at: string;
  changed_at: string;
  /** Undo works until then; afterwards what is kept is dropped. */
  kept_until: string;
  /** JSON {code, message, fix, detail} of the last attempt to settle it; null when that is not needed or went well. */
  error: string | null;
}

export interface SchedulesTable {
  id: string;
  connection_id: string;
  /** A drill proves the newest good backup. */
  kind: "backup" | "drill";
  /** Of the engine's formats the one that a backup asks for; null for what the engine takes by itself. */
  format: string | null;
  /** Five fields. */
  cron: string;
  /** IANA name. */
  time_zone: string;
  keep_last: number | null;
  keep_days: number | null;
  enabled: number;
  created_by: string;
  created_by_name: string;
  created_at: string;
  last_run_at: string | null;
  last_job_id: string | null;
  /** JSON {code, message, fix, detail} when the last run could not even start. */
  last_error: string | null;
  next_run_at: string | null;
}

export interface ApprovalsTable {
  id: string;
  kind: "restore" | "rule off";
  connection_id: string;
  backup_id: string | null;
  target: string;
  /** JSON array of names; null for everything. */
  objects: string | null;
  /** SHA-256 over the artefact's SHA-256, the connection as it opens, target and options. */
  hash: string;
  requested_by: string;
  requested_by_name: string;
  requested_at: string;
  expires_at: string;
  decision: "approved" | "refused" | null;
  decided_by: string | null;
  decided_by_name: string | null;
  decided_at: string | null;
  used_at: string | null;
  job_id: string | null;
}

export type AuditOutcome = "started" | "allowed" | "refused" | "failed";

export interface AuditTable {
  seq: Generated<number>;
  at: string;
  actor_id: string | null;
  actor_name: string;
  role: string | null;
  /** First eight characters of the session's hash, or "token <name>". */
  session: string | null;
  address: string | null;
  /** An action of lib/rights, or "sign in", "sign out". */
  action: string;
  connection_id: string | null;
  procedure: string;
  target: string;
  /** JSON of the input without secrets, at most 4 KiB. */
  input: string;
  outcome: AuditOutcome;
  detail: string;
  /** The seq of the `started` row this one completes. */
  completes: number | null;
  request_id: string;
  previous_hash: string;
  /** HMAC-SHA-256 (hex) over previous_hash and all other columns but seq. */
  hash: string;
}

export interface DownloadTicketsTable {
  /** SHA-256 (hex) of the ticket in the URL. */
  id_hash: string;
  /** "artefact" or "export". */
  kind: string;
  user_id: string;
  /** The session's id_hash or `token:<id>`: only the same one may use it. */
  session: string;
  /** JSON of what to send. */
  request: string;
  created_at: string;
  expires_at: string;
  used_at: string | null;
}

export interface SettingsTable {
  key: string;
  value: string;
}

export interface ControlPlane {
  users: UsersTable;
  grants: GrantsTable;
  sessions: SessionsTable;
  api_tokens: ApiTokensTable;
  connections: ConnectionsTable;
  jobs: JobsTable;
  job_lines: JobLinesTable;
  backups: BackupsTable;
  swaps: SwapsTable;
  schedules: SchedulesTable;
  approvals: ApprovalsTable;
  audit: AuditTable;
  download_tickets: DownloadTicketsTable;
  settings: SettingsTable;
}
