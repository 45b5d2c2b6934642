import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { Writable } from "node:stream";
import { beforeEach, describe, expect, it } from "vitest";
import { testConnection } from "@/test/connections";
import { redisBackup } from "./redis.backup";
import { withSnapshot } from "./redis.sync-client";
import { refusesAltered } from "./redis.test-altered";
import { testJob, writeSnapshotArtefact, type TestDir, type TestJob } from "./redis.test-artefact";
import { populate } from "./redis.test-seed";
import { childrenOf, startRedis, type TestRedis } from "./redis.test-server";
import { startServer } from "./redis.test-suite";

let server: TestRedis;
let dir: TestDir;
startServer((started) => ({ server, dir } = started));

describe("an altered RDB", () => {
  refusesAltered({ suite: () => ({ server, dir }), write: writeSnapshotArtefact, name: "altered.rdb" });
});

describe("a snapshot that cannot be finished", () => {
  /** Slow enough to be met half way. */
  async function slowServer(args: string[] = []): Promise<TestRedis> {
    const slow = await startRedis(args);
    await populate(slow.driver(), 20_000);
    await slow.driver().config("SET", "rdb-key-save-delay", "200");
    return slow;
  }
  const onceKeysCome = (run: () => void): TestJob => {
    const job = testJob();
    let isDone = false;
    job.onProgress = ({ itemsDone }) => {
      if (isDone || (itemsDone ?? 0) < 500) return;
      isDone = true;
      run();
    };
    return job;
  };
  let opened = 0;
  beforeEach(() => void (opened = 0));
  const write = (from: TestRedis, job: TestJob, connection = from.connection) => {
    const path = join(dir.path, `half-${from.port}.rdb`);
    const stream = () => {
      opened += 1;
      return createWriteStream(path);
    };
    return redisBackup.write(connection, { path, stream }, job);
  };

  it("rejects when the server dies, whole or only its child", async () => {
    const slow = await slowServer();
    try {
      const endChild = onceKeysCome(() => void signalChildOf(slow, "SIGKILL"));
      await expect(write(slow, endChild)).rejects.toMatchObject({ code: "UNREACHABLE" });
      const endServer = onceKeysCome(() => void slow.process.kill("SIGKILL"));
      await expect(write(slow, endServer)).rejects.toMatchObject({ code: "UNREACHABLE" });
      expect(opened).toBe(2);
    } finally {
      await slow.stop();
    }
  });

  it("rejects when the server falls silent", async () => {
    const slow = await slowServer();
    try {
      const options = { signal: new AbortController().signal, valkeyVersion: null, silenceMs: 300 };
      const receiving = withSnapshot(slow.connection, options, async ({ chunks }) => {
        let bytes = 0;
        for await (const chunk of chunks) {
          if (bytes === 0) {
            slow.process.kill("SIGSTOP");
            await signalChildOf(slow, "SIGSTOP");
          }
          bytes += chunk.length;
        }
        return bytes;
      });
      await expect(receiving).rejects.toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("nothing for 0.3 seconds") });
    } finally {
      const children = await childrenOf(slow.process);
      await slow.stop();
      // A stopped child that is left behind would stand for ever.
      for (const pid of children) await expect.poll(() => stateOf(pid), { timeout: 20_000 }).toBe("ended");
    }
  });

  it("ends at once when it is cancelled, and lets the server go", async () => {
    const slow = await slowServer();
    try {
      let cancelledAt = 0;
      const job = onceKeysCome(() => {
        cancelledAt = Date.now();
        job.controller.abort();
      });
      await expect(write(slow, job)).rejects.toMatchObject({ code: "CANCELLED" });
      expect(Date.now() - cancelledAt).toBeLessThan(1_500);
      await expect.poll(() => slow.driver().info("replication")).toContain("connected_slaves:0");
    } finally {
      await slow.stop();
    }
  });

  it("rejects when the console's disk is full", async () => {
    await populate(server.driver(), 5_000);
    let written = 0;
    const stream = () =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          written += chunk.length;
          done(written > 20_000 ? Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" }) : null);
        },
      });
    await expect(redisBackup.write(server.connection, { path: "/nowhere", stream }, testJob())).rejects.toThrow("ENOSPC");
    await server.driver().flushall();
  });

  it("asks the server for no more than the disk takes", async () => {
    await server.driver().set("big", Buffer.alloc(16 << 20, "0123456789abcdefghijklmnopqrstuvwxyz-"));
    await server.driver().config("SET", "rdbcompression", "no");
    let goOn: () => void = () => undefined;
    const stream = () =>
      new Writable({
        highWaterMark: 1 << 20,
        write(_chunk: Buffer, _encoding, done) {
          goOn = done;
        },
      });
    const job = testJob();
    const writing = redisBackup.write(server.connection, { path: "/nowhere", stream }, job);
    await expect.poll(() => job.last.bytesDone ?? 0).toBeGreaterThan(1 << 20);
    // The disk stands still: so does the reading.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(job.last.bytesDone).toBeLessThan(2 << 20);
    const timer = setInterval(() => goOn(), 0);
    await expect.poll(() => job.last.bytesDone ?? 0).toBeGreaterThan(3 << 20);
    clearInterval(timer);
    job.controller.abort();
    await expect(writing).rejects.toMatchObject({ code: "CANCELLED" });
    await server.driver().config("SET", "rdbcompression", "yes");
    await server.driver().flushall();
  });
});

