import "server-only";
/** Opens an export of one table: what the file route streams. */
import { z } from "zod";
import type { CallContext, Connection } from "@/server/connection";
import type { ExportStream } from "@/server/engine-server";
import { AppError } from "@/server/errors";
import { ExportFormat, parseFilters, RowsInput, TableName } from "@/sql/tables.schema";
import type { TablesService } from "@/sql/tables.service";

export const ExportInput = TableName.extend({ format: ExportFormat.default("csv"), filters: RowsInput.shape.filters });
export type ExportInput = z.infer<typeof ExportInput>;

const TYPE: Record<z.infer<typeof ExportFormat>, string> = {
  csv: "text/csv; charset=utf-8; header=present",
  "csv-spreadsheet": "text/csv; charset=utf-8; header=present",
  sql: "application/sql; charset=utf-8",
  jsonl: "application/jsonl; charset=utf-8",
};

/** Checks that the table is there before the first byte, so that a bad name is an error and not an empty file. */
export async function openTableExport(options: {
  connection: Connection;
  tables: TablesService;
  request: unknown;
  context: CallContext;
}): Promise<ExportStream> {
  const { connection, tables, request, context } = options;
  const parsed = ExportInput.safeParse(request);
  if (!parsed.success) throw new AppError("INVALID", z.prettifyError(parsed.error));
  const input = parsed.data;
  await tables.schema(connection, input, context);
  const name = input.schema && input.schema !== "main" ? `${input.schema}.${input.name}` : input.name;
  return {
    fileName: `${name}.${input.format === "csv-spreadsheet" ? "csv" : input.format}`,
    contentType: TYPE[input.format],
    chunks: tables.export(connection, { ...input, filters: parseFilters(input.filters) }, context),
  };
}
