/** The tests' SecantusDB is replaced when it has stopped answering, with its data. */
import { chmodSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ensureMongodb, startMongodb } from "@/setup/mongodb-server.mjs";

type Server = Awaited<ReturnType<typeof startMongodb>>;

let directory = "";
let server: Server | null = null;

beforeAll(async () => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "watched-")));
  chmodSync(directory, 0o711);
  const mongodb = await ensureMongodb({ node: process.execPath, env: process.env }, async () => {});
  if (mongodb.product !== "SecantusDB") return;
  server = await startMongodb({ server: mongodb, directory, forTests: true, watch: { everyMs: 100, patienceMs: 1_000 } });
});
afterAll(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const processId = (): number => Number(readFileSync(join(directory, "mongodb.pid"), "utf8"));

async function onServer<T>(work: (client: MongoClient) => Promise<T>): Promise<T> {
  const client = new MongoClient(server?.url ?? "");
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

test("a server that does not answer is replaced and has its data", async ({ skip }) => {
  if (!server) return skip("a real mongod is not watched");
  const first = processId();
  await onServer((client) =>
    client
      .db("watched")
      .collection<{ _id: number }>("one")
      .insertOne({ _id: 1 }, { writeConcern: { j: true } }),
  );
  process.kill(first, "SIGSTOP");
  await expect.poll(processId, { timeout: 40_000, interval: 100 }).not.toBe(first);
  expect(await onServer((client) => client.db("watched").collection("one").countDocuments())).toBe(1);
  // And one that works is left alone.
  const second = processId();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(processId()).toBe(second);
});
