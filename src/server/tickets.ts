import "server-only";
/** Single-use tickets for file streams: 60 seconds, bound to the session (or token) that asked. */
import { controlPlane } from "@/server/control-plane/database";
import type { Principal } from "@/server/auth/principal";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { newToken, sha256Hex } from "@/server/secrets";

/** What a ticket sends: a stored artefact, its manifest, or an export that runs while it is read. */
export type FileRequest =
  | { kind: "artefact" | "manifest"; connectionId: string; backupId: string }
  | { kind: "export"; connectionId: string; procedure: string; input: unknown }
  | { kind: "audit"; input: unknown };

export async function issueTicket(principal: Principal, request: FileRequest): Promise<{ url: string; expiresAt: string }> {
  const ticket = newToken();
  const now = Date.now();
  const expiresAt = new Date(now + LIMITS.downloadTicketSeconds * 1000).toISOString();
  await controlPlane()
    .deleteFrom("download_tickets")
    .where("expires_at", "<", new Date(now - 3_600_000).toISOString())
    .execute();
  await controlPlane()
    .insertInto("download_tickets")
    .values({
      id_hash: sha256Hex(ticket),
      kind: request.kind,
      user_id: principal.userId,
      session: principal.sessionKey,
      request: JSON.stringify(request),
      created_at: new Date(now).toISOString(),
      expires_at: expiresAt,
      used_at: null,
    })
    .execute();
  return { url: `/api/files/${ticket}`, expiresAt };
}

/** Takes a ticket; it is spent whatever comes after. @throws AppError FORBIDDEN when used, too old, or somebody else's. */
export async function spendTicket(principal: Principal, ticket: string): Promise<FileRequest> {
  const now = new Date().toISOString();
  const row = await controlPlane()
    .updateTable("download_tickets")
    .set({ used_at: now })
    .where("id_hash", "=", sha256Hex(ticket))
    .where("used_at", "is", null)
    .where("expires_at", ">", now)
    .where("session", "=", principal.sessionKey)
    .where("user_id", "=", principal.userId)
    .returning("request")
    .executeTakeFirst();
  if (!row) throw new AppError("FORBIDDEN", "This download link was used, is too old, or is not yours", { fix: "Ask for the file again." });
  return JSON.parse(row.request) as FileRequest;
}
