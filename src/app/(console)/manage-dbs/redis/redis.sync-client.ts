import "server-only";
import { once } from "node:events";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AppError, throwIfCancelled } from "@/server/errors";
import type { Connection } from "@/server/connection";
import { LIMITS } from "@/server/limits";
import { encodeCommands } from "./redis.batch";
import { readUrl, type CommandLine } from "./redis.client";
import { errorWord, redisError } from "./redis.errors";

/**
 * A replica for as long as it takes to receive one snapshot: what `redis-cli --rdb` does. The server sends line ends while
 * it prepares, so silence means that it is gone.
 */
const SILENCE_MS = 60_000;
const MARKER_BYTES = 40;
const LINE_BYTES_MAX = 64 * 1024;
const LINE_FEED = 10;

export interface Snapshot {
  /** Null when the server streams it as it makes it (diskless). */
  totalBytes: number | null;
  /** The RDB and nothing else. Rejects when it does not come to its end. */
  chunks: AsyncIterable<Buffer>;
}

export interface SyncOptions {
  signal: AbortSignal;
  /** The server's own version: Valkey sends the form of an old Redis to replicas that do not name theirs. */
  valkeyVersion: string | null;
  silenceMs?: number;
}

/**
 * Asks for a snapshot.
 * @param receive gets it once it begins to come, while the connection is open
 * @returns what `receive` does; or why there is no snapshot to be had here, in words: then nothing else was done
 * @throws AppError when the server cannot be reached, or is lost on the way
 */
export async function withSnapshot<T>(
  connection: Connection,
  options: SyncOptions,
  receive: (snapshot: Snapshot) => Promise<T>,
): Promise<{ refused: string } | { refused: null; result: T }> {
  using link = await openLink(connection, options);
  const refused = await greet(link, connection, options);
  if (refused !== null) return { refused };
  link.send(["SYNC"]);
  const header = await link.readHeader();
  if (header === null) return { refused: "the server closed the connection when asked for a snapshot" };
  if (header.startsWith("-")) return { refused: refusal(link, new Error(header.slice(1))) };
  const [, marker, length] = /^\$(?:EOF:(.{40})|(\d{1,15}))$/.exec(header) ?? [];
  if (marker !== undefined)
    return { refused: null, result: await receive({ totalBytes: null, chunks: untilMarker(() => link.readChunk(), Buffer.from(marker, "latin1")) }) };
  if (length !== undefined)
    return { refused: null, result: await receive({ totalBytes: Number(length), chunks: untilLength(() => link.readChunk(), Number(length)) }) };
  return { refused: "the server answered something else than a snapshot" };
}

/** @returns why this user may not become a replica, or null */
async function greet(link: Link, connection: Connection, { valkeyVersion }: SyncOptions): Promise<string | null> {
  const { user, password } = readUrl(connection);
  if (password !== "" || user !== "") {
    const failure = await link.ask(user === "" ? ["AUTH", password] : ["AUTH", user, password]);
    if (failure && !/no password is set|without any password configured/.test(failure.message)) throw redisError(failure, link);
  }
  const capable = await link.ask(["REPLCONF", "capa", "eof"]);
  if (capable) return refusal(link, capable);
  // Both are better known than not, and what does not know them says so.
  if (valkeyVersion !== null) await link.ask(["REPLCONF", "version", valkeyVersion]);
  await link.ask(["REPLCONF", "rdb-only", "1"]);
  return null;
}

const PASSING = new Set(["LOADING", "BUSY", "NOAUTH", "WRONGPASS", "DENIED"]);

/** @throws AppError for what is no answer to the question whether it is allowed */
function refusal(link: Link, failure: Error): string {
  if (PASSING.has(errorWord(failure)) || /max number of clients/.test(failure.message)) throw redisError(failure, link);
  return failure.message.slice(0, 200);
}

type ReadChunk = () => Promise<Buffer>;

async function* untilLength(readChunk: ReadChunk, length: number): AsyncGenerator<Buffer> {
  for (let left = length; left > 0;) {
    const chunk = await readChunk();
    const part = chunk.length > left ? chunk.subarray(0, left) : chunk;
    left -= part.length;
    yield part;
  }
}

