import "server-only";
import type { RedisClient } from "./redis.client";
import { ask } from "./redis.portable-ask";
import type { StreamGroup, StreamPart, StreamPending } from "./redis.portable-format";
import type { PortableScan } from "./redis.portable-scan";
import type { Chunk } from "./redis.portable-values";
import { asBuffer, asBuffers, asList, asRecord, asText, type Reply } from "./redis.reply";
import { compareIds, idAfter } from "./redis.stream-id";
import { timeMs } from "./redis.time";

const PENDING_MAX = 1_000;

/**
 * A stream in parts: the first says its last id, counters, groups and consumers; each holds entries and what is pending of the same ids.
 * An entry that was deleted while it is pending comes without fields: XCLAIM takes no id that the stream does not hold.
 */
export async function* streamChunks({ client }: PortableScan, { key, count }: { key: Buffer; count: number }): AsyncGenerator<Chunk> {
  let head: StreamPart["head"] = await readHead(client, key);
  const { last, groups } = head;
  for (let from: string | null = "0-0"; from !== null; head = null) {
    const { entries, pending, to } = await readRange(client, { key, groups, from, last, count });
    yield { elements: [], stream: { head, entries: withDeleted(entries, pending), pending } };
    from = compareIds(to, last) >= 0 ? null : idAfter(to);
  }
}

async function readHead(client: RedisClient, key: Buffer): Promise<NonNullable<StreamPart["head"]>> {
  const info = asRecord(await ask(client, ["XINFO", "STREAM", key]));
  const groups: StreamGroup[] = [];
  for (const group of asList(await ask(client, ["XINFO", "GROUPS", key])).map(asRecord)) {
    const name = asBuffer(group.get("name"));
    const consumers = asList(await ask(client, ["XINFO", "CONSUMERS", key, name])).map((consumer) => asBuffer(asRecord(consumer).get("name")));
    groups.push({ name, last: asText(group.get("last-delivered-id")), read: textOrNull(group.get("entries-read")), consumers });
  }
  return {
    last: asText(info.get("last-generated-id")),
    added: textOrNull(info.get("entries-added")),
    maxDeleted: textOrNull(info.get("max-deleted-entry-id")),
    groups,
  };
}

const textOrNull = (reply: Reply | undefined): string | null => (reply === undefined || reply === null ? null : asText(reply));

interface Range {
  key: Buffer;
  groups: StreamGroup[];
  from: string;
  last: string;
  count: number;
}

/** Entries and pending ones from an id on, up to one that all of them reach. */
async function readRange(client: RedisClient, { key, groups, from, last, count }: Range): Promise<Pick<StreamPart, "entries" | "pending"> & { to: string }> {
  if (compareIds(from, last) > 0) return { entries: [], pending: [], to: last };
  const read = asList(await ask(client, ["XRANGE", key, from, last, "COUNT", count])).map((entry) => {
    const [id, fields] = asList(entry);
    return { id: asText(id), fields: asBuffers(fields) };
  });
  let to = read.length < count ? last : (read.at(-1)?.id ?? last);
  const pending: StreamPending[] = [];
  for (const [group, { name }] of groups.entries()) {
    const found = asList(await ask(client, ["XPENDING", key, name, from, to, PENDING_MAX]));
    const now = timeMs(await ask(client, ["TIME"]));
    for (const one of found) {
      const [id, consumer, idle, deliveries] = asList(one);
      pending.push({ group, id: asText(id), consumer: asBuffer(consumer), timeMs: (now - BigInt(asText(idle))).toString(), deliveries: asText(deliveries) });
    }
    if (found.length === PENDING_MAX) to = pending.at(-1)?.id ?? to;
  }
  const isReached = ({ id }: { id: string }) => compareIds(id, to) <= 0;
  return { entries: read.filter(isReached), pending: pending.filter(isReached), to };
}

function withDeleted(entries: StreamPart["entries"], pending: StreamPending[]): StreamPart["entries"] {
  const known = new Set(entries.map(({ id }) => id));
  const deleted = new Set(pending.map(({ id }) => id).filter((id) => !known.has(id)));
  if (deleted.size === 0) return entries;
  return [...entries, ...[...deleted].map((id) => ({ id, fields: null }))].toSorted((a, b) => compareIds(a.id, b.id));
}
