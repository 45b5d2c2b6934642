import "server-only";
import type { ConnectionOptions } from "node:tls";
import { Redis } from "ioredis";
import { AppError, throwIfCancelled } from "@/server/errors";
import type { Connection } from "@/server/connection";
import { LIMITS } from "@/server/limits";
import { sendBatch } from "./redis.batch";
import { redisError } from "./redis.errors";
import { asList, asText, type Reply } from "./redis.reply";
import { parseInfo, serverFacts, type InfoFields, type ServerFacts } from "./redis.server-facts";

export type CommandLine = [name: string, ...args: (Buffer | string | number)[]];

/** A client of one logical database. Replies are bytes; every failure is an AppError. */
export interface RedisClient {
  readonly address: string;
  /** One command. */
  send(...command: CommandLine): Promise<Reply>;
  /** Many commands in one write, answered in order. A command that fails leaves an Error in its place; a broken connection rejects. */
  run(commands: CommandLine[]): Promise<Reply[]>;
  /** All in one MULTI: nothing else happens between them. Commands that fail leave an Error; one that is refused beforehand rejects. */
  transaction(commands: CommandLine[]): Promise<Reply[]>;
  /** Several transactions in one write, each as `transaction`. */
  transactions(list: CommandLine[][]): Promise<Reply[][]>;
  /** All of INFO, now. */
  info(): Promise<InfoFields>;
  /** What the server is; asked once a connection. */
  facts(): Promise<ServerFacts>;
  /** At once: what is under way rejects. */
  close(): void;
}

interface ClientOptions {
  db: number;
  /** Per command; absent for jobs, which only demand that something arrives every `silenceMs`. */
  commandTimeoutMs?: number;
  silenceMs?: number;
  /** As the server lists it. */
  name?: string;
}

/** What the console's connections are called on a server, or begin with. */
export const CLIENT_NAME = "foundry-console";

const CLIENTS = Symbol.for("foundry-console.redis.clients");
const CLIENTS_PER_CONNECTION_MAX = 32;
const JOB_SILENCE_MS = 30_000;

interface Held {
  fingerprint: string;
  client: RedisClient;
}

/** By connection id and logical database. On globalThis because Next gives pages and routes bundles of their own. */
function heldClients(): Map<string, Map<number, Held>> {
  const place = globalThis as { [CLIENTS]?: Map<string, Map<number, Held>> };
  return (place[CLIENTS] ??= new Map());
}

/**
 * The shared client of a connection's logical database. Connects with the first command, and again with the next one
 * after a failure; nothing is queued while the server is away, so every call answers at once.
 */
export function redisClient(connection: Connection, db = 0): RedisClient {
  const all = heldClients();
  const ofConnection = all.get(connection.id) ?? new Map<number, Held>();
  all.set(connection.id, ofConnection);
  for (const [number, held] of ofConnection) {
    if (held.fingerprint === connection.fingerprint) continue;
    held.client.close();
    ofConnection.delete(number);
  }
  const known = ofConnection.get(db);
  const held = known ?? { fingerprint: connection.fingerprint, client: createClient(connection, { db, commandTimeoutMs: LIMITS.redisCommandTimeoutMs }) };
  ofConnection.delete(db);
  ofConnection.set(db, held);
  closeOldest(ofConnection);
  return held.client;
}

/** A client of its own for a job: `using` closes it. Big values may take their time as long as bytes keep coming. */
export function openJobClient(connection: Connection, db: number, options: { silenceMs?: number; name?: string } = {}): RedisClient & Disposable {
  const client = createClient(connection, { silenceMs: JOB_SILENCE_MS, ...options, db });
  return { ...client, [Symbol.dispose]: () => client.close() };
}

/** Ends all shared clients; the next call connects anew. */
export function closeAll(): void {
  for (const ofConnection of heldClients().values()) for (const held of ofConnection.values()) held.client.close();
  heldClients().clear();
}

function closeOldest(ofConnection: Map<number, Held>): void {
  for (const [number, held] of ofConnection) {
    if (ofConnection.size <= CLIENTS_PER_CONNECTION_MAX) return;
    held.client.close();
    ofConnection.delete(number);
  }
}

interface Link {
  redis: Redis;
  isOpen: boolean;
  /** What the socket said last: the driver itself only tells that the connection is closed. */
  reason: unknown;
  facts: Promise<ServerFacts> | null;
}

