import "server-only";
/**
 * The two-person rule of a connection: what replaces live data waits for another person. An approval is for exactly one artefact, target
 * and set of options on the connection as it opens now; it expires, is used once, and its requester never gives it.
 */
import { createHash, randomBytes } from "node:crypto";
import type { Approval } from "@/backups/approvals.schema";
import type { RestoreTarget } from "@/backups/engine";
import { liveName } from "@/backups/live-name";
import { comparePlaces, placeNow, placeOf, placeText, readGuarded, readPlace, type Sameness } from "@/backups/place";
import { isFromElsewhere } from "@/backups/taken-from";
import type { Principal } from "@/server/auth/principal";
import type { Connection } from "@/server/connection";
import { connectionById } from "@/server/connections";
import * as repo from "@/server/control-plane/approvals.repo";
import { type BackupRow, findBackup } from "@/server/control-plane/backups.repo";
import { deleteSetting, settingsOf, writeSetting } from "@/server/control-plane/settings.repo";
import { findUser } from "@/server/control-plane/users.repo";
import { AppError } from "@/server/errors";
import { effectiveRole } from "@/server/grants";
import { LIMITS } from "@/server/limits";
import { roleMay } from "@/lib/rights";

const RULE = "two persons|";

interface Rule {
  key: string;
  sameness: Sameness;
  /** Its connection is no more, and no server has its name. */
  isOfThePast: boolean;
}

/** The settings that guard this connection: its own, and those of other connections to what may be the same database, also when they are no more. */
async function rulesOf(connection: Connection): Promise<Rule[]> {
  const rules = await settingsOf(RULE);
  const now = await placeNow(connection);
  const compared = await Promise.all(
    rules.map(async ({ key, value }): Promise<Rule> => {
      const id = key.slice(RULE.length);
      if (id === connection.id) return { key, sameness: "same", isOfThePast: false };
      // A connection that was edited since its rule began takes the rule along.
      const owner = await connectionById(id).catch(() => null);
      const guarded = [readGuarded(value), owner && (await placeNow(owner))].filter((place) => place !== null);
      const found = await Promise.all(guarded.map((place) => comparePlaces(place, now, { missingHost: "unknown" })));
      const lenient = await Promise.all(guarded.map((place) => comparePlaces(place, now)));
      const sameness = found.includes("same") ? "same" : found.includes("unknown") ? "unknown" : "other";
      return { key, sameness, isOfThePast: owner === null && lenient.every((answer) => answer === "other") };
    }),
  );
  return compared.filter(({ sameness }) => sameness !== "other");
}

/** Whether a replacing restore of this connection needs a second person. */
export const isTwoPerson = async (connection: Connection): Promise<boolean> => (await rulesOf(connection)).length > 0;

const beginRule = (connection: Connection): Promise<void> => writeSetting(`${RULE}${connection.id}`, JSON.stringify(placeOf(connection)));

async function endRule(connection: Connection): Promise<void> {
  // One that holds only because nothing can be looked up just now is another database's to end.
  for (const { key, sameness, isOfThePast } of await rulesOf(connection)) if (sameness === "same" || isOfThePast) await deleteSetting(key);
}

type Row = repo.ApprovalRow;

/** What is asked for, as a hash: a change of any of it makes another request of it. */
interface Subject {
  kind: Row["kind"];
  connection: Connection;
  backup: Pick<BackupRow, "id" | "sha256"> | null;
  target: string;
  objects: readonly string[] | null;
}

