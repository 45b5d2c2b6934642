import "server-only";
/** Deleting backups: by a person, and by the retention of a schedule. The last good backup of a connection is not deleted by anybody. */
import { sql, type Transaction } from "kysely";
import PQueue from "p-queue";
import { type Kept, toRemove } from "@/backups/keeping";
import { artefactBytes, artefactPath, removeArtefact } from "@/backups/store";
import { isFromElsewhere, isOfSamePlace, isSurelyFromElsewhere } from "@/backups/taken-from";
import { SYSTEM_ACTOR } from "@/backups/system-user";
import { isHeld } from "@/backups/uses";
import { appendAudit, completeAudit } from "@/server/audit";
import { connectionById } from "@/server/connections";
import { type BackupRow, findBackup, listBackups } from "@/server/control-plane/backups.repo";
import { controlPlane } from "@/server/control-plane/database";
import type { ControlPlane } from "@/server/control-plane/schema";
import { deleteSetting, settingsOf } from "@/server/control-plane/settings.repo";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { logger } from "@/server/logger";
import { single } from "@/server/single";

type Listed = Omit<BackupRow, "manifest">;

/**
 * Made by the console, complete, read back, and its file is there with all of its bytes: what can be restored when it is needed. A file
 * from elsewhere is none: nobody knows whether it is of this database.
 */
async function isGood(backup: Listed): Promise<boolean> {
  if (backup.origin !== "console" || backup.state !== "complete" || backup.verified_at === null) return false;
  return (await artefactBytes(artefactPath(backup.file_name)).catch(() => null)) === backup.bytes;
}

/** Every backup of a connection: a page at a time, the listing is bounded. */
async function allOf(connectionId: string): Promise<Listed[]> {
  const all: Listed[] = [];
  for (;;) {
    const last = all.at(-1);
    const page = await listBackups({ connectionIds: [connectionId], limit: 500, ...(last ? { before: { startedAt: last.started_at, id: last.id } } : {}) });
    all.push(...page);
    if (page.length < 500) return all;
  }
}

/** One deletion at a time: two that each see the other's backup as the good one left would take both. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  return single("deleting-backups", () => new PQueue({ concurrency: 1 })).add(work);
}

/**
 * Deletes a backup: its file, its manifest, its row.
 * @throws AppError CONFLICT for the last good one of the database that its connection opens, and for one that is in use; NOT_FOUND when it is gone
 */
export const removeBackup = (id: string): Promise<void> => inTurn(() => removeUnlessLast(id));

/** The same for a backup whose connection is no more: also the last one, which nothing would ever replace. */
export const removeEvenLast = (id: string): Promise<void> => inTurn(async () => forget(await stillThere(id)));

async function stillThere(id: string): Promise<BackupRow> {
  const backup = await findBackup(id);
  if (!backup) throw new AppError("NOT_FOUND", "This backup is gone already", { fix: "Look at the list again." });
  return backup;
}

async function removeUnlessLast(id: string): Promise<void> {
  const backup = await stillThere(id);
  if (await isGood(backup)) {
    const others = (await allOf(backup.connection_id)).filter((other) => other.id !== id);
    let isAnotherGood = false;
    for (const other of others) isAnotherGood ||= (await isOfSamePlace(other, backup)) && (await isGood(other));
    if (!isAnotherGood && !(await isOfThePast(backup)))
      throw new AppError("CONFLICT", "This is the last good backup of its connection", {
        fix: "Take another one and let it be verified; then delete this one.",
      });
  }
  await forget(backup);
}

/** Whether its connection opens another database now: nothing would ever replace it, as for a connection that is no more. */
const isOfThePast = async (backup: Listed): Promise<boolean> => isSurelyFromElsewhere(backup, await connectionById(backup.connection_id));

/** The backup that a drill proves: the newest good one of what the connection opens now. */
export async function newestGood(connectionId: string): Promise<BackupRow | undefined> {
  const connection = await connectionById(connectionId);
  for (const backup of await allOf(connectionId)) {
    if ((await isGood(backup)) && !(await isFromElsewhere(backup, connection))) return findBackup(backup.id);
  }
  return undefined;
}

const IN_USE = "This backup is being read or written";

