import "server-only";
import { AppError } from "@/server/errors";
import type { RedisClient } from "./redis.client";
import { CORE_TYPES } from "./redis.dump";
import { asBuffers, asList, asText } from "./redis.reply";
import { SeenKeys } from "./redis.seen-keys";
import { serverTimeMs } from "./redis.time";

interface Comparison {
  client: RedisClient;
  /** For the server's clock. */
  control: RedisClient;
  /** What the server took, by type. */
  sent: Map<string, number>;
  /** The one key that is not of the backup; null when there is none. */
  marker: string | null;
  /** Expiries of the keys that were sent; read only when keys are missing. */
  readExpiries: () => AsyncIterable<{ type: string; expiresAtMs: bigint }>;
  /** Others write there: what is more than was sent is theirs. */
  isShared?: boolean;
}

export interface Compared {
  /** Counted in the database, by the backup's type names. */
  found: Map<string, number>;
  /** Expired between being sent and being counted. */
  expired: Map<string, number>;
}

/** Counts a restored database by type. @throws CONFLICT when it holds other than what was sent, and expiry does not explain it */
export async function compareDatabase(comparison: Comparison): Promise<Compared> {
  const { client, control, sent } = comparison;
  const startedAt = await serverTimeMs(control);
  const live = await countTypes(client, comparison.marker);
  const endedAt = await serverTimeMs(control);
  const found = byBackupTypes(live, sent);
  const expired = new Map<string, number>();
  const isShort = (count: number, type: string) => (comparison.isShared ? (found.get(type) ?? 0) < count : (found.get(type) ?? 0) !== count);
  const missing = [...sent].filter(([type, count]) => isShort(count, type));
  const unknown = comparison.isShared ? [] : [...found].filter(([type]) => !sent.has(type));
  if (unknown.length > 0) throw different(client, `${unknown[0]?.[1]} keys of type ${unknown[0]?.[0]} more than were restored`);
  if (missing.length === 0) return { found, expired };
  const spans = await countExpired(comparison, { startedAt, endedAt });
  for (const [type, count] of missing) {
    const gone = count - (found.get(type) ?? 0);
    const span = spans.get(type) ?? { surely: 0, perhaps: 0 };
    if ((gone < span.surely && !comparison.isShared) || gone > span.perhaps)
      throw different(client, `${found.get(type) ?? 0} keys of type ${type} instead of ${count}`);
    expired.set(type, gone);
    found.set(type, found.get(type) ?? 0);
  }
  return { found, expired };
}

/** Keys by type, without the marker. */
export async function countTypes(client: RedisClient, marker: string | null): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const seen = new SeenKeys();
  let cursor = "0";
  do {
    const [next, page] = asList(await client.send("SCAN", cursor, "COUNT", 1_000));
    const names = asBuffers(page).filter((name) => seen.add(name) && name.toString("latin1") !== marker);
    for (const type of await client.run(names.map((name) => ["TYPE", name]))) {
      const name = asText(type);
      if (name !== "none") counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    cursor = asText(next);
  } while (cursor !== "0");
  return counts;
}

/** A type byte that was too new to be named when it was written ("type-26") stands for whatever the server calls it. */
function byBackupTypes(live: Map<string, number>, sent: Map<string, number>): Map<string, number> {
  const unnamed = [...sent.keys()].filter((type) => type.startsWith("type-"));
  const only = unnamed.length === 1 ? unnamed[0] : undefined;
  if (only === undefined) return live;
  const found = new Map<string, number>();
  for (const [type, count] of live) {
    const name = CORE_TYPES.has(type) || sent.has(type) ? type : only;
    found.set(name, (found.get(name) ?? 0) + count);
  }
  return found;
}

/** By type, how many of the sent keys had expired before the count began, and how many before it ended. */
async function countExpired(
  { readExpiries, sent }: Comparison,
  { startedAt, endedAt }: { startedAt: bigint; endedAt: bigint },
): Promise<Map<string, { surely: number; perhaps: number }>> {
  const spans = new Map<string, { surely: number; perhaps: number }>();
  for await (const { type, expiresAtMs } of readExpiries()) {
    if (expiresAtMs > endedAt || !sent.has(type)) continue;
    const span = spans.get(type) ?? { surely: 0, perhaps: 0 };
    spans.set(type, { surely: span.surely + (expiresAtMs <= startedAt ? 1 : 0), perhaps: span.perhaps + 1 });
  }
  return spans;
}

function different(client: RedisClient, what: string): AppError {
  return new AppError("CONFLICT", `The restored database holds ${what}`, { fix: `Make sure nobody else writes to it on ${client.address}, then try again.` });
}
