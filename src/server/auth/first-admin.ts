import "server-only";
import { randomUUID } from "node:crypto";
import { env } from "@/env";
import { appendAudit, completeAudit } from "@/server/audit";
import { hashPassword, passwordProblem, requireGoodPassword } from "@/server/auth/passwords";
import { deleteSetting, readSetting, writeSetting } from "@/server/control-plane/settings.repo";
import { insertToken, listTokens, revokeToken, findTokenByHash } from "@/server/control-plane/tokens.repo";
import { anyUser, findUserByEmail, insertUser, type User } from "@/server/control-plane/users.repo";
import { AppError } from "@/server/errors";
import { logger, newRequestId } from "@/server/logger";
import { equalSecrets, newToken, sha256Hex } from "@/server/secrets";

const SET_UP_TOKEN = "set-up-token-hash";
const ENVIRONMENT_TOKEN = "ADMIN_API_TOKEN";

/** Where people open the console. */
export const consoleUrl = (): string => (env().CONSOLE_URL ?? `http://127.0.0.1:${env().PORT}`).replace(/\/+$/, "");

/**
 * Called by every boot. Makes the admin (and the token) that the environment names; with none named and nobody there,
 * makes a new one-time link, whose token is stored only as a hash.
 */
export async function ensureFirstAdmin(): Promise<{ setUpUrl: string | null }> {
  const { ADMIN_EMAIL, ADMIN_PASSWORD } = env();
  if (ADMIN_EMAIL !== undefined && ADMIN_PASSWORD !== undefined) {
    const admin = await ensureAdmin({ email: ADMIN_EMAIL.toLowerCase(), password: ADMIN_PASSWORD });
    await ensureEnvironmentToken(admin);
  }
  // A password that was refused (the log says why) leaves nobody: then the link is the way in.
  if (await anyUser()) return { setUpUrl: null };
  const token = newToken();
  await writeSetting(SET_UP_TOKEN, sha256Hex(token));
  return { setUpUrl: `${consoleUrl()}/set-up?token=${token}` };
}

/** Whether the set-up page exists at all: only until somebody can sign in. */
export async function isSetUpOpen(): Promise<boolean> {
  return !(await anyUser());
}

/**
 * Makes the first admin.
 * @throws AppError NOT_FOUND once there is a user, FORBIDDEN for a wrong token, INVALID for a bad password
 */
export async function setUp(input: { token: string; email: string; name: string; password: string; address: string }): Promise<void> {
  if (!(await isSetUpOpen())) throw new AppError("NOT_FOUND", "There is nothing to set up");
  const expected = await readSetting(SET_UP_TOKEN);
  if (expected === undefined || !equalSecrets(sha256Hex(input.token), expected)) {
    throw new AppError("FORBIDDEN", "This set-up link is not valid", { fix: "Use the newest link that the server printed; every start prints a new one" });
  }
  const about = { email: input.email.trim().toLowerCase(), name: input.name.trim() };
  requireGoodPassword(input.password, about);
  const user = newUser({ ...about, role: "admin", passwordHash: await hashPassword(input.password) });
  const made = await recorded(user, { address: input.address, how: "set-up link", make: () => insertUser(user, { onlyWhenEmpty: true }) });
  if (!made) throw new AppError("NOT_FOUND", "There is nothing to set up");
  await deleteSetting(SET_UP_TOKEN);
}

/** A row of users, not yet stored. */
export function newUser(about: { email: string; name: string; role: User["role"]; passwordHash: string }): User {
  return {
    id: randomUUID(),
    email: about.email.toLowerCase(),
    name: about.name,
    role: about.role,
    password_hash: about.passwordHash,
    disabled: 0,
    failed_sign_ins: 0,
    locked_until: null,
    created_at: new Date().toISOString(),
  };
}

async function ensureAdmin(given: { email: string; password: string }): Promise<User> {
  const existing = await findUserByEmail(given.email);
  if (existing) return existing;
  const name = given.email.split("@")[0] ?? given.email;
  // Whoever sets the environment owns the machine: a weak choice is told, not refused.
  const problem = passwordProblem(given.password, { email: given.email, name });
  if (problem !== null) logger().warn(`ADMIN_PASSWORD: ${problem}`);
  const user = newUser({ email: given.email, name, role: "admin", passwordHash: await hashPassword(given.password) });
  await recorded(user, { address: null, how: "ADMIN_EMAIL", make: () => insertUser(user, { onlyWhenEmpty: false }) });
  await deleteSetting(SET_UP_TOKEN);
  return user;
}

/** The token of the environment is the one that counts: another one of this name is revoked. */
async function ensureEnvironmentToken(admin: User): Promise<void> {
  const wanted = env().ADMIN_API_TOKEN;
  const hash = wanted === undefined ? null : sha256Hex(wanted);
  const now = new Date().toISOString();
  for (const token of await listTokens(admin.id)) {
    if (token.name === ENVIRONMENT_TOKEN && token.token_hash !== hash) await revokeToken(token.id, now);
  }
  if (hash === null) return;
  const existing = await findTokenByHash(hash);
  if (existing?.revoked_at) logger().warn("ADMIN_API_TOKEN was revoked in the console and stays so; set another one");
  if (existing) return;
  await insertToken({
    id: randomUUID(),
    user_id: admin.id,
    name: ENVIRONMENT_TOKEN,
    token_hash: hash,
    created_at: now,
    expires_at: null,
    revoked_at: null,
    last_used_at: null,
  });
}

/** The row of the audit comes first: no log, no admin. */
async function recorded(user: User, options: { address: string | null; how: string; make: () => Promise<boolean> }): Promise<boolean> {
  const { seq } = await appendAudit({
    actor_id: user.id,
    actor_name: user.name,
    role: user.role,
    session: null,
    address: options.address,
    action: "administer",
    connection_id: null,
    procedure: "session.setUp",
    target: user.email,
    input: "{}",
    outcome: "started",
    detail: `first admin, by ${options.how}`,
    completes: null,
    request_id: newRequestId(),
  });
  const made = await options.make();
  await completeAudit(seq, { outcome: made ? "allowed" : "refused", detail: made ? `first admin, by ${options.how}` : "somebody was first" });
  return made;
}
