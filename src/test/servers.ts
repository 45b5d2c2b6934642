/**
 * The real servers the tests talk to. `npm test` starts them and writes their addresses to .test/servers.json;
 * TEST_POSTGRES_URL, TEST_REDIS_URL and MONGODB_TEST_URL point the tests at others.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface TestServers {
  /** URL of a superuser on the maintenance database. */
  postgres: string;
  redis: string;
  mongodb: string;
  /** Directory with pg_dump, pg_restore and the server binaries. */
  postgresBinDir: string;
  redisServer: string;
}

function load(): TestServers {
  const file = join(process.cwd(), ".test", "servers.json");
  if (!existsSync(file)) throw new Error("The test servers are not running: start the tests with `npm test`.");
  const written = JSON.parse(readFileSync(file, "utf8")) as TestServers;
  return {
    ...written,
    postgres: process.env["TEST_POSTGRES_URL"] ?? written.postgres,
    redis: process.env["TEST_REDIS_URL"] ?? written.redis,
    mongodb: process.env["MONGODB_TEST_URL"] ?? written.mongodb,
  };
}

export const testServers: TestServers = load();

/** A name no other test file uses: `label_` + random, safe as a database, collection or file name. */
export function uniqueName(label: string): string {
  return `${label}_${Math.random().toString(36).slice(2, 10)}`;
}
