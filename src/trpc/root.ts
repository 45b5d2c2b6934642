import "server-only";
/** The one router behind all faces. Only this file knows all of its parts. */
import { allBackupsRouter } from "@/app/(console)/backups/all-backups.router";
import { auditRouter } from "@/app/(console)/audit/audit.router";
import { jobsRouter } from "@/app/(console)/jobs/jobs.router";
import { mongodbRouter } from "@/app/(console)/manage-dbs/mongodb/mongodb.router";
import { postgresRouter } from "@/app/(console)/manage-dbs/postgres/postgres.router";
import { redisRouter } from "@/app/(console)/manage-dbs/redis/redis.router";
import { sqliteRouter } from "@/app/(console)/manage-dbs/sqlite/sqlite.router";
import { sessionRouter } from "@/app/(console)/settings/account/session.router";
import { usersRouter } from "@/app/(console)/users/users.router";
import { createConnectionsRouter } from "@/app/(console)/settings/connections/connections.router";
import { engineServers } from "@/trpc/engine-servers";
import type { EngineId } from "@/engines";
import { createCallerFactory, router } from "@/trpc/init";

/** Forgetting an engine does not compile. */
const engines = { sqlite: sqliteRouter, redis: redisRouter, postgres: postgresRouter, mongodb: mongodbRouter } satisfies Record<EngineId, unknown>;

export const appRouter = router({
  ...engines,
  backups: allBackupsRouter,
  jobs: jobsRouter,
  session: sessionRouter,
  users: usersRouter,
  audit: auditRouter,
  connections: createConnectionsRouter(engineServers),
});

export type AppRouter = typeof appRouter;
export const createCaller = createCallerFactory(appRouter);
