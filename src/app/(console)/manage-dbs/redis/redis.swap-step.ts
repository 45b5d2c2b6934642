import "server-only";
import { AppError } from "@/server/errors";
import type { CommandLine, RedisClient } from "./redis.client";
import { errorWord, redisError } from "./redis.errors";
import { asText, type Reply } from "./redis.reply";
import { atPoint } from "./redis.swap-points";
import { serverTimeMs } from "./redis.time";

/** A key that must be as it was read, or absent (null), for the step to happen. */
export interface Expected {
  db: number;
  key: string;
  value: Buffer | null;
}

export interface Step {
  expected: Expected[];
  commands: CommandLine[];
  /** In words: "exchange the databases". */
  doing: string;
  /** Called before a script is sent, with the server's time in ms after which it does nothing any more. */
  beforeScript?: (deadlineMs: number) => Promise<void>;
  /** Of the commands, when they were done by a transaction. */
  onReplies?: (replies: Reply[]) => void;
}

/**
 * Runs commands as one step that nobody sees half of, if all keys are as expected: by WATCH and MULTI. A server that has
 * reached maxmemory refuses to queue any command, also those that free memory; there a script does the same, unless functions are
 * among them: scripts may not touch those.
 * @returns false, with nothing done, when a key is not as expected
 * @throws FORBIDDEN, LIMIT_EXCEEDED and others with nothing done; UNREACHABLE and TIMEOUT when it may have been done
 */
export async function runStep(client: RedisClient, step: Step): Promise<boolean> {
  const watched = await client.run(
    step.expected.flatMap(({ db, key }): CommandLine[] => [
      ["SELECT", db],
      ["WATCH", key],
      ["GET", key],
    ]),
  );
  const broken = watched.find((reply) => reply instanceof Error);
  if (broken !== undefined) throw redisError(broken, { address: client.address, doing: step.doing });
  if (!step.expected.every(({ value }, index) => isSame(watched[index * 3 + 2], value))) {
    await client.send("UNWATCH");
    return false;
  }
  await atPoint("watched");
  const replies = await client.run([["MULTI"], ...step.commands, ["EXEC"]]);
  const refused = replies.find((reply) => reply instanceof Error);
  if (refused === undefined) return assertAll(client, replies.at(-1) ?? null, step);
  if (errorWord(refused) !== "OOM" || step.commands.some(([name]) => name === "FUNCTION"))
    throw redisError(refused, { address: client.address, doing: step.doing });
  return runScript(client, step);
}

function isSame(reply: Reply | undefined, value: Buffer | null): boolean {
  return value === null ? reply === null : Buffer.isBuffer(reply) && reply.equals(value);
}

function assertAll(client: RedisClient, replies: Reply, { doing, onReplies }: Step): boolean {
  if (!Array.isArray(replies)) return false;
  const failed = replies.find((reply) => reply instanceof Error);
  if (failed !== undefined) throw redisError(failed, { address: client.address, doing });
  onReplies?.(replies);
  return true;
}

/** A script that was lost on its way must not come into effect when nobody expects it any more. */
const SCRIPT_MS = 2_000;

/**
 * Commands that take no memory are allowed in a script of a full server. Arguments: the deadline; how many checks, each with database,
 * key and value (empty for no such key); then each command with its length before it. No libraries: some servers have none.
 */
const SCRIPT = `
local time = redis.call("TIME")
if time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ARGV[1]) then return "late" end
local at = 3
for _ = 1, tonumber(ARGV[2]) do
  redis.call("SELECT", ARGV[at])
  if (redis.call("GET", ARGV[at + 1]) or "") ~= ARGV[at + 2] then return "changed" end
  at = at + 3
end
while at < #ARGV do
  local last = at + tonumber(ARGV[at])
  redis.call(unpack(ARGV, at + 1, last))
  at = last + 1
end
return "done"`;

async function runScript(client: RedisClient, { expected, commands, doing, beforeScript }: Step): Promise<boolean> {
  const deadlineMs = Number(await serverTimeMs(client)) + SCRIPT_MS;
  await beforeScript?.(deadlineMs);
  await atPoint("script ready");
  const checks = expected.flatMap(({ db, key, value }) => [db, key, value ?? ""]);
  const steps = commands.flatMap((command) => [command.length, ...command]);
  const [reply] = await client.run([["EVAL", SCRIPT, 0, deadlineMs, expected.length, ...checks, ...steps]]);
  if (reply instanceof Error) throw redisError(reply, { address: client.address, doing });
  const answer = asText(reply);
  if (answer === "late") throw new AppError("TIMEOUT", `${client.address} took too long to ${doing}, so nothing was done`, { fix: "Try again." });
  return answer === "done";
}
