import "server-only";
import { type Action, type Role, roleMay } from "@/lib/rights";
import type { Principal } from "@/server/auth/principal";
import { holdsControlPlane } from "@/server/connections";
import { findGrant } from "@/server/control-plane/grants.repo";
import { findToken } from "@/server/control-plane/tokens.repo";
import { findUser } from "@/server/control-plane/users.repo";
import { AppError } from "@/server/errors";

/**
 * The role that counts on this connection: the grant when there is one, else the user's own. The console's own database and
 * its copies are for admins alone without a grant.
 */
export async function effectiveRole(userId: string, role: Role, connectionId: string): Promise<Role | "none"> {
  const granted = await findGrant(userId, connectionId);
  if (granted) return granted;
  return role !== "admin" && (await holdsControlPlane(connectionId)) ? "none" : role;
}

/** Whether this principal may do this on this connection; null asks for the console itself, where only the own role counts. */
export async function may(principal: Principal, action: Action, connectionId: string | null): Promise<boolean> {
  const role = connectionId === null ? principal.role : await effectiveRole(principal.userId, principal.role, connectionId);
  return roleMay(role, action);
}

/**
 * Asks again before the effect of something that took its time, of the person as the control plane knows them now. A session that ended by
 * itself meanwhile takes no right away; a token that was revoked or is too old does. @throws AppError FORBIDDEN
 */
export async function assertStillMay(asker: Pick<Principal, "userId" | "sessionKey">, action: Action, connectionId: string): Promise<void> {
  const user = await findUser(asker.userId);
  if (!(await isTokenGone(asker.sessionKey)) && user && user.disabled === 0 && roleMay(await effectiveRole(user.id, user.role, connectionId), action)) return;
  throw new AppError("FORBIDDEN", `Who asked for this may not ${action} on ${connectionId} any more`, { fix: "Ask an admin for the right." });
}

async function isTokenGone(sessionKey: string): Promise<boolean> {
  if (!sessionKey.startsWith("token:")) return false;
  const token = await findToken(sessionKey.slice("token:".length));
  return !token || token.revoked_at !== null || (token.expires_at !== null && token.expires_at <= new Date().toISOString());
}
