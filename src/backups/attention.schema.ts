import { z } from "zod";

/** Something about backups that a person should look at. */
export const AttentionItem = z.object({
  id: z.string(),
  kind: z.enum(["schedule", "drill", "swap", "approval"]),
  level: z.enum(["danger", "warning"]),
  connectionId: z.string(),
  title: z.string(),
  detail: z.string(),
  at: z.string(),
  jobId: z.string().nullable(),
  backupId: z.string().nullable(),
});
export type AttentionItem = z.infer<typeof AttentionItem>;
