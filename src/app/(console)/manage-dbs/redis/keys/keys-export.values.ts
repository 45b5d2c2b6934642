import "server-only";
import type { CommandLine } from "../redis.client";
import { asBuffer, asBuffers, asList, asNumber, asPairs, asText, type Reply } from "../redis.reply";
import { speaks, type ServerFacts } from "../redis.server-facts";
import { exportedText, writeArray, type ExportedKey, type ValueRequest } from "./keys-export.format";
import { writeStream } from "./keys-export.stream";

/** Strings longer than this are written as base64 in pieces, so that they are never in memory whole. */
const WHOLE_STRING_BYTES_MAX = 8 * 1024 * 1024;
/** A multiple of three, so that the pieces' base64 joins to the whole's. */
const STRING_PIECE_BYTES = 3 * 256 * 1024;
const PAGE_BYTES_AIM = 1024 * 1024;
const PAGE_ELEMENTS_MAX = 1_000;

const WRITERS: Record<string, (request: ValueRequest) => AsyncGenerator<string>> = {
  string: writeString,
  list: (request) => writeArray(listPages(request)),
  set: (request) => writeArray(scanPages("SSCAN", request, (replies) => asBuffers(replies).map(exportedText))),
  zset: (request) =>
    writeArray(scanPages("ZSCAN", request, (replies) => asPairs(replies).map(([member, score]) => [exportedText(member), score.toString("latin1")]))),
  hash: (request) => writeArray(hashPages(request)),
  stream: writeStream,
};

/** The JSON text of a value, piece by piece. Types of modules are written as their DUMP: {"dump": base64}. */
export function writeValue(request: ValueRequest): AsyncGenerator<string> {
  return (WRITERS[request.key.type] ?? writeDump)(request);
}

async function* writeString({ client, key }: ValueRequest): AsyncGenerator<string> {
  if (key.length <= WHOLE_STRING_BYTES_MAX) {
    yield JSON.stringify(exportedText(asBuffer(await client.send("GETRANGE", key.name, 0, WHOLE_STRING_BYTES_MAX - 1))));
    return;
  }
  yield '{"b":"';
  for (let offset = 0; ; offset += STRING_PIECE_BYTES) {
    const piece = asBuffer(await client.send("GETRANGE", key.name, offset, offset + STRING_PIECE_BYTES - 1));
    yield piece.toString("base64");
    if (piece.length < STRING_PIECE_BYTES) break;
  }
  yield '"}';
}

async function* writeDump({ client, key }: ValueRequest): AsyncGenerator<string> {
  const dump = await client.send("DUMP", key.name);
  yield JSON.stringify({ dump: Buffer.isBuffer(dump) ? dump.toString("base64") : null });
}

async function* listPages(request: ValueRequest): AsyncGenerator<unknown[]> {
  const { client, key } = request;
  const count = pageElements(key);
  for (let from = 0; ; from += count) {
    const items = asBuffers(await client.send("LRANGE", key.name, from, from + count - 1));
    yield items.map(exportedText);
    if (items.length < count) return;
  }
}

/** Elements present from beginning to end come at least once (the guarantee of *SCAN); repeated ones within a page are dropped. */
async function* scanPages(command: string, { client, key }: ValueRequest, read: (replies: Reply) => unknown[] | Promise<unknown[]>): AsyncGenerator<unknown[]> {
  let cursor = "0";
  do {
    const line: CommandLine = [command, key.name, cursor, "COUNT", pageElements(key)];
    const [next, replies] = asList(await client.send(...line));
    yield await read(replies ?? []);
    cursor = asText(next);
  } while (cursor !== "0");
}

/** [field, value], and a third part with the absolute expiry in ms where the field has one of its own. */
function hashPages(request: ValueRequest): AsyncGenerator<unknown[]> {
  return scanPages("HSCAN", request, async (replies) => {
    const pairs = asPairs(replies);
    const expiries = await fieldExpiries(
      request,
      pairs.map(([field]) => field),
    );
    return pairs.map(([field, value], index) => {
      const expiry = expiries[index] ?? -1;
      const parts: unknown[] = [exportedText(field), exportedText(value)];
      return expiry >= 0 ? [...parts, expiry] : parts;
    });
  });
}

/** Redis from 7.4, Valkey from 9 on. */
export function hasFieldExpiries(facts: ServerFacts): boolean {
  return facts.product === "Valkey" ? Number(facts.version.split(".")[0]) >= 9 : speaks(facts, 7, 4);
}

async function fieldExpiries({ client, key, facts }: ValueRequest, fields: Buffer[]): Promise<number[]> {
  if (!hasFieldExpiries(facts) || fields.length === 0) return [];
  return asList(await client.send("HPEXPIRETIME", key.name, "FIELDS", fields.length, ...fields)).map(asNumber);
}

function pageElements(key: ExportedKey): number {
  if (key.memoryBytes === null || key.length === 0) return 100;
  return Math.max(1, Math.min(PAGE_ELEMENTS_MAX, Math.floor(PAGE_BYTES_AIM / (key.memoryBytes / key.length))));
}
