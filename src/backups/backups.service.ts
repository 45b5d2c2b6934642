import "server-only";
/** Backups, engine-free: write aside, read back whole, compare, publish. Nothing says complete before all of that. */
import { fileNameOf, giveUp, insertRunning, newBackupId } from "@/backups/catalogue";
import type { Artefact, BackupEngine, JobContext, ManifestContent, Verification } from "@/backups/engine";
import { Manifest } from "@/backups/engine";
import { asAppError, errorJson, startJob } from "@/backups/jobs";
import { placeOf, placeText } from "@/backups/place";
import { applyRetention, type RetentionRule } from "@/backups/retention.service";
import { isNoSpace, noRoom, roomBytes, watchRoom } from "@/backups/room";
import { artefactBytes, artefactPath, createArtefact, openArtefact, type PendingArtefact, sha256OfFile, type WrittenArtefact } from "@/backups/store";
import type { Connection } from "@/server/connection";
import { type BackupRow, findBackup, listBackups, updateBackup } from "@/server/control-plane/backups.repo";
import { AppError, type AppErrorCode, isAbort, throwIfCancelled } from "@/server/errors";
import { logger } from "@/server/logger";

/** Starts a backup job. @returns ids to follow it by. */
export async function createBackup(options: {
  connection: Connection;
  engine: BackupEngine;
  user: { id: string; name: string };
  idempotencyKey?: string | undefined;
  /** One of the engine's formats; absent for what it takes by itself. */
  format?: string | undefined;
  /** The schedule that asks for it; what it no longer keeps is deleted afterwards. */
  schedule?: RetentionRule | undefined;
}): Promise<{ jobId: string; backupId: string }> {
  const { connection, engine, user, idempotencyKey, format, schedule } = options;
  assertFormat(engine, format);
  const startedAt = new Date();
  const backupId = newBackupId(connection, startedAt);
  const fileName = fileNameOf(backupId, engine);
  const prepare = (jobId: string) => insertRunning({ backupId, jobId, connection, fileName, user, startedAt, scheduleId: schedule?.id });
  const job = await startJob(
    { kind: "backup", connection, user, request: { backupId, ...(format === undefined ? {} : { format }) }, idempotencyKey, prepare },
    (context) =>
      runBackup({ backupId, fileName, connection, engine, format, startedAt, context }).then(async (outcome) => {
        if (schedule) await keepWhatIsWanted(connection.id, schedule, context);
        return outcome;
      }),
  );
  // A repeated request answers the job it started the first time, with that job's backup.
  return { jobId: job.jobId, backupId: String(job.request["backupId"]) };
}

function assertFormat(engine: BackupEngine, format: string | undefined): void {
  if (format === undefined || engine.formats?.includes(format)) return;
  throw new AppError("INVALID", `"${format.slice(0, 50)}" is not a format that can be asked for here`, {
    fix: engine.formats ? `Leave it out, or ask for ${engine.formats.join(", ")}.` : "Leave it out: there is nothing to choose.",
  });
}

/** The backup stands, whatever becomes of the old ones. */
async function keepWhatIsWanted(connectionId: string, schedule: RetentionRule, context: JobContext): Promise<void> {
  await applyRetention(connectionId, schedule, context).catch((error: unknown) => {
    logger().error({ jobId: context.jobId, error }, "retention failed");
    context.log(`retention could not be applied: ${error instanceof Error ? error.message : "unknown"}`);
  });
}

interface Run {
  backupId: string;
  fileName: string;
  connection: Connection;
  engine: BackupEngine;
  format: string | undefined;
  startedAt: Date;
  context: JobContext;
}

