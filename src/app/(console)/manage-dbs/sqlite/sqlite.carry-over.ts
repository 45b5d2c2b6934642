/**
 * When the console's own database is replaced, some of it must not go back in time: what was done (audit), what runs and ran (jobs and their
 * log), where backups and kept states lie, and who has been signed out since. It is carried from the live database into the one that goes
 * in, which has the same tables by now. Runs in a worker; imports nothing through aliases.
 */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import type Database from "better-sqlite3";

type Db = Database.Database;

/** Small tables taken as they are: kept states; approvals and tickets that are used once; settings, for the two-person rules among them. */
const AS_LIVE = ["swaps", "approvals", "download_tickets", "settings"];

/** The live database is read under the name `live`; the lock of the put is not touched by it. */
export function attachLive(db: Db, path: string): void {
  db.pragma("foreign_keys = OFF");
  db.prepare("ATTACH ? AS live").run(path);
}

/**
 * All of it, before the lock. Transactions begin deferred here: an immediate one would take the writer's lock of the live database too.
 * @returns lines for the job's log */
export function carryOver(db: Db, { storeDir }: { storeDir: string }): string[] {
  const lines: string[] = [];
  db.transaction(() => {
    lines.push(carryAudit(db));
    lines.push(...carryJobs(db), ...carryBackups(db, storeDir));
    for (const table of AS_LIVE) replaceWhole(db, table);
    lines.push(...carrySessions(db));
  }).deferred();
  return lines;
}

/** What has been written since, under the lock: short, because the console waits for it. */
export function carryOverRest(db: Db): void {
  db.transaction(() => {
    carryAudit(db);
    mergeNewer(db, "jobs");
    const last = db.prepare("SELECT coalesce(max(id), 0) FROM main.job_lines").pluck().get();
    db.prepare(`INSERT INTO main.job_lines ${columns(db, "job_lines").select} WHERE id > ?`).run(last);
    mergeNewer(db, "backups");
    for (const table of AS_LIVE) replaceWhole(db, table);
    carrySessions(db);
  }).deferred();
}

function columns(db: Db, table: string): { list: string; select: string } {
  const names = db.prepare("SELECT name FROM pragma_table_info(?, 'live')").pluck().all(table) as string[];
  const list = names.map((name) => `"${name}"`).join(", ");
  return { list, select: `(${list}) SELECT ${list} FROM live."${table}"` };
}

function replaceWhole(db: Db, table: string): void {
  db.exec(`DELETE FROM main."${table}"; INSERT INTO main."${table}" ${columns(db, table).select}`);
}

/** Rows of the live one, in place of those with the same key. */
function mergeNewer(db: Db, table: string): void {
  db.exec(`INSERT OR REPLACE INTO main."${table}" ${columns(db, table).select}`);
}

interface Head {
  seq: number;
  hash: string;
}

/**
 * The chain stays whole: the longer of two that share their beginning stands. A log of another console, or of one whose keys were lost, gives
 * way to the live one, which the written heads beside it belong to.
 */
function carryAudit(db: Db): string {
  const headOf = (schema: "main" | "live") => db.prepare(`SELECT seq, hash FROM ${schema}.audit ORDER BY seq DESC LIMIT 1`).get() as Head | undefined;
  const has = (schema: "main" | "live", head: Head) =>
    db.prepare(`SELECT 1 FROM ${schema}.audit WHERE seq = ? AND hash = ?`).get(head.seq, head.hash) !== undefined;
  const [theirs, ours] = [headOf("main"), headOf("live")];
  if (!ours || has("main", ours)) return "the audit log of the backup holds all of the live one";
  const isBeginning = !theirs || has("live", theirs);
  if (!isBeginning) clearAudit(db);
  const after = isBeginning ? (theirs?.seq ?? 0) : 0;
  const { changes } = db.prepare(`INSERT INTO main.audit ${columns(db, "audit").select} WHERE seq > ? ORDER BY seq`).run(after);
  // What says which row came last must not say more than there is: the check of the chain would miss rows.
  db.prepare("UPDATE main.sqlite_sequence SET seq = ? WHERE name = 'audit'").run(ours.seq);
  if (isBeginning) return `carried over: ${changes} rows of the audit log`;
  return `the backup's audit log is not the beginning of the live one, which is kept in its place: ${changes} rows`;
}

/** The log is append-only by triggers: they are taken away for this, inside the transaction. */
function clearAudit(db: Db): void {
  const triggers = db.prepare("SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'").all() as {
    name: string;
    sql: string;
  }[];
  for (const { name } of triggers) db.exec(`DROP TRIGGER main."${name}"`);
  db.exec("DELETE FROM main.audit");
  for (const { sql } of triggers) db.exec(sql);
}

const STOPPED = JSON.stringify({
  code: "INTERNAL",
  message: "The console's database was restored while this ran",
  fix: "Look at a newer entry.",
  detail: null,
});

/** The log of jobs as it is live; of jobs that only the backup knows their rows, without their lines. */
function carryJobs(db: Db): string[] {
  db.exec("UPDATE main.jobs SET idempotency_key = NULL");
  mergeNewer(db, "jobs");
  replaceWhole(db, "job_lines");
  const now = new Date().toISOString();
  db.prepare(
    `UPDATE main.jobs SET state = 'failed', ended_at = ?, error = ? WHERE state IN ('queued', 'running') AND id NOT IN (SELECT id FROM live.jobs)`,
  ).run(now, STOPPED);
  const known = db.prepare("SELECT count(*) FROM live.jobs").pluck().get() as number;
  return [`carried over: ${known} jobs with their log`];
}

/** Every backup whose file is there: those of the live catalogue as they are, and those that only the restored one knows. */
function carryBackups(db: Db, storeDir: string): string[] {
  mergeNewer(db, "backups");
  const others = db.prepare("SELECT id, file_name, state FROM main.backups WHERE id NOT IN (SELECT id FROM live.backups)").all() as {
    id: string;
    file_name: string;
    state: string;
  }[];
  // One that ran when the backup was taken is not known to be whole; at the next start its file would be removed as stranded.
  const gone = others.filter(({ file_name: name, state }) => state === "running" || name !== basename(name) || !existsSync(join(storeDir, name)));
  const remove = db.prepare("DELETE FROM main.backups WHERE id = ?");
  for (const { id } of gone) remove.run(id);
  const known = db.prepare("SELECT count(*) FROM main.backups").pluck().get() as number;
  return [
    `carried over: the catalogue of ${known} backups${gone.length > 0 ? `; ${gone.length} that only the restored one knew have no file and are left out` : ""}`,
  ];
}

/**
 * People are as in the backup. Who is signed in now and exists in it stays signed in, so that an admin can undo this; a session that has
 * ended since, and a token that was revoked, does not come alive again.
 */
function carrySessions(db: Db): string[] {
  db.exec(`DELETE FROM main.sessions;
    INSERT INTO main.sessions ${columns(db, "sessions").select} WHERE user_id IN (SELECT id FROM main.users);
    UPDATE main.api_tokens SET revoked_at = (SELECT now.revoked_at FROM live.api_tokens AS now WHERE now.id = main.api_tokens.id)
      WHERE revoked_at IS NULL AND id IN (SELECT id FROM live.api_tokens WHERE revoked_at IS NOT NULL)`);
  const ended = db
    .prepare("SELECT count(*) FROM live.sessions WHERE revoked_at IS NULL AND user_id NOT IN (SELECT id FROM main.users)")
    .pluck()
    .get() as number;
  return ended > 0 ? [`${ended} open sessions end: their people are not in the backup`] : [];
}
