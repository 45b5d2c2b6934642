import "server-only";
import { liveName } from "@/backups/live-name";
import type { EngineId } from "@/engines";
import { getConnection } from "@/server/connections";

/** What a connection opens now: all that a restore may replace. */
export interface LivePlace {
  /** The target's name, to be typed. */
  name: string;
  /** `host:port` or the path. */
  address: string;
}

/** For the pages of a restore. @returns null where the connection names nothing, or cannot be had. */
export async function livePlace(engine: EngineId, name: string): Promise<LivePlace | null> {
  const connection = await getConnection(engine, name).catch(() => null);
  const place = connection ? liveName(connection) : "";
  return connection && place !== "" ? { name: place, address: connection.address } : null;
}
