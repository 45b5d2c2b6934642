import "server-only";
/** Whether a server that keeps no log of its writes has on its disk what it has in memory. */
import { setTimeout as delay } from "node:timers/promises";
import type { RedisClient } from "./redis.client";
import { asRecord, asText } from "./redis.reply";
import { infoNumber } from "./redis.server-facts";

const SAVED_WITHIN_MS = 600_000;

/**
 * Makes it save where it would do so by itself some time: what it saved in the middle is never what it comes back with.
 * @returns why it is not saved, in words; null when it is, or never is by the server's configuration
 */
export async function saveLive(client: RedisClient): Promise<string | null> {
  if (infoNumber(await client.info(), "aof_enabled") === 1) return null;
  const [config] = await client.run([["CONFIG", "GET", "save"]]);
  if (Array.isArray(config) && asText(asRecord(config).get("save") ?? "") === "") return null;
  const until = performance.now() + SAVED_WITHIN_MS;
  let isBegun = false;
  while (performance.now() < until) {
    const info = await client.info();
    if (infoNumber(info, "rdb_bgsave_in_progress") === 0) {
      if (isBegun) return info.get("rdb_last_bgsave_status") === "ok" ? null : "its background save failed";
      const [reply] = await client.run([["BGSAVE"]]);
      isBegun = !(reply instanceof Error);
      // Another child of it is under way: then a little later.
      if (reply instanceof Error && !/in progress|another|child/i.test(reply.message)) return reply.message;
    }
    await delay(50);
  }
  return "its background save takes too long";
}
