import "server-only";
import { z } from "zod";
import { AppError } from "@/server/errors";
import { openJobClient, type CommandLine, type RedisClient } from "./redis.client";
import type { Connection } from "@/server/connection";
import { asNumber } from "./redis.reply";
import { databaseCounts, type InfoFields } from "./redis.server-facts";

/**
 * A logical database that a restore uses holds one key more, and live data never does. Its name says what stands there, its
 * value whose it is: so a crash leaves no doubt, and nothing is ever cleared that is not ours. The names are fixed, so that
 * anybody can ask a database whether it stands aside, and they change by RENAME, which a full server takes too.
 */
export const MARKERS = {
  /** A restored copy, under way or whole. */
  restored: "foundry-console:aside:restored",
  /** What was live before a restore replaced it. */
  before: "foundry-console:aside:before",
  droppingRestored: "foundry-console:aside:dropping-restored",
  droppingBefore: "foundry-console:aside:dropping-before",
} as const;
export type MarkerKind = keyof typeof MARKERS;
export const MARKER_KINDS = Object.keys(MARKERS) as MarkerKind[];

/** Who restores what into a database, and how far it came: after a crash it says which keys are to be removed again. */
const Claim = z.strictObject({
  jobId: z.string(),
  /** Path of the backup. */
  artefact: z.string(),
  /** The logical database in the backup. */
  from: z.number().int(),
  /** Only these types of it were asked for; null for all. */
  types: z.array(z.string()).nullable(),
  /** The database it is to change places with; null when it is restored to stay where it is. */
  live: z.number().int().nullable(),
  /** The server's clock when it began: what had expired was not sent. */
  nowMs: z.string().regex(/^\d+$/),
  /** How many of the database's records, in the backup's order, were sent or are being sent. */
  reached: z.number().int(),
  /** Everything was sent and counted. */
  isWhole: z.boolean(),
});
export type Claim = z.infer<typeof Claim>;

/** @throws CONFLICT when the logical database is not empty */
export async function claimDatabase(client: RedisClient, { claim, db }: { claim: Claim; db: number }): Promise<void> {
  const [size, set] = await client.transaction([["DBSIZE"], ["SET", MARKERS.restored, JSON.stringify(claim), "NX"]]);
  if (set instanceof Error) throw set;
  if (asNumber(size) === 0) return;
  if (set !== null) await client.send("UNLINK", MARKERS.restored);
  throw new AppError("CONFLICT", `db${db} of ${client.address} is not empty`, { fix: "Choose an empty logical database." });
}

/** Brings the claim up to date. Goes before the records it speaks of. */
export function claimCommand(claim: Claim): CommandLine {
  return ["SET", MARKERS.restored, JSON.stringify(claim), "XX"];
}

/** The database is no longer the job's. Somebody else's claim stays. */
export async function releaseDatabase(client: RedisClient, jobId: string): Promise<void> {
  const claim = parseClaim(await client.send("GET", MARKERS.restored));
  if (claim?.jobId === jobId) await client.send("UNLINK", MARKERS.restored);
}

/** The value of a marker; null for anything else. */
export function parseClaim(reply: unknown): Claim | null {
  if (!Buffer.isBuffer(reply)) return null;
  try {
    return Claim.safeParse(JSON.parse(reply.toString("utf8"))).data ?? null;
  } catch {
    return null;
  }
}

export interface AsideDatabase {
  db: number;
  kind: MarkerKind;
  claim: Claim;
}

/** Logical databases that hold a restore under way, or what one keeps for undo: not the data of anybody's application. */
export async function asideDatabases(connection: Connection, info: InfoFields): Promise<AsideDatabase[]> {
  const databases = databaseCounts(info).map(({ db }) => db);
  if (databases.length === 0) return [];
  using client = openJobClient(connection, 0);
  const replies = await client.run(
    databases.flatMap((db): CommandLine[] => [["SELECT", db], ...MARKER_KINDS.map((kind): CommandLine => ["GET", MARKERS[kind]])]),
  );
  return databases.flatMap((db, index) =>
    MARKER_KINDS.flatMap((kind, at) => {
      const claim = parseClaim(replies[index * (MARKER_KINDS.length + 1) + 1 + at]);
      return claim ? [{ db, kind, claim }] : [];
    }),
  );
}

/** Logical databases with a key of a marker's name, whatever it holds: a snapshot leaves them out. */
export async function markedDatabases(connection: Connection, info: InfoFields): Promise<number[]> {
  const databases = databaseCounts(info).map(({ db }) => db);
  using client = openJobClient(connection, 0);
  const replies = await client.run(
    databases.flatMap((db): CommandLine[] => [
      ["SELECT", db],
      ["EXISTS", ...Object.values(MARKERS)],
    ]),
  );
  return databases.filter((_, index) => {
    const found = replies[index * 2 + 1];
    return found !== undefined && !(found instanceof Error) && asNumber(found) > 0;
  });
}
