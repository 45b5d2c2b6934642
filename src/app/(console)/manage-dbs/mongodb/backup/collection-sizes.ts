import "server-only";

import type { Db } from "mongodb";

import { attempt, numberOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";

const AT_ONCE = 8;
/** What is not known by then stays unknown: a plan must not wait for it. */
const DEADLINE_MS = 3_000;

export interface CollectionSize {
  /** Documents by the server's own bookkeeping. */
  count: number | null;
  /** Documents and indexes on its disk. */
  bytes: number | null;
}

/** Sizes by the server's statistics; nothing is counted. */
export async function sizesOf(db: Db, names: readonly string[]): Promise<Map<string, CollectionSize>> {
  const sizes = new Map<string, CollectionSize>(names.map((name) => [name, { count: null, bytes: null }]));
  const deadline = performance.now() + DEADLINE_MS;
  const waiting = [...names];
  const worker = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined && performance.now() < deadline; name = waiting.shift()) {
      const stats = await attempt(db.command({ collStats: name, maxTimeMS: DEADLINE_MS }));
      const storage = numberOf(stats?.["storageSize"]);
      sizes.set(name, { count: numberOf(stats?.["count"]), bytes: storage === null ? null : storage + (numberOf(stats?.["totalIndexSize"]) ?? 0) });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return sizes;
}

/** Null when the size of one is not known. */
export async function bytesOf(db: Db, names: readonly string[]): Promise<number | null> {
  return total([...(await sizesOf(db, names)).values()].map((size) => size.bytes));
}

export const total = (figures: readonly (number | null)[]): number | null =>
  figures.reduce<number | null>((sum, figure) => (sum === null || figure === null ? null : sum + figure), 0);
