import { sql, type Kysely } from "kysely";

const statements = [
  // Which of the engine's formats a schedule asks for; null for what the engine takes by itself.
  `ALTER TABLE schedules ADD COLUMN format TEXT`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
