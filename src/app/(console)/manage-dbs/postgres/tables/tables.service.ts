import "server-only";
import { countRows } from "@/app/(console)/manage-dbs/postgres/tables/tables.count";
import { exportTable } from "@/app/(console)/manage-dbs/postgres/tables/tables.export";
import { listTables } from "@/app/(console)/manage-dbs/postgres/tables/tables.list";
import { readCell, readRows } from "@/app/(console)/manage-dbs/postgres/tables/tables.rows";
import { readSchema } from "@/app/(console)/manage-dbs/postgres/tables/tables.structure";
import type { TablesService } from "@/sql/tables.service";

/** PostgreSQL's answers about its tables. */
export const postgresTables: TablesService = {
  list: listTables,
  schema: readSchema,
  rows: readRows,
  cell: readCell,
  count: countRows,
  export: exportTable,
};
