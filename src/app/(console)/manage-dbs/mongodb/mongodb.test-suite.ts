/** What a test file against the tests' MongoDB server begins and ends with. */
import { type Db, MongoClient } from "mongodb";
import { afterAll } from "vitest";

import { closeAll } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { mongodbBackup } from "@/app/(console)/manage-dbs/mongodb/mongodb.backup";
import { artefactAt, sinkAt, testDirectory, testJob } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
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
