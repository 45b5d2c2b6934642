import "server-only";
import { appendFileSync, createReadStream, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { dataDir } from "@/server/control-plane/database";
import { logger } from "@/server/logger";
import { single } from "@/server/single";

/**
 * The head of the audit chain, written down outside the database: rows that are cut off at the end leave no gap in
 * the chain, but they leave a line here that nothing answers to. Lines are `<seq> <hash> <time>`, only ever appended
 * (`chattr +a` keeps even root's mistakes out).
 */
export const anchorPath = (): string => join(dataDir(), "audit-head");

export interface Head {
  seq: number;
  hash: string;
}

const ROWS_BETWEEN = 100;
const IDLE_MS = 5_000;

interface AnchorState {
  latest: Head | null;
  written: number;
  timer: NodeJS.Timeout | null;
}

const state = (): AnchorState => single("audit-anchor", () => ({ latest: null, written: 0, timer: null }));

/** Called after every commit: writes the head every 100 rows, and 5 s after the last row. */
export function noteHead(head: Head): void {
  const current = state();
  current.latest = head;
  if (head.seq - current.written >= ROWS_BETWEEN) {
    writeHead();
    return;
  }
  current.timer ??= setTimeout(writeHead, IDLE_MS).unref();
}

/** Writes the newest head now, if it is not written yet. Never throws: the chain itself is already safe. */
export function writeHead(head?: Head): void {
  const current = state();
  if (current.timer) clearTimeout(current.timer);
  current.timer = null;
  const latest = head ?? current.latest;
  if (!latest || latest.seq <= current.written) return;
  try {
    appendFileSync(anchorPath(), `${latest.seq} ${latest.hash} ${new Date().toISOString()}\n`, { mode: 0o600 });
    current.written = latest.seq;
  } catch (error) {
    logger().error({ err: error }, "The head of the audit log could not be written");
  }
}

/** How much of the file exists now; null without a file. Read no further: later lines belong to later rows. */
export function anchorSize(): number | null {
  return existsSync(anchorPath()) ? statSync(anchorPath()).size : null;
}

/** The lines of the first `size` bytes, in the order they were written; a line that is not one comes back as null. */
export async function* readAnchors(size: number): AsyncGenerator<Head | null> {
  if (size === 0) return;
  const lines = createInterface({ input: createReadStream(anchorPath(), { end: size - 1 }), crlfDelay: Infinity });
  for await (const line of lines) {
    const [, seq, hash] = /^(\d{1,15}) ([0-9a-f]{64}) /.exec(line) ?? [];
    yield seq === undefined || hash === undefined ? null : { seq: Number(seq), hash };
  }
}
