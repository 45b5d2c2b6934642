/** Faults and bad input of the list in the issue that no other file of tests shows. */
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createGunzip, gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Artefact } from "@/backups/engine";
import { testConnection } from "@/test/connections";
import { redisBackup } from "./redis.backup";
import { sealLines } from "./redis.test-altered";
import { artefactAt, testJob, writeArtefact, writePortableArtefact, type TestDir } from "./redis.test-artefact";
import { populate } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";
import { startServers } from "./redis.test-suite";

let source: TestRedis;
let target: TestRedis;
let dir: TestDir;
startServers((started) => ({ source, target, dir } = started));

const KEY_BY_KEY = Object.entries({ payloads: writeArtefact, portable: writePortableArtefact });

/** Names of the keys in a file of lines, in their order. */
async function namesIn({ path }: Artefact): Promise<string[]> {
  const names: string[] = [];
  for await (const line of createInterface({ input: createReadStream(path).pipe(createGunzip()) })) {
    const record = JSON.parse(line) as { k?: string | { s: string } };
    if (record.k !== undefined) names.push(typeof record.k === "string" ? Buffer.from(record.k, "base64").toString() : record.k.s);
  }
  return names;
}

describe.each(KEY_BY_KEY)("keys that are renamed, deleted or expire while they are read: %s", (name, write) => {
  it("come once or not at all, those left in peace all come, and it is called fuzzy", { timeout: 240_000 }, async () => {
    const driver = source.driver();
    await populate(driver, 15_000);
    const job = testJob();
    let isMoved = false;
    job.onProgress = ({ itemsDone }) => {
      if (isMoved || (itemsDone ?? 0) < 2_000) return;
      isMoved = true;
      const pipeline = driver.pipeline();
      for (let index = 0; index < 15_000; index++) {
        if (index % 5 === 1) pipeline.rename(`key:${index}`, `moved:${index}`);
        if (index % 5 === 2) pipeline.unlink(`key:${index}`);
        if (index % 5 === 3) pipeline.pexpire(`key:${index}`, 1 + (index % 50));
      }
      void pipeline.exec();
    };
    const artefact = await write(source.connection, join(dir.path, `moving ${name}.gz`), job);
    expect(isMoved).toBe(true);
    expect(artefact.manifest.consistency).toBe("fuzzy");
    await redisBackup.verify(artefact, testJob());
    const names = await namesIn(artefact);
    const unique = new Set(names);
    expect(unique.size).toBe(names.length);
    for (let index = 0; index < 15_000; index++) if (index % 5 === 0 || index % 5 === 4) expect(unique.has(`key:${index}`), `key:${index}`).toBe(true);
    const plan = await redisBackup.plan(artefact, target.connection, { name: "1" }, {});
    expect(plan.checks).toContainEqual(expect.objectContaining({ result: "warn", title: "Not a snapshot" }));
  });

  it("are counted when they were found and gone before they could be read", { timeout: 240_000 }, async () => {
    const driver = source.driver();
    let vanished = 0;
    // Whether any is just between being found and being read is chance.
    for (let attempt = 0; vanished === 0 && attempt < 50; attempt++) {
      await populate(driver, 6_000);
      const job = testJob();
      job.onProgress = ({ itemsDone }) => void ((itemsDone ?? 0) > 1_000 && driver.flushdb());
      const artefact = await write(source.connection, join(dir.path, `vanished ${name}.gz`), job);
      vanished = Number(artefact.manifest.details["vanished"]);
      if (vanished === 0) continue;
      expect(artefact.manifest.skipped).toEqual([{ name: "db0", reason: expect.stringContaining(`${vanished} keys expired or were deleted`) }]);
      expect(job.lines.join()).toContain(`${vanished} keys expired or were deleted`);
    }
    expect(vanished).toBeGreaterThan(0);
  });
});

