/** What an SQL engine answers about its tables. SQLite and PostgreSQL implement it; one router and one panel use it. */
import type { CallContext, Connection } from "@/server/connection";
import type { CellResult, CountResult, ExportFormat, Filter, RowsInput, RowsPage, TableList, TableName, TableSchema } from "@/sql/tables.schema";

export interface TablesService {
  /** Names, kinds, sizes and estimates from the catalog: no table is counted. */
  list(connection: Connection, context: CallContext): Promise<TableList>;
  schema(connection: Connection, table: TableName, context: CallContext): Promise<TableSchema>;
  /** One page by key. Never OFFSET, never a count. */
  rows(connection: Connection, input: RowsInput, context: CallContext): Promise<RowsPage>;
  cell(connection: Connection, input: TableName & { key: string; column: string }, context: CallContext): Promise<CellResult>;
  /** Exact within LIMITS.exactCountTimeoutMs, else the estimate with exact: false. */
  count(connection: Connection, input: TableName & { filters: Filter[] }, context: CallContext): Promise<CountResult>;
  /** The whole table as a stream of chunks, in bounded memory. It throws when it cannot go on: it never ends short. */
  export(connection: Connection, input: TableName & { format: ExportFormat; filters: Filter[] }, context: CallContext): AsyncIterable<Uint8Array>;
}
