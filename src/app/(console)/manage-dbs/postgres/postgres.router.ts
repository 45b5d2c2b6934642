import "server-only";
import { createApprovalsRouter } from "@/backups/approvals.router";
import { createBackupsRouter } from "@/backups/backups.router";
import { createRestoresRouter } from "@/backups/restores.router";
import { createSchedulesRouter } from "@/backups/schedules.router";
import { createTablesRouter } from "@/sql/tables.router";
import { createServerProcedures } from "@/trpc/engine-procedures";
import { router } from "@/trpc/init";
import { postgresTables } from "./tables/tables.service";
import { postgresServer } from "./postgres.server";

export const postgresRouter = router({
  ...createServerProcedures("postgres", postgresServer),
  tables: createTablesRouter("postgres", postgresTables),
  backups: createBackupsRouter("postgres", postgresServer.backup),
  schedules: createSchedulesRouter("postgres"),
  approvals: createApprovalsRouter("postgres"),
  restores: createRestoresRouter("postgres", postgresServer.backup),
});
