/** What a test file against the tests' MongoDB server begins and ends with. */
import { type Db, MongoClient } from "mongodb";
import { afterAll } from "vitest";

import { closeAll } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { testDirectory } from "@/app/(console)/manage-dbs/mongodb/mongodb.test-backups";
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
