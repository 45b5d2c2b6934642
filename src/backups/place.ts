import "server-only";
/** Which database a connection opens, whatever the connection is called: two names may mean one place, and one name another place than before. */
import { z } from "zod";
import { liveName, partsOf } from "@/backups/live-name";
import { addressesOf, fileAt } from "@/backups/place-reach";
import { ENGINE_IDS, type EngineId } from "@/engines";
import type { Connection } from "@/server/connection";
import { realPath } from "@/server/control-plane/database";

const Place = z.object({
  engine: z.enum(ENGINE_IDS),
  /** `host:port` of each server, sorted; SQLite: the file without links. */
  at: z.array(z.string()),
  /** The database; Redis: the logical database's number; SQLite: empty. */
  name: z.string(),
  /** SQLite: the path that was given, where links lead from it to the file. */
  given: z.string().optional(),
});
/** Plain JSON without secrets, as it is stored. */
export type Place = z.infer<typeof Place>;

const PORT: Record<Exclude<EngineId, "sqlite">, string> = { redis: "6379", postgres: "5432", mongodb: "27017" };

export function placeOf(connection: Connection): Place {
  const { engine } = connection;
  if (engine === "sqlite") return fileOf(connection.url.reveal());
  const { hosts, options } = partsOf(connection.url.reveal());
  // PostgreSQL's URL may name them again behind the question mark, and there they count.
  const host = engine === "postgres" ? options.get("host") : null;
  const port = engine === "postgres" ? options.get("port") : null;
  const at = (host === null ? hosts : [host]).map((one) => withPort(one, { port, usual: PORT[engine] }));
  return { engine, at: at.toSorted(), name: liveName(connection) };
}

function fileOf(given: string): Place {
  const at = realPath(given);
  return { engine: "sqlite", at: [at], name: "", ...(at === given ? {} : { given }) };
}

/** The same for who asks often: links are followed only where the file system answers. */
export async function placeNow(connection: Connection): Promise<Place> {
  const given = connection.url.reveal();
  const hangs = connection.engine === "sqlite" && (await fileAt(given)) === "untold";
  return hangs ? { engine: "sqlite", at: [given], name: "" } : placeOf(connection);
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

/** What a rule guards: noted as a place, or as `engine|address|name` by a console of before. @returns null for what is neither */
export function readGuarded(text: string): Place | null {
  const [, engine, address = "", name = ""] = /^(\w+)\|([^|]*)\|(.*)$/s.exec(text) ?? [];
  if (engine === "sqlite") return fileOf(address);
  const known = ENGINE_IDS.find((one) => one === engine);
  if (!known || known === "sqlite") return readPlace(text);
  const at = address.split(",").map((host) => withPort(host, { port: null, usual: PORT[known] }));
  return { engine: known, at: at.toSorted(), name: known === "redis" ? String(Number(name)) : name };
}

/** As it is shown: `host:port/database`, or the path of a file. */
export const placeText = ({ at, name }: Place): string => (name === "" ? at.join(",") : `${at.join(",")}/${name}`);

/** Whether two places are one database. "unknown": that cannot be told now. */
export type Sameness = "same" | "other" | "unknown";

/**
 * The same: the same file by whatever link, or the same name on a server that both name, by whatever of its names or addresses. A replica set
 * that is named by different members, and a server behind a proxy, are not known to be one.
 * @param options what it means that only one of two servers is known to the name server; unless said, that they are two
 */
export async function comparePlaces(one: Place, other: Place, options: { missingHost?: "unknown" } = {}): Promise<Sameness> {
  if (one.engine !== other.engine || one.name !== other.name) return "other";
  if (one.at.some((at) => other.at.includes(at))) return "same";
  return one.engine === "sqlite" ? compareFiles(one, other) : compareServers(one, other, options);
}

/** Where one is gone, or its volume with it, the path that was given says which database it is. */
async function compareFiles(one: Place, other: Place): Promise<Sameness> {
  const [first, second] = await Promise.all([fileAt(one.at[0] ?? ""), fileAt(other.at[0] ?? "")]);
  if (first === "untold" || second === "untold") return "unknown";
  if (first !== "missing" && second !== "missing") return first === second ? "same" : "other";
  if ((one.given ?? one.at[0]) === (other.given ?? other.at[0])) return "same";
  return first === second ? "unknown" : "other";
}

async function compareServers(one: Place, other: Place, { missingHost }: { missingHost?: "unknown" }): Promise<Sameness> {
  const [first, second] = await Promise.all([reached(one), reached(other)]);
  if (first.addresses.some((address) => second.addresses.includes(address))) return "same";
  if (first.isUntold || second.isUntold) return "unknown";
  if (missingHost === "unknown" && (first.isMissing || second.isMissing)) return "unknown";
  return first.addresses.length === 0 && second.addresses.length === 0 ? "unknown" : "other";
}

async function reached({ at }: Place): Promise<{ addresses: string[]; isUntold: boolean; isMissing: boolean }> {
  const found = await Promise.all(at.map(addressesOf));
  return {
    addresses: found.flatMap((addresses) => (typeof addresses === "string" ? [] : addresses)),
    isUntold: found.includes("untold"),
    isMissing: found.includes("missing"),
  };
}

/** Whether there is something: a file, or a server by one of the names. */
export async function isThere(place: Place): Promise<boolean> {
  if (place.engine === "sqlite") return !["missing", "untold"].includes(await fileAt(place.at[0] ?? ""));
  return (await reached(place)).addresses.length > 0;
}
