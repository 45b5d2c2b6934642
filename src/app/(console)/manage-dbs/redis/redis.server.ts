import "server-only";
import { z } from "zod";
import type { EngineServer } from "@/server/engine-server";
import { AppError } from "@/server/errors";
import { ExportKeysInput } from "./keys/keys.schema";
import { exportKeys } from "./keys/keys-export.service";
import { redisBackup } from "./redis.backup";
import { closeAll } from "./redis.client";
import { getInfo, getOverview, sample } from "./redis.info.service";

export const redisServer: EngineServer = {
  info: getInfo,
  overview: getOverview,
  sample: async (connection) =>
    Object.fromEntries(Object.entries(await sample(connection)).flatMap(([tile, figure]) => (figure === null ? [] : [[tile, figure]]))),
  async openExport(connection, request, context) {
    const input = ExportKeysInput.safeParse(request);
    if (!input.success) throw new AppError("INVALID", z.prettifyError(input.error));
    return { fileName: `db${input.data.db}-keys.jsonl`, contentType: "application/jsonl; charset=utf-8", chunks: exportKeys(connection, input.data, context) };
  },
  backup: redisBackup,
  close: async () => closeAll(),
};
