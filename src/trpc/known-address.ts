import "server-only";
import { headers } from "next/headers";
import { notFound } from "next/navigation";
import { isEngineId } from "@/engines";
import { PATH_HEADER } from "@/server/auth/path-header";
import { requireSession } from "@/server/auth/require-session";
import { listConnections } from "@/server/connections";
import { connectionOfBackup } from "@/server/control-plane/backups.repo";
import { effectiveRole } from "@/server/grants";

/**
 * For the layout above the pages that stream: an engine, a connection or a backup that is not there answers 404 before anything is sent.
 * It decides nothing more: each page looks for itself.
 */
export async function assertKnownAddress(): Promise<void> {
  const path = (await headers()).get(PATH_HEADER)?.split("?")[0] ?? "";
  const [engine, connection, section, backup] = path.split("/").slice(2).map(decoded);
  if (engine === undefined) return;
  if (!isEngineId(engine)) notFound();
  if (connection === undefined) return;
  const id = `${engine}/${connection}`;
  const principal = await requireSession();
  const isThere = (await listConnections()).some((entry) => entry.id === id);
  if (!isThere || (await effectiveRole(principal.userId, principal.role, id)) === "none") notFound();
  if (section === "backups" && backup !== undefined && backup !== "schedules" && (await connectionOfBackup(backup)) !== id) notFound();
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