/** The last 40 bytes are held back until it is known whether they are the marker, which may come in two chunks. */
export async function* untilMarker(readChunk: ReadChunk, marker: Buffer): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = await readChunk();
    const border = Buffer.concat([held, chunk.subarray(0, MARKER_BYTES)]);
    const atBorder = border.indexOf(marker);
    if (atBorder >= 0) return yield border.subarray(0, atBorder);
    const inside = chunk.indexOf(marker);
    if (inside >= 0) {
      yield held;
      return yield chunk.subarray(0, inside);
    }
    const keep = Math.min(MARKER_BYTES - 1, held.length + chunk.length);
    if (chunk.length >= keep) {
      if (held.length > 0) yield held;
      yield chunk.subarray(0, chunk.length - keep);
      held = chunk.subarray(chunk.length - keep);
    } else {
      const all = Buffer.concat([held, chunk]);
      yield all.subarray(0, all.length - keep);
      held = all.subarray(all.length - keep);
    }
  }
}

interface Link extends Disposable {
  address: string;
  send(command: CommandLine): void;
  /** Sends, and answers the error that comes back, or null for anything else. */
  ask(command: CommandLine): Promise<Error | null>;
  /** The line before the snapshot, after any number of empty ones; null when the connection ends instead. */
  readHeader(): Promise<string | null>;
  /** @throws UNREACHABLE when the connection ends, TIMEOUT when nothing comes */
  readChunk(): Promise<Buffer>;
}

async function openLink(connection: Connection, { signal, silenceMs = SILENCE_MS }: SyncOptions): Promise<Link> {
  throwIfCancelled(signal);
  const { address } = connection;
  const socket = await openSocket(connection, signal);
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>;
  let ahead: Buffer | null = null;

  /** Null at the end. The time is only counted while we wait: a slow disk of ours is not the server's silence. */
  async function nextChunk(): Promise<Buffer | null> {
    if (ahead) {
      const chunk = ahead;
      ahead = null;
      return chunk;
    }
    const timer = setTimeout(
      () =>
        socket.destroy(
          new AppError("TIMEOUT", `${address} has sent nothing for ${silenceMs / 1000} seconds`, { fix: "Look at the server's log, then try again." }),
        ),
      silenceMs,
    );
    try {
      const step = await chunks.next();
      return step.done ? null : step.value;
    } catch (error) {
      throwIfCancelled(signal);
      throw redisError(error, { address });
    } finally {
      clearTimeout(timer);
    }
  }

  async function readLine(): Promise<string | null> {
    let line: Buffer = Buffer.alloc(0);
    for (;;) {
      const chunk = await nextChunk();
      if (chunk === null) return null;
      const end = chunk.indexOf(LINE_FEED);
      line = Buffer.concat([line, end < 0 ? chunk : chunk.subarray(0, end)]);
      if (line.length > LINE_BYTES_MAX)
        throw new AppError("UNREACHABLE", `${address} does not answer as a Redis server does`, { fix: "Correct host and port of the connection." });
      if (end < 0) continue;
      if (end + 1 < chunk.length) ahead = chunk.subarray(end + 1);
      return line.toString("latin1").trimEnd();
    }
  }

  function send(command: CommandLine): void {
    for (const piece of encodeCommands([command])) socket.write(piece);
  }

  return {
    address,
    send,
    async ask(command) {
      send(command);
      const line = await readLine();
      if (line === null) throw lost(address);
      return line.startsWith("-") ? new Error(line.slice(1)) : null;
    },
    async readHeader() {
      for (;;) {
        const line = await readLine();
        if (line !== "") return line;
      }
    },
    async readChunk() {
      const chunk = await nextChunk();
      if (chunk === null) throw lost(address);
      return chunk;
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** The signal ends it at once, whatever it does. */
async function openSocket(connection: Connection, signal: AbortSignal): Promise<Socket> {
  const { settings } = readUrl(connection);
  const { host, port, tls } = settings;
  const socket = tls ? connectTls({ host, port, ...tls }) : connectPlain({ host, port });
  const end = () => socket.destroy(new AppError("CANCELLED", "Cancelled"));
  signal.addEventListener("abort", end, { once: true });
  socket.once("close", () => signal.removeEventListener("abort", end));
  const timer = setTimeout(() => socket.destroy(Object.assign(new Error("connect timed out"), { code: "ETIMEDOUT" })), LIMITS.connectTimeoutMs);
  try {
    await once(socket, tls ? "secureConnect" : "connect");
  } catch (error) {
    throwIfCancelled(signal);
    throw redisError(error, { address: connection.address });
  } finally {
    clearTimeout(timer);
  }
  return socket;
}

function lost(address: string): AppError {
  return new AppError("UNREACHABLE", `${address} closed the connection before the snapshot was whole`, {
    fix: "Look at the server's log, then start the backup again.",
  });
}
