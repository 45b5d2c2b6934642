import "server-only";
/** Which database a connection opens, whatever the connection is called: two names may mean one place, and one name another place than before. */
import { lookup } from "node:dns/promises";
import { statSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { z } from "zod";
import { liveName, partsOf } from "@/backups/live-name";
import { ENGINE_IDS, type EngineId } from "@/engines";
import type { Connection } from "@/server/connection";
import { realPath } from "@/server/control-plane/database";

const Place = z.object({
  engine: z.enum(ENGINE_IDS),
  /** `host:port` of each server, sorted; SQLite: the file without links. */
  at: z.array(z.string()),
  /** The database; Redis: the logical database's number; SQLite: empty. */
  name: z.string(),
});
/** Plain JSON without secrets, as it is stored. */
export type Place = z.infer<typeof Place>;

const PORT: Record<Exclude<EngineId, "sqlite">, string> = { redis: "6379", postgres: "5432", mongodb: "27017" };

export function placeOf(connection: Connection): Place {
  const { engine } = connection;
  if (engine === "sqlite") return { engine, at: [realPath(connection.url.reveal())], name: "" };
  const { hosts, options } = partsOf(connection.url.reveal());
  // PostgreSQL's URL may name them again behind the question mark, and there they count.
  const host = engine === "postgres" ? options.get("host") : null;
  const port = engine === "postgres" ? options.get("port") : null;
  const at = (host === null ? hosts : [host]).map((one) => withPort(one, { port, usual: PORT[engine] }));
  return { engine, at: at.toSorted(), name: liveName(connection) };
}

function withPort(host: string, { port, usual }: { port: string | null; usual: string }): string {
  const [, name = host, own] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(host.toLowerCase()) ?? [];
  return `${name || "localhost"}:${Number(port ?? own ?? usual)}`;
}

/** @returns null for one that was not noted */
export function readPlace(text: string | null): Place | null {
  if (text === null) return null;
  try {
    return Place.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** As it is shown: `host:port/database`, or the path of a file. */
export const placeText = ({ at, name }: Place): string => (name === "" ? at.join(",") : `${at.join(",")}/${name}`);

/**
 * Whether two places are one database: the same file by whatever link, or the same name on a server that both name, by whatever of its names
 * or addresses. A replica set that is named by different members, and a server behind a proxy, are not known to be one. A name that cannot be
 * resolved just now counts as the same, so that a rule is not lost with the resolver.
 */
export async function isSamePlace(one: Place, other: Place): Promise<boolean> {
  if (one.engine !== other.engine || one.name !== other.name) return false;
  if (one.at.some((at) => other.at.includes(at))) return true;
  if (one.engine === "sqlite") return isSameFile(one.at[0] ?? "", other.at[0] ?? "");
  const [first, second] = await Promise.all([reached(one.at), reached(other.at)]);
  return first === null || second === null || [...first].some((address) => second.has(address));
}

/** Two hard links are one file too. */
function isSameFile(one: string, other: string): boolean {
  const [first, second] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false, bigint: true }));
  return first !== undefined && second !== undefined && first.ino === second.ino && first.dev === second.dev;
}

/** `address:port` of all that is named; null when that cannot be told now. */
async function reached(at: readonly string[]): Promise<Set<string> | null> {
  const found = await Promise.all(at.map(addressesOf));
  return found.includes(null) ? null : new Set(found.flatMap((addresses) => addresses ?? []));
}

const THIS_MACHINE = "this machine";
const LOOK_UP_MS = 3_000;

async function addressesOf(at: string): Promise<string[] | null> {
  const colon = at.lastIndexOf(":");
  const [host, port] = [at.slice(0, colon).replace(/^\[|\]$/g, ""), at.slice(colon + 1)];
  if (host.startsWith("/")) return [`${THIS_MACHINE}:${port}`];
  try {
    const answers = await Promise.race([lookup(host, { all: true }), late()]);
    const own = ownAddresses();
    return answers?.map(({ address }) => `${isLoopback(address) || own.has(address) ? THIS_MACHINE : address}:${port}`) ?? null;
  } catch (error) {
    // There is no such host: nothing is reached by this name.
    return (error as NodeJS.ErrnoException).code === "ENOTFOUND" ? [] : null;
  }
}

const late = (): Promise<null> => new Promise((resolve) => setTimeout(resolve, LOOK_UP_MS, null).unref());

const isLoopback = (address: string): boolean => /^(127\.|::ffff:127\.|0\.0\.0\.0$|::1?$)/i.test(address);

const ownAddresses = (): Set<string> => new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)));
