import "server-only";
import type { RedisClient } from "./redis.client";
import { asList, asText, type Reply } from "./redis.reply";

/** The server's clock: what expires is its to say, not the console's. */
export async function serverTimeMs(client: RedisClient): Promise<bigint> {
  return timeMs(await client.send("TIME"));
}

/** Reply of TIME in ms. */
export function timeMs(reply: Reply | undefined): bigint {
  const [seconds, micros] = asList(reply);
  return BigInt(asText(seconds)) * 1000n + BigInt(asText(micros)) / 1000n;
}
