import "server-only";
import type { RestoreTarget } from "@/backups/engine";
import { liveName } from "@/backups/live-name";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { markedDatabases, MARKERS } from "./redis.backup-marker";
import type { Placement } from "./redis.backup-target";
import { redisClient } from "./redis.client";
import { serverFacts } from "./redis.server-facts";
import { findWay } from "./redis.swap-way";

interface Asked {
  target: RestoreTarget;
  /** Non-empty logical databases of the backup. */
  available: number[];
  isPortable: boolean;
}

/**
 * Where a restore that replaces live data stages it: every logical database of the backup in a spare one of its own, to change
 * places with the live one of the same number. Null where databases cannot be exchanged: then keys are replaced in place.
 * @throws INVALID for another target than the connection's own database, UNSUPPORTED and READ_ONLY for servers that are never replaced
 */
export async function placeInSpares(connection: Connection, { target, available, isPortable }: Asked): Promise<Placement[] | null> {
  const own = liveName(connection);
  if (target.name !== own) {
    throw new AppError("INVALID", `"${target.name.slice(0, 50)}" is not what this connection opens`, { fix: `To replace its data name ${own}.` });
  }
  if (target.objects) throw new AppError("UNSUPPORTED", "Live data is replaced whole", { fix: "Restore chosen objects into an empty logical database." });
  const info = await redisClient(connection).info();
  const facts = serverFacts(info);
  if (facts.isCluster) throw new AppError("UNSUPPORTED", `${connection.address} is a cluster node`, { fix: "Restore into another connection." });
  if (facts.isReplica) throw new AppError("READ_ONLY", `${connection.address} is a replica and takes no writes`, { fix: "Restore to its master." });
  const { found, inPlaceBecause } = await findWay(connection, { lives: available, info, facts, isPortable });
  if (inPlaceBecause === null) {
    return available.flatMap((db, index): Placement[] => {
      const spare = found.spares[index];
      return spare === undefined ? [] : [{ from: db, to: spare, live: db }];
    });
  }
  if (available.length === 0) throw new AppError("INVALID", "The backup holds no keys, so there is nothing to replace", { fix: "Choose another backup." });
  const marked = (await markedDatabases(connection, info)).find((db) => available.includes(db));
  if (marked !== undefined) throw standsAside(marked, connection.address);
  return null;
}

export function standsAside(db: number, address: string): AppError {
  return new AppError("CONFLICT", `db${db} of ${address} holds what another restore stages or keeps for undo, or a key of that name`, {
    fix: `Undo or drop that restore first. Where there is none, look at the keys ${Object.values(MARKERS).join(", ")} of db${db}, and delete them.`,
  });
}
