import "server-only";
import { sqliteServer } from "@/app/(console)/manage-dbs/sqlite/sqlite.server";
import type { EngineId } from "@/engines";
import type { EngineServer } from "@/server/engine-server";

export type EngineServers = Record<EngineId, EngineServer>;

/** Every engine's server half. Forgetting one does not compile. */
export const engineServers = { sqlite: sqliteServer } as EngineServers;
