import "server-only";
import { isUtf8 } from "node:buffer";
import type { RedisClient } from "../redis.client";
import type { ServerFacts } from "../redis.server-facts";

export interface ExportedKey {
  name: Buffer;
  type: string;
  /** Estimate; null where the server does not say, then the value is read in pages. */
  memoryBytes: number | null;
  length: number;
}

export interface ValueRequest {
  client: RedisClient;
  facts: ServerFacts;
  key: ExportedKey;
}

/** Bytes as the portable format writes them: {"s": text} when UTF-8, else {"b": base64}. */
export function exportedText(bytes: Buffer): { s: string } | { b: string } {
  return isUtf8(bytes) ? { s: bytes.toString("utf8") } : { b: bytes.toString("base64") };
}

/** A JSON array of the elements of all pages. */
export async function* writeArray(pages: AsyncIterable<unknown[]>): AsyncGenerator<string> {
  yield "[";
  let comma = "";
  for await (const page of pages) {
    for (const element of page) {
      yield comma + JSON.stringify(element);
      comma = ",";
    }
  }
  yield "]";
}
