import "server-only";
/** Questions to SQLite's catalog. A table's shape is read each time: a schema may change under the console. */
import { z } from "zod";
import type { Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import type { Column, TableSchema, TableSummary } from "@/sql/tables.schema";
import { familyOf } from "../sqlite.codec";
import { sqliteObjects } from "../sqlite.client";

/** Tables and views with what kind they are; shadow tables of virtual tables are left out. https://sqlite.org/pragma.html#pragma_table_list */
export const TABLE_LIST = `
  SELECT list.name AS name, list.type AS type, list.wr AS withoutRowid, list.ncol AS columns
  FROM pragma_table_list AS list
  WHERE list.schema = 'main' AND list.type <> 'shadow' AND list.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
  ORDER BY list.name`;

export const ListedTable = z.object({ name: z.string(), type: z.enum(["table", "view", "virtual"]), withoutRowid: z.number(), columns: z.number() });
export type ListedTable = z.infer<typeof ListedTable>;

const KIND: Record<ListedTable["type"], z.infer<typeof TableSummary>["kind"]> = { table: "table", view: "view", virtual: "virtual table" };
export const kindOf = (table: ListedTable) => KIND[table.type];

export async function listTables(connection: Connection, signal?: AbortSignal): Promise<ListedTable[]> {
  return z.array(ListedTable).parse(await sqliteObjects(connection, TABLE_LIST, [], signal));
}

/** @throws AppError NOT_FOUND */
export async function findTable(connection: Connection, name: string, signal?: AbortSignal): Promise<ListedTable> {
  const found = (await listTables(connection, signal)).find((table) => table.name === name);
  if (!found) throw new AppError("NOT_FOUND", `There is no table named ${name}`, { fix: "Load the list again; it may have been dropped or renamed." });
  return found;
}

const ColumnRow = z.object({ name: z.string(), type: z.string(), notnull: z.number(), dflt_value: z.string().nullable(), pk: z.number(), hidden: z.number() });
const ForeignKeyRow = z.object({
  id: z.number(),
  table: z.string(),
  from: z.string(),
  to: z.string().nullable(),
  on_update: z.string(),
  on_delete: z.string(),
});

/** Columns in order, generated ones included, hidden ones of virtual tables left out. */
export async function columnsOf(connection: Connection, table: ListedTable, signal?: AbortSignal): Promise<Column[]> {
  const name = [{ text: table.name }];
  const rows = z
    .array(ColumnRow)
    .parse(await sqliteObjects(connection, `SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?)`, name, signal));
  const foreignKeys = await foreignKeysOf(connection, table.name, signal);
  const width = new Map<number, number>();
  for (const key of foreignKeys) width.set(key.id, (width.get(key.id) ?? 0) + 1);
  return rows
    .filter((row) => row.hidden !== 1)
    .map((row) => {
      const key = foreignKeys.find((candidate) => candidate.from === row.name && width.get(candidate.id) === 1);
      return {
        name: row.name,
        type: row.type,
        family: familyOf(row.type),
        nullable: row.notnull === 0 && !(row.pk > 0 && table.withoutRowid === 1),
        default: row.dflt_value,
        generated: row.hidden === 2 ? "virtual" : row.hidden === 3 ? "stored" : null,
        keyPosition: row.pk > 0 ? row.pk : null,
        references: key ? { schema: "main", table: key.table, column: key.to ?? "" } : null,
        comment: null,
      };
    });
}

async function foreignKeysOf(connection: Connection, name: string, signal?: AbortSignal) {
  const sql = `SELECT id, "table", "from", "to", on_update, on_delete FROM pragma_foreign_key_list(?) ORDER BY id, seq`;
  return z.array(ForeignKeyRow).parse(await sqliteObjects(connection, sql, [{ text: name }], signal));
}

const IndexRow = z.object({ name: z.string(), unique: z.number(), origin: z.string(), sql: z.string().nullable(), columns: z.string().nullable() });
const MasterRow = z.object({ type: z.string(), name: z.string(), sql: z.string().nullable() });

const INDEXES = `
  SELECT list.name AS name, list."unique" AS "unique", list.origin AS origin, master.sql AS sql,
    (SELECT group_concat(coalesce(info.name, '<expression>'), ', ') FROM pragma_index_info(list.name) AS info) AS columns
  FROM pragma_index_list(?) AS list LEFT JOIN sqlite_schema AS master ON master.type = 'index' AND master.name = list.name
  ORDER BY list.seq`;

/** Other tables' foreign keys that point to a table. */
const REFERENCED_BY = `
  SELECT DISTINCT source.name AS "table", key.id AS id
  FROM sqlite_schema AS source, pragma_foreign_key_list(source.name) AS key
  WHERE source.type = 'table' AND key."table" = ? COLLATE NOCASE ORDER BY source.name, key.id`;

export async function tableSchema(connection: Connection, name: string, signal?: AbortSignal): Promise<TableSchema> {
  const table = await findTable(connection, name, signal);
  const named = [{ text: name }];
  const columns = await columnsOf(connection, table, signal);
  const indexes = z.array(IndexRow).parse(await sqliteObjects(connection, INDEXES, named, signal));
  const foreignKeys = await foreignKeysOf(connection, name, signal);
  const made = z
    .array(MasterRow)
    .parse(
      await sqliteObjects(
        connection,
        `SELECT type, name, sql FROM sqlite_schema WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'view' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, name`,
        named,
        signal,
      ),
    );
  const references = z.array(z.object({ table: z.string(), id: z.number() })).parse(await sqliteObjects(connection, REFERENCED_BY, named, signal));
  const key = columns.filter((column) => column.keyPosition !== null).sort((a, b) => (a.keyPosition ?? 0) - (b.keyPosition ?? 0));
  return {
    schema: "main",
    name,
    kind: kindOf(table),
    columns,
    indexes: indexes.map((index) => ({
      name: index.name,
      definition: index.sql ?? `made by ${index.origin === "pk" ? "PRIMARY KEY" : "UNIQUE"} (${index.columns ?? ""})`,
      unique: index.unique === 1,
      primary: index.origin === "pk",
      bytes: null,
      scans: null,
    })),
    constraints: [
      ...(key.length > 0 ? [{ name: "primary key", kind: "primary key" as const, definition: key.map((column) => column.name).join(", ") }] : []),
      ...indexes.filter((index) => index.origin === "u").map((index) => ({ name: index.name, kind: "unique" as const, definition: index.columns ?? "" })),
      ...foreignKeyConstraints(foreignKeys),
    ],
    triggers: made.filter((row) => row.type === "trigger").map((row) => ({ name: row.name, definition: row.sql ?? "", enabled: true })),
    referencedBy: references.map((row) => ({ schema: "main", table: row.table, constraint: `foreign key ${row.id}` })),
    ddl: made.map((row) => `${row.sql};`).join("\n\n"),
  };
}

function foreignKeyConstraints(rows: z.infer<typeof ForeignKeyRow>[]) {
  const byId = Map.groupBy(rows, (row) => row.id);
  return [...byId].map(([id, parts]) => {
    const first = parts[0];
    const to = parts.map((part) => part.to ?? "").join(", ");
    const actions = `ON UPDATE ${first?.on_update ?? ""} ON DELETE ${first?.on_delete ?? ""}`;
    return {
      name: `foreign key ${id}`,
      kind: "foreign key" as const,
      definition: `(${parts.map((part) => part.from).join(", ")}) REFERENCES ${first?.table ?? ""}(${to}) ${actions}`,
    };
  });
}
