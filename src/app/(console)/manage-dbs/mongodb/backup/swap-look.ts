import "server-only";

import type { Db } from "mongodb";

import { describeCollection, type CollectionKind } from "@/app/(console)/manage-dbs/mongodb/archive/metadata";
import { isAside } from "@/app/(console)/manage-dbs/mongodb/backup/aside-names";
import { uuidOf } from "@/app/(console)/manage-dbs/mongodb/backup/backup-source";
import { type KeptCollection, otherSide, type SideName, type SwapJournal } from "@/app/(console)/manage-dbs/mongodb/backup/swap-record";
import { valueToEjson } from "@/app/(console)/manage-dbs/mongodb/bson-ejson";
import { BSON_TYPE, findTopLevel } from "@/app/(console)/manage-dbs/mongodb/bson-walk";
import { rawCommand } from "@/app/(console)/manage-dbs/mongodb/mongodb.raw";

/** What stands in the database, and from that where each collection of an exchange is. */

export interface Standing {
  name: string;
  kind: CollectionKind;
  identity: string | null;
  /** Canonical Extended JSON; null when it has none. */
  options: string | null;
}

/** Everything of a database that is not the server's own. */
export async function listStanding(db: Db): Promise<Map<string, Standing>> {
  const described = (await rawCommand(db, { listCollections: 1, cursor: {} })).map(describeCollection);
  const standing = described
    .filter((entry) => !entry.name.startsWith("system."))
    .map((entry) => {
      const options = findTopLevel(entry.entry, "options");
      const text = options?.type === BSON_TYPE.object ? valueToEjson(options) : "{}";
      return { name: entry.name, kind: entry.kind, identity: uuidOf(entry), options: text === "{}" ? null : text };
    });
  return new Map(standing.sort((a, b) => (a.name < b.name ? -1 : 1)).map((entry) => [entry.name, entry]));
}

/** What is live, of the chosen names or of the whole database. */
export function liveOf(standing: Map<string, Standing>, chosen: readonly string[] | null): Standing[] {
  const wanted = chosen === null ? null : new Set(chosen);
  return [...standing.values()].filter((entry) => !isAside(entry.name) && (wanted === null || wanted.has(entry.name)));
}

/** "unclear": its name is taken, and nothing says by which side. */
export type Whereabouts = "live" | "aside" | "missing" | "unclear";

export interface Sight {
  standing: Map<string, Standing>;
  where: Record<SideName, Map<string, Whereabouts>>;
}

export async function look(db: Db, journal: SwapJournal): Promise<Sight> {
  const standing = await listStanding(db);
  const sides = { restored: byName(journal.restored.collections), before: byName(journal.before.collections) };
  const locate = (side: SideName): Map<string, Whereabouts> =>
    new Map(journal[side].collections.map((entry) => [entry.name, whereabouts(entry, sides[otherSide(side)].get(entry.name), standing)]));
  return { standing, where: { restored: locate("restored"), before: locate("before") } };
}

/** Names of a side's collections that are where it is asked for. */
export const namesAt = (sight: Sight, side: SideName, where: Whereabouts): string[] =>
  [...sight.where[side]].filter(([, found]) => found === where).map(([name]) => name);

const byName = (entries: KeptCollection[]): Map<string, KeptCollection> => new Map(entries.map((entry) => [entry.name, entry]));

export function standsAsCollection(standing: Map<string, Standing>, name: string): boolean {
  const found = standing.get(name);
  return found !== undefined && found.kind !== "view";
}

function whereabouts(entry: KeptCollection, other: KeptCollection | undefined, standing: Map<string, Standing>): Whereabouts {
  if (standing.has(entry.aside)) return "aside";
  if (!standsAsCollection(standing, entry.name)) return "missing";
  if (!other) return "live";
  // The other one stands aside, so the name is this one's.
  if (standing.has(other.aside)) return "live";
  const identity = standing.get(entry.name)?.identity ?? null;
  if (identity !== null && identity === entry.identity) return "live";
  return identity !== null && identity === other.identity ? "missing" : "unclear";
}