describe.each(KEY_BY_KEY)("a server that is restarted while it is read: %s", (name, write) => {
  it("fails the backup", { timeout: 240_000 }, async () => {
    const own = await startRedis(["--save", "3600 1000000"]);
    try {
      await populate(own.driver(), 8_000);
      await own.driver().save();
      const job = testJob();
      const restarts: Promise<void>[] = [];
      job.onProgress = ({ itemsDone }) => {
        if ((itemsDone ?? 0) > 1_000 && restarts.length === 0) restarts.push(own.restart());
      };
      await expect(write(own.connection, join(dir.path, `restarted ${name}.gz`), job)).rejects.toMatchObject({ code: "UNREACHABLE" });
      await Promise.all(restarts);
      expect(await own.driver().dbsize()).toBe(8_000);
    } finally {
      await own.stop();
    }
  });

  it("fails it also when that is just between two databases, and all connections are there again: no mix of two states", async () => {
    // What a proxy, or a name that moves to another server, makes of a restart: connections break, and the next ones find another state.
    await source.driver().set("a", "one state");
    await source.driver(3).set("b", "one state");
    await target.driver(3).set("b", "another state");
    const proxy = await startProxy(source.port);
    try {
      const job = testJob();
      job.onProgress = ({ object }) => void (object === "db3" && proxy.moveTo(target.port));
      const connection = testConnection("redis", `redis://127.0.0.1:${proxy.port}`, { name: `moving-${proxy.port}` });
      await expect(write(connection, join(dir.path, `mixed ${name}.gz`), job)).rejects.toMatchObject({
        code: "CONFLICT",
        message: expect.stringContaining("restarted during the backup"),
      });
    } finally {
      proxy.end();
    }
  });
});

interface Proxy {
  port: number;
  /** All connections break; the next ones go to the other port. */
  moveTo(port: number): void;
  end(): void;
}

async function startProxy(to: number): Promise<Proxy> {
  let upstreamPort = to;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(upstreamPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined).on("close", () => [client, upstream].forEach((one) => one.destroy()));
    }
    client.pipe(upstream).pipe(client);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const breakAll = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    port: (server.address() as AddressInfo).port,
    moveTo(port) {
      if (port === upstreamPort) return;
      upstreamPort = port;
      breakAll();
    },
    end() {
      server.close();
      breakAll();
    },
  };
}

describe("fields that expire by themselves", () => {
  it("are not restored without it: the keys are named, and nothing is written", async () => {
    await source.driver().hset("sessions", "a", "1");
    await source.driver().set("other", "1");
    const written = await writePortableArtefact(source.connection, join(dir.path, "fields.gz"));
    // As Redis 7.4 would have it, whatever the version of the tests' server.
    const lines = gunzipSync(await readFile(written.path))
      .toString("latin1")
      .trimEnd()
      .split("\n");
    const expiring = lines.map((line) => line.replace('[{"s":"a"},{"s":"1"}]', '[{"s":"a"},{"s":"1"},4102444800123]'));
    const path = await sealLines(expiring, join(dir.path, "expiring.gz"));
    const fieldExpiries = { "0": { count: 1, names: ['"sessions"'] } };
    const artefact = await artefactAt(path, { ...written.manifest, details: { ...written.manifest.details, fieldExpiries } });
    const knows = !(await source
      .driver()
      .call("COMMAND", "INFO", "HPEXPIREAT")
      .then((found) => (found as unknown[])[0] === null));
    const plan = await redisBackup.plan(artefact, target.connection, { name: "1" }, {});
    const check = plan.checks.find(({ title }) => title === "Server has the commands");
    expect(check).toMatchObject(
      knows ? { result: "pass" } : { result: "fail", detail: expect.stringMatching(/1 hashes have fields .*"sessions".*Redis 7\.4/) },
    );
    if (knows) return;
    for (const way of [{ name: "1" }, { name: "0", replace: true }])
      await expect(redisBackup.stage(artefact, target.connection, way, testJob())).rejects.toMatchObject({ code: "UNSUPPORTED" });
    expect((await target.driver().info("keyspace")).trim()).toBe("# Keyspace");
    const part = await redisBackup.plan(artefact, target.connection, { name: "1", objects: ["db0 string"] }, {});
    expect(part.checks.filter(({ result }) => result === "fail")).toEqual([]);
  });
});
