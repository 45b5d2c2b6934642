import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, expect, test } from "vitest";
import { migrate, MIGRATIONS, openControlPlane } from "./database";

const directories: string[] = [];
const newPath = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "control-plane-"));
  directories.push(directory);
  return join(directory, "control-plane.sqlite");
};
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

async function shapeOf(db: ReturnType<typeof openControlPlane>): Promise<unknown> {
  const { rows } = await sql`SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' AND name NOT LIKE 'kysely%' ORDER BY type, name`.execute(
    db,
  );
  return rows;
}

test("every earlier state ends in the same schema as an empty file", async () => {
  const fresh = openControlPlane(newPath());
  await migrate(fresh);
  const wanted = await shapeOf(fresh);
  await fresh.destroy();
  for (const state of Object.keys(MIGRATIONS)) {
    const db = openControlPlane(newPath());
    await migrate(db, state);
    await migrate(db);
    expect(await shapeOf(db)).toEqual(wanted);
    await migrate(db);
    await db.destroy();
  }
});

test("the audit log refuses to be changed or shortened", async () => {
  const db = openControlPlane(newPath());
  await migrate(db);
  await sql`INSERT INTO audit (at, actor_name, action, procedure, target, input, outcome, detail, request_id, previous_hash, hash)
    VALUES ('2026-01-01', 'a', 'read', 'p', '', '{}', 'allowed', '', 'r', '', 'h')`.execute(db);
  await expect(sql`UPDATE audit SET actor_name = 'b'`.execute(db)).rejects.toThrow("append-only");
  await expect(sql`DELETE FROM audit`.execute(db)).rejects.toThrow("append-only");
  await db.destroy();
});
