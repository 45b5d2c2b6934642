import "server-only";
import type { CommandLine, RedisClient } from "../redis.client";
import { redisError } from "../redis.errors";
import { asBuffer, asBuffers, asPairs, asText, type Reply } from "../redis.reply";
import { speaks } from "../redis.server-facts";
import { exportedText, type ExportedKey, type ValueRequest } from "./keys-export.format";
import { hasFieldExpiries } from "./keys-export.values";

/** Values up to this size are read whole, type, expiry and value in one transaction. */
const SMALL_BYTES_MAX = 16 * 1024;
const TRANSACTION_KEYS = 20;

interface WholeRead {
  command(name: Buffer): CommandLine;
  render(reply: Reply): unknown;
}

const WHOLE: Record<string, WholeRead> = {
  string: { command: (name) => ["GET", name], render: (reply) => exportedText(asBuffer(reply)) },
  list: { command: (name) => ["LRANGE", name, 0, -1], render: (reply) => asBuffers(reply).map(exportedText) },
  set: { command: (name) => ["SMEMBERS", name], render: (reply) => asBuffers(reply).map(exportedText) },
  hash: { command: (name) => ["HGETALL", name], render: (reply) => asPairs(reply).map((pair) => pair.map(exportedText)) },
  zset: {
    command: (name) => ["ZRANGE", name, 0, -1, "WITHSCORES"],
    render: (reply) => asPairs(reply).map(([member, score]) => [exportedText(member), score.toString("latin1")]),
  },
};

export interface SmallValue {
  /** JSON text of the value. */
  value: string;
  /** Digits: it may be beyond 2^53. */
  expiresAtMs: string | null;
}

export function isSmall(key: ExportedKey, facts: ValueRequest["facts"]): boolean {
  if (key.memoryBytes === null || key.memoryBytes > SMALL_BYTES_MAX) return false;
  return key.type in WHOLE && !(key.type === "hash" && hasFieldExpiries(facts));
}

/** Many small keys in one write, some at a time in a transaction. Null for a key that is gone or of another type meanwhile. */
export async function readSmall({
  client,
  facts,
  keys,
}: {
  client: RedisClient;
  facts: ValueRequest["facts"];
  keys: ExportedKey[];
}): Promise<(SmallValue | null)[]> {
  const expiry = speaks(facts, 7) ? "PEXPIRETIME" : "PTTL";
  const commandsOf = (key: ExportedKey): CommandLine[] => [["TYPE", key.name], [expiry, key.name], WHOLE[key.type]?.command(key.name) ?? ["PING"]];
  const transactions: CommandLine[][] = [];
  for (let at = 0; at < keys.length; at += TRANSACTION_KEYS) transactions.push(keys.slice(at, at + TRANSACTION_KEYS).flatMap(commandsOf));
  const replies = (await client.transactions(transactions)).flat();
  const now = Date.now();
  return keys.map((key, index) => {
    const [type, expires, value] = replies.slice(index * 3, index * 3 + 3);
    if (asText(type) !== key.type || value === undefined) return null;
    if (value instanceof Error) throw redisError(value, { address: client.address, doing: "export keys" });
    return { value: JSON.stringify(WHOLE[key.type]?.render(value)), expiresAtMs: expiryDigits(expires, speaks(facts, 7) ? 0 : now) };
  });
}

/** Null for a key that does not expire. @param base added to the server's answer: now, where it says the time left */
export function expiryDigits(expiry: Reply | undefined, base: number): string | null {
  if (expiry === undefined || expiry === null || expiry instanceof Error) return null;
  const ms = BigInt(asText(expiry));
  return ms < 0n ? null : (ms + BigInt(base)).toString();
}
