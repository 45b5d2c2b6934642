import "server-only";
import { writeHead } from "@/server/audit-anchor";
import { trackPeerAddresses } from "@/server/auth/client-address";
import { ensureFirstAdmin } from "@/server/auth/first-admin";
import { controlPlane } from "@/server/control-plane/database";
import { deleteSessionsBefore } from "@/server/control-plane/sessions.repo";
import { LIMITS } from "@/server/limits";

const KEPT_MS = 30 * 24 * 60 * 60 * 1_000;

/** Called once by the boot, after the migrations. @returns the one-time link while nobody can sign in */
export async function startAuth(): Promise<{ setUpUrl: string | null }> {
  trackPeerAddresses();
  const head = await controlPlane().selectFrom("audit").select(["seq", "hash"]).orderBy("seq", "desc").limit(1).executeTakeFirst();
  if (head) writeHead(head);
  await deleteSessionsBefore(new Date(Date.now() - KEPT_MS - LIMITS.sessionAbsoluteHours * 3_600_000).toISOString());
  return ensureFirstAdmin();
}

/** Called by the stop: the newest row of the audit is written down as head. */
export function stopAuth(): void {
  writeHead();
}
