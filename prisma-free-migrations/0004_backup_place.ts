import { sql, type Kysely } from "kysely";

const statements = [
  // Which database a backup was taken from: a connection of the same name may open another one today. JSON without secrets; null for older ones.
  `ALTER TABLE backups ADD COLUMN place TEXT`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
