import "server-only";
import { asBuffer, asList, asNumber, asPairs, asRecord, asText, numberOrNull, type Reply } from "../redis.reply";
import type { RedisClient } from "../redis.client";
import { idAfter } from "../redis.stream-id";
import { exportedText, writeArray, type ValueRequest } from "./keys-export.format";

const ENTRIES_PER_PAGE = 100;
const PENDING_PER_PAGE = 1_000;

/**
 * A stream with everything that XADD, XSETID, XGROUP CREATE, XGROUP CREATECONSUMER and XCLAIM need to make it again:
 * entries with fields in order (a field may repeat), last id, counters, groups with consumers and pending entries.
 */
export async function* writeStream(request: ValueRequest): AsyncGenerator<string> {
  const { client, key } = request;
  const info = asRecord(await client.send("XINFO", "STREAM", key.name));
  yield `{"last":${JSON.stringify(asText(info.get("last-generated-id")))},"added":${numberOrNull(info.get("entries-added"))},"maxDeleted":${textOrNull(info.get("max-deleted-entry-id"))},"entries":`;
  yield* writeArray(entryPages(request));
  yield ',"groups":[';
  let comma = "";
  for (const group of asList(await client.send("XINFO", "GROUPS", key.name)).map(asRecord)) {
    yield comma;
    yield* writeGroup(request, group);
    comma = ",";
  }
  yield "]}";
}

async function* entryPages({ client, key }: ValueRequest): AsyncGenerator<unknown[]> {
  for await (const page of idPages(client, (from) => ["XRANGE", key.name, from, "+", "COUNT", ENTRIES_PER_PAGE], ENTRIES_PER_PAGE)) {
    yield page.map((entry) => {
      const [id, fields] = asList(entry);
      return [asText(id), asPairs(fields).flatMap((pair) => pair.map(exportedText))];
    });
  }
}

async function* writeGroup({ client, key }: ValueRequest, group: Map<string, Reply>): AsyncGenerator<string> {
  const name = asBuffer(group.get("name"));
  const consumers = asList(await client.send("XINFO", "CONSUMERS", key.name, name)).map((consumer) => exportedText(asBuffer(asRecord(consumer).get("name"))));
  yield `{"name":${JSON.stringify(exportedText(name))},"last":${JSON.stringify(asText(group.get("last-delivered-id")))},"read":${numberOrNull(group.get("entries-read"))},"consumers":${JSON.stringify(consumers)},"pending":`;
  yield* writeArray(pendingPages(client, key.name, name));
  yield "}";
}

/** [id, consumer, time of the last delivery in ms, how often]. */
async function* pendingPages(client: RedisClient, key: Buffer, group: Buffer): AsyncGenerator<unknown[]> {
  for await (const page of idPages(client, (from) => ["XPENDING", key, group, from, "+", PENDING_PER_PAGE], PENDING_PER_PAGE)) {
    const [seconds, micros] = asList(await client.send("TIME"));
    const now = asNumber(seconds) * 1000 + Math.floor(asNumber(micros) / 1000);
    yield page.map((entry) => {
      const [id, consumer, idle, deliveries] = asList(entry);
      return [asText(id), exportedText(asBuffer(consumer)), now - asNumber(idle), asNumber(deliveries)];
    });
  }
}

/** Pages of replies that begin with an id. The next page starts at the id after the last: ids are two counters, so that is the second plus one. */
async function* idPages(client: RedisClient, command: (from: string) => [string, ...(Buffer | string | number)[]], count: number): AsyncGenerator<Reply[]> {
  let from = "-";
  for (;;) {
    const page = asList(await client.send(...command(from)));
    if (page.length > 0) yield page;
    if (page.length < count) return;
    const next = idAfter(asText(asList(page.at(-1))[0]));
    if (next === null) return;
    from = next;
  }
}

function textOrNull(reply: Reply | undefined): string {
  return reply === undefined || reply === null ? "null" : JSON.stringify(asText(reply));
}