async function runBackup(run: Run): Promise<Record<string, unknown>> {
  const { backupId, engine, context } = run;
  let pending: PendingArtefact | null = null;
  try {
    pending = await createArtefact(run.fileName);
    throwIfCancelled(context.signal);
    const { content, bytes, streamedSha256 } = await writeInto(pending, run);
    context.progress({ phase: "Read back whole", bytesDone: 0, bytesTotal: bytes });
    const artefact = artefactOf(pending.path, bytes, content);
    const { sha256, verification } = await readBack({ engine, artefact, streamedSha256, context });
    context.progress({ phase: "Compare counts" });
    assertSameCounts(content, verification);
    throwIfCancelled(context.signal);
    const fileName = fileNameOf(backupId, engine, content.format);
    const takenFrom = placeText(placeOf(run.connection));
    await publishBackup({ ...run, pending, content, bytes, sha256, method: verification.method, fileName, takenFrom });
    context.log(`read back whole (${verification.method}), ${content.objects.length} of ${content.objects.length} counts equal`);
    context.log("complete and verified");
    return { backupId, bytes, sha256, objects: content.objects.length, items: itemsOf(content), skipped: content.skipped };
  } catch (error) {
    await giveUp({ backupId, pending, context, error });
    throw error;
  }
}

/** Lets the engine write while there is room. @throws AppError LIMIT_EXCEEDED with figures when there is none */
async function writeInto(pending: PendingArtefact, { connection, engine, format, context }: Run): Promise<WrittenArtefact & { content: ManifestContent }> {
  const lastBytes = await lastBytesOf(connection.id);
  const room = await roomBytes();
  if (room === 0) throw noRoom({ room, written: 0, lastBytes });
  if (lastBytes !== null && lastBytes > room) context.log(`the store has room for ${room} bytes, the last backup has ${lastBytes}: this one may not fit`);
  const watch = watchRoom();
  try {
    const content = await engine.write(connection, pending, { ...context, signal: AbortSignal.any([context.signal, watch.signal]) }, format);
    context.log(`${content.tool} has written, ${itemsOf(content)} items in ${content.objects.length} objects`);
    const written = await pending.written();
    context.log(`${written.bytes} bytes are written`);
    return { content, ...written };
  } catch (error) {
    if (context.signal.aborted || !(watch.signal.aborted || (await isNoSpace(error)))) throw error;
    throw noRoom({ room, written: await artefactBytes(pending.path).catch(() => 0), lastBytes });
  } finally {
    watch.end();
  }
}

/** What a backup of this connection took the last time: the only estimate that costs nothing. */
async function lastBytesOf(connectionId: string): Promise<number | null> {
  const last = await listBackups({ connectionIds: [connectionId], limit: 20 });
  return last.find(({ state, origin }) => state === "complete" && origin === "console")?.bytes ?? null;
}

/** Gives a file that was read back whole its name, its manifest and its place in the catalogue: from here on the backup is complete. */
export async function publishBackup(found: {
  backupId: string;
  connection: Connection;
  startedAt: Date;
  pending: PendingArtefact;
  content: ManifestContent;
  bytes: number;
  sha256: string;
  /** How it was read back. */
  method: string;
  /** When it is not the name the file was begun under: the row has it before the file does. */
  fileName?: string;
  /** Which database it is a copy of; absent for a file made elsewhere. */
  takenFrom?: string;
}): Promise<void> {
  const { backupId, connection, pending, content, bytes, sha256, method, fileName, takenFrom } = found;
  const finishedAt = new Date().toISOString();
  const manifest: Manifest = {
    ...content,
    manifestVersion: 1,
    backupId,
    connection: connection.id,
    environment: connection.environment,
    ...(takenFrom === undefined ? {} : { takenFrom }),
    bytes,
    sha256,
    startedAt: found.startedAt.toISOString(),
    finishedAt,
  };
  if (fileName !== undefined) await updateBackup(backupId, { file_name: fileName });
  await pending.publish(`${JSON.stringify(manifest, null, 2)}\n`, fileName);
  await updateBackup(backupId, {
    state: "complete",
    format: content.format,
    bytes,
    sha256,
    consistency: content.consistency,
    object_count: content.objects.length,
    item_count: itemsOf(content),
    server_version: `${content.server.product} ${content.server.version}`,
    tool: content.tool,
    manifest: JSON.stringify(manifest),
    verified_at: finishedAt,
    verified_how: method,
    finished_at: finishedAt,
  });
}

