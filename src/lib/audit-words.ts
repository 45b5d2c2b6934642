import { ACTIONS } from "@/lib/rights";

/** What the log calls an action: those of lib/rights, and what people do with their own session. Client-safe. */
export const AUDIT_ACTIONS = [...ACTIONS, "sign in", "sign out", "change password"] as const;
export const AUDIT_OUTCOMES = ["started", "allowed", "refused", "failed"] as const;

/** How the screen says an outcome: a row that was only started runs, or was cut off. */
export const OUTCOME_WORDS: Record<(typeof AUDIT_OUTCOMES)[number], string> = { started: "running", allowed: "allowed", refused: "refused", failed: "failed" };
