import "server-only";
import { randomUUID } from "node:crypto";
import { endToken } from "@/app/(console)/users/users.service";
import { writeOwn } from "@/server/auth/session-changes";
import type { Principal } from "@/server/auth/principal";
import { revokeSessionsOf } from "@/server/control-plane/sessions.repo";
import { insertToken } from "@/server/control-plane/tokens.repo";
import { AppError } from "@/server/errors";
import { newToken, sha256Hex } from "@/server/secrets";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** Ends every other session of this person. @throws AppError FORBIDDEN for a token */
export async function endOtherSessions(principal: Principal): Promise<{ ended: number }> {
  requireSessionKind(principal);
  await writeOwn(principal, { action: "sign out", procedure: "session.endOthers", outcome: "allowed", detail: "all other sessions" });
  return { ended: await revokeSessionsOf(principal.userId, { revokedAt: new Date().toISOString(), except: principal.sessionKey }) };
}

/**
 * Makes a token of this person, with no more rights than theirs.
 * @returns the token, which is told once and kept only as its hash
 * @throws AppError FORBIDDEN for a token: a stolen one must not make others
 */
export async function makeToken(principal: Principal, input: { name: string; days: number | null }): Promise<{ id: string; token: string }> {
  requireSessionKind(principal);
  const token = `fct_${newToken()}`;
  const id = randomUUID();
  const now = Date.now();
  await writeOwn(principal, {
    action: "administer",
    procedure: "session.tokens.add",
    target: input.name,
    outcome: "allowed",
    detail: input.days === null ? "without an end" : `for ${input.days} days`,
  });
  await insertToken({
    id,
    user_id: principal.userId,
    name: input.name,
    token_hash: sha256Hex(token),
    created_at: new Date(now).toISOString(),
    expires_at: input.days === null ? null : new Date(now + input.days * DAY_MS).toISOString(),
    revoked_at: null,
    last_used_at: null,
  });
  return { id, token };
}

/** @throws AppError NOT_FOUND for a token of somebody else as for none */
export async function revokeOwnToken(principal: Principal, id: string): Promise<void> {
  await endToken(id, principal.userId);
  await writeOwn(principal, { action: "administer", procedure: "session.tokens.revoke", target: id, outcome: "allowed", detail: "" });
}

function requireSessionKind(principal: Principal): void {
  if (principal.kind !== "session") throw new AppError("FORBIDDEN", "An API token cannot do this", { fix: "Sign in with email and password" });
}