/**
 * Reads the stored file from its first byte to its last. An engine that already checked the very bytes while they were
 * written (their hash is known) only needs the file's hash to be the same: then what was checked is what lies on disk.
 */
async function readBack(options: {
  engine: BackupEngine;
  artefact: Artefact;
  streamedSha256: string | null;
  context: JobContext;
}): Promise<{ sha256: string; verification: Verification }> {
  const { engine, artefact, streamedSha256, context } = options;
  const whileWriting = streamedSha256 === null ? null : readBackWhileWriting(engine, artefact.manifest);
  // Two readers of the same bytes at once: the hash, and the engine.
  const [hashed, verified] = await Promise.allSettled([
    sha256OfFile(artefact.path, context.signal, (bytesDone) => context.progress({ bytesDone })),
    whileWriting ?? engine.verify(artefact, context),
  ]);
  if (hashed.status === "rejected") throw hashed.reason;
  const sha256 = hashed.value;
  if (streamedSha256 !== null && sha256 !== streamedSha256) {
    throw new AppError("INTERNAL", "The file on disk is not what was written to it", {
      fix: "Check the disk of the store.",
      detail: `SHA-256 ${sha256}, written ${streamedSha256}`,
    });
  }
  if (verified.status === "rejected") throw verified.reason;
  return { sha256, verification: verified.value };
}

function readBackWhileWriting(engine: BackupEngine, content: ManifestContent): Verification | null {
  return engine.readBackWhileWriting?.(content) ?? null;
}

/** @throws AppError INTERNAL naming the objects whose counts differ from the manifest. */
export function assertSameCounts(content: ManifestContent, verification: Verification): void {
  const found = new Map(verification.objects.map((object) => [object.name, object]));
  const wrong = content.objects.filter((object) => {
    const other = found.get(object.name);
    if (!other) return true;
    return other.count !== object.count || (other.checksum != null && object.checksum !== null && other.checksum !== object.checksum);
  });
  const known = new Set(content.objects.map((object) => object.name));
  const extra = verification.objects.filter((object) => !known.has(object.name));
  if (wrong.length === 0 && extra.length === 0) return;
  const names = [...wrong, ...extra]
    .slice(0, 5)
    .map((object) => `${object.name}: manifest ${countIn(content.objects, object.name)}, file ${countIn(verification.objects, object.name)}`);
  throw new AppError("INTERNAL", `${wrong.length + extra.length} objects in the file are not what the manifest says`, {
    fix: "Take a new backup; this file is not good.",
    detail: names.join("; "),
  });
}

const countIn = (objects: { name: string; count: number | null }[], name: string): string =>
  String(objects.find((object) => object.name === name)?.count ?? "none");

/** Reads a stored backup whole again: its hash, its structure, its counts. A backup that fails is no longer good. */
export async function verifyBackup(options: {
  backup: BackupRow;
  connection: Connection;
  engine: BackupEngine;
  user: { id: string; name: string };
}): Promise<{ jobId: string }> {
  const { backup, connection, engine, user } = options;
  const { jobId } = await startJob({ kind: "verify", connection, user, request: { backupId: backup.id } }, async (context) => {
    try {
      const verification = await checkArtefact({ backup, engine, context });
      const verifiedAt = new Date().toISOString();
      await updateBackup(backup.id, { verified_at: verifiedAt, verified_how: verification.method, state: "complete", error: null });
      context.log("verified");
      return { backupId: backup.id, method: verification.method };
    } catch (error) {
      await markIfDamaged({ backup, context, error });
      throw error;
    }
  });
  return { jobId };
}

/** Takes the good name from a backup whose file was read and found wrong. */
export async function markIfDamaged({ backup, context, error }: { backup: BackupRow; context: JobContext; error: unknown }): Promise<void> {
  if (!isAboutTheFile(error, context)) return;
  await updateBackup(backup.id, {
    state: "failed",
    verified_at: null,
    verified_how: null,
    error: JSON.stringify(errorJson(asAppError(error, context.jobId))),
  });
}

