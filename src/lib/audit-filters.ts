import { z } from "zod";
import { ENGINE_IDS } from "@/engines";
import { AUDIT_ACTIONS, AUDIT_OUTCOMES } from "@/lib/audit-words";

/** One or several, as an array or as a text with commas. */
const actions = z.preprocess(
  (value) => (typeof value === "string" ? value.split(",").filter(Boolean) : value),
  z.array(z.enum(AUDIT_ACTIONS)).max(AUDIT_ACTIONS.length),
);

export const AuditFilters = z.object({
  /** Part of the target, the request's id, the address or the procedure. */
  search: z.string().max(200).optional(),
  /** From this time on. */
  from: z.iso.datetime().optional(),
  /** Before this time. */
  to: z.iso.datetime().optional(),
  /** Id of the person. */
  actorId: z.string().max(64).optional(),
  actions: actions.optional(),
  engine: z.enum(ENGINE_IDS).optional(),
  /** `<engine>/<name>` */
  connectionId: z.string().max(60).optional(),
  outcome: z.enum(AUDIT_OUTCOMES).optional(),
});
export type AuditFilters = z.infer<typeof AuditFilters>;
