import "server-only";
import { throwIfCancelled } from "@/server/errors";
import type { CallContext, Connection } from "@/server/connection";
import { openJobClient, type CommandLine, type RedisClient } from "../redis.client";
import { addressedBytes } from "../redis.codec";
import { redisError } from "../redis.errors";
import { asBuffers, asList, asText, numberOrNull } from "../redis.reply";
import { SeenKeys } from "../redis.seen-keys";
import { speaks, type ServerFacts } from "../redis.server-facts";
import { expiryDigits, isSmall, readSmall } from "./keys-export.small";
import { exportedText, type ExportedKey } from "./keys-export.format";
import { writeValue } from "./keys-export.values";
import type { ExportKeysInput } from "./keys.schema";
import { isGlob, scanCommand } from "./keys.service";

const PIECE_CHARACTERS = 64 * 1024;
const LENGTHS: Record<string, string> = { string: "STRLEN", list: "LLEN", hash: "HLEN", set: "SCARD", zset: "ZCARD", stream: "XLEN" };
/** Few, so that a piece goes out soon and the server is not kept busy. */
const KEYS_PER_STEP = 200;

interface Export {
  client: RedisClient;
  facts: ServerFacts;
  input: ExportKeysInput;
  pattern: Buffer;
  signal: AbortSignal | undefined;
}

/**
 * Keys of one logical database as JSON lines that any other store can read: a header line, one line a key with its typed
 * value, a footer line with counts. An export without footer is cut. Bytes are {"s": text} or {"b": base64}, `e` is the
 * absolute expiry in ms. Read key by key while the server goes on (fuzzy); big values are read and written in pages.
 */
export async function* exportKeys(connection: Connection, input: ExportKeysInput, { signal }: CallContext = {}): AsyncGenerator<Uint8Array> {
  using client = openJobClient(connection, input.db);
  const facts = await client.facts();
  const pattern = addressedBytes(input.pattern, input.patternEncoding);
  const counts = new Map<string, number>();
  let piece = line({
    format: "foundry-redis-export",
    version: 1,
    server: `${facts.product} ${facts.version}`,
    consistency: "fuzzy",
    db: input.db,
    pattern: exportedText(pattern),
    type: input.type ?? null,
    startedAt: new Date().toISOString(),
  });
  for await (const part of keyLines({ client, facts, input, pattern, signal }, counts)) {
    throwIfCancelled(signal);
    piece += part;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield Buffer.from(piece);
    piece = "";
  }
  const keys = [...counts.values()].reduce((sum, count) => sum + count, 0);
  yield Buffer.from(piece + line({ footer: true, keys, counts: Object.fromEntries(counts), finishedAt: new Date().toISOString() }));
}

/** The text of all key lines in pieces; counts each key that is written whole. */
async function* keyLines(run: Export, counts: Map<string, number>): AsyncGenerator<string> {
  const { client, facts, input } = run;
  const seen = new SeenKeys();
  for await (const names of scannedNames(run)) {
    const keys = await describe(
      run,
      names.filter((name) => seen.add(name)),
    );
    const small = keys.filter((key) => isSmall(key, facts));
    const values = await readSmall({ client, facts, keys: small });
    for (const [index, key] of small.entries()) {
      const read = values[index];
      if (!read) continue;
      yield `${lineStart(key, { db: input.db, expiresAtMs: read.expiresAtMs })}${read.value}}\n`;
      counts.set(key.type, (counts.get(key.type) ?? 0) + 1);
    }
    for (const key of keys.filter((one) => !isSmall(one, facts))) {
      yield* bigKeyLine(run, key);
      counts.set(key.type, (counts.get(key.type) ?? 0) + 1);
    }
  }
}

/** Read in pages over many commands: the line says so when the key was gone or replaced before its end. */
async function* bigKeyLine({ client, facts, input }: Export, key: ExportedKey): AsyncGenerator<string> {
  const lengthCommand = LENGTHS[key.type];
  const [expiry, length] = await client.run([
    [speaks(facts, 7) ? "PEXPIRETIME" : "PTTL", key.name],
    lengthCommand === undefined ? ["PING"] : [lengthCommand, key.name],
  ]);
  const sized = { ...key, length: lengthCommand === undefined ? 0 : (numberOrNull(length) ?? 0) };
  yield lineStart(key, { db: input.db, expiresAtMs: expiryDigits(expiry, speaks(facts, 7) ? 0 : Date.now()) });
  yield* writeValue({ client, facts, key: sized });
  const after = asText(await client.send("TYPE", key.name));
  yield after === key.type ? "}\n" : ',"changed":true}\n';
}

/** @param about.expiresAtMs digits, because it may be beyond 2^53 */
function lineStart(key: ExportedKey, about: { db: number; expiresAtMs: string | null }): string {
  const start = JSON.stringify({ db: about.db, k: exportedText(key.name), t: key.type });
  return `${start.slice(0, -1)}${about.expiresAtMs === null ? "" : `,"e":${about.expiresAtMs}`},"v":`;
}

async function* scannedNames({ client, facts, input, pattern, signal }: Export): AsyncGenerator<Buffer[]> {
  if (!isGlob(pattern)) {
    yield [pattern];
    return;
  }
  const step = scanCommand(facts, { pattern, type: input.type, count: KEYS_PER_STEP });
  let cursor = "0";
  do {
    throwIfCancelled(signal);
    const [next, page] = asList(await client.send(...step.from(cursor)));
    yield asBuffers(page);
    cursor = asText(next);
  } while (cursor !== "0");
}

/** Type and size decide how a key is read. */
async function describe({ client, input }: Export, names: Buffer[]): Promise<ExportedKey[]> {
  const replies = await client.run(
    names.flatMap((name): CommandLine[] => [
      ["TYPE", name],
      ["MEMORY", "USAGE", name, "SAMPLES", 5],
    ]),
  );
  return names.flatMap((name, index): ExportedKey[] => {
    const [type, memory] = replies.slice(index * 2, index * 2 + 2);
    if (type instanceof Error) throw redisError(type, { address: client.address, doing: "export keys" });
    const key = { name, type: asText(type), memoryBytes: numberOrNull(memory), length: 0 };
    return key.type === "none" || (input.type !== undefined && key.type !== input.type) ? [] : [key];
  });
}

function line(content: unknown): string {
  return `${JSON.stringify(content)}\n`;
}
