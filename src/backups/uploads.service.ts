import "server-only";
/**
 * Files that were made elsewhere: received as a stream into the store, recognised by their content and read whole by the engine, and
 * only then in the catalogue as complete. What is cut, too large, or not what it should be leaves no file.
 */
import { finished } from "node:stream/promises";
import { artefactOf, assertSameCounts, itemsOf, publishBackup } from "@/backups/backups.service";
import { fileNameOf, giveUp, insertRunning, newBackupId } from "@/backups/catalogue";
import type { BackupEngine, JobContext, ManifestContent } from "@/backups/engine";
import { asAppError, startJob } from "@/backups/jobs";
import { assertRoom } from "@/backups/room";
import { createArtefact, type PendingArtefact, sha256OfFile } from "@/backups/store";
import { boundedBody } from "@/backups/upload-body";
import type { Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { single } from "@/server/single";

export interface UploadRequest {
  connection: Connection;
  engine: BackupEngine;
  user: { id: string; name: string };
  /** As the person's machine names the file: only shown. */
  name: string;
  body: ReadableStream<Uint8Array>;
  /** As the request says; null when it does not. */
  length: number | null;
  signal: AbortSignal;
  /** Asked when every byte has arrived, which may be hours after the first. Rejects when the sender lost the right meanwhile. */
  stillAllowed?(): Promise<void>;
}

/**
 * Receives a file and starts the job that reads it. Resolves when every byte is on the disk.
 * @throws AppError UNSUPPORTED, LIMIT_EXCEEDED before anything is read; INVALID for a cut or empty one; then nothing is left
 */
export async function receiveUpload(request: UploadRequest): Promise<{ jobId: string; backupId: string; bytes: number; sha256: string }> {
  const { connection, user } = request;
  if ((request.length ?? 0) > LIMITS.uploadBytesMax) throw tooLarge();
  await assertRoom(request.length);
  const leave = enter(user.id);
  const startedAt = new Date();
  const backupId = newBackupId(connection, startedAt);
  let pending: PendingArtefact | null = null;
  try {
    pending = await createArtefact(uploadName(backupId));
    await receive(request, pending);
    await request.stillAllowed?.();
    const { bytes, streamedSha256 } = await pending.finish();
    const received: Received = { ...request, backupId, startedAt, pending, bytes, sha256: streamedSha256 ?? "" };
    const { jobId } = await startReading(received);
    return { jobId, backupId, bytes, sha256: received.sha256 };
  } catch (error) {
    await pending?.abandon();
    throw error;
  } finally {
    leave();
  }
}

const tooLarge = (): AppError =>
  new AppError("LIMIT_EXCEEDED", `The file is larger than ${LIMITS.uploadBytesMax / 1024 ** 3} GiB`, { fix: "Restore it with the database's own tool." });

/** @throws AppError TOO_MANY_REQUESTS */
function enter(userId: string): () => void {
  const open = single("open-uploads", () => new Map<string, number>());
  const mine = open.get(userId) ?? 0;
  if (mine >= LIMITS.runningQueriesPerUser)
    throw new AppError("TOO_MANY_REQUESTS", `${mine} of your uploads are on their way already`, { fix: "Wait until one has arrived.", retryAfterSeconds: 30 });
  open.set(userId, mine + 1);
  return () => {
    const left = (open.get(userId) ?? 1) - 1;
    if (left === 0) open.delete(userId);
    else open.set(userId, left);
  };
}

/** No backup begins so; a transfer or a disk that failed leaves such files, as large as the whole one. @throws AppError INVALID */
function assertWritten(head: Uint8Array): void {
  if (head.byteLength < 512 || head.some((byte) => byte !== 0)) return;
  throw new AppError("INVALID", "The file begins with zeros: nothing was ever written there", {
    fix: "Choose the file of a backup; copy it again if this is one.",
  });
}

/** Writes the body as it comes, at the pace of the disk. */
async function receive({ body, length, signal }: UploadRequest, pending: PendingArtefact): Promise<void> {
  const file = pending.stream();
  let bytes = 0;
  try {
    for await (const chunk of boundedBody(body, signal)) {
      if (bytes === 0) assertWritten(chunk);
      bytes += chunk.byteLength;
      if (bytes > LIMITS.uploadBytesMax) throw tooLarge();
      // Written before the next chunk is asked for: memory holds one of them.
      await new Promise<void>((resolve, reject) => file.write(chunk, (error) => (error ? reject(error) : resolve())));
    }
    if (length !== null && bytes !== length)
      throw new AppError("INVALID", `The upload was cut: ${bytes} of ${length} bytes arrived`, { fix: "Send the file again; nothing of it was kept." });
    if (bytes === 0) throw new AppError("INVALID", "The file is empty", { fix: "Choose the file of a backup." });
    file.end();
    await finished(file);
  } catch (error) {
    file.destroy();
    throw asAppError(error, "upload");
  }
}

/** Until it is known what it is. */
const uploadName = (backupId: string): string => `${backupId}.upload`;

interface Received extends UploadRequest {
  backupId: string;
  startedAt: Date;
  pending: PendingArtefact;
  bytes: number;
  sha256: string;
}

async function startReading(received: Received): Promise<{ jobId: string }> {
  const { connection, user, backupId, startedAt, name, bytes } = received;
  const prepare = (jobId: string) => insertRunning({ backupId, jobId, connection, fileName: uploadName(backupId), user, startedAt, origin: "upload" });
  return startJob({ kind: "upload", connection, user, request: { backupId, name, bytes }, prepare }, (context) => runUpload(received, context));
}

async function runUpload(received: Received, context: JobContext): Promise<Record<string, unknown>> {
  const { backupId, pending, bytes, sha256, name } = received;
  try {
    throwIfCancelled(context.signal);
    context.log(`${name} has arrived, ${bytes} bytes, SHA-256 ${sha256}`);
    const { content, method } = await readWhole(received, context);
    await publishBackup({ ...received, pending, content, method, fileName: fileNameOf(backupId, received.engine, content.format) });
    context.log(`complete: ${itemsOf(content)} items in ${content.objects.length} objects, made elsewhere by ${content.tool}`);
    return { backupId, bytes, sha256, format: content.format, objects: content.objects.length, items: itemsOf(content), skipped: content.skipped };
  } catch (error) {
    await giveUp({ backupId, pending, context, error });
    throw error;
  }
}

/** What is in the file, twice: as the engine recognises it, and as it will read it back before a restore. */
async function readWhole(received: Received, context: JobContext): Promise<{ content: ManifestContent; method: string }> {
  const { engine, pending, bytes, name } = received;
  context.progress({ phase: "Recognise", bytesTotal: bytes });
  const described = await engine.describe({ path: pending.path, bytes }, context);
  const content = { ...described, details: { ...described.details, uploadedAs: name } };
  throwIfCancelled(context.signal);
  context.progress({ phase: "Read back whole", bytesDone: 0 });
  const sha256 = await sha256OfFile(pending.path, context.signal, (bytesDone) => context.progress({ bytesDone }));
  if (sha256 !== received.sha256)
    throw new AppError("INTERNAL", "The file on disk is not what arrived", { fix: "Check the disk of the store, and send the file again.", detail: sha256 });
  const verification = await engine.verify(artefactOf(pending.path, bytes, content), context);
  assertSameCounts(content, verification);
  throwIfCancelled(context.signal);
  return { content, method: verification.method };
}