/** The row and a note of the file go in one step, then the file: a crash between the two leaves the note, and the next start the rest. */
async function forget(backup: Listed): Promise<void> {
  if (isHeld(backup.id)) throw new AppError("CONFLICT", IN_USE, { fix: "Wait until the download has ended." });
  await controlPlane()
    .transaction()
    .execute(async (db) => {
      await assertUnused(db, backup);
      await db
        .insertInto("settings")
        .values({ key: noteOf(backup.file_name), value: backup.id })
        .onConflict((conflict) => conflict.column("key").doUpdateSet({ value: backup.id }))
        .execute();
      await db.deleteFrom("backups").where("id", "=", backup.id).execute();
    });
  await removeNoted(backup.file_name);
}

async function assertUnused(db: Transaction<ControlPlane>, backup: Listed): Promise<void> {
  const row = await db.selectFrom("backups").select("state").where("id", "=", backup.id).executeTakeFirst();
  const job = await db
    .selectFrom("jobs")
    .select(["id", "kind"])
    .where("state", "in", ["queued", "running"])
    .where(sql<string>`json_extract(request, '$.backupId')`, "=", backup.id)
    .executeTakeFirst();
  if (job) throw new AppError("CONFLICT", IN_USE, { fix: "Wait until the job has ended, or cancel it.", detail: `${job.kind} ${job.id}` });
  if (row?.state === "running") throw new AppError("CONFLICT", IN_USE, { fix: "Wait until it has ended." });
}

const NOTE = "removed file|";
const noteOf = (fileName: string): string => `${NOTE}${fileName}`;

async function removeNoted(fileName: string): Promise<void> {
  await removeArtefact(fileName);
  await deleteSetting(noteOf(fileName));
}

/** Files of deleted backups that a crash left in the store. Called at boot. */
export async function sweepRemoved(): Promise<void> {
  for (const { key } of await settingsOf(NOTE)) await removeNoted(key.slice(NOTE.length));
}

export interface RetentionRule {
  id: string;
  keep_last: number | null;
  keep_days: number | null;
}

/**
 * Deletes what a schedule's retention no longer keeps of the database that the newest backup is of; copies of one that the connection opened
 * before are a person's to delete. One that cannot be deleted (it is being read) stays for the next time.
 * @returns how many went
 */
export const applyRetention = (connectionId: string, schedule: RetentionRule, options: { now?: Date; log: (line: string) => void }): Promise<number> =>
  inTurn(async () => {
    const { now = new Date(), log } = options;
    const listed = await ofOnePlace(await allOf(connectionId));
    const kept: Kept[] = [];
    for (const backup of listed) {
      const { id, state, started_at: startedAt, proved_at: provedAt, schedule_id: scheduleId } = backup;
      kept.push({ id, state, startedAt, provedAt, scheduleId, isGood: await isGood(backup) });
    }
    const rule = { scheduleId: schedule.id, keepLast: schedule.keep_last, keepDays: schedule.keep_days, failedDays: LIMITS.failedBackupsKeptDays };
    const ids = new Set(toRemove(kept, rule, now));
    let removed = 0;
    for (const backup of listed.filter(({ id }) => ids.has(id))) if (await forgetOutdated(backup, { schedule: schedule.id, log })) removed += 1;
    return removed;
  });

/** Those of the database that the newest one of this console is of. */
async function ofOnePlace(listed: Listed[]): Promise<Listed[]> {
  const newest = listed.find(({ origin }) => origin === "console");
  const same = await Promise.all(listed.map(async (backup) => newest === undefined || isOfSamePlace(backup, newest)));
  return listed.filter((_, index) => same[index]);
}

/** With its audit rows: before the effect, and after it. */
async function forgetOutdated(backup: Listed, { schedule, log }: { schedule: string; log: (line: string) => void }): Promise<boolean> {
  const { seq } = await appendAudit({
    ...SYSTEM_ACTOR,
    action: "administer",
    connection_id: backup.connection_id,
    procedure: "retention",
    target: backup.id,
    input: JSON.stringify({ schedule }),
    outcome: "started",
    detail: "",
    completes: null,
    request_id: `schedule ${schedule}`,
  });
  try {
    await forget(backup);
    await completeAudit(seq, { outcome: "allowed", detail: "deleted" });
    log(`retention deleted ${backup.id}`);
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown";
    await completeAudit(seq, { outcome: "failed", detail: reason });
    log(`retention left ${backup.id}: ${reason}`);
    if (!(error instanceof AppError)) logger().error({ backup: backup.id, error }, "retention could not delete a backup");
    return false;
  }
}
