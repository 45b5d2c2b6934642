import "server-only";
import type { CommandLine, RedisClient } from "./redis.client";
import { errorWord, redisError } from "./redis.errors";
import type { Reply } from "./redis.reply";

/** The key became another thing, or went, while it was read. */
export class ChangedMeanwhile extends Error {}

/** @throws ChangedMeanwhile when the key has another type now, or is gone where the command minds */
export async function ask(client: RedisClient, command: CommandLine): Promise<Reply> {
  const [reply] = await client.run([command]);
  if (!(reply instanceof Error)) return reply ?? null;
  if (errorWord(reply) === "WRONGTYPE" || errorWord(reply) === "NOGROUP" || /no such key/.test(reply.message)) throw new ChangedMeanwhile();
  throw redisError(reply, { address: client.address, doing: "read a key for the backup" });
}
