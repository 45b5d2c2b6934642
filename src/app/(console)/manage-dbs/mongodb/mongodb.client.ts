import "server-only";

import { MongoClient, type MongoClientOptions } from "mongodb";

import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { single } from "@/server/single";

import { isStaleSocket, toAppError } from "@/app/(console)/manage-dbs/mongodb/mongodb.errors";

interface Kept {
  client: MongoClient;
  fingerprint: string;
}

const clients = (): Map<string, Kept> => single("mongodb.clients", () => new Map<string, Kept>());

/**
 * The driver's client of a connection, made on first use and kept until the connection changes. It reconnects by itself:
 * after an outage the next call selects a server anew, within `serverSelectionTimeoutMS`.
 * @throws AppError INVALID when the URL cannot be read
 */
function clientOf(connection: Connection): MongoClient {
  const kept = clients().get(connection.id);
  if (kept?.fingerprint === connection.fingerprint) return kept.client;
  if (kept) void kept.client.close().catch(() => undefined);
  const client = newClient(connection);
  clients().set(connection.id, { client, fingerprint: connection.fingerprint });
  return client;
}

/**
 * The connection's client, connected. A driver whose first connect failed stays closed for good unless it is asked again,
 * so it is asked each time; when it is connected this answers at once.
 */
export async function connectedClient(connection: Connection): Promise<MongoClient> {
  return clientOf(connection).connect();
}

/** A client of one's own, for a long job: it is closed with the job and does not take the screens' sockets. */
export function newClient(connection: Connection, options: MongoClientOptions = {}): MongoClient {
  try {
    return new MongoClient(connection.url.reveal(), {
      appName: "foundry-console",
      serverSelectionTimeoutMS: LIMITS.connectTimeoutMs,
      connectTimeoutMS: LIMITS.connectTimeoutMs,
      socketTimeoutMS: LIMITS.queryTimeoutMs * 4,
      maxPoolSize: 10,
      maxIdleTimeMS: 60_000,
      waitQueueTimeoutMS: LIMITS.queryTimeoutMs,
      // zlib through the wire has had memory disclosure on the server's side (CVE-2025-14847).
      compressors: ["none"],
      retryReads: true,
      // Reads are raw; what is decoded for figures keeps its number types away from floating point.
      promoteLongs: true,
      ignoreUndefined: false,
      ...(connection.tlsCa ? { tls: true, ca: connection.tlsCa } : {}),
      ...options,
    });
  } catch (error) {
    throw new AppError("INVALID", `${connection.address}: the MongoDB URL cannot be read`, {
      fix: "Write it as mongodb://user:password@host:port/ or mongodb+srv://…; characters such as @ : / in a password must be percent-encoded.",
      detail: error instanceof Error ? error.name : "",
    });
  }
}

/** The database a connection administers: its own, else the one in the URL. Null when neither names one. */
export function databaseOf(connection: Connection): string | null {
  if (connection.database) return connection.database;
  try {
    const path = new URL(connection.url.reveal()).pathname.slice(1);
    return path === "" ? null : decodeURIComponent(path);
  } catch {
    return null;
  }
}

/** @throws AppError NOT_FOUND when no database is named anywhere */
export function requireDatabase(connection: Connection, name?: string): string {
  const database = name ?? databaseOf(connection);
  if (!database) {
    throw new AppError("NOT_FOUND", `${connection.address}: no database is named`, { fix: "Set MONGODB_ADMIN_DATABASE, or the database of the connection." });
  }
  if (/[/\\. "$*<>:|?\0]/.test(database) || Buffer.byteLength(database) > 63) {
    throw new AppError("INVALID", `${JSON.stringify(database)} cannot be the name of a MongoDB database`, {
      fix: "Use letters, digits, - and _, at most 63 bytes.",
    });
  }
  return database;
}

/**
 * Runs a piece of reading work with the connection's client and gives its failures their words. It may run twice: a pooled
 * socket the server has closed fails in a way the driver does not try again.
 */
export async function withClient<T>(connection: Connection, doing: string, work: (client: MongoClient) => Promise<T>): Promise<T> {
  try {
    const client = await connectedClient(connection);
    return await work(client).catch((error: unknown) => {
      if (isStaleSocket(error)) return work(client);
      throw error;
    });
  } catch (error) {
    throw toAppError(error, { address: connection.address, doing });
  }
}

/** Forgets one connection's client: after it was edited or removed. */
export async function closeClient(connectionId: string): Promise<void> {
  const kept = clients().get(connectionId);
  clients().delete(connectionId);
  await kept?.client.close();
}

/** Closes every client; for SIGTERM and the end of tests. */
export async function closeAll(): Promise<void> {
  const all = [...clients().values()];
  clients().clear();
  await Promise.allSettled(all.map(({ client }) => client.close()));
}
