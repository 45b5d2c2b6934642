import "server-only";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import type { RedisClient } from "../redis.client";
import { toWire } from "../redis.codec";
import type { RedisBytes } from "../redis.schema";
import type { ServerFacts } from "../redis.server-facts";
import type { KeyValue } from "./keys.schema";

export interface PageRequest {
  client: RedisClient;
  facts: ServerFacts;
  key: Buffer;
  cursor: string | undefined;
  match: string | undefined;
  /** Elements wanted, already lowered for values that are large on average. */
  count: number;
  length: number;
  /** Estimate; null where the server does not say. */
  memoryBytes: number | null;
  signal: AbortSignal | undefined;
}

export interface ValuePage {
  value: KeyValue;
  nextCursor: string | null;
}

/** Fields and members are names: more of them is shown than of values. */
const NAME_PREFIX_BYTES = 4 * LIMITS.cellPrefix;

/** The server's own text of a double: never parsed, so inf, -0 and every last digit stay. */
export function scoreText(score: Buffer): string {
  return score.toString("latin1");
}

export function shortened(value: Buffer): RedisBytes {
  return toWire(value, { prefixBytes: LIMITS.cellPrefix });
}

export function named(name: Buffer): RedisBytes {
  return toWire(name, { prefixBytes: NAME_PREFIX_BYTES });
}

export function readOffset(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const offset = Number(cursor);
  if (!/^\d{1,15}$/.test(cursor) || !Number.isSafeInteger(offset))
    throw new AppError("INVALID", "This is not a cursor of this key", { fix: "Load the key again." });
  return offset;
}

/** Null for "never", and the number itself as text beyond what a Date can hold. */
export function isoTime(ms: number | null): string | null {
  if (ms === null) return null;
  return Math.abs(ms) > 8.64e15 ? `${ms}` : new Date(ms).toISOString();
}
