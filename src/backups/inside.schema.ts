/** Wire forms of looking into a backup, and of comparing it with what is live. */
import { z } from "zod";

/** "not counted": it may be on both sides, and nothing counts it (a view). */
export const Difference = z.enum(["same", "changed", "only in backup", "only live", "not counted"]);

export const LiveComparison = z.object({
  /** What is live: also the one target that a restore of this connection may replace. */
  place: z.string(),
  /** Content is not read: equal counts may hold different rows. */
  comparedBy: z.literal("counts"),
  /** The live figures come from statistics and not from counting. */
  liveIsEstimate: z.boolean(),
  checkedAt: z.string(),
  counts: z.object({ same: z.number(), changed: z.number(), onlyInBackup: z.number(), onlyLive: z.number(), notCounted: z.number() }),
  objects: z.array(z.object({ name: z.string(), kind: z.string(), inBackup: z.number().nullable(), live: z.number().nullable(), difference: Difference })),
});
export type LiveComparison = z.infer<typeof LiveComparison>;
