import "server-only";
import type { Selectable } from "kysely";
import type { Role } from "@/lib/rights";
import { controlPlane } from "./database";
import type { ApiTokensTable } from "./schema";

export type ApiToken = Selectable<ApiTokensTable>;

export interface TokenWithUser extends ApiToken {
  email: string;
  userName: string;
  role: Role;
  disabled: number;
}

export async function insertToken(token: ApiTokensTable): Promise<void> {
  await controlPlane().insertInto("api_tokens").values(token).execute();
}

export async function findTokenByHash(tokenHash: string): Promise<TokenWithUser | undefined> {
  return controlPlane()
    .selectFrom("api_tokens")
    .innerJoin("users", "users.id", "api_tokens.user_id")
    .selectAll("api_tokens")
    .select(["users.email", "users.name as userName", "users.role", "users.disabled"])
    .where("api_tokens.token_hash", "=", tokenHash)
    .executeTakeFirst();
}

export async function findToken(id: string): Promise<ApiToken | undefined> {
  return controlPlane().selectFrom("api_tokens").selectAll().where("id", "=", id).executeTakeFirst();
}

export async function listTokens(userId?: string): Promise<ApiToken[]> {
  let query = controlPlane().selectFrom("api_tokens").selectAll().where("revoked_at", "is", null);
  if (userId !== undefined) query = query.where("user_id", "=", userId);
  return query.orderBy("created_at", "desc").limit(500).execute();
}

export async function touchToken(id: string, lastUsedAt: string): Promise<void> {
  await controlPlane().updateTable("api_tokens").set({ last_used_at: lastUsedAt }).where("id", "=", id).execute();
}

export async function revokeToken(id: string, revokedAt: string): Promise<void> {
  await controlPlane().updateTable("api_tokens").set({ revoked_at: revokedAt }).where("id", "=", id).where("revoked_at", "is", null).execute();
}
