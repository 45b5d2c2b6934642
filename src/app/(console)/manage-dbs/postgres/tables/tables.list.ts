import "server-only";
import { browse } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import { EXACT_SIZES_MAX, LIST, LIST_OF_MANY, TABLE_COUNT } from "@/app/(console)/manage-dbs/postgres/tables/tables.catalog";
import { kindOf } from "@/app/(console)/manage-dbs/postgres/tables/tables.shape";
import type { CallContext, Connection } from "@/server/connection";
import type { TableList } from "@/sql/tables.schema";

/** Every table and view with size and estimate, from the catalog: nothing is counted. Throws AppError. */
export async function listTables(connection: Connection, context: CallContext): Promise<TableList> {
  const rows = await browse(connection, context, async (session) => {
    const [tables] = await session.all(TABLE_COUNT);
    return session.all(tables && tables.count > EXACT_SIZES_MAX ? LIST_OF_MANY : LIST);
  });
  return {
    tables: rows.map((row) => ({
      schema: row.schema,
      name: row.name,
      kind: kindOf(row.relkind),
      bytes: row.bytes,
      rowsEstimate: row.rows,
      rowsExact: row.rows_exact,
      comment: row.comment,
    })),
    // A partitioned table's size is that of its partitions, which are in the list themselves.
    totalBytes: rows.reduce((sum, row) => sum + (row.relkind === "p" ? 0 : (row.bytes ?? 0)), 0),
  };
}
