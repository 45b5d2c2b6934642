import type { BackupSummary } from "@/backups/backups.schema";

type Told = Pick<BackupSummary, "origin" | "isElsewhere" | "state" | "verifiedAt" | "provedAt">;

/** Made by this console of what is live: a file from elsewhere, or of another database, says nothing of whether this one is backed up. */
const isOwn = ({ origin, isElsewhere }: Told): boolean => origin === "console" && !isElsewhere;

/** The newest that was read back whole. @param backups newest first */
export const lastGood = <T extends Told>(backups: readonly T[] = []): T | undefined =>
  backups.find((backup) => isOwn(backup) && backup.state === "complete" && backup.verifiedAt !== null);

/** The newest try that is over, good or not. @param backups newest first */
export const lastTry = <T extends Told>(backups: readonly T[] = []): T | undefined => backups.find((backup) => isOwn(backup) && backup.state !== "running");

/** The one that was proved last, however old it is. */
export function lastProved<T extends Told>(backups: readonly T[] = []): (T & { provedAt: string }) | undefined {
  const proved = backups.flatMap((backup) => {
    const { provedAt } = backup;
    return isOwn(backup) && backup.state === "complete" && provedAt !== null ? [{ ...backup, provedAt }] : [];
  });
  return proved.toSorted((a, b) => b.provedAt.localeCompare(a.provedAt))[0];
}
