import "server-only";
import { setImmediate as nextTurn } from "node:timers/promises";
import { sql } from "kysely";
import { anchorPath, anchorSize, type Head, readAnchors, writeHead } from "@/server/audit-anchor";
import { auditKey, CHAIN_START, chainHash } from "@/server/audit-chain";
import { controlPlane } from "@/server/control-plane/database";
import { single } from "@/server/single";

export interface AuditVerification {
  ok: boolean;
  /** Rows that were checked and are right. */
  rows: number;
  /** The first row that is changed, moved or missing. */
  firstBadSeq?: number;
  /** One sentence; null when all is right. */
  problem: string | null;
  /** The newest row; null when the log is empty. */
  head: Head | null;
  checkedAt: string;
  elapsedMs: number;
}

const BATCH_ROWS = 250;
/** Fewer rows than this may not have been written to the file of heads yet. */
const ROWS_WITHOUT_ANCHOR = 200;

interface VerifyState {
  running: Promise<AuditVerification> | null;
  last: AuditVerification | null;
}
const state = (): VerifyState => single("audit-verify", () => ({ running: null, last: null }));

/** What the last check in this process found, for the badge. */
export const lastVerification = (): AuditVerification | null => state().last;

/** Walks the whole chain in batches; a second caller gets the check that already runs. */
export function verifyAudit(): Promise<AuditVerification> {
  const current = state();
  current.running ??= check()
    .then((result) => (current.last = result))
    .finally(() => (current.running = null));
  return current.running;
}

interface Finding {
  seq: number;
  problem: string;
}

async function check(): Promise<AuditVerification> {
  const started = performance.now();
  // The size first: every line below it was written after its row was committed.
  const size = anchorSize();
  const { head, everReached } = await readHead();
  const walked = await walk(head, size ?? 0);
  const finding = walked.finding ?? tailFinding({ head, everReached, hasAnchors: size !== null });
  if (!finding && head) writeHead(head);
  return {
    ok: finding === null,
    rows: walked.rows,
    ...(finding ? { firstBadSeq: finding.seq } : {}),
    problem: finding?.problem ?? null,
    head,
    checkedAt: new Date().toISOString(),
    elapsedMs: Math.round(performance.now() - started),
  };
}

async function readHead(): Promise<{ head: Head | null; everReached: number }> {
  return controlPlane()
    .transaction()
    .execute(async (transaction) => {
      const head = await transaction.selectFrom("audit").select(["seq", "hash"]).orderBy("seq", "desc").limit(1).executeTakeFirst();
      const sequence = await sql<{ seq: number }>`SELECT seq FROM sqlite_sequence WHERE name = 'audit'`.execute(transaction);
      return { head: head ?? null, everReached: sequence.rows[0]?.seq ?? 0 };
    });
}

function tailFinding(options: { head: Head | null; everReached: number; hasAnchors: boolean }): Finding | null {
  const newest = options.head?.seq ?? 0;
  if (options.everReached > newest) return { seq: newest + 1, problem: `Rows ${newest + 1} to ${options.everReached} were removed from the end` };
  if (!options.hasAnchors && newest > ROWS_WITHOUT_ANCHOR)
    return { seq: newest + 1, problem: `The file of heads is missing (${anchorPath()}): a cut end cannot be ruled out` };
  return null;
}

/** Follows the chain up to `head` and the written heads beside it. */
async function walk(head: Head | null, anchorBytes: number): Promise<{ rows: number; finding: Finding | null }> {
  const key = auditKey();
  const anchors = readAnchors(anchorBytes);
  let anchor = await anchors.next();
  let previousHash = CHAIN_START;
  let seq = 0;
  try {
    while (head && seq < head.seq) {
      const batch = await controlPlane()
        .selectFrom("audit")
        .selectAll()
        .where("seq", ">", seq)
        .where("seq", "<=", head.seq)
        .orderBy("seq")
        .limit(BATCH_ROWS)
        .execute();
      for (const row of batch) {
        if (row.seq !== seq + 1) return { rows: seq, finding: { seq: seq + 1, problem: `Row ${seq + 1} is missing` } };
        if (row.previous_hash !== previousHash) return { rows: seq, finding: { seq: row.seq, problem: `Row ${row.seq} does not follow the row before it` } };
        if (row.hash !== chainHash(row, { previousHash, key })) return { rows: seq, finding: { seq: row.seq, problem: `Row ${row.seq} was changed` } };
        while (!anchor.done && (anchor.value === null || anchor.value.seq <= row.seq)) {
          const finding = await anchorFinding(anchor.value, row);
          if (finding) return { rows: seq, finding };
          anchor = await anchors.next();
        }
        previousHash = row.hash;
        seq = row.seq;
      }
      if (batch.length === 0) break;
      await nextTurn();
    }
    if (!anchor.done)
      return { rows: seq, finding: { seq: seq + 1, problem: `The log once reached row ${anchor.value?.seq ?? "?"}, now it ends at row ${seq}` } };
    return { rows: seq, finding: null };
  } finally {
    await anchors.return(undefined);
  }
}

async function anchorFinding(anchor: Head | null, row: Head): Promise<Finding | null> {
  if (anchor === null) return { seq: row.seq, problem: `The file of heads has a line that is none (${anchorPath()})` };
  // Two processes may write their lines in another order than their rows: then the row is behind us.
  const stored =
    anchor.seq === row.seq ? row.hash : (await controlPlane().selectFrom("audit").select("hash").where("seq", "=", anchor.seq).executeTakeFirst())?.hash;
  return stored === anchor.hash ? null : { seq: anchor.seq, problem: `Row ${anchor.seq} is not the one that was written down as head` };
}
