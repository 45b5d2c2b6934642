import "server-only";
import { createApprovalsRouter } from "@/backups/approvals.router";
import { createBackupsRouter } from "@/backups/backups.router";
import { createRestoresRouter } from "@/backups/restores.router";
import { createSchedulesRouter } from "@/backups/schedules.router";
import { createServerProcedures } from "@/trpc/engine-procedures";
import { router } from "@/trpc/init";
import { keysRouter } from "./keys/keys.router";
import { redisServer } from "./redis.server";

export const redisRouter = router({
  ...createServerProcedures("redis", redisServer),
  keys: keysRouter,
  backups: createBackupsRouter("redis", redisServer.backup),
  schedules: createSchedulesRouter("redis"),
  approvals: createApprovalsRouter("redis"),
  restores: createRestoresRouter("redis", redisServer.backup),
});
