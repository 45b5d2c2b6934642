/** Wire forms of the two-person rule. Times ISO 8601 UTC. */
import { z } from "zod";

export const Approval = z.object({
  id: z.string(),
  connectionId: z.string(),
  /** "rule off": to end the two-person rule of the connection. */
  kind: z.enum(["restore", "rule off"]),
  backupId: z.string().nullable(),
  /** The other database that the backup is a copy of; null when it is one of what the connection opens. */
  copyOf: z.string().nullable(),
  /** What is replaced; also what an approver types. */
  target: z.string(),
  /** Null: everything. */
  objects: z.array(z.string()).nullable(),
  requestedBy: z.string(),
  requestedAt: z.string(),
  expiresAt: z.string(),
  state: z.enum(["waiting", "approved", "refused", "expired", "used"]),
  decidedBy: z.string().nullable(),
  decidedAt: z.string().nullable(),
  jobId: z.string().nullable(),
  /** The asking person made the request. */
  isMine: z.boolean(),
  /** The asking person may approve it. */
  mayDecide: z.boolean(),
});
export type Approval = z.infer<typeof Approval>;
