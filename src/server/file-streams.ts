import "server-only";
/** What a download ticket sends, with its audit rows at the start and at the end. */
import { Readable } from "node:stream";
import type { EngineId } from "@/engines";
import { backupOf, storedArtefact } from "@/backups/backups.service";
import { holdArtefact } from "@/backups/uses";
import { appendAudit, completeAudit } from "@/server/audit";
import type { Principal } from "@/server/auth/principal";
import { connectionById } from "@/server/connections";
import type { EngineServer } from "@/server/engine-server";
import { AppError } from "@/server/errors";
import { effectiveRole, may } from "@/server/grants";
import { openAuditExport } from "@/server/audit-export";
import { LIMITS } from "@/server/limits";
import { logger } from "@/server/logger";
import { single } from "@/server/single";
import { spendTicket, type FileRequest } from "@/server/tickets";

export interface FileStream {
  status: 200 | 206;
  body: ReadableStream<Uint8Array>;
  fileName: string;
  contentType: string;
  /** Bytes that will be sent; null for an export, whose size nobody knows. */
  length: number | null;
  contentRange: string | null;
  etag: string | null;
}

interface OpenOptions {
  principal: Principal;
  ticket: string;
  range: string | null;
  engines: Record<EngineId, EngineServer>;
  signal: AbortSignal;
  audit: { address: string; requestId: string };
}

type Opened = Omit<FileStream, "body"> & { source: Readable };

/** Spends the ticket, checks the right again, opens the source. @throws AppError before the first byte */
export async function openStream(options: OpenOptions): Promise<FileStream> {
  const leave = enter(options.principal.userId);
  let source: Readable | null = null;
  try {
    const request = await spendTicket(options.principal, options.ticket);
    await checkRight(options, request);
    const opened = await open(options, request);
    source = opened.source;
    // Whatever ends the transfer closes its source.
    source.once("close", leave);
    const { source: body, ...rest } = opened;
    return { ...rest, body: await auditedBody({ options, request, source: body, fileName: opened.fileName, length: opened.length }) };
  } catch (error) {
    // No audit row, no file: what was opened for it (a cursor, a transaction) is closed again.
    source?.destroy();
    leave();
    throw error;
  }
}

/** A slow reader holds a session of the database: as many as a person may have running queries. @throws AppError TOO_MANY_REQUESTS */
function enter(userId: string): () => void {
  const open = single("open-streams", () => new Map<string, number>());
  const mine = open.get(userId) ?? 0;
  if (mine >= LIMITS.runningQueriesPerUser) {
    throw new AppError("TOO_MANY_REQUESTS", `${mine} of your files are on their way already`, { fix: "Wait until one has arrived.", retryAfterSeconds: 5 });
  }
  open.set(userId, mine + 1);
  let left = false;
  return () => {
    if (left) return;
    left = true;
    const now = (open.get(userId) ?? 1) - 1;
    if (now === 0) open.delete(userId);
    else open.set(userId, now);
  };
}

const actionOf = (request: FileRequest) => (request.kind === "export" ? "export" : request.kind === "audit" ? "administer" : "download");

async function checkRight(options: OpenOptions, request: FileRequest): Promise<void> {
  if (await may(options.principal, actionOf(request), connectionOf(request))) return;
  await appendAudit({ ...(await auditEntry(options, request)), outcome: "refused", detail: "the right was lost since the link was made" });
  throw new AppError("FORBIDDEN", "You may not fetch this file any more", { fix: "Ask an admin for the right." });
}

const connectionOf = (request: FileRequest): string | null => (request.kind === "audit" ? null : request.connectionId);

async function auditEntry({ principal, audit, range }: OpenOptions, request: FileRequest) {
  const connectionId = connectionOf(request);
  return {
    actor_id: principal.userId,
    actor_name: principal.name,
    role: connectionId ? await effectiveRole(principal.userId, principal.role, connectionId) : principal.role,
    session: principal.sessionLabel,
    address: audit.address,
    action: actionOf(request),
    connection_id: connectionId,
    procedure: "files.get",
    target: "",
    input: JSON.stringify({ kind: request.kind, range }),
    completes: null,
    request_id: audit.requestId,
  };
}

