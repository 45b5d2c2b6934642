import "server-only";
import { AppError, throwIfCancelled } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import type { CommandLine } from "../redis.client";
import { carriedBytes, toWire, toWirePrefix } from "../redis.codec";
import { asBuffer, asBuffers, asList, asNumber, asPairs, asText, type Reply } from "../redis.reply";
import { isoTime, named, readOffset, scoreText, shortened, type PageRequest, type ValuePage } from "./key-value.page";

const STRING_PAGE_BYTES = 64 * 1024;
const SEARCHED_PER_PAGE_MAX = 10_000;

/** At most 64 KiB of a string, by GETRANGE; the cursor is a byte offset. */
export async function readStringPage({ client, key, cursor, length }: PageRequest): Promise<ValuePage> {
  const offset = readOffset(cursor);
  const bytes = asBuffer(await client.send("GETRANGE", key, offset, offset + STRING_PAGE_BYTES - 1));
  const isLast = offset + bytes.length >= length;
  const value = offset === 0 && isLast ? toWire(bytes) : isLast ? { ...toWire(bytes), length } : toWirePrefix(bytes, length);
  return { value: { kind: "string", value, offset }, nextCursor: isLast ? null : String(offset + carriedBytes(value)) };
}

/** In order, by index. */
export async function readListPage({ client, key, cursor, count, length }: PageRequest): Promise<ValuePage> {
  const from = readOffset(cursor);
  const items = asBuffers(await client.send("LRANGE", key, from, from + count - 1));
  return {
    value: { kind: "list", items: items.map((item, index) => ({ index: from + index, value: shortened(item) })) },
    nextCursor: nextOffset({ from, got: items.length, length }),
  };
}

/** By HSCAN: fields come in the server's order, and the odd one twice while it resizes. */
export async function readHashPage(request: PageRequest): Promise<ValuePage> {
  const { replies, nextCursor } = await scanElements("HSCAN", request, 2);
  const pairs = asPairs(replies);
  const expiries = await fieldExpiries(
    request,
    pairs.map(([field]) => field),
  );
  const fields = pairs.map(([field, value], index) => ({ field: named(field), value: shortened(value), expiresAt: isoTime(expiries[index] ?? null) }));
  return { value: { kind: "hash", fields }, nextCursor };
}

export async function readSetPage(request: PageRequest): Promise<ValuePage> {
  const { replies, nextCursor } = await scanElements("SSCAN", request, 1);
  return { value: { kind: "set", members: asBuffers(replies).map(named) }, nextCursor };
}

/** By rank, lowest score first; a search goes by ZSCAN and knows no rank. */
export async function readSortedSetPage(request: PageRequest): Promise<ValuePage> {
  const { client, key, cursor, count, length, match } = request;
  if (match !== undefined) {
    const { replies, nextCursor } = await scanElements("ZSCAN", request, 2);
    return {
      value: { kind: "zset", members: asPairs(replies).map(([member, score]) => ({ member: named(member), score: scoreText(score), rank: null })) },
      nextCursor,
    };
  }
  const from = readOffset(cursor);
  const pairs = asPairs(await client.send("ZRANGE", key, from, from + count - 1, "WITHSCORES"));
  return {
    value: { kind: "zset", members: pairs.map(([member, score], index) => ({ member: named(member), score: scoreText(score), rank: from + index })) },
    nextCursor: nextOffset({ from, got: pairs.length, length }),
  };
}

function nextOffset({ from, got, length }: { from: number; got: number; length: number }): string | null {
  return got === 0 || from + got >= length ? null : String(from + got);
}

/** *SCAN steps until enough elements came, 10,000 were looked at, or it is through. `width` is how many replies make one element. */
async function scanElements(command: string, request: PageRequest, width: number): Promise<{ replies: Reply[]; nextCursor: string | null }> {
  const { client, key, match, count, signal } = request;
  const step = match === undefined ? count : Math.min(LIMITS.redisScanCount, Math.max(count, 1) * 10);
  let cursor = request.cursor === undefined ? "0" : String(request.cursor);
  if (!/^\d{1,20}$/.test(cursor)) throw new AppError("INVALID", "This is not a cursor of this key", { fix: "Load the key again." });
  const replies: Reply[] = [];
  let looked = 0;
  do {
    throwIfCancelled(signal);
    const line: CommandLine = [command, key, cursor, ...(match === undefined ? [] : ["MATCH", match]), "COUNT", step];
    const [next, page] = asList(await client.send(...line));
    replies.push(...asList(page));
    cursor = asText(next);
    looked += step;
  } while (cursor !== "0" && replies.length < count * width && looked < SEARCHED_PER_PAGE_MAX);
  return { replies, nextCursor: cursor === "0" ? null : cursor };
}

/** Absolute expiry of single fields in ms, null for none; an older server does not know the command, and then there are none. */
async function fieldExpiries({ client, key }: PageRequest, fields: Buffer[]): Promise<(number | null)[]> {
  if (fields.length === 0) return [];
  const [reply] = await client.run([["HPEXPIRETIME", key, "FIELDS", fields.length, ...fields]]);
  return Array.isArray(reply) ? reply.map((expiry) => (typeof expiry === "number" && expiry >= 0 ? asNumber(expiry) : null)) : [];
}
