/**
 * The backup half of the engine contract: plan, stage, compare, swap, undo. The console's half (jobs, store, catalogue, manifest
 * file, journal of swaps, rights, audit) is beside this file and knows no engine.
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
  /** The database it was taken from, `host:port/database` or the path of a file; absent for a file made elsewhere and in older ones. */
  takenFrom: z.string().optional(),
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
  /** A database name (PostgreSQL, MongoDB), a logical database number as text (Redis), a file name without directory (SQLite). */
  name: z.string().min(1).max(100),
  /**
   * False: a new place, which must not exist, or be empty (Redis). True: what the connection opens now is replaced by the restored copy,
   * in one step that can be undone; `name` is then the name of just that and of nothing else.
   */
  replace: z.boolean().optional(),
  /** Only these objects, by the manifest's names; absent = all. */
  objects: z.array(z.string().min(1).max(1_000)).min(1).max(10_000).optional(),
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
  /** Whether `liveNow` comes from statistics and not from counting; absent = as this engine usually does. */
  liveIsEstimate: z.boolean().optional(),
  checks: z.array(PlanCheck),
  bytesNeeded: z.number().nullable(),
  /** What will run, in order, in words. */
  steps: z.array(z.object({ title: z.string(), detail: z.string() })),
  /** What stands under the name now and will be replaced; null for a new place. Figures are null where nothing tells. */
  replaces: z.object({ place: z.string(), items: z.number().nullable(), bytes: z.number().nullable(), sessions: z.number().nullable() }).nullish(),
  /** How the replacing is undone, and the bytes that keeping the old state takes; null for a new place. */
  undo: z.object({ how: z.string(), bytes: z.number().nullable() }).nullish(),
});
export type RestorePlan = z.infer<typeof RestorePlan>;

/**
 * All that an engine needs to undo a swap, and to find out after a crash which of the two is live. Plain JSON without secrets.
 * The console writes it into its journal before anything live is touched, and hands it back unchanged.
 */
export type SwapRecord = ManifestContent["details"];

export interface Swap {
  /** Of the restore; it is in the names of what is kept aside. */
  jobId: string;
  target: string;
  record: SwapRecord;
}

/** Writes the record into the journal. Await it before the first effect on what is live; may be called again when the record grows. */
export type Journal = (record: SwapRecord) => Promise<void>;

export interface Swapped {
  /** What is live now, in words. */
  place: string;
  /** Bytes of what is kept aside for undo; null when not known. */
  keptBytes: number | null;
}

/** A restore that stands aside, complete and not yet kept. Exactly one of keep, swap and discard is called, swap only for a target to be replaced. */
export interface Staged {
  /** Counts as read back from the staged place, by the manifest's names. */
  objects: { name: string; count: number | null }[];
  /** Things left out on purpose, each with its reason ("expired since the backup"). `count` is subtracted per object when compared. */
  skipped: { name: string; count: number; reason: string }[];
  /** Gives it the target's name. Returns where it now is, in words, and a connection to open it when it needs one of its own. */
  keep(): Promise<{ place: string; connection?: { url: string; database: string | null } }>;
  /**
   * Puts the restored copy in the place of what is live, in one step, and keeps the old state aside. When it rejects the console calls
   * `settle`, which finds out what became of it. It is not cancelled half way: the signal counts until the journal is written.
   */
  swap?(journal: Journal): Promise<Swapped>;
  /**
   * For a proof drill: reads what stands aside and compares its content with the artefact's, not only the counts. Rejects with CONFLICT
   * naming what differs; answers how it was compared: "CRC-32 over the rows of 12 tables".
   */
  compareContent(): Promise<{ method: string }>;
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
  /** Of an engine that writes more than one format: extensions by the manifest's format; `extension` for all others. */
  extensions?: Readonly<Record<string, string>>;
  /** Formats that a person may ask `write` for instead of what the engine takes by itself. */
  formats?: readonly [string, ...string[]];
  /**
   * Streams one artefact, as consistent as the server can, and reports objects and counts. Rejects on any doubt.
   * @param format one of `formats`; absent for what the engine takes by itself
   */
  write(connection: Connection, sink: ArtefactSink, context: JobContext, format?: string): Promise<ManifestContent>;
  /**
   * For an engine whose `write` reads back the very bytes it streams: what it found, taken from its manifest content.
   * The console then only proves that the file's SHA-256 is that of the streamed bytes. Null = call verify.
   */
  readBackWhileWriting?(content: ManifestContent): Verification | null;
  /** Reads an artefact whole, without a server: structure, checksums, counts. Never trusts an exit code alone. Rejects when anything is off. */
  verify(artefact: Artefact, context: JobContext): Promise<Verification>;
  /** Says what restoring here would do. Changes nothing. `checksOnly`: only the checks are read, and nothing needs to be counted for them. */
  plan(
    artefact: Artefact,
    connection: Connection,
    target: RestoreTarget,
    context: { signal?: AbortSignal | undefined; checksOnly?: boolean | undefined },
  ): Promise<RestorePlan>;
  /**
   * For an engine whose `stage` copies the artefact's very bytes and rejects unless the SHA-256 of the copy, read back, is the manifest's:
   * the console does not read a file that was verified before a second time for that. When `stage` rejects it looks whether it is the file.
   */
  stageProvesBytes?: boolean;
  /** Restores aside. Nothing live is touched. On failure it has removed what it made. */
  stage(artefact: Artefact, connection: Connection, target: RestoreTarget, context: JobContext): Promise<Staged>;
  /** Clears what a crashed restore left behind. */
  sweep(connection: Connection, left: LeftBehind): Promise<void>;
  /**
   * After a swap or an exchange that did not come to its end (crash, lost connection): finishes it or takes it back, whichever is certain,
   * and answers what is live now: the "restored" copy, or the state from "before" it. Nothing is lost either way: the other one is still
   * kept aside afterwards (a way that is not one step takes back what it half did, and what others wrote into it). Idempotent, also when nothing was interrupted. Rejects when it cannot know (server away): it is called again later.
   */
  settle(connection: Connection, swap: Swap, context: { log(line: string): void }): Promise<"restored" | "before">;
  /** Exchanges what is live and what is kept, in one step: undo, and undo of the undo. When it rejects the console calls `settle`. */
  exchange(connection: Connection, swap: Swap, steps: { journal: Journal; context: JobContext }): Promise<Swapped>;
  /** Drops what is kept aside, whichever of the two that is; what is live stays. Idempotent. */
  dropKept(connection: Connection, swap: Swap, context: Pick<JobContext, "log" | "signal">): Promise<void>;
  /** The first items of one object of an artefact, without a server. Throws NOT_FOUND for an object that is not in it. */
  peek(artefact: Artefact, object: string, options: { limit: number; signal?: AbortSignal | undefined }): Promise<Peek>;
  /**
   * Reads a file that was made elsewhere, whole, and says what is in it as if `write` had written it. Throws INVALID, in words,
   * for anything that is not a whole artefact of this engine.
   */
  describe(file: { path: string; bytes: number }, context: JobContext): Promise<ManifestContent>;
}

/** The first items of an object, as text to be shown: rows with their columns, documents as canonical Extended JSON, keys with type and expiry. */
export const Peek = z.object({
  columns: z.array(z.string()),
  /** A cell is null for NULL; long ones are cut. */
  rows: z.array(z.array(z.string().nullable())),
  hasMore: z.boolean(),
});
export type Peek = z.infer<typeof Peek>;
