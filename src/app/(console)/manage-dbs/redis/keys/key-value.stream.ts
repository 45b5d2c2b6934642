import "server-only";
import { AppError } from "@/server/errors";
import type { RedisClient } from "../redis.client";
import { redisError } from "../redis.errors";
import { asBuffer, asList, asNumber, asPairs, asRecord, asText, numberOrNull, type Reply } from "../redis.reply";
import { named, shortened, type PageRequest, type ValuePage } from "./key-value.page";
import type { KeyValue } from "./keys.schema";

type StreamValue = Extract<KeyValue, { kind: "stream" }>;
type Group = StreamValue["groups"][number];

const GROUPS_SHOWN_MAX = 100;
const CONSUMERS_SHOWN_MAX = 100;

/** Entries from the oldest, by id; the first page carries the groups with their consumers and pending counts. */
export async function readStreamPage(request: PageRequest): Promise<ValuePage> {
  const { client, key, cursor, count } = request;
  const from = cursor === undefined ? "-" : `(${readId(cursor)}`;
  const [range, about] = await client.run([
    // "(" needs 6.2: older servers start at the id itself, which is then left out.
    ["XRANGE", key, from, "+", "COUNT", count + 1],
    ["XINFO", "STREAM", key],
  ]);
  const answered = range instanceof Error && cursor !== undefined ? await client.send("XRANGE", key, readId(cursor), "+", "COUNT", count + 2) : range;
  if (answered instanceof Error) throw redisError(answered, { address: client.address });
  if (about instanceof Error) throw redisError(about, { address: client.address });
  const entries = asList(answered)
    .map(readEntry)
    .filter((entry) => entry.id !== cursor);
  const shown = entries.slice(0, count);
  const info = asRecord(about);
  return {
    value: {
      kind: "stream",
      entries: shown,
      lastId: asText(info.get("last-generated-id")),
      entriesAdded: numberOrNull(info.get("entries-added")),
      maxDeletedId: info.has("max-deleted-entry-id") ? asText(info.get("max-deleted-entry-id")) : null,
      groups: cursor === undefined ? await readGroups(client, key) : [],
    },
    nextCursor: entries.length > count ? (shown.at(-1)?.id ?? null) : null,
  };
}

function readEntry(reply: Reply): StreamValue["entries"][number] {
  const [id, fields] = asList(reply);
  return { id: asText(id), fields: asPairs(fields).map(([field, value]) => ({ field: named(field), value: shortened(value) })) };
}

async function readGroups(client: RedisClient, key: Buffer): Promise<Group[]> {
  const groups = asList(await client.send("XINFO", "GROUPS", key))
    .slice(0, GROUPS_SHOWN_MAX)
    .map(asRecord);
  const consumers = await client.run(groups.map((group) => ["XINFO", "CONSUMERS", key, asBuffer(group.get("name"))]));
  return groups.map((group, index) => ({
    name: named(asBuffer(group.get("name"))),
    consumers: Array.isArray(consumers[index]) ? consumers[index].slice(0, CONSUMERS_SHOWN_MAX).map(readConsumer) : [],
    pending: asNumber(group.get("pending")),
    lastDeliveredId: asText(group.get("last-delivered-id")),
    lag: numberOrNull(group.get("lag")),
  }));
}

function readConsumer(reply: Reply): Group["consumers"][number] {
  const consumer = asRecord(reply);
  return { name: named(asBuffer(consumer.get("name"))), pending: asNumber(consumer.get("pending")), idleMs: asNumber(consumer.get("idle")) };
}

function readId(cursor: string): string {
  if (!/^\d{1,20}-\d{1,20}$/.test(cursor)) throw new AppError("INVALID", "This is not a cursor of this key", { fix: "Load the key again." });
  return cursor;
}
