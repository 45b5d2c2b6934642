import "server-only";
/** Which stored files are being read outside of a job: such a backup is not deleted under its reader. */
import { single } from "@/server/single";

const uses = (): Map<string, number> => single("artefact-uses", () => new Map());

/** @returns what gives it back; calling that twice does no harm */
export function holdArtefact(backupId: string): () => void {
  const held = uses();
  held.set(backupId, (held.get(backupId) ?? 0) + 1);
  let isHeld = true;
  return () => {
    if (!isHeld) return;
    isHeld = false;
    const left = (held.get(backupId) ?? 1) - 1;
    if (left === 0) held.delete(backupId);
    else held.set(backupId, left);
  };
}

export const isHeld = (backupId: string): boolean => uses().has(backupId);
