import "server-only";
import type { Command, Redis } from "ioredis";
import type { CommandLine } from "./redis.client";
import type { Reply } from "./redis.reply";

/**
 * Many commands in one write. ioredis's own pipeline makes a promise, a timer and a copy of its arguments for every command;
 * a backup sends millions, so here all commands of a batch are encoded together and share one promise. What goes
 * into ioredis is what its pipeline puts there: an entry in its queue for every reply.
 * @returns the replies in order, with an Error in the place of each command that failed; rejects when the connection breaks
 */
export function sendBatch(redis: Redis, commands: CommandLine[], options: { timeoutMs?: number | undefined } = {}): Promise<Reply[]> {
  if (commands.length === 0) return Promise.resolve([]);
  if (redis.status !== "ready" || !redis.stream.writable) return Promise.reject(new Error("Connection is closed."));
  return new Promise((resolve, reject) => {
    const replies: Reply[] = [];
    const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => reject(new Error("Command timed out")), options.timeoutMs);
    const take = (reply: Reply) => {
      replies.push(reply);
      if (replies.length < commands.length) return;
      clearTimeout(timer);
      resolve(replies);
    };
    const fail = (error: Error) => {
      if (error.name === "ReplyError") return take(error);
      clearTimeout(timer);
      reject(error);
    };
    const sink = { isPipeline: true as const, write: () => true, destination: { redis } };
    for (const [name, ...args] of commands) redis.sendCommand(expectReply({ name, args, resolve: take, reject: fail }), sink);
    for (const piece of encodeCommands(commands)) redis.stream.write(piece);
  });
}

/** What ioredis needs to know of a command whose bytes are already on their way: whom to give the reply. */
function expectReply(command: { name: string; args: CommandLine[number][]; resolve(reply: Reply): void; reject(error: Error): void }): Command {
  return { ...command, promise: undefined, isTraced: true, setReplyContext: nothing, setTimeout: nothing, toWritable: noBytes } as unknown as Command;
}

function nothing(): void {
  return undefined;
}

function noBytes(): string {
  return "";
}

/** Longer arguments are sent from where they are: of a value of 512 MB there is one copy and no second. */
const COPIED_BYTES_MAX = 1024 * 1024;

/** RESP: each command is an array of bulk strings. In pieces, to be sent one after another; arguments must not change until they were. */
export function encodeCommands(commands: CommandLine[]): Buffer[] {
  const target = Buffer.allocUnsafe(commands.reduce((sum, command) => sum + encodedBytesMax(command), 0));
  const pieces: Buffer[] = [];
  let from = 0;
  let at = 0;
  for (const command of commands) {
    at += target.write(`*${command.length}\r\n`, at, "latin1");
    for (const part of command) {
      if (Buffer.isBuffer(part)) {
        at += target.write(`$${part.length}\r\n`, at, "latin1");
        if (part.length > COPIED_BYTES_MAX) {
          pieces.push(target.subarray(from, at), part);
          from = at;
        } else at += part.copy(target, at);
        at += target.write("\r\n", at, "latin1");
      } else {
        const text = String(part);
        at += target.write(`$${Buffer.byteLength(text)}\r\n${text}\r\n`, at, "utf8");
      }
    }
  }
  return [...pieces, target.subarray(from, at)];
}

function encodedBytesMax(command: CommandLine): number {
  let bytes = 16;
  for (const part of command) bytes += 16 + argumentBytesMax(part);
  return bytes;
}

function argumentBytesMax(part: CommandLine[number]): number {
  if (typeof part === "string") return 3 * part.length;
  if (typeof part === "number") return 32;
  return part.length > COPIED_BYTES_MAX ? 0 : part.length;
}
