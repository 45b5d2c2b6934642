import "server-only";

import type { Document, MongoClient } from "mongodb";

import { databaseOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { attempt, listedDatabases } from "@/app/(console)/manage-dbs/mongodb/mongodb.figures";
import type { CallContext, Connection } from "@/server/connection";

/** Everything the overview is made of; each part is null where the server does not say. */
export interface ServerFigures {
  hello: Document;
  buildInfo: Document | null;
  status: Document | null;
  users: Document | null;
  databases: { databases: Document[]; totalSize: number | null } | null;
  dbStats: Document | null;
  latencyMs: number;
}

const FIGURE_TIMEOUT_MS = 5_000;

export async function readFigures(client: MongoClient, connection: Connection, context: CallContext): Promise<ServerFigures> {
  const admin = client.db("admin");
  const signal = context.signal ? { signal: context.signal } : {};
  await admin.command({ ping: 1 }, signal);
  const started = performance.now();
  const hello = await admin.command({ hello: 1 }, signal);
  const latencyMs = Math.round((performance.now() - started) * 10) / 10;
  const database = databaseOf(connection);
  const [buildInfo, status, users, databases, dbStats] = await Promise.all([
    attempt(admin.command({ buildInfo: 1 }, signal)),
    attempt(admin.command({ serverStatus: 1 }, signal)),
    attempt(admin.command({ connectionStatus: 1, showPrivileges: false }, signal)),
    listedDatabases(client, signal),
    database ? attempt(client.db(database).command({ dbStats: 1, maxTimeMS: FIGURE_TIMEOUT_MS }, signal)) : null,
  ]);
  return { hello, buildInfo, status, users, databases, dbStats, latencyMs };
}

export function userOf(figures: Pick<ServerFigures, "users">): string | null {
  const authInfo = figures.users?.["authInfo"] as Document | undefined;
  const [user] = (authInfo?.["authenticatedUsers"] ?? []) as Document[];
  return user ? `${user["user"]}@${user["db"]}` : null;
}

export function usesTls(connection: Connection): boolean {
  const url = connection.url.reveal();
  return connection.tlsCa !== null || url.startsWith("mongodb+srv:") || /[?&](?:tls|ssl)=true\b/i.test(url);
}
