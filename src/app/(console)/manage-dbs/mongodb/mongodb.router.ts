import "server-only";
import { createApprovalsRouter } from "@/backups/approvals.router";
import { createBackupsRouter } from "@/backups/backups.router";
import { createRestoresRouter } from "@/backups/restores.router";
import { createSchedulesRouter } from "@/backups/schedules.router";
import { createServerProcedures } from "@/trpc/engine-procedures";
import { router } from "@/trpc/init";
import { collectionsRouter } from "./collections/collections.router";
import { mongodbServer } from "./mongodb.server";

export const mongodbRouter = router({
  ...createServerProcedures("mongodb", mongodbServer),
  collections: collectionsRouter,
  backups: createBackupsRouter("mongodb", mongodbServer.backup),
  schedules: createSchedulesRouter("mongodb"),
  approvals: createApprovalsRouter("mongodb"),
  restores: createRestoresRouter("mongodb", mongodbServer.backup),
});
