import "server-only";
import { env } from "@/env";
import type { EngineServer } from "@/server/engine-server";
import { openTableExport } from "@/sql/table-export";
import { postgresTables } from "./tables/tables.service";
import { makePostgresBackup } from "./postgres.backup";
import { close } from "./postgres.client";
import { getInfo, getOverview, sample } from "./postgres.info.service";

const tools = () => ({ toolsDir: env().POSTGRES_TOOLS_DIR, path: env().PATH });

export const postgresServer: EngineServer = {
  info: getInfo,
  overview: (connection, context) => getOverview(connection, { ...context, tools: tools() }),
  sample,
  openExport: (connection, request, context) => openTableExport({ connection, tables: postgresTables, request, context }),
  backup: makePostgresBackup(tools),
  close,
};
