import { sql, type Kysely } from "kysely";

const statements = [
  // Which database was replaced: what is kept for undo lies there, whatever the connection opens today. JSON without secrets; null for older ones.
  `ALTER TABLE swaps ADD COLUMN place TEXT`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
