import "server-only";

import { type Document, Double, Int32, Long, type MongoClient, MongoServerError } from "mongodb";

/** Figures are asked for one by one, and each may be missing: servers that only speak MongoDB's protocol report a part of them. */

/** The answer, or null when the server refuses or does not know the command. A server that is away still throws. */
export async function attempt<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof MongoServerError) return null;
    throw error;
  }
}

/** A number out of whatever the driver decoded: number, bigint, Long, Double, Int32. Null for anything else. */
export function numberOf(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Long) return value.toNumber();
  return value instanceof Double || value instanceof Int32 ? value.value : null;
}

/** The databases this user may see; null when the server does not say. Not every server knows `authorizedDatabases`. */
export async function listedDatabases(
  client: MongoClient,
  options: { signal?: AbortSignal } = {},
): Promise<{ databases: Document[]; totalSize: number | null } | null> {
  const admin = client.db("admin");
  const answer =
    (await attempt(admin.command({ listDatabases: 1, authorizedDatabases: true }, options))) ?? (await attempt(admin.command({ listDatabases: 1 }, options)));
  return answer ? { databases: (answer["databases"] ?? []) as Document[], totalSize: numberOf(answer["totalSize"]) } : null;
}
