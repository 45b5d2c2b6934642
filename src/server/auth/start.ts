import "server-only";
import { verifyAudit } from "@/server/audit";
import { writeHead } from "@/server/audit-anchor";
import { trackPeerAddresses } from "@/server/auth/client-address";
import { ensureFirstAdmin } from "@/server/auth/first-admin";
import { controlPlane } from "@/server/control-plane/database";
import { deleteSessionsBefore } from "@/server/control-plane/sessions.repo";
import { LIMITS } from "@/server/limits";
import { logger } from "@/server/logger";

const CHECK_AFTER_MS = 10_000;
const KEPT_MS = 30 * 24 * 60 * 60 * 1_000;

/** Called once by the boot, after the migrations. @returns the one-time link while nobody can sign in */
export async function startAuth(): Promise<{ setUpUrl: string | null }> {
  trackPeerAddresses();
  const head = await controlPlane().selectFrom("audit").select(["seq", "hash"]).orderBy("seq", "desc").limit(1).executeTakeFirst();
  if (head) writeHead(head);
  await deleteSessionsBefore(new Date(Date.now() - KEPT_MS - LIMITS.sessionAbsoluteHours * 3_600_000).toISOString());
  setTimeout(() => void checkChain(), CHECK_AFTER_MS).unref();
  return ensureFirstAdmin();
}

/** Once after the start, when the first people are served: a broken chain is said in the log, and on the page of the audit. */
async function checkChain(): Promise<void> {
  const { ok, problem } = await verifyAudit();
  if (!ok) logger().error({ problem }, "The audit log is not whole");
}

/** Called by the stop: the newest row of the audit is written down as head. */
export function stopAuth(): void {
  writeHead();
}