/** Whether what failed says something about the file, and not only that it could not be read or restored here and now. */
export function isAboutTheFile(error: unknown, { signal }: JobContext): boolean {
  if (signal.aborted || isAbort(error) || isOfTheMachine(error)) return false;
  const elsewhere: AppErrorCode[] = ["TOOL_MISSING", "UNSUPPORTED", "TIMEOUT", "LIMIT_EXCEEDED", "UNREACHABLE", "TOO_MANY_REQUESTS"];
  return !(error instanceof AppError && elsewhere.includes(error.code));
}

/** What keeps the console from reading or from working at all: no right, no space, no more files or memory. */
const MACHINE: unknown[] = ["EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "EMFILE", "ENFILE", "ENOMEM"];

function isOfTheMachine(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (MACHINE.includes((cause as NodeJS.ErrnoException).code)) return true;
  return false;
}

/** SHA-256, structure and counts of a stored backup against its manifest. @throws AppError saying what is off */
export async function checkArtefact(options: { backup: BackupRow; engine: BackupEngine; context: JobContext }): Promise<Verification> {
  const { backup, engine, context } = options;
  const { artefact, manifest } = await checkBytes({ backup, context });
  const verification = await engine.verify(artefact, context);
  assertSameCounts(manifest, verification);
  return verification;
}

/**
 * Size and SHA-256 of a stored backup against its manifest: enough for one that was read back whole before, whose bytes are then the very
 * ones that were read. @throws AppError saying what is off
 */
export async function checkBytes({ backup, context }: { backup: BackupRow; context: JobContext }): Promise<{ artefact: Artefact; manifest: Manifest }> {
  throwIfCancelled(context.signal);
  const { artefact, manifest } = await checkSize(backup);
  context.progress({ phase: "Read back whole", bytesDone: 0, bytesTotal: artefact.bytes });
  const sha256 = await sha256OfFile(artefact.path, context.signal, (bytesDone) => context.progress({ bytesDone }));
  if (sha256 !== manifest.sha256)
    throw new AppError("INTERNAL", "The file is not the one that was written: its SHA-256 differs", {
      fix: "Choose another backup; this file was changed.",
      detail: sha256,
    });
  return { artefact, manifest };
}

/** Only the size of a stored backup against its manifest. @throws AppError saying what is off */
export async function checkSize(backup: BackupRow): Promise<{ artefact: Artefact; manifest: Manifest }> {
  const stored = await storedArtefact(backup);
  const { artefact, manifest } = stored;
  if (artefact.bytes === manifest.bytes) return stored;
  throw new AppError("INTERNAL", `The file has ${artefact.bytes} bytes, the manifest says ${manifest.bytes}`, {
    fix: "Choose another backup; this file was changed.",
  });
}

/** @throws AppError NOT_FOUND when the file or its manifest is gone, CONFLICT when the backup is not complete. */
export async function storedArtefact(backup: BackupRow): Promise<{ artefact: Artefact; manifest: Manifest }> {
  if (backup.manifest === null || backup.state === "running") {
    throw new AppError("CONFLICT", backup.state === "running" ? "This backup is still being written" : "This backup failed and has no file", {
      fix: "Choose a complete backup.",
    });
  }
  const path = artefactPath(backup.file_name);
  const manifest = Manifest.parse(JSON.parse(backup.manifest));
  return { artefact: artefactOf(path, await artefactBytes(path), manifest), manifest };
}

/** @throws AppError NOT_FOUND, also for a backup of a connection that is not the given one. */
export async function backupOf(connectionId: string, backupId: string): Promise<BackupRow> {
  const backup = await findBackup(backupId);
  if (!backup || backup.connection_id !== connectionId)
    throw new AppError("NOT_FOUND", "There is no such backup of this connection", { fix: "Choose one of the list." });
  return backup;
}

export function artefactOf(path: string, bytes: number, manifest: ManifestContent): Artefact {
  return { path, bytes, manifest, open: (range) => openArtefact(path, range) };
}

export const itemsOf = (content: ManifestContent): number => content.objects.reduce((sum, object) => sum + (object.count ?? 0), 0);