function hashOf({ kind, connection, backup, target, objects }: Subject): string {
  const parts = [kind, connection.id, connection.fingerprint, backup?.id ?? null, backup?.sha256 ?? null, target, objects?.toSorted() ?? null];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

const restoreSubject = (connection: Connection, backup: BackupRow, target: RestoreTarget): Subject => ({
  kind: "restore",
  connection,
  backup,
  target: target.name,
  objects: target.objects ?? null,
});

export interface Asking {
  connection: Connection;
  principal: Principal;
}

/**
 * Settles whether a replacing restore may go on. Null: it may, and `settled` is told the job (or null when none was begun) in the end.
 * Else: the request that waits for another person.
 * @throws AppError CONFLICT, FORBIDDEN for an approval that does not cover this restore any more
 */
export async function passTwoPersonRule(
  { connection, principal }: Asking,
  restore: { backup: BackupRow; target: RestoreTarget; approvalId: string | undefined },
): Promise<{ waiting: Approval } | Passed> {
  if (!restore.target.replace) return { waiting: null, settled: async () => undefined, assertStillAgreed: async () => undefined };
  if (!(await isTwoPerson(connection))) return { waiting: null, settled: async () => undefined, assertStillAgreed: () => assertNoRule(connection) };
  const subject = restoreSubject(connection, restore.backup, restore.target);
  if (restore.approvalId === undefined) return { waiting: await request(subject, principal) };
  const row = await approvalOf(connection.id, restore.approvalId);
  await spend(row, subject, principal);
  return { waiting: null, settled: (jobId) => repo.settleApproval(row.id, jobId), assertStillAgreed: () => assertMayStillApprove(row) };
}

interface Passed {
  waiting: null;
  settled(jobId: string | null): Promise<void>;
  /** Asked again before the effect, which may be hours later. Rejects when the approver lost the right, or a rule was begun, meanwhile. */
  assertStillAgreed(): Promise<void>;
}

async function assertNoRule(connection: Connection): Promise<void> {
  if (!(await isTwoPerson(connection))) return;
  throw new AppError("FORBIDDEN", "This connection needs two persons to replace what is live by now", { fix: "Ask again: that asks a second person." });
}

async function assertMayStillApprove(row: Row): Promise<void> {
  if (await mayStillApprove(row)) return;
  throw new AppError("CONFLICT", `${row.decided_by_name ?? "Who approved this"} may not approve it any more`, { fix: "Ask for approval again." });
}

/**
 * Undo brings back what was there, and one person does it at once. Putting the restored copy back again replaces live data: under the rule
 * only where two agreed to that restore. @throws AppError FORBIDDEN
 */
export async function assertMayPutBack(connection: Connection, restoreId: string): Promise<void> {
  if (!(await isTwoPerson(connection)) || (await repo.approvalOfJob(restoreId))) return;
  throw new AppError("FORBIDDEN", "This connection needs two persons to replace what is live, and this restore was one person's", {
    fix: "Restore the backup again: that asks a second person.",
  });
}

/** The same request again is the same row: a second click does not ask twice. */
async function request(subject: Subject, principal: Principal): Promise<Approval> {
  const now = new Date();
  const hash = hashOf(subject);
  const known = await repo.openApproval(hash, principal.userId, now.toISOString());
  if (known) return view(known, principal);
  const id = randomBytes(6).toString("hex");
  await repo.insertApproval({
    id,
    kind: subject.kind,
    connection_id: subject.connection.id,
    backup_id: subject.backup?.id ?? null,
    target: subject.target,
    objects: subject.objects === null ? null : JSON.stringify(subject.objects),
    hash,
    requested_by: principal.userId,
    requested_by_name: principal.name,
    requested_at: now.toISOString(),
    expires_at: new Date(now.getTime() + LIMITS.approvalMinutes * 60_000).toISOString(),
  });
  return view(await approvalOf(subject.connection.id, id), principal);
}

/** @throws AppError unless it was given to this person, for exactly this, by somebody who may still give it, and was not used */
async function spend(row: Row, subject: Subject, principal: Principal): Promise<void> {
  const again = { fix: "Ask for approval again." };
  if (row.requested_by !== principal.userId) throw new AppError("FORBIDDEN", "This approval was given to somebody else", again);
  const state = stateOf(row);
  if (state !== "approved") throw new AppError("CONFLICT", NOT_APPROVED[state], again);
  if (row.hash !== hashOf(subject)) throw new AppError("CONFLICT", "The approval is for another backup, target or connection than this", again);
  await assertMayStillApprove(row);
  if (!(await repo.useApproval(row.id, new Date().toISOString()))) throw new AppError("CONFLICT", NOT_APPROVED.used, again);
}

const NOT_APPROVED: Record<Exclude<Approval["state"], "approved">, string> = {
  waiting: "Nobody has approved this yet",
  refused: "This was refused",
  expired: "The approval's time is over",
  used: "The approval was used already",
};

/** The approver as the control plane knows them now: not disabled, with the right, and not the requester. */
async function mayStillApprove(row: Row): Promise<boolean> {
  if (row.decided_by === null || row.decided_by === row.requested_by) return false;
  const approver = await findUser(row.decided_by);
  if (!approver || approver.disabled !== 0) return false;
  return roleMay(await effectiveRole(approver.id, approver.role, row.connection_id), "restore");
}

function stateOf(row: Row): Approval["state"] {
  if (row.used_at !== null) return "used";
  if (row.decision === "refused") return "refused";
  if (row.expires_at <= new Date().toISOString()) return "expired";
  return row.decision ?? "waiting";
}

/** @throws AppError NOT_FOUND, also for one of another connection. */
export async function approvalOf(connectionId: string, id: string): Promise<Row> {
  const row = await repo.findApproval(id);
  if (!row || row.connection_id !== connectionId)
    throw new AppError("NOT_FOUND", "There is no such request for approval on this connection", { fix: "Choose one of the list." });
  return row;
}

/** Requests of a connection, newest first, as this person sees them. */
export async function approvalsOf({ connection, principal }: Asking): Promise<Approval[]> {
  const rows = await repo.listApprovals([connection.id], 100);
  return Promise.all(rows.map((row) => view(row, principal)));
}

/** Those that wait for this person's word, on connections where they may give it. */
export async function waitingFor(principal: Principal, connectionIds: readonly string[]): Promise<Approval[]> {
  const rows = await repo.listApprovals(connectionIds, 100);
  const seen = await Promise.all(rows.filter((row) => stateOf(row) === "waiting").map((row) => view(row, principal)));
  return seen.filter((approval) => approval.mayDecide);
}

export async function view(row: Row, principal: Principal): Promise<Approval> {
  const state = stateOf(row);
  return {
    id: row.id,
    connectionId: row.connection_id,
    kind: row.kind,
    backupId: row.backup_id,
    copyOf: isOpen(state) ? await copyOf(row) : null,
    target: row.target,
    objects: row.objects === null ? null : (JSON.parse(row.objects) as string[]),
    requestedBy: row.requested_by_name,
    requestedAt: row.requested_at,
    expiresAt: row.expires_at,
    state,
    decidedBy: row.decided_by_name,
    decidedAt: row.decided_at,
    jobId: row.job_id,
    isMine: row.requested_by === principal.userId,
    mayDecide: state === "waiting" && (await cannotApprove(row, principal)) === null,
  };
}

const isOpen = (state: Approval["state"]): boolean => state === "waiting" || state === "approved";

/** Who agrees has to know that what comes is another database. */
async function copyOf(row: Row): Promise<string | null> {
  const place = row.backup_id === null ? null : ((await findBackup(row.backup_id))?.place ?? null);
  const connection = await connectionById(row.connection_id).catch(() => null);
  if (place === null || connection === null || !(await isFromElsewhere({ place }, connection))) return null;
  const taken = readPlace(place);
  return taken === null ? null : placeText(taken);
}

/** Why this person may not approve; null when they may. */
async function cannotApprove(row: Row, principal: Principal): Promise<string | null> {
  if (row.requested_by === principal.userId) return "Nobody approves what they asked for themselves";
  const user = await findUser(principal.userId);
  // An account made for the purpose is the requester's second hand.
  if (!user || user.created_at > row.requested_at) return "Your account is younger than this request";
  return roleMay(await effectiveRole(user.id, user.role, row.connection_id), "restore") ? null : "You may not restore on this connection";
}

/**
 * Gives a request this person's word. Ending the two-person rule takes effect at once; a restore waits for its requester to start it.
 * @throws AppError FORBIDDEN for the requester, CONFLICT when it was decided or its time is over
 */
export async function approve({ connection, principal }: Asking, id: string): Promise<Approval> {
  const row = await approvalOf(connection.id, id);
  const reason = await cannotApprove(row, principal);
  if (reason !== null) throw new AppError("FORBIDDEN", reason, { fix: "Ask another person who may restore here." });
  if (row.kind === "rule off" && row.hash !== hashOf(ruleOff(connection)))
    throw new AppError("CONFLICT", "The connection was changed since this was asked for", { fix: "Let it be asked for again." });
  const at = new Date().toISOString();
  if (!(await repo.decideApproval(id, { decision: "approved", by: principal.userId, byName: principal.name, at })))
    throw decided(await approvalOf(connection.id, id));
  if (row.kind === "rule off" && (await repo.useApproval(id, at))) await endRule(connection);
  return view(await approvalOf(connection.id, id), principal);
}

/** Refuses a request; its requester takes it back this way, also when it was approved. @throws AppError CONFLICT */
export async function refuse({ connection, principal }: Asking, id: string): Promise<Approval> {
  await approvalOf(connection.id, id);
  const at = new Date().toISOString();
  if (!(await repo.withdrawApproval(id, { id: principal.userId, name: principal.name, at }))) throw decided(await approvalOf(connection.id, id));
  return view(await approvalOf(connection.id, id), principal);
}

function decided(row: Row): AppError {
  const state = stateOf(row);
  const words = state === "approved" ? `${row.decided_by_name ?? "Somebody"} has approved this already` : NOT_APPROVED[state];
  return new AppError("CONFLICT", words, { fix: "Look at the list again." });
}

const ruleOff = (connection: Connection): Subject => ({
  kind: "rule off",
  connection,
  backup: null,
  target: liveName(connection) || connection.name,
  objects: null,
});

/** Begins the rule at once; ending it is what the rule guards against, so it waits for another person. */
export async function requireTwoPersons({ connection, principal }: Asking, required: boolean): Promise<{ required: boolean; approval: Approval | null }> {
  const isOn = await isTwoPerson(connection);
  if (required) await beginRule(connection);
  if (required || !isOn) return { required, approval: null };
  return { required: true, approval: await request(ruleOff(connection), principal) };
}
