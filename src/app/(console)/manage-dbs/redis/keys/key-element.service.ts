import "server-only";
import { AppError } from "@/server/errors";
import type { Connection } from "@/server/connection";
import { LIMITS } from "@/server/limits";
import { redisClient, type RedisClient } from "../redis.client";
import { addressedBytes, showBytes, toWire } from "../redis.codec";
import { asBuffer, asBufferOrNull, asList, asNumber, asPairs } from "../redis.reply";
import { typeOf } from "./key-value.service";
import type { ElementValue, GetElementInput } from "./keys.schema";

/** Redis hands out an element only whole: beyond this it stays where it is. */
const ELEMENT_BYTES_MAX = 64 * 1024 * 1024;

/** One element of a hash, list or stream entry that a page showed only the beginning of. @throws NOT_FOUND, UNSUPPORTED, LIMIT_EXCEEDED */
export async function getElement(connection: Connection, input: GetElementInput): Promise<ElementValue> {
  const client = redisClient(connection, input.db);
  const key = addressedBytes(input.key, input.encoding);
  const type = await typeOf(client, key, input);
  const bytes = await readElement(client, { key, type, input });
  if (bytes === null) throw new AppError("NOT_FOUND", `${showBytes(key)} no longer holds this element`, { fix: "Load the key again." });
  return { value: toWire(bytes, { prefixBytes: LIMITS.valueBytesMax }) };
}

async function readElement(client: RedisClient, { key, type, input }: { key: Buffer; type: string; input: GetElementInput }): Promise<Buffer | null> {
  const element = addressedBytes(input.element, input.elementEncoding);
  if (type === "hash") {
    const length = asNumber(await client.send("HSTRLEN", key, element));
    if (length > ELEMENT_BYTES_MAX) throw new AppError("LIMIT_EXCEEDED", `This field holds ${length} bytes`, { fix: "Export the key to get it." });
    return asBufferOrNull(await client.send("HGET", key, element));
  }
  if (type === "list" && /^\d{1,15}$/.test(input.element)) return asBufferOrNull(await client.send("LINDEX", key, input.element));
  if (type === "stream" && /^\d{1,20}-\d{1,20}$/.test(input.element)) {
    const [entry] = asList(await client.send("XRANGE", key, input.element, input.element));
    const pair = entry === undefined ? undefined : asPairs(asList(entry)[1])[input.position ?? 0];
    return pair === undefined ? null : asBuffer(pair[1]);
  }
  throw new AppError("UNSUPPORTED", `Elements of a ${type} cannot be loaded one by one`, { fix: "Export the key to get all of it." });
}
