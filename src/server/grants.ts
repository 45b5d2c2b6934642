import "server-only";
import { type Action, type Role, roleMay } from "@/lib/rights";
import type { Principal } from "@/server/auth/principal";
import { findGrant } from "@/server/control-plane/grants.repo";

/** The console's own database holds everybody's sessions and the audit log: without a grant it is for admins alone. */
const CONTROL_PLANE = "sqlite/control-plane";

/** The role that counts on this connection: the grant when there is one, else the user's own. */
export async function effectiveRole(userId: string, role: Role, connectionId: string): Promise<Role | "none"> {
  const granted = await findGrant(userId, connectionId);
  if (granted) return granted;
  return connectionId === CONTROL_PLANE && role !== "admin" ? "none" : role;
}

/** Whether this principal may do this on this connection; null asks for the console itself, where only the own role counts. */
export async function may(principal: Principal, action: Action, connectionId: string | null): Promise<boolean> {
  const role = connectionId === null ? principal.role : await effectiveRole(principal.userId, principal.role, connectionId);
  return roleMay(role, action);
}
