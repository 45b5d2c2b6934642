import { parseAsArrayOf, parseAsInteger, parseAsString, parseAsStringLiteral, type inferParserType } from "nuqs";
import { ENGINE_IDS } from "@/engines";
import { AUDIT_ACTIONS, AUDIT_OUTCOMES } from "@/lib/audit-words";
import type { RouterInputs } from "@/trpc/client";

export const PERIODS = ["today", "24 hours", "7 days", "30 days"] as const;
export type Period = (typeof PERIODS)[number];

/** Everything of the page that is in its URL. */
export const auditParsers = {
  q: parseAsString.withDefault(""),
  when: parseAsStringLiteral(PERIODS),
  who: parseAsString,
  action: parseAsArrayOf(parseAsStringLiteral(AUDIT_ACTIONS)).withDefault([]),
  engine: parseAsStringLiteral(ENGINE_IDS),
  connection: parseAsString,
  outcome: parseAsStringLiteral(AUDIT_OUTCOMES),
  row: parseAsInteger,
};
export type AuditState = inferParserType<typeof auditParsers>;

const HOUR_MS = 3_600_000;
const HOURS: Record<Exclude<Period, "today">, number> = { "24 hours": 24, "7 days": 7 * 24, "30 days": 30 * 24 };

/** The beginning of a period as an ISO time; whole hours, so that the same page asks the same question for a while. */
export function periodStart(period: Period, now: Date): string {
  if (period === "today") return new Date(now.getFullYear(), now.getMonth(), now.getDate()).toISOString();
  return new Date(Math.floor(now.getTime() / HOUR_MS) * HOUR_MS - HOURS[period] * HOUR_MS).toISOString();
}

/** What the server is asked; a filter that is not set is absent. */
export function filtersOf(state: AuditState, now: Date): RouterInputs["audit"]["summary"] {
  return {
    ...(state.q ? { search: state.q } : {}),
    ...(state.when ? { from: periodStart(state.when, now) } : {}),
    ...(state.who ? { actorId: state.who } : {}),
    ...(state.action.length > 0 ? { actions: state.action } : {}),
    ...(state.engine ? { engine: state.engine } : {}),
    ...(state.connection ? { connectionId: state.connection } : {}),
    ...(state.outcome ? { outcome: state.outcome } : {}),
  };
}
