import "server-only";
import { createApprovalsRouter } from "@/backups/approvals.router";
import { createBackupsRouter } from "@/backups/backups.router";
import { createRestoresRouter } from "@/backups/restores.router";
import { createSchedulesRouter } from "@/backups/schedules.router";
import { createTablesRouter } from "@/sql/tables.router";
import { createServerProcedures } from "@/trpc/engine-procedures";
import { router } from "@/trpc/init";
import { sqliteServer } from "./sqlite.server";
import { sqliteTables } from "./tables/sqlite-tables.service";

export const sqliteRouter = router({
  ...createServerProcedures("sqlite", sqliteServer),
  tables: createTablesRouter("sqlite", sqliteTables),
  backups: createBackupsRouter("sqlite", sqliteServer.backup),
  schedules: createSchedulesRouter("sqlite"),
  approvals: createApprovalsRouter("sqlite"),
  restores: createRestoresRouter("sqlite", sqliteServer.backup),
});
