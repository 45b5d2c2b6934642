import "server-only";
import { createBackupsRouter } from "@/backups/backups.router";
import { EngineInfo, EngineOverview } from "@/lib/engine-contract";
import { withSeries } from "@/server/samples";
import { createTablesRouter } from "@/sql/tables.router";
import { deadline, engineProcedure, router } from "@/trpc/init";
import { sqliteServer } from "./sqlite.server";
import { sqliteTables } from "./tables/sqlite-tables.service";

const procedure = engineProcedure("sqlite");

export const sqliteRouter = router({
  info: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: "/sqlite/info", tags: ["sqlite"], summary: "Reachable or why not, version, size" } })
    .output(EngineInfo)
    .query(({ ctx, signal }) => sqliteServer.info(ctx.connection, { signal: deadline(signal) })),

  overview: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: "/sqlite/overview", tags: ["sqlite"], summary: "Server card, tiles, largest tables, warnings" } })
    .output(EngineOverview)
    .query(async ({ ctx, signal }) => withSeries(ctx.connection, await sqliteServer.overview(ctx.connection, { signal: deadline(signal) }))),

  tables: createTablesRouter("sqlite", sqliteTables),
  backups: createBackupsRouter("sqlite", sqliteServer.backup),
});
