import "server-only";
import type { Role } from "@/lib/rights";
import { controlPlane } from "./database";

export type GrantedRole = Role | "none";

/** The role a user has on one connection instead of their own; undefined without a grant. */
export async function findGrant(userId: string, connectionId: string): Promise<GrantedRole | undefined> {
  const grant = await controlPlane()
    .selectFrom("grants")
    .select("role")
    .where("user_id", "=", userId)
    .where("connection_id", "=", connectionId)
    .executeTakeFirst();
  return grant?.role;
}

export async function listGrants(userId?: string): Promise<{ userId: string; connectionId: string; role: GrantedRole }[]> {
  let query = controlPlane().selectFrom("grants").select(["user_id as userId", "connection_id as connectionId", "role"]).orderBy("connection_id");
  if (userId !== undefined) query = query.where("user_id", "=", userId);
  return query.execute();
}

/** @param grant.role null takes the grant away: the user's own role counts again */
export async function putGrant(grant: { userId: string; connectionId: string; role: GrantedRole | null }): Promise<void> {
  if (grant.role === null) {
    await controlPlane().deleteFrom("grants").where("user_id", "=", grant.userId).where("connection_id", "=", grant.connectionId).execute();
    return;
  }
  const { role } = grant;
  await controlPlane()
    .insertInto("grants")
    .values({ user_id: grant.userId, connection_id: grant.connectionId, role })
    .onConflict((conflict) => conflict.columns(["user_id", "connection_id"]).doUpdateSet({ role }))
    .execute();
}
