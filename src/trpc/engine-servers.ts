import "server-only";
import { mongodbServer } from "@/app/(console)/manage-dbs/mongodb/mongodb.server";
import { postgresServer } from "@/app/(console)/manage-dbs/postgres/postgres.server";
import { redisServer } from "@/app/(console)/manage-dbs/redis/redis.server";
import { sqliteServer } from "@/app/(console)/manage-dbs/sqlite/sqlite.server";
import type { EngineId } from "@/engines";
import type { EngineServer } from "@/server/engine-server";

export type EngineServers = Record<EngineId, EngineServer>;

/** Every engine's server half. Forgetting one does not compile. */
export const engineServers: EngineServers = { sqlite: sqliteServer, redis: redisServer, postgres: postgresServer, mongodb: mongodbServer };
