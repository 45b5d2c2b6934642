import "server-only";
/** The one router behind all faces. Only this file knows all of its parts. */
import { allBackupsRouter } from "@/app/(console)/backups/all-backups.router";
import { jobsRouter } from "@/app/(console)/jobs/jobs.router";
import { sqliteRouter } from "@/app/(console)/manage-dbs/sqlite/sqlite.router";
import { createConnectionsRouter } from "@/app/(console)/settings/connections/connections.router";
import { engineServers } from "@/trpc/engine-servers";
import { createCallerFactory, router } from "@/trpc/init";

export const appRouter = router({
  sqlite: sqliteRouter,
  backups: allBackupsRouter,
  jobs: jobsRouter,
  connections: createConnectionsRouter(engineServers),
});

export type AppRouter = typeof appRouter;
export const createCaller = createCallerFactory(appRouter);
