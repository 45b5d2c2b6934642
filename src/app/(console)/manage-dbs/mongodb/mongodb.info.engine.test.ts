import { spawn } from "node:child_process";
import { createServer } from "node:net";

import { MongoClient } from "mongodb";
import { afterAll, describe, expect, it } from "vitest";

import { documents } from "@/app/(console)/manage-dbs/mongodb/collections/documents.service";
import { closeAll } from "@/app/(console)/manage-dbs/mongodb/mongodb.client";
import { getInfo, getOverview, sample } from "@/app/(console)/manage-dbs/mongodb/mongodb.info.service";
import { EngineInfo, EngineOverview } from "@/lib/engine-contract";
import { testConnection } from "@/test/connections";
import { testServers, uniqueName } from "@/test/servers";

const database = uniqueName("info");
const connection = testConnection("mongodb", testServers.mongodb, { database });

afterAll(async () => {
  const client = new MongoClient(testServers.mongodb);
  await client.db(database).dropDatabase();
  await client.close();
  await closeAll();
});

describe("info and overview", () => {
  it("reports what the server reports, and degrades figure by figure", async () => {
    const client = new MongoClient(testServers.mongodb);
    await client
      .db(database)
      .collection("one")
      .insertMany([{ a: 1 }, { a: 2 }]);
    await client.close();
    const info = EngineInfo.parse(await getInfo(connection, {}));
    expect(info).toMatchObject({ state: "connected", holds: { count: 1, word: "collection" } });
    const overview = EngineOverview.parse(await getOverview(connection, {}));
    expect(overview.tiles).toHaveLength(4);
    expect(overview.largest).toMatchObject([{ group: database, name: "one", count: 2 }]);
    expect(overview.warnings.map((warning) => warning.title)).toContain("No authentication");
    expect(overview.facts.find((fact) => fact.label === "Backup tool")).toMatchObject({ value: "built in" });
    expect(JSON.stringify(overview)).not.toContain("NaN");
    await sample(connection);
  });

  it("says that a database does not exist", async () => {
    const overview = await getOverview(testConnection("mongodb", testServers.mongodb, { database: `${database}_missing`, name: "missing" }), {});
    expect(overview.warnings.map((warning) => warning.title)).toContain(`The database ${database}_missing does not exist`);
  });

  it("says that nobody listens, within the time limit", async () => {
    const started = performance.now();
    const info = await getInfo(testConnection("mongodb", "mongodb://admin:s3cret@127.0.0.1:1/", { name: "closed" }), {});
    expect(info).toMatchObject({ state: "not-connected", code: "UNREACHABLE", detail: "ECONNREFUSED" });
    expect(JSON.stringify(info)).not.toContain("s3cret");
    expect(performance.now() - started).toBeLessThan(8_000);
  });

  it("says that a host does not speak the protocol", async () => {
    const server = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    expect(await getInfo(testConnection("mongodb", `mongodb://127.0.0.1:${port}/`, { name: "http" }), {})).toMatchObject({
      state: "not-connected",
      code: "UNREACHABLE",
    });
    server.close();
  });

  it("says that a password is wrong, without showing it", async () => {
    const url = new URL(testServers.mongodb);
    const info = await getInfo(testConnection("mongodb", `mongodb://nobody:wr0ngpass@${url.host}/?authSource=admin`, { name: "wrong" }), {});
    expect(info).toMatchObject({ state: "not-connected", code: "AUTH_FAILED" });
    expect(JSON.stringify(info)).not.toContain("wr0ngpass");
  });

  it("refuses a URL that is none", async () => {
    expect(await getInfo({ ...testConnection("mongodb", "http://x/", { name: "url" }) }, {})).toMatchObject({ state: "not-connected", code: "INVALID" });
  });
});

describe("a server that goes and comes back", () => {
  it("is told, and used again without a restart", async () => {
    // A relay in front of the real server stands for its end and its return.
    const target = new URL(testServers.mongodb);
    const relay = relayTo(target.hostname, Number(target.port));
    const port = await relay.start();
    const relayed = testConnection("mongodb", `mongodb://127.0.0.1:${port}/?directConnection=true`, { database, name: "relayed" });
    expect(await getInfo(relayed, {})).toMatchObject({ state: "connected" });
    await relay.stop();
    expect(await getInfo(relayed, {})).toMatchObject({ state: "not-connected", code: "UNREACHABLE" });
    await expect(documents(relayed, { collection: "one", limit: 1 }, {})).rejects.toMatchObject({ code: "UNREACHABLE" });
    await relay.start(port);
    expect(await getInfo(relayed, {})).toMatchObject({ state: "connected" });
    await relay.stop();
  });
});

/** A TCP relay in a process of its own, so that ending it ends every socket at once. */
function relayTo(host: string, port: number): { start(on?: number): Promise<number>; stop(): Promise<void> } {
  const script = `const n=require("net");const s=n.createServer(c=>{const u=n.connect(${port},${JSON.stringify(host)});c.pipe(u).pipe(c);c.on("error",()=>u.destroy());u.on("error",()=>c.destroy())});s.listen(Number(process.argv[1]),"127.0.0.1",()=>console.log(s.address().port))`;
  let child: ReturnType<typeof spawn> | null = null;
  return {
    start: (on = 0) =>
      new Promise((resolve, reject) => {
        child = spawn(process.execPath, ["-e", script, String(on)], { stdio: ["ignore", "pipe", "inherit"] });
        child.stdout?.once("data", (data: Buffer) => resolve(Number(data.toString())));
        child.once("error", reject);
      }),
    stop: () =>
      new Promise((resolve) => {
        child?.once("exit", () => resolve());
        child?.kill("SIGKILL");
      }),
  };
}
