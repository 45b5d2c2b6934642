import "server-only";
import { type Action, type Role, roleMay } from "@/lib/rights";
import type { Principal } from "@/server/auth/principal";
import { holdsControlPlane } from "@/server/connections";
import { findGrant } from "@/server/control-plane/grants.repo";
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
 * itself meanwhile takes no right away. @throws AppError FORBIDDEN
 */
export async function assertStillMay(userId: string, action: Action, connectionId: string): Promise<void> {
  const user = await findUser(userId);
  if (user && user.disabled === 0 && roleMay(await effectiveRole(user.id, user.role, connectionId), action)) return;
  throw new AppError("FORBIDDEN", `Who asked for this may not ${action} on ${connectionId} any more`, { fix: "Ask an admin for the right." });
}
