import "server-only";

import { z } from "zod";

import { parseJsonTree } from "@/app/(console)/manage-dbs/mongodb/ejson-parse";
import { nodeToDocument, type OrderedDocument } from "@/app/(console)/manage-dbs/mongodb/ejson-values";
import type { Swap } from "@/backups/engine";
import { AppError } from "@/server/errors";

/**
 * The journal of one exchange of collections. With it and the list of collections every step can be told from what exists: a collection
 * of a side is live, or stands under its aside name, and never both.
 */

const KeptCollection = z.object({
  name: z.string(),
  /** Where it stands while its side is not live. */
  aside: z.string(),
  /** As the server knows it, on servers that keep that through a rename. */
  identity: z.string().nullable(),
  /** Options it was created with, canonical Extended JSON in their order; null where it has none. */
  options: z.string().nullable(),
});
export type KeptCollection = z.infer<typeof KeptCollection>;

const KeptView = z.object({
  name: z.string(),
  /** viewOn, pipeline, collation: canonical Extended JSON in their order. */
  options: z.string(),
});
export type KeptView = z.infer<typeof KeptView>;

const Side = z.object({ collections: z.array(KeptCollection), views: z.array(KeptView) });
export type Side = z.infer<typeof Side>;

export const SideName = z.enum(["restored", "before"]);
export type SideName = z.infer<typeof SideName>;

export const SwapJournal = z.object({
  database: z.string(),
  /** Names the exchange is about; null = the whole database. */
  chosen: z.array(z.string()).nullable(),
  /** The side that is live when the exchange has come to its end. */
  to: SideName,
  phase: z.enum(["moving", "done"]),
  /** False on servers that forget the options of a collection they rename. */
  renameKeepsOptions: z.boolean(),
  restored: Side,
  before: Side,
});
export type SwapJournal = z.infer<typeof SwapJournal>;

export const otherSide = (side: SideName): SideName => (side === "restored" ? "before" : "restored");

/** @throws AppError INTERNAL for a record this engine did not write */
export function journalOf(swap: Swap): SwapJournal {
  const read = SwapJournal.safeParse(swap.record);
  if (read.success) return read.data;
  throw new AppError("INTERNAL", `The journal of the restore ${swap.jobId} cannot be read`, {
    fix: `The collections named __restore_${swap.jobId}__… and __before_${swap.jobId}__… in ${swap.target} are what it keeps.`,
    detail: z.prettifyError(read.error).slice(0, 300),
  });
}

/** @throws EjsonError when the text is no object a driver can send */
export function optionsFrom(text: string | null): OrderedDocument {
  if (text === null) return new Map();
  const tree = parseJsonTree(text, { depthMax: 250 });
  return tree.kind === "object" ? nodeToDocument(tree) : new Map();
}
