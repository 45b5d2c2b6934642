/** Words and shares of a job, the same in the pill, the lists and the pages. */

const TITLES: Record<string, string> = {
  backup: "Backup",
  verify: "Verify",
  restore: "Restore",
  undo: "Undo",
  drop: "Free the space",
  drill: "Proof drill",
  upload: "Upload",
};

export const jobTitle = (kind: string): string => TITLES[kind] ?? kind;

/** A text of a job's request or outcome; empty when it is not there. */
export function jobText(record: Record<string, unknown> | null | undefined, name: string): string {
  const value = record?.[name];
  return typeof value === "string" ? value : "";
}

export interface JobFigures {
  bytesDone?: number | undefined;
  bytesTotal?: number | undefined;
  itemsDone?: number | undefined;
  itemsTotal?: number | undefined;
  objectsDone?: number | undefined;
  objectsTotal?: number | undefined;
}

/** How much is done, 0 to 1, by the best figure there is; null when nothing tells. An estimate never says all of it is done. */
export function jobShare(progress: JobFigures): number | null {
  const pairs = [
    [progress.bytesDone, progress.bytesTotal],
    [progress.itemsDone, progress.itemsTotal],
    [progress.objectsDone, progress.objectsTotal],
  ] as const;
  for (const [done, total] of pairs) if (done !== undefined && total !== undefined && total > 0) return Math.min(done / total, 0.99);
  return null;
}
