import "server-only";
/** The table procedures of an SQL engine: one factory for the two true twins. */
import type { EngineId } from "@/engines";
import { FileTicket } from "@/backups/backups.schema";
import { issueTicket } from "@/server/tickets";
import { ExportInput, openTableExport } from "@/sql/table-export";
import { CellInput, CellResult, CountResult, parseFilters, RowsInput, RowsPage, TableList, TableName, TableSchema } from "@/sql/tables.schema";
import type { TablesService } from "@/sql/tables.service";
import { deadline, engineProcedure, router } from "@/trpc/init";

export function createTablesRouter(engine: Extract<EngineId, "sqlite" | "postgres">, tables: TablesService) {
  const procedure = engineProcedure(engine);
  const path = `/${engine}/tables` as const;
  const tags = [engine];

  return router({
    list: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path, tags, summary: "Tables and views with sizes and estimated rows" } })
      .output(TableList)
      .query(({ ctx, signal }) => tables.list(ctx.connection, { signal: deadline(signal) })),

    schema: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path: `${path}/{name}/schema`, tags, summary: "Columns, keys, indexes, constraints, triggers and DDL" } })
      .input(TableName)
      .output(TableSchema)
      .query(({ ctx, input, signal }) => tables.schema(ctx.connection, input, { signal: deadline(signal) })),

    rows: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path: `${path}/{name}/rows`, tags, summary: "One page of rows, by key" } })
      .input(RowsInput)
      .output(RowsPage)
      .query(({ ctx, input, signal }) => tables.rows(ctx.connection, input, { signal: deadline(signal) })),

    cell: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path: `${path}/{name}/cell`, tags, summary: "One value whole" } })
      .input(CellInput)
      .output(CellResult)
      .query(({ ctx, input, signal }) => tables.cell(ctx.connection, input, { signal: deadline(signal) })),

    count: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path: `${path}/{name}/count`, tags, summary: "Rows counted exactly, or the estimate when that takes too long" } })
      .input(TableName.extend({ filters: RowsInput.shape.filters }))
      .output(CountResult)
      .query(({ ctx, input, signal }) => tables.count(ctx.connection, { ...input, filters: parseFilters(input.filters) }, { signal: deadline(signal) })),

    export: procedure
      .action("export")
      .meta({
        redirect: true,
        openapi: { method: "GET", path: `${path}/{name}/export`, tags, summary: "A whole table as CSV, SQL or JSON lines (303 to the stream)" },
      })
      .input(ExportInput)
      .output(FileTicket)
      .query(async ({ ctx, input, path: procedurePath, signal }) => {
        // Opened once without reading, so that a bad name or filter is refused here and not in the middle of a download.
        await openTableExport({ connection: ctx.connection, tables, request: input, context: { signal: deadline(signal) } });
        return issueTicket(ctx.principal, { kind: "export", connectionId: ctx.connection.id, procedure: procedurePath, input });
      }),
  });
}

export type TablesRouter = ReturnType<typeof createTablesRouter>;
