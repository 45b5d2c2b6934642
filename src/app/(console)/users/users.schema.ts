import { z } from "zod";
import { ROLES } from "@/lib/rights";
import { LIMITS } from "@/server/limits";

export const GRANTED_ROLES = [...ROLES, "none"] as const;
const Email = z.email().max(254);
const Role = z.enum(ROLES);

export const UserView = z.object({
  id: z.string(),
  email: z.string(),
  name: z.string(),
  role: Role,
  disabled: z.boolean(),
  /** Sign-in waits until then after wrong passwords. */
  lockedUntil: z.string().nullable(),
  createdAt: z.string(),
  openSessions: z.number(),
  lastSeenAt: z.string().nullable(),
  tokens: z.number(),
  /** Connections where another role counts than their own; "none" is no access. */
  grants: z.array(z.object({ connectionId: z.string(), role: z.enum(GRANTED_ROLES) })),
  /** The one who asks. */
  self: z.boolean(),
});
export type UserView = z.infer<typeof UserView>;

/** The first password is given by the admin and told by another way; rules: 15 to 128 characters, none of the common ones. */
export const Password = z.string().min(1).max(LIMITS.passwordLengthMax);

export const NewUser = z.object({ email: Email, name: z.string().trim().min(1).max(100), role: Role, password: Password });
export const UserEmail = z.object({ email: Email });
export const UserRole = UserEmail.extend({ role: Role });
export const UserDisabled = UserEmail.extend({ disabled: z.boolean() });
export const UserPassword = UserEmail.extend({ password: Password });
export const UserGrant = UserEmail.extend({
  /** `<engine>/<name>` */
  connectionId: z.string().min(3).max(60),
  /** null takes the grant away: the own role counts again. */
  role: z.enum(GRANTED_ROLES).nullable(),
});

export const SessionView = z.object({
  id: z.string(),
  userName: z.string(),
  email: z.string(),
  createdAt: z.string(),
  lastSeenAt: z.string(),
  address: z.string(),
  userAgent: z.string(),
  /** The one that asks. */
  current: z.boolean(),
});
export type SessionView = z.infer<typeof SessionView>;

export const TokenView = z.object({
  id: z.string(),
  name: z.string(),
  userName: z.string(),
  email: z.string(),
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  lastUsedAt: z.string().nullable(),
});
export type TokenView = z.infer<typeof TokenView>;

export const NewToken = z.object({
  name: z.string().trim().min(1).max(60),
  /** Days until it ends; null is never. */
  days: z.number().int().min(1).max(3_650).nullable(),
});
