import "server-only";
import { pendingBackup } from "@/backups/pending-engine";
import { env } from "@/env";
import type { EngineServer } from "@/server/engine-server";
import { openTableExport } from "@/sql/table-export";
import { postgresTables } from "./[connection]/tables/tables.service";
import { close } from "./postgres.client";
import { getInfo, getOverview, sample } from "./postgres.info.service";

export const postgresServer: EngineServer = {
  info: getInfo,
  overview: (connection, context) => getOverview(connection, { ...context, tools: { toolsDir: env().POSTGRES_TOOLS_DIR } }),
  sample,
  openExport: (connection, request, context) => openTableExport({ connection, tables: postgresTables, request, context }),
  backup: pendingBackup,
  close,
};
