/** What a test file against the tests' MongoDB server begins and ends with. */
import { mkdirSync } from "node:fs";

import { type Db, MongoClient } from "mongodb";
import { afterAll } from "vitest";

import { closeAll } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { artefactAt, sinkAt, testDirectory, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
import { ownServer } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-server";
import type { Connection } from "@/server/connection";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

export interface TestDatabase {
  name: string;
  db: Db;
  connection: Connection;
}

/** A client, a directory, and databases that nobody else uses; all is gone when the file has ended. */
export async function startSuite() {
  const client = new MongoClient(testServers.mongodb);
  const made = new Set<string>();
  const directory = await testDirectory();
  await client.connect();
  afterAll(async () => {
    for (const name of made) await client.db(name).dropDatabase();
    await client.close();
    await closeAll();
    await directory.remove();
  });
  function database(label: string): TestDatabase {
    const name = uniqueName(label);
    made.add(name);
    return { name, db: client.db(name), connection: testConnection("mongodb", testServers.mongodb, { database: name, name }) };
  }
  return { client, directory, database };
}

/**
 * The same with a server of one's own, that a test may kill and start with other options; null where there is none to be had. It is not
 * started yet. `withDatabase` uses a client that knows nothing of a server before.
 */
export async function startOwnSuite() {
  const directory = await testDirectory();
  mkdirSync(directory.path("data"));
  const server = await ownServer(directory.path("data"));
  afterAll(async () => {
    await server?.kill();
    await closeAll();
    await directory.remove();
  });
  async function withDatabase<T>(work: (db: Db) => Promise<T>, { name, url = server?.url ?? "" }: { name: string; url?: string }): Promise<T> {
    const client = new MongoClient(url, { serverSelectionTimeoutMS: 10_000 });
    try {
      return await work(client.db(name));
    } finally {
      await client.close();
    }
  }
  return { directory, server, withDatabase };
}

/** Through a backup into another database. @returns what was backed up and what stands there */
export async function throughBackup({ directory, database }: Pick<Awaited<ReturnType<typeof startSuite>>, "directory" | "database">, source: TestDatabase) {
  const path = directory.path(`${source.name}.archive.gz`);
  const manifest = await mongodbBackup.write(source.connection, sinkAt(path), testJob());
  const target = database("through");
  const staged = await mongodbBackup.stage(await artefactAt(path, manifest), source.connection, { name: target.name }, testJob());
  await staged.keep();
  return { manifest, target, staged };
}

/** Null when it was done, else the server's words. */
export const refusal = (doing: Promise<unknown>): Promise<string | null> =>
  doing.then(
    () => null,
    (error: unknown) => (error instanceof Error ? error.message.slice(0, 120) : String(error)),
  );
