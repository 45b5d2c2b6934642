import "server-only";
import { z } from "zod";
import type { EngineServer } from "@/server/engine-server";
import { AppError } from "@/server/errors";
import { ExportInput } from "./collections/collections.schema";
import { exportCollection } from "./collections/export.service";
import { mongodbBackup } from "./mongodb.backup";
import { closeAll, closeClient } from "./mongodb.client";
import { getInfo, getOverview, sample } from "./mongodb.info.service";

export const mongodbServer: EngineServer = {
  info: getInfo,
  overview: getOverview,
  sample,
  async openExport(connection, request, context) {
    const input = ExportInput.safeParse(request);
    if (!input.success) throw new AppError("INVALID", z.prettifyError(input.error));
    return {
      fileName: `${input.data.collection}.jsonl`,
      contentType: "application/jsonl; charset=utf-8",
      chunks: exportCollection(connection, input.data, context),
    };
  },
  backup: mongodbBackup,
  close: (connectionId) => (connectionId === undefined ? closeAll() : closeClient(connectionId)),
};
