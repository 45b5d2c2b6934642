import "server-only";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { CLIENT_NAME, openJobClient, redisClient } from "./redis.client";
import { asRecord, asText, numberOrNull } from "./redis.reply";
import { databaseCounts, type InfoFields } from "./redis.server-facts";

/** Nobody configures more, and looking costs little up to here. */
const DATABASES_MAX = 1 << 14;

/** How many logical databases the server has. Where CONFIG is forbidden they are found by selecting. */
export async function countDatabases(connection: Connection): Promise<number> {
  const [config] = await redisClient(connection).run([["CONFIG", "GET", "databases"]]);
  const configured = Array.isArray(config) ? Number(asText(asRecord(config).get("databases") ?? "")) : Number.NaN;
  if (Number.isInteger(configured) && configured > 0) return configured;
  using client = openJobClient(connection, 0);
  let exists = 0;
  let missing = DATABASES_MAX;
  // 16 is what nearly every server has.
  for (let next = 15; exists + 1 < missing; next = next === 15 ? 16 : Math.floor((exists + missing) / 2)) {
    const [reply] = await client.run([["SELECT", next]]);
    if (reply instanceof Error) missing = Math.min(missing, next);
    else exists = Math.max(exists, next);
  }
  return exists + 1;
}

export interface Spares {
  /** Empty logical databases to stage in, as many as were asked for; fewer when there are no more. */
  spares: number[];
  /** How many the server has in all. */
  databases: number;
}

/**
 * Empty logical databases, the highest first, before them all that no client has selected.
 * @param taken numbers that are no spare even when empty
 */
export async function findSpares(connection: Connection, { count, taken, info }: { count: number; taken: number[]; info: InfoFields }): Promise<Spares> {
  const databases = await countDatabases(connection);
  const used = new Set([...taken, ...databaseCounts(info).map(({ db }) => db)]);
  const selected = await selectedDatabases(connection);
  const empty: number[] = [];
  for (let db = databases - 1; db >= 0; db--) if (!used.has(db)) empty.push(db);
  const unused = empty.filter((db) => !selected?.has(db));
  const others = empty.filter((db) => selected?.has(db));
  return { spares: [...unused, ...others].slice(0, count), databases };
}

/** How many clients have each database selected, other than the console; null where the server does not say. */
async function selectedDatabases(connection: Connection): Promise<Map<number, number> | null> {
  const [list] = await redisClient(connection).run([["CLIENT", "LIST"]]);
  if (!Buffer.isBuffer(list)) return null;
  const counts = new Map<number, number>();
  for (const line of list.toString("latin1").split("\n")) {
    const db = / db=(\d+) /.exec(line)?.[1];
    // The console's own, and the links of replicas and to the master.
    if (db === undefined || line.includes(` name=${CLIENT_NAME}`) || / flags=\w*[SM]/.test(line)) continue;
    counts.set(Number(db), (counts.get(Number(db)) ?? 0) + 1);
  }
  return counts;
}

/** Keys in a database. @throws NOT_FOUND when the server has no database of that number */
export async function databaseSize(connection: Connection, db: number): Promise<number> {
  const size = numberOrNull(await redisClient(connection, db).send("DBSIZE"));
  if (size === null) throw new AppError("INTERNAL", `${connection.address} does not say how many keys db${db} holds`);
  return size;
}
