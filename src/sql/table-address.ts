/** How a table is named in the URL. */

export type SqlEngine = "sqlite" | "postgres";

export const tableId = (table: { schema: string; name: string }): string => `${table.schema}.${table.name}`;

export function tableHref(engine: SqlEngine, connection: string, table: { schema?: string | undefined; name: string }): string {
  const words = new URLSearchParams({ table: table.name });
  if (table.schema !== undefined && table.schema !== "main") words.set("schema", table.schema);
  return `/manage-dbs/${engine}/${encodeURIComponent(connection)}/tables?${words.toString()}`;
}