describe("where a snapshot is not to be had", () => {
  /** @returns the lines of the log, when what was written is a whole backup key by key */
  async function scanned(connection: TestRedis["connection"]): Promise<string[]> {
    const job = testJob();
    const artefact = await writeSnapshotArtefact(connection, join(dir.path, "scan.jsonl.gz"), job);
    expect(artefact.manifest).toMatchObject({ format: "redis-scan", consistency: "fuzzy" });
    expect((await redisBackup.verify(artefact, testJob())).objects).toEqual([{ name: "db0 string", count: 1 }]);
    return job.lines;
  }

  it("for want of rights it is read key by key, and the log says why", async () => {
    const locked = await startRedis([
      "--requirepass",
      "pw",
      "--user",
      ..."reader on >pw ~* +@all -sync -psync".split(" "),
      "--user",
      ..."less on >pw ~* +@all -replconf".split(" "),
    ]);
    try {
      await locked.driver(0, "pw").set("a", "1");
      for (const user of ["reader", "less"]) {
        const connection = testConnection("redis", `redis://${user}:pw@127.0.0.1:${locked.port}`, { name: user });
        expect(await scanned(connection)).toEqual([expect.stringMatching(/no snapshot here \(NOPERM .*(sync|replconf).*fuzzy/i)]);
      }
      const wrong = testConnection("redis", `redis://reader:no@127.0.0.1:${locked.port}`, { name: "wrong" });
      await expect(writeSnapshotArtefact(wrong, join(dir.path, "x"))).rejects.toMatchObject({ code: "AUTH_FAILED" });
    } finally {
      await locked.stop();
    }
  });

  it("because the command is switched off it is read key by key", async () => {
    const renamed = await startRedis(["--rename-command", "SYNC", ""]);
    try {
      await renamed.driver().set("a", "1");
      expect(await scanned(renamed.connection)).toEqual([expect.stringMatching(/unknown command/)]);
    } finally {
      await renamed.stop();
    }
  });

  it("because a proxy hangs up it is read key by key", async () => {
    await server.driver().set("a", "1");
    const proxy = createServer((client) => hangUpOnSync(client, server.port)).listen(0, "127.0.0.1");
    try {
      const { port } = await new Promise<AddressInfo>((resolve) => proxy.once("listening", () => resolve(proxy.address() as AddressInfo)));
      expect(await scanned(testConnection("redis", `redis://127.0.0.1:${port}`, { name: "proxied" }))).toEqual([
        expect.stringMatching(/closed the connection when asked/),
      ]);
    } finally {
      proxy.close();
      await server.driver().flushall();
    }
  });

  it("because a replica has lost its master it is read key by key", async () => {
    const replica = await startRedis();
    try {
      await replica.driver().set("a", "1");
      await replica.driver().call("REPLICAOF", "127.0.0.1", "1");
      expect(await scanned(replica.connection)).toEqual([expect.stringMatching(/NOMASTERLINK/)]);
    } finally {
      await replica.stop();
    }
  });
});

describe("under write load", () => {
  it("a snapshot is of one moment: what moves between keys is neither lost nor doubled", async () => {
    const accounts = 200;
    const driver = server.driver();
    await driver.mset(Object.fromEntries(Array.from({ length: accounts }, (_, index) => [`account:${index}`, "100"])));
    await populate(driver, 3_000);
    await driver.config("SET", "rdb-key-save-delay", "100");
    let isOver = false;
    let transfers = 0;
    const writers = Array.from({ length: 4 }, async () => {
      const writer = server.driver();
      while (!isOver) {
        const [from, to] = [Math.floor(Math.random() * accounts), Math.floor(Math.random() * accounts)];
        await writer
          .multi()
          .decrby(`account:${from}`, 7)
          .incrby(`account:${to}`, 7)
          .rename(`key:${from}`, `moved:${from}`)
          .rename(`moved:${from}`, `key:${from}`)
          .exec();
        transfers += 1;
      }
    });
    const target = await startRedis();
    try {
      const job = testJob();
      // Those that were made while keys came in: before and after them there is nothing to show.
      let [first, last] = [Number.POSITIVE_INFINITY, 0];
      job.onProgress = ({ itemsDone }) => {
        if ((itemsDone ?? 0) === 0) return;
        first = Math.min(first, transfers);
        last = transfers;
      };
      const artefact = await writeSnapshotArtefact(server.connection, join(dir.path, "load.rdb"), job);
      expect(last - first).toBeGreaterThan(100);
      isOver = true;
      await Promise.all(writers);
      await (await redisBackup.stage(artefact, target.connection, { name: "1" }, testJob())).keep();
      const restored = target.driver(1);
      const balances = await restored.mget(Array.from({ length: accounts }, (_, index) => `account:${index}`));
      expect(balances.reduce((sum, balance) => sum + Number(balance), 0)).toBe(accounts * 100);
      expect(await restored.dbsize()).toBe(accounts + 3_000);
    } finally {
      isOver = true;
      await driver.config("SET", "rdb-key-save-delay", "0");
      await target.stop();
    }
  });
});

/** Where nobody asks for the end of an orphan it stays as a zombie (Z), which is an end too. */
async function stateOf(pid: number): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State:\tZ");
  const state = /^State:\t(\w)/m.exec(status)?.[1] ?? "unknown";
  return state === "Z" ? "ended" : state;
}

async function signalChildOf(server: TestRedis, name: NodeJS.Signals): Promise<void> {
  for (const child of await childrenOf(server.process)) process.kill(child, name);
}

function hangUpOnSync(client: Socket, port: number): void {
  const upstream = connect(port, "127.0.0.1");
  client.on("error", () => upstream.destroy()).on("close", () => upstream.destroy());
  upstream.on("error", () => client.destroy()).on("close", () => client.destroy());
  client.on("data", (bytes) => (bytes.includes("SYNC\r\n") ? client.destroy() : upstream.write(bytes)));
  upstream.pipe(client);
}