async function open(options: OpenOptions, request: FileRequest): Promise<Opened> {
  if (request.kind === "audit") return { ...(await openAuditExport(request.input)), ...streamed };
  if (request.kind === "export") {
    const connection = await connectionById(request.connectionId);
    const { chunks, fileName, contentType } = await options.engines[connection.engine].openExport(
      connection,
      { ...(request.input as object), procedure: request.procedure },
      { signal: options.signal },
    );
    return { source: Readable.from(await begun(chunks), { objectMode: false, highWaterMark: 1 << 20 }), fileName, contentType, ...streamed };
  }
  const backup = await backupOf(request.connectionId, request.backupId);
  const { artefact, manifest } = await storedArtefact(backup);
  if (request.kind === "manifest") {
    const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
    return { source: Readable.from([text]), fileName: `${backup.file_name}.manifest.json`, contentType: "application/json", ...streamed, length: text.length };
  }
  const range = parseRange(options.range, artefact.bytes);
  const source = artefact.open(range ?? {});
  source.once("close", holdArtefact(backup.id));
  const file = { source, fileName: backup.file_name, contentType: "application/octet-stream", etag: `"${manifest.sha256}"` };
  if (!range) return { ...file, status: 200, length: artefact.bytes, contentRange: null };
  return { ...file, status: 206, length: range.end - range.start + 1, contentRange: `bytes ${range.start}-${range.end}/${artefact.bytes}` };
}

/** A chunk of HTTP costs the same whatever it holds; a source gives as little as one read of a socket. */
const CHUNK_BYTES = 512 * 1024;

/** The next chunks of a source as one, of half a MiB or what is left. */
async function gathered(iterator: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  const parts: Uint8Array[] = [];
  for (let bytes = 0; bytes < CHUNK_BYTES;) {
    const next = await iterator.next();
    if (next.done) return parts.length === 0 ? next : { done: false, value: Buffer.concat(parts, bytes) };
    parts.push(next.value);
    bytes += next.value.length;
  }
  return { done: false, value: Buffer.concat(parts) };
}

/** Waits for the first chunk, so that a bad filter or a lost server is an answer in words and not a file that breaks at once. */
async function begun(chunks: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = chunks[Symbol.asyncIterator]();
  let first: IteratorResult<Uint8Array> | null = await iterator.next();
  // Not a generator: one that nobody has begun to read does not close what it stands for.
  const rest: AsyncIterator<Uint8Array> = {
    async next() {
      const result = first ?? (await gathered(iterator));
      first = null;
      return result;
    },
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => rest };
}

const streamed = { status: 200 as const, length: null, contentRange: null, etag: null };

/** One range of bytes (RFC 9110, section 14). Null when none is asked for or the form is not ours. @throws AppError INVALID when it lies outside */
export function parseRange(header: string | null, size: number): { start: number; end: number } | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return null;
  const start = match[1] === "" ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const end = match[1] === "" || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (start > end || start >= size)
    throw new AppError("INVALID", `The range is outside of the file's ${size} bytes`, { fix: "Ask for the file from its start." });
  return { start, end };
}

interface Body {
  options: OpenOptions;
  request: FileRequest;
  source: Readable;
  fileName: string;
  /** As the answer's head promises it. */
  length: number | null;
}

/** Counts what leaves; the end of the transfer, whole or broken, is in the audit log. What is shorter than promised is broken, not whole. */
async function auditedBody({ options, request, source, fileName, length }: Body): Promise<ReadableStream<Uint8Array>> {
  const { seq } = await appendAudit({ ...(await auditEntry(options, request)), target: fileName.slice(0, 300), outcome: "started", detail: "" });
  let bytes = 0;
  let settled = false;
  const settle = (outcome: "allowed" | "failed", detail: string) => {
    if (settled) return;
    settled = true;
    // The bytes are gone either way: that the log lacks their end is said by the console's own log.
    completeAudit(seq, { outcome, detail: `${bytes} bytes${detail}` }).catch((error: unknown) =>
      logger().error({ file: fileName, error }, "the end of a transfer is not in the audit log"),
    );
  };
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await iterator.next();
          if (next.done) {
            if (length !== null && bytes !== length) throw new AppError("INTERNAL", `the file ended after ${bytes} of ${length} bytes`);
            settle("allowed", "");
            controller.close();
            return;
          }
          bytes += next.value.length;
          controller.enqueue(new Uint8Array(next.value.buffer as ArrayBuffer, next.value.byteOffset, next.value.length));
        } catch (error) {
          settle("failed", error instanceof AppError ? `: ${error.message}` : ", then the source failed");
          controller.error(error);
        }
      },
      cancel() {
        settle("failed", ", then the client went away");
        source.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}
