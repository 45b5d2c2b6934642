import "server-only";
import type { EngineServer } from "@/server/engine-server";
import { openTableExport } from "@/sql/table-export";
import { sqliteBackup } from "./sqlite.backup";
import { closeSqlite } from "./sqlite.client";
import { sqliteInfo, sqliteOverview, sqliteSample } from "./sqlite.info.service";
import { sqliteTables } from "./tables/sqlite-tables.service";

export const sqliteServer: EngineServer = {
  info: sqliteInfo,
  overview: sqliteOverview,
  sample: sqliteSample,
  openExport: (connection, request, context) => openTableExport({ connection, tables: sqliteTables, request, context }),
  backup: sqliteBackup,
  close: closeSqlite,
};
