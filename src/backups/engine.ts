/**
 * The backup half of the engine contract: five steps with guarantees. The console's half (jobs, store, catalogue,
 * manifest file, rights, audit) is beside this file and knows no engine.
 */
import type { Readable, Writable } from "node:stream";
import { z } from "zod";
import type { Connection } from "@/server/connection";

export const Consistency = z.enum(["snapshot", "per collection", "fuzzy"]);

export const ManifestObject = z.object({
  /** As the engine's own words name it: "public.orders", "db0 hash", "orders". Unique within a manifest. */
  name: z.string(),
  /** "table", "materialized view", "collection", "view", "keys", ... */
  kind: z.string(),
  /** Rows, keys or documents; null where the object holds none (a view). */
  count: z.number().nullable(),
  /** Bytes of this object in the artefact (uncompressed); null when not known. */
  bytes: z.number().nullable(),
  /** A checksum over the object's content where the format carries one; else null. */
  checksum: z.string().nullable(),
});
export type ManifestObject = z.infer<typeof ManifestObject>;

/** What an engine's `write` knows when it is done; the console adds ids, times, sizes and SHA-256. */
export const ManifestContent = z.object({
  /** "sqlite", "redis-scan", "pg_dump-custom", "mongodump-archive-gzip" */
  format: z.string(),
  server: z.object({ product: z.string(), version: z.string() }),
  /** Database name, logical databases, file name: what was backed up. */
  source: z.string(),
  tool: z.string(),
  consistency: Consistency,
  objects: z.array(ManifestObject),
  skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
  /** Engine-specific facts that restore needs (dump version, functions, roles ...). Plain JSON, no secrets. */
  details: z.record(z.string(), z.json()),
});
export type ManifestContent = z.infer<typeof ManifestContent>;

export const Manifest = ManifestContent.extend({
  manifestVersion: z.literal(1),
  backupId: z.string(),
  connection: z.string(),
  environment: z.string(),
  /** Bytes and SHA-256 (hex) of the artefact file as stored. */
  bytes: z.number(),
  sha256: z.string(),
  startedAt: z.string(),
  finishedAt: z.string(),
});
export type Manifest = z.infer<typeof Manifest>;

export interface Progress {
  /** "Take snapshot", "Write with pg_dump", "Read back whole", "Compare counts": words shown on screen. */
  phase?: string;
  /** The object in work. */
  object?: string;
  objectsDone?: number;
  objectsTotal?: number;
  itemsDone?: number;
  /** Estimate; absent when not known. */
  itemsTotal?: number;
  bytesDone?: number;
  bytesTotal?: number;
}

export interface JobContext {
  signal: AbortSignal;
  /** Merged into the job's progress; may be called often, it is throttled. */
  progress(change: Progress): void;
  /** One line of the job's log. Never a secret. */
  log(line: string): void;
  /** Short lower-case hexadecimal id of the job, safe inside database and collection names. */
  jobId: string;
  /** A private directory (0700) of this job, removed when it ends. */
  scratchDir: string;
  /** Registers a child process so that a crash of the console does not leave it behind. */
  child(pid: number): void;
}

/** Where `write` puts the artefact: use either the stream or the path, not both. */
export interface ArtefactSink {
  /** Path of the `.partial` file for engines that write a file themselves (SQLite). It does not exist yet. */
  readonly path: string;
  /** Opens the file for streaming; counts and hashes what passes. Call once. */
  stream(): Writable;
}

/** An artefact at rest. */
export interface Artefact {
  readonly path: string;
  readonly bytes: number;
  /** Null for the read-back inside a backup job, before the manifest file exists. */
  readonly manifest: ManifestContent;
  open(range?: { start?: number; end?: number }): Readable;
}

export const Verification = z.object({
  /** How it was read: "integrity_check, foreign_key_check", "pg_restore read whole, rows counted", ... */
  method: z.string(),
  /** What was found in the artefact, by the same names as the manifest. */
  objects: z.array(z.object({ name: z.string(), count: z.number().nullable(), checksum: z.string().nullable().optional() })),
});
export type Verification = z.infer<typeof Verification>;

export const RestoreTarget = z.object({
  /**
   * The new place: a database name (PostgreSQL, MongoDB), a logical database number as text (Redis),
   * a file name without directory (SQLite). Must not exist, or be empty (Redis).
   */
  name: z.string().min(1).max(100),
});
export type RestoreTarget = z.infer<typeof RestoreTarget>;

export const PlanCheck = z.object({
  /** pass = fits, warn = to know, fail = the restore will be refused. */
  result: z.enum(["pass", "warn", "fail"]),
  title: z.string(),
  detail: z.string(),
});

export const RestorePlan = z.object({
  target: z.string(),
  /** "new database", "empty logical database", "new file": the way, in words. */
  way: z.string(),
  objects: z.array(
    z.object({ name: z.string(), kind: z.string(), inBackup: z.number().nullable(), liveNow: z.number().nullable(), after: z.number().nullable() }),
  ),
  checks: z.array(PlanCheck),
  bytesNeeded: z.number().nullable(),
  /** What will run, in order, in words. */
  steps: z.array(z.object({ title: z.string(), detail: z.string() })),
});
export type RestorePlan = z.infer<typeof RestorePlan>;

/** A restore that stands aside, complete and not yet kept. Exactly one of keep and discard is called. */
export interface Staged {
  /** Counts as read back from the staged place, by the manifest's names. */
  objects: { name: string; count: number | null }[];
  /** Things left out on purpose, each with its reason ("expired since the backup"). `count` is subtracted per object when compared. */
  skipped: { name: string; count: number; reason: string }[];
  /** Gives it the target's name. Returns where it now is, in words, and a connection to open it when it needs one of its own. */
  keep(): Promise<{ place: string; connection?: { url: string; database: string | null } }>;
  /** Removes every trace. */
  discard(): Promise<void>;
}

/** What to clear away after a crash: only what carries this job's id. */
export interface LeftBehind {
  jobId: string;
  target: string;
}

export interface BackupEngine {
  /** File extension of the artefact with its dot: ".sqlite", ".jsonl.gz", ".dump", ".archive.gz". */
  extension: string;
  /** Streams one artefact, as consistent as the server can, and reports objects and counts. Rejects on any doubt. */
  write(connection: Connection, sink: ArtefactSink, context: JobContext): Promise<ManifestContent>;
  /**
   * For an engine whose `write` reads back the very bytes it streams: what it found, taken from its manifest content.
   * The console then only proves that the file's SHA-256 is that of the streamed bytes. Null = call verify.
   */
  readBackWhileWriting?(content: ManifestContent): Verification | null;
  /** Reads an artefact whole, without a server: structure, checksums, counts. Never trusts an exit code alone. Rejects when anything is off. */
  verify(artefact: Artefact, context: JobContext): Promise<Verification>;
  /** Says what restoring here would do. Changes nothing. */
  plan(artefact: Artefact, connection: Connection, target: RestoreTarget, context: { signal?: AbortSignal | undefined }): Promise<RestorePlan>;
  /** Restores aside. Nothing live is touched. On failure it has removed what it made. */
  stage(artefact: Artefact, connection: Connection, target: RestoreTarget, context: JobContext): Promise<Staged>;
  /** Clears what a crashed restore left behind. */
  sweep(connection: Connection, left: LeftBehind): Promise<void>;
}