function createClient(connection: Connection, options: ClientOptions): RedisClient {
  const { address } = connection;
  let link: Link | null = null;
  let opening: Promise<Link> | null = null;
  let isClosed = false;

  async function open(): Promise<Link> {
    if (link?.isOpen) return link;
    opening ??= connect(connection, options).finally(() => (opening = null));
    const opened = await opening;
    if (isClosed) {
      opened.redis.disconnect();
      throw new AppError("CANCELLED", `The connection to ${address} was closed`);
    }
    link = opened;
    return opened;
  }

  const client: RedisClient = {
    address,
    async send(...command) {
      const current = await open();
      try {
        return await sendRaw(current.redis, command);
      } catch (error) {
        throw brokenOr(error, current, address);
      }
    },
    async run(commands) {
      if (commands.length === 0) return [];
      return runRaw(await open(), commands, { address, timeoutMs: options.commandTimeoutMs });
    },
    async transaction(commands) {
      const [replies] = await client.transactions([commands]);
      return replies ?? [];
    },
    async transactions(list) {
      const replies = await client.run(list.flatMap((commands): CommandLine[] => [["MULTI"], ...commands, ["EXEC"]]));
      // What is refused while queueing has its reason there; EXEC only says that it was given up.
      const refused = replies.find((reply) => reply instanceof Error);
      if (refused !== undefined) throw redisError(refused, { address });
      let end = -1;
      return list.map((commands) => asList(replies[(end += commands.length + 2)]));
    },
    async info() {
      return parseInfo(asText(await client.send("INFO")));
    },
    async facts() {
      const current = await open();
      current.facts ??= client.info().then(serverFacts);
      current.facts.catch(() => (current.facts = null));
      return current.facts;
    },
    close() {
      isClosed = true;
      link?.redis.disconnect();
      link = null;
    },
  };
  return client;
}

async function connect(connection: Connection, options: ClientOptions): Promise<Link> {
  const { address } = connection;
  const { settings, user, password } = readUrl(connection);
  const redis = new Redis({
    ...settings,
    lazyConnect: true,
    // RESP2 answers scores as the server's own text; RESP3 would make them numbers.
    protocol: 2,
    // The client itself reconnects with the next command: no queue, no resending of writes, the true reason at once.
    retryStrategy: () => null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    disableClientInfo: true,
    connectTimeout: LIMITS.connectTimeoutMs,
    ...(options.commandTimeoutMs === undefined ? {} : { commandTimeout: options.commandTimeoutMs }),
    ...(options.silenceMs === undefined ? {} : { socketTimeout: options.silenceMs, stringNumbers: true }),
  });
  const link: Link = { redis, isOpen: false, reason: null, facts: null };
  redis.on("error", (error) => (link.reason ??= error));
  redis.on("close", () => (link.isOpen = false));
  try {
    await redis.connect();
    if (password !== "" || user !== "") await authenticate(redis, user, password);
    const replies = await runRaw(
      link,
      [
        ["SELECT", options.db],
        ["CLIENT", "SETNAME", options.name ?? CLIENT_NAME],
        ["CLIENT", "NO-TOUCH", "ON"],
      ],
      { address, timeoutMs: options.commandTimeoutMs },
    );
    if (replies[0] instanceof Error) throw replies[0];
  } catch (error) {
    redis.disconnect();
    throw redisError(link.reason ?? error, { address });
  }
  link.isOpen = true;
  return link;
}

/** A password that the server does not ask for is no failure: the overview warns that it has none. */
async function authenticate(redis: Redis, user: string, password: string): Promise<void> {
  try {
    await sendRaw(redis, user === "" ? ["AUTH", password] : ["AUTH", user, password]);
  } catch (error) {
    const isNotAsked = error instanceof Error && /no password is set|without any password configured/.test(error.message);
    if (!isNotAsked) throw error;
  }
}

export interface Address {
  settings: { host: string; port: number; family: number; tls?: ConnectionOptions };
  user: string;
  password: string;
}

export function readUrl(connection: Connection): Address {
  const url = new URL(connection.url.reveal());
  if (url.protocol !== "redis:" && url.protocol !== "rediss:") {
    throw new AppError("INVALID", `${connection.name} has no Redis URL`, { fix: "It begins with redis:// or, for TLS, rediss://." });
  }
  const host = url.hostname.replace(/^\[|\]$/g, "") || "127.0.0.1";
  const settings: Address["settings"] = { host, port: url.port === "" ? 6379 : Number(url.port), family: 0 };
  if (url.protocol === "rediss:")
    settings.tls = { servername: /^[\d.]+$|:/.test(host) ? "" : host, ...(connection.tlsCa === null ? {} : { ca: connection.tlsCa }) };
  return { settings, user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
}

/** Names go in capitals: ioredis knows them in small letters and would reshape some replies (HGETALL loses binary fields). */
function sendRaw(redis: Redis, [name, ...args]: CommandLine): Promise<Reply> {
  return redis.callBuffer(name.toUpperCase(), args) as Promise<Reply>;
}

async function runRaw(link: Link, commands: CommandLine[], options: { address: string; timeoutMs: number | undefined }): Promise<Reply[]> {
  try {
    return await sendBatch(link.redis, commands, options);
  } catch (error) {
    throw brokenOr(error, link, options.address);
  }
}

function brokenOr(error: unknown, link: Link, address: string): AppError {
  const isReply = error instanceof Error && error.name === "ReplyError";
  const isTimeout = error instanceof Error && error.message === "Command timed out";
  return redisError(isReply || isTimeout ? error : (link.reason ?? error), { address });
}

/** Ends the client's commands at once when the job is cancelled. */
export function closeOnCancel(client: RedisClient, signal: AbortSignal): Disposable {
  throwIfCancelled(signal);
  const close = () => client.close();
  signal.addEventListener("abort", close, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", close) };
}
