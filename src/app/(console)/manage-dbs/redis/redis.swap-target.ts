import "server-only";
import type { RestoreTarget } from "@/backups/engine";
import { liveName } from "@/backups/live-name";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import type { Placement } from "./redis.backup-target";
import { redisClient } from "./redis.client";
import { findSpares } from "./redis.swap-databases";

/**
 * Where a restore that replaces live data stages it: every logical database of the backup in a spare one of its own, to change
 * places with the live one of the same number.
 * @param available non-empty logical databases of the backup
 * @throws INVALID for another target than the connection's own database, CONFLICT when there are too few spare databases
 */
export async function placeInSpares(connection: Connection, { target, available }: { target: RestoreTarget; available: number[] }): Promise<Placement[]> {
  const own = liveName(connection);
  if (target.name !== own) {
    throw new AppError("INVALID", `"${target.name.slice(0, 50)}" is not what this connection opens`, { fix: `To replace its data name ${own}.` });
  }
  if (target.objects) throw new AppError("UNSUPPORTED", "Live data is replaced whole", { fix: "Restore chosen objects into an empty logical database." });
  const info = await redisClient(connection).info();
  const { spares } = await findSpares(connection, { count: available.length, taken: available, info });
  if (spares.length < available.length) {
    throw new AppError("CONFLICT", `${connection.address} has ${spares.length} empty logical databases, and ${available.length} are needed`, {
      fix: "Empty some, or raise `databases` in the server's configuration.",
    });
  }
  return available.flatMap((db, index): Placement[] => {
    const spare = spares[index];
    return spare === undefined ? [] : [{ from: db, to: spare, live: db }];
  });
}
