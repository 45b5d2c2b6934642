import "server-only";
import { type Kysely, sql } from "kysely";
import { noteHead } from "@/server/audit-anchor";
import { auditKey, CHAIN_START, chainHash, oneLine, type UnchainedRow } from "@/server/audit-chain";
import { controlPlane } from "@/server/control-plane/database";
import type { AuditOutcome, ControlPlane } from "@/server/control-plane/schema";
import { AppError } from "@/server/errors";
import { logger } from "@/server/logger";
import { single } from "@/server/single";

export { listAudit } from "@/server/audit-list";
export { redactInput } from "@/server/audit-redact";
export { lastVerification, verifyAudit } from "@/server/audit-verify";

/** Everything of a row but its number, time and hashes. */
export type AuditEntry = Omit<UnchainedRow, "at">;

interface Pending {
  /** Makes the row, inside the writing transaction. */
  row: (db: Kysely<ControlPlane>) => Promise<AuditEntry>;
  done: (result: { seq: number }) => void;
  failed: (error: unknown) => void;
}

interface Writer {
  waiting: Pending[];
  running: boolean;
}

const BATCH_ROWS = 200;
const writer = (): Writer => single("audit-writer", () => ({ waiting: [], running: false }));

/**
 * Appends one row to the chain; it is on disk when this resolves.
 * @throws AppError INTERNAL when it cannot be written: then an action that has not happened yet must not happen
 */
export function appendAudit(entry: AuditEntry): Promise<{ seq: number }> {
  return enqueue(async () => entry, entry.outcome === "started" || entry.outcome === "refused" ? "before" : "after");
}

/** Appends the row that says how the started one ended. @throws AppError INTERNAL */
export function completeAudit(seq: number, result: { outcome: Exclude<AuditOutcome, "started">; detail: string }): Promise<{ seq: number }> {
  return enqueue(async (db) => {
    const {
      at: _at,
      seq: _seq,
      hash: _hash,
      previous_hash: _previous,
      ...started
    } = await db.selectFrom("audit").selectAll().where("seq", "=", seq).executeTakeFirstOrThrow();
    return { ...started, input: "{}", outcome: result.outcome, detail: result.detail, completes: seq };
  }, "after");
}

/** What is true for the person who asked: the row stands before the effect, or the effect stands already. */
const CANNOT_WRITE = {
  before: "The audit log cannot be written, so nothing was done",
  after: "The audit log cannot be written: what you asked for has ended, and the log does not say how",
};

function enqueue(row: Pending["row"], when: keyof typeof CANNOT_WRITE): Promise<{ seq: number }> {
  return new Promise((done, failed) => {
    writer().waiting.push({
      row,
      done,
      failed: (cause) =>
        failed(
          new AppError("INTERNAL", CANNOT_WRITE[when], {
            fix: "See the console's log; check the free space of its data directory",
            cause,
          }),
        ),
    });
    void drain();
  });
}

/** One writer: what waits is written in one transaction, so that a commit to disk is shared. */
async function drain(): Promise<void> {
  const current = writer();
  if (current.running) return;
  current.running = true;
  try {
    while (current.waiting.length > 0) await writeBatch(current.waiting.splice(0, BATCH_ROWS));
  } finally {
    current.running = false;
  }
}

async function writeBatch(batch: Pending[]): Promise<void> {
  const settle: (() => void)[] = [];
  try {
    const head = await controlPlane()
      .connection()
      .execute(async (db) => {
        // IMMEDIATE: another process (the command line) must not read the same head.
        await sql`BEGIN IMMEDIATE`.execute(db);
        try {
          const last = await insertAll(db, batch, settle);
          await sql`COMMIT`.execute(db);
          return last;
        } catch (error) {
          await sql`ROLLBACK`.execute(db).catch(() => undefined);
          throw error;
        }
      });
    if (head) noteHead(head);
    for (const settleOne of settle) settleOne();
  } catch (error) {
    logger().error({ err: error }, "The audit log cannot be written");
    for (const pending of batch) pending.failed(error);
  }
}

async function insertAll(db: Kysely<ControlPlane>, batch: Pending[], settle: (() => void)[]): Promise<{ seq: number; hash: string } | null> {
  const key = auditKey();
  const newest = await db.selectFrom("audit").select(["seq", "hash"]).orderBy("seq", "desc").limit(1).executeTakeFirst();
  let head = { seq: newest?.seq ?? 0, hash: newest?.hash ?? CHAIN_START };
  for (const pending of batch) {
    try {
      const row: UnchainedRow = { ...cleaned(await pending.row(db)), at: new Date().toISOString() };
      const hash = chainHash(row, { previousHash: head.hash, key });
      const inserted = await db
        .insertInto("audit")
        .values({ ...row, previous_hash: head.hash, hash })
        .returning("seq")
        .executeTakeFirstOrThrow();
      head = { seq: inserted.seq, hash };
      settle.push(() => pending.done({ seq: inserted.seq }));
    } catch (error) {
      // A failed statement leaves the transaction open; the other rows are not its fault.
      logger().error({ err: error }, "A row of the audit log cannot be written");
      settle.push(() => pending.failed(error));
    }
  }
  return head.seq > (newest?.seq ?? 0) ? head : null;
}

function cleaned(entry: AuditEntry): AuditEntry {
  return {
    actor_id: entry.actor_id,
    actor_name: oneLine(entry.actor_name, 200),
    role: entry.role,
    session: entry.session === null ? null : oneLine(entry.session, 100),
    address: entry.address === null ? null : oneLine(entry.address, 64),
    action: oneLine(entry.action, 40),
    connection_id: entry.connection_id === null ? null : oneLine(entry.connection_id, 200),
    procedure: oneLine(entry.procedure, 200),
    target: oneLine(entry.target, 512),
    input: entry.input,
    outcome: entry.outcome,
    detail: oneLine(entry.detail, 1_000),
    completes: entry.completes,
    request_id: oneLine(entry.request_id, 64),
  };
}
