/** A database of its own for a test file, on the shared test server. */
import { Client } from "pg";
import type { Connection } from "@/server/connection";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

export interface TestDatabase {
  name: string;
  connection: Connection;
  url: string;
  /** Runs SQL as the superuser; every value comes back as the server's own text. */
  run(sql: string, values?: unknown[]): Promise<(string | null)[][]>;
  /** Ends its session only. */
  close(): Promise<void>;
  drop(): Promise<void>;
}

export function urlOf(database: string, base: string = testServers.postgres): string {
  const url = new URL(base);
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.toString();
}

export async function makeDatabase(label: string, name: string = uniqueName(label)): Promise<TestDatabase> {
  await asSuperuser(`CREATE DATABASE ${quote(name)} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'`);
  const url = urlOf(name);
  const client = new Client({ ...serverOf(), database: name, types: { getTypeParser: () => (value: unknown) => value } });
  // Tests end sessions on purpose.
  client.on("error", () => undefined);
  await client.connect();
  return {
    name,
    url,
    connection: testConnection("postgres", url, { name }),
    async run(sql, values = []) {
      const result = await client.query<(string | null)[]>({ text: sql, values, rowMode: "array" });
      return Array.isArray(result) ? [] : result.rows;
    },
    close: () => client.end(),
    async drop() {
      await client.end();
      await dropDatabase(name);
    },
  };
}

export async function dropDatabase(name: string): Promise<void> {
  await asSuperuser(`DROP DATABASE IF EXISTS ${quote(name)} WITH (FORCE)`);
}

export async function asSuperuser(sql: string): Promise<(string | null)[][]> {
  const client = new Client({ connectionString: testServers.postgres, types: { getTypeParser: () => (value: unknown) => value } });
  await client.connect();
  try {
    return (await client.query<(string | null)[]>({ text: sql, rowMode: "array" })).rows;
  } finally {
    await client.end();
  }
}

/** Apart from the URL, because the driver does not decode a database name wholly. */
export function serverOf(): { host: string; port: number; user: string; password: string } {
  const url = new URL(testServers.postgres);
  return { host: url.hostname, port: Number(url.port), user: url.username, password: url.password };
}

export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`;
