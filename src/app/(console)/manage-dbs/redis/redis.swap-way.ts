import "server-only";
import type { Connection } from "@/server/connection";
import { MARKERS } from "./redis.backup-marker";
import { redisClient, type CommandLine } from "./redis.client";
import { errorWord } from "./redis.errors";
import type { InfoFields, ServerFacts } from "./redis.server-facts";
import { findSpares, type Spares } from "./redis.swap-databases";

/** How live data can be replaced on a server. */
export interface ReplaceWay {
  found: Spares;
  /** Why databases cannot be exchanged, in words, so that keys are replaced one by one; null where they can. */
  inPlaceBecause: string | null;
  /** What would make it one step then, in words. */
  remedy: string;
  /** Commands that are needed for that way, and not allowed. */
  refused: string[];
  /** Those of them that the server does not know. */
  unknown: string[];
  /** FLUSHDB is there, which drops what a swap keeps at once. */
  hasFlush: boolean;
}

/** Asked in ways that change nothing: the arguments are wrong, or the key does not exist, and rights are checked before that. Never FLUSHDB: a server that overlooks a wrong argument would empty live data. */
const none = `${MARKERS.restored}:none`;
const SWAP_PROBES: CommandLine[] = [
  ["SWAPDB", "x", "x"],
  ["RESTORE", MARKERS.restored, "x", "x"],
  ["RENAME", none, `${MARKERS.before}:none`],
  ["MOVE", MARKERS.before, "x"],
  ["UNLINK", none],
  ["WATCH", MARKERS.restored],
];
/** What only a swap needs: without one of these keys are replaced in place. */
const SWAP_ONLY = new Set(["SWAPDB", "RENAME", "MOVE", "WATCH"]);
/** What replacing in place needs besides: the live state is copied first. Typed values come by RENAME. */
const IN_PLACE_PROBES: CommandLine[] = [
  ["DUMP", none],
  ["SCAN", "x"],
];

interface Asked {
  /** Live databases that are to be replaced. */
  lives: number[];
  info: InfoFields;
  facts: ServerFacts;
  /** Of the backup. */
  isPortable: boolean;
}

/** Databases are exchanged wherever that is possible. Changes nothing. */
export async function findWay(connection: Connection, { lives, info, facts, isPortable }: Asked): Promise<ReplaceWay> {
  const nothing = { inPlaceBecause: null, remedy: "", refused: [], unknown: [], hasFlush: true };
  if (facts.isCluster) return { ...nothing, found: { spares: [], databases: 1 } };
  const found = await findSpares(connection, { count: lives.length, taken: lives, info });
  if (facts.isReplica) return { ...nothing, found };
  const probes = [...SWAP_PROBES, ...IN_PLACE_PROBES];
  const replies = await redisClient(connection).run([...probes, ["UNWATCH"], ["COMMAND", "INFO", "FLUSHDB"]]);
  const flush = replies.at(-1);
  const refusedOf = (asked: CommandLine[]) => asked.filter((probe) => isRefused(replies[probes.indexOf(probe)])).map(([command]) => command);
  const unknown = probes.filter((_, index) => isUnknown(replies[index])).map(([command]) => command);
  const notForSwap = refusedOf(SWAP_PROBES);
  const why = whyInPlace(connection, { found, lives, refused: notForSwap.filter((command) => SWAP_ONLY.has(command)), unknown });
  const refused = why === null ? notForSwap : refusedOf(probes.filter(([command]) => !SWAP_ONLY.has(command) || (command === "RENAME" && isPortable)));
  return { found, inPlaceBecause: why?.because ?? null, remedy: why?.remedy ?? "", refused, unknown, hasFlush: !(Array.isArray(flush) && flush[0] === null) };
}

interface Found {
  found: Spares;
  lives: number[];
  /** Of the commands that only a swap needs. */
  refused: string[];
  unknown: string[];
}

function whyInPlace({ address }: Connection, { found, lives, refused, unknown }: Found): { because: string; remedy: string } | null {
  const gone = refused.filter((command) => unknown.includes(command));
  const commands = refused.join(", ");
  if (gone.length > 0)
    return {
      because: `${address} has no command ${gone.join(", ")}: it was renamed away, or the service does not offer it`,
      remedy: "where it was renamed away, give it back its name",
    };
  if (refused.length > 0) return { because: `the user of this connection may not run ${commands} on ${address}`, remedy: "allow it with ACL SETUSER" };
  if (found.spares.length >= lives.length) return null;
  const needed = `${lives.length} empty logical ${lives.length === 1 ? "database is" : "databases are"} needed beside the live ones`;
  return found.databases === 1
    ? { because: `${address} has one logical database`, remedy: "raise `databases` in the server's configuration" }
    : {
        because: `${needed}, and ${address} has ${found.spares.length} of its ${found.databases}`,
        remedy: "empty some, drop what earlier restores keep, or raise `databases` in the server's configuration",
      };
}

function isRefused(reply: unknown): boolean {
  return reply instanceof Error && (errorWord(reply) === "NOPERM" || isUnknown(reply));
}

const isUnknown = (reply: unknown): boolean => reply instanceof Error && reply.message.includes("unknown command");
