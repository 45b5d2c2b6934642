/** Roles, actions and who may do what: the one table. Client-safe, so that screens can hide what the server refuses. */

export const ACTIONS = ["read", "query", "export", "backup", "download", "restore", "write", "administer"] as const;
export type Action = (typeof ACTIONS)[number];

export const ROLES = ["viewer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

export const ACTIONS_OF_ROLE: Record<Role, readonly Action[]> = {
  viewer: ["read", "query"],
  operator: ["read", "query", "export", "backup"],
  admin: ACTIONS,
};

export const roleMay = (role: Role | "none", action: Action): boolean => role !== "none" && ACTIONS_OF_ROLE[role].includes(action);

/** Actions that change data or rights: their audit row is written before the effect. */
export const CHANGING_ACTIONS: readonly Action[] = ["write", "restore", "administer"];
