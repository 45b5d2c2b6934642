import "server-only";
/** The one request whose body is a file: who sends it and what they may do is settled, and written down, before its first byte is read. */
import { z } from "zod";
import { receiveUpload } from "@/backups/uploads.service";
import { ENGINE_IDS, type EngineId } from "@/engines";
import { appendAudit, completeAudit } from "@/server/audit";
import type { Principal } from "@/server/auth/principal";
import { getConnection, noSuchConnection } from "@/server/connections";
import type { EngineServer } from "@/server/engine-server";
import { AppError } from "@/server/errors";
import { assertStillMay, effectiveRole, may } from "@/server/grants";

/** The query of `POST /api/files/upload`. */
const UploadQuery = z.object({
  engine: z.enum(ENGINE_IDS),
  connection: z.string().min(1).max(40).default("main"),
  /** Only shown; the store makes its own names. */
  name: z.string().max(300).default("a file"),
});

interface Upload {
  principal: Principal;
  query: URLSearchParams;
  body: ReadableStream<Uint8Array> | null;
  /** The header as it came. */
  contentLength: string | null;
  engines: Record<EngineId, EngineServer>;
  signal: AbortSignal;
  audit: { address: string; requestId: string };
}

/** Receives a file into the store. @returns ids to follow its reading by */
export async function takeUpload(upload: Upload): Promise<{ jobId: string; backupId: string; bytes: number; sha256: string }> {
  const parsed = UploadQuery.safeParse(Object.fromEntries(upload.query));
  if (!parsed.success) throw new AppError("INVALID", z.prettifyError(parsed.error), { fix: "Name the engine, the connection and the file in the query." });
  const { engine, connection: connectionName, name } = parsed.data;
  const entry = await auditEntry(upload, `${engine}/${connectionName}`, name);
  await assertRight(upload.principal, { engine, connectionName, entry });
  const length = lengthOf(upload.contentLength);
  // No audit row, no effect.
  const { seq } = await appendAudit({ ...entry, outcome: "started", detail: "" });
  try {
    const received = await receiveUpload({
      connection: await getConnection(engine, connectionName),
      engine: upload.engines[engine].backup,
      user: { id: upload.principal.userId, name: upload.principal.name },
      name,
      body: upload.body ?? emptyBody(),
      length,
      signal: upload.signal,
      stillAllowed: () => assertStillMay(upload.principal, "restore", entry.connection_id),
    });
    await completeAudit(seq, { outcome: "allowed", detail: `${received.bytes} bytes as ${received.backupId}, job ${received.jobId}` });
    return received;
  } catch (error) {
    await completeAudit(seq, { outcome: "failed", detail: error instanceof Error ? error.message.slice(0, 500) : "unknown" });
    throw error;
  }
}

type Entry = Awaited<ReturnType<typeof auditEntry>>;

async function auditEntry({ principal, audit }: Upload, connectionId: string, name: string) {
  return {
    actor_id: principal.userId,
    actor_name: principal.name,
    role: await effectiveRole(principal.userId, principal.role, connectionId),
    session: principal.sessionLabel,
    address: audit.address,
    action: "restore",
    connection_id: connectionId,
    procedure: "files.upload",
    target: name,
    input: "{}",
    completes: null,
    request_id: audit.requestId,
  };
}

/** What is put into the store may be restored from it: the right to restore. @throws AppError NOT_FOUND, FORBIDDEN */
async function assertRight(principal: Principal, asked: { engine: EngineId; connectionName: string; entry: Entry }): Promise<void> {
  const { engine, connectionName, entry } = asked;
  if (entry.role === "none") {
    await appendAudit({ ...entry, outcome: "refused", detail: `no access to ${entry.connection_id}` });
    throw noSuchConnection(engine, connectionName);
  }
  if (await may(principal, "restore", entry.connection_id)) return;
  const reason = `${entry.role} may not upload to ${entry.connection_id}`;
  await appendAudit({ ...entry, outcome: "refused", detail: reason });
  throw new AppError("FORBIDDEN", reason, { fix: "Ask an admin for the right." });
}

/** @throws AppError INVALID */
function lengthOf(header: string | null): number | null {
  if (header === null) return null;
  if (!/^\d{1,16}$/.test(header)) throw new AppError("INVALID", "The Content-Length of the upload is no number", { fix: "Send the file's size, or none." });
  return Number(header);
}

const emptyBody = (): ReadableStream<Uint8Array> => new ReadableStream({ start: (controller) => controller.close() });
