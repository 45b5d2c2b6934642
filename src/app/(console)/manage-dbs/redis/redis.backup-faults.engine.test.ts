import { existsSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { testConnection } from "@/test/connections";
import { redisBackup } from "./redis.backup";
import { readBackup } from "./redis.backup-read";
import { openJobClient } from "./redis.client";
import { refusesAltered, sealLines } from "./redis.test-altered";
import { artefactAt, testJob, writeArtefact, type TestDir } from "./redis.test-artefact";
import { populate } from "./redis.test-seed";
import { freePort, startRedis, type TestRedis } from "./redis.test-server";
import { startServer } from "./redis.test-suite";

let server: TestRedis;
let dir: TestDir;
startServer((started) => ({ server, dir } = started));

describe("an altered backup", () => {
  const altered = refusesAltered({ suite: () => ({ server, dir }), write: writeArtefact, name: "altered.jsonl.gz" });

  it("is refused when other lines are sealed anew, even with every checksum of the file right", async () => {
    const lines = gunzipSync(altered.bytes).toString().trimEnd().split("\n");
    const seal = async (others: string[], name: string) => artefactAt(await sealLines(others, join(dir.path, name)), altered.artefact.manifest);
    await redisBackup.verify(await seal(lines, "same"), testJob());
    const record = lines[1] ?? "";
    const other = JSON.parse(lines[2] ?? "{}") as { d: string };
    const damagedValue = record.replace(/"d":"...../, (start) => `${start.slice(0, -1)}${start.endsWith("A") ? "B" : "A"}`);
    const cases: Record<string, string[]> = {
      "a line is missing": lines.filter((_, index) => index !== 1),
      "a line comes twice": [...lines.slice(0, 2), record, ...lines.slice(2)],
      "two lines are exchanged": [lines[0] ?? "", lines[2] ?? "", record, ...lines.slice(3)],
      "a value is another's": [lines[0] ?? "", record.replace(/"d":"[^"]*"/, `"d":"${other.d}"`), ...lines.slice(2)],
      "a value is damaged": [lines[0] ?? "", damagedValue, ...lines.slice(2)],
      "an expiry is added": [lines[0] ?? "", record.replace(/"d":("[^"]*")/, '"d":$1,"e":1'), ...lines.slice(2)],
      "the footer is missing": lines.slice(0, -1),
      "the header is missing": lines.slice(1),
      "something follows the footer": [...lines, record],
      "the count is another": [...lines.slice(0, -1), (lines.at(-1) ?? "").replace('"keys":501', '"keys":502')],
      "the header has a field more": [(lines[0] ?? "").replace("{", '{"x":1,'), ...lines.slice(1)],
    };
    for (const [name, others] of Object.entries(cases)) {
      await expect(redisBackup.verify(await seal(others, "case"), testJob()), name).rejects.toMatchObject({ code: "INVALID" });
    }
  });

  it("is told from other files", async () => {
    for (const foreign of [
      Buffer.alloc(0),
      gzipSync("pg_dump: error"),
      gzipSync(""),
      Buffer.from("PGDMP\u0001"),
      Buffer.from("<html>502</html>"),
      gunzipSync(altered.bytes),
      gzipSync(gunzipSync(altered.bytes)),
    ]) {
      await expect(altered.verify(foreign)).rejects.toMatchObject({ code: "INVALID", message: expect.stringContaining("not a Redis backup") });
    }
  });
});

describe("a backup that cannot be finished", () => {
  it("rejects when the server dies, and does not hang", async () => {
    const own = await startRedis();
    try {
      await populate(own.driver(), 20_000, 512);
      const job = testJob();
      job.onProgress = ({ itemsDone }) => void ((itemsDone ?? 0) > 3_000 && own.process.kill("SIGKILL"));
      const path = join(dir.path, "killed.jsonl.gz");
      await expect(writeArtefact(own.connection, path, job)).rejects.toMatchObject({ code: "UNREACHABLE" });
      if (existsSync(path)) await expect(redisBackup.verify(await artefactAt(path, emptyManifest), testJob())).rejects.toMatchObject({ code: "INVALID" });
    } finally {
      await own.stop();
    }
  });

  it("rejects when the server stops answering", async () => {
    const own = await startRedis();
    try {
      await populate(own.driver(), 100, 64);
      using client = openJobClient(own.connection, 0, { silenceMs: 300 });
      await client.send("PING");
      own.process.kill("SIGSTOP");
      await expect(client.run([["PING"]])).rejects.toMatchObject({ code: "TIMEOUT" });
    } finally {
      await own.stop();
    }
  });

  it("ends soon when it is cancelled", async () => {
    const own = await startRedis();
    try {
      await populate(own.driver(), 20_000, 512);
      const job = testJob();
      job.onProgress = ({ itemsDone }) => void ((itemsDone ?? 0) > 3_000 && job.controller.abort());
      await expect(writeArtefact(own.connection, join(dir.path, "cancelled.jsonl.gz"), job)).rejects.toMatchObject({ code: "CANCELLED" });
      await expect(writeArtefact(own.connection, join(dir.path, "cancelled.jsonl.gz"), job)).rejects.toMatchObject({ code: "CANCELLED" });
    } finally {
      await own.stop();
    }
  });

  it("rejects when its disk is full", async () => {
    await populate(server.driver(), 5_000, 512);
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

  it("says what is wrong with the connection", async () => {
    const port = await freePort();
    await expect(writeArtefact(testConnection("redis", `redis://127.0.0.1:${port}`, { name: "away" }), join(dir.path, "x"))).rejects.toMatchObject({
      code: "UNREACHABLE",
    });
    const locked = await startRedis(["--requirepass", "pw", "--user", ..."reader on >pw ~* +@read +info +select +scan +ping -dump".split(" ")]);
    try {
      await locked.driver(0, "pw").set("a", "1");
      await expect(writeArtefact(locked.connection, join(dir.path, "x"))).rejects.toMatchObject({ code: "AUTH_FAILED" });
      await expect(
        writeArtefact(testConnection("redis", `redis://:wrong@127.0.0.1:${locked.port}`, { name: "wrong" }), join(dir.path, "x")),
      ).rejects.toMatchObject({ code: "AUTH_FAILED" });
      const reader = testConnection("redis", `redis://reader:pw@127.0.0.1:${locked.port}`, { name: "reader" });
      await expect(writeArtefact(reader, join(dir.path, "x"))).rejects.toMatchObject({ code: "FORBIDDEN" });
    } finally {
      await locked.stop();
    }
  });
});

describe("a restore that cannot be finished", () => {
  it("removes what it put when it is cancelled, and says what is left when the server dies", async () => {
    await populate(server.driver(), 20_000, 256);
    const artefact = await writeArtefact(server.connection, join(dir.path, "half.jsonl.gz"));
    await server.driver().flushall();
    const target = await startRedis();
    try {
      const cancelled = testJob();
      cancelled.onProgress = ({ itemsDone }) => void ((itemsDone ?? 0) > 2_000 && cancelled.controller.abort());
      await expect(redisBackup.stage(artefact, target.connection, { name: "1" }, cancelled)).rejects.toMatchObject({ code: "CANCELLED" });
      expect(await target.driver(1).dbsize()).toBe(0);
      const killed = testJob();
      killed.onProgress = ({ itemsDone }) => void ((itemsDone ?? 0) > 2_000 && target.process.kill("SIGKILL"));
      await expect(redisBackup.stage(artefact, target.connection, { name: "1" }, killed)).rejects.toMatchObject({
        code: "CONFLICT",
        message: expect.stringContaining("could not be removed"),
      });
    } finally {
      await target.stop();
    }
  });

  it("is undone by a sweep when the console crashed in the middle", async () => {
    await populate(server.driver(), 10_000, 256);
    const artefact = await writeArtefact(server.connection, join(dir.path, "crashed.jsonl.gz"));
    await server.driver().flushall();
    const target = await startRedis(["--save", "", "--appendonly", "no"]);
    try {
      // As a crash leaves it: the claim and a part of the keys, here up to the second group.
      const { claimCommand, claimDatabase } = await import("./redis.backup-marker");
      using client = openJobClient(target.connection, 4);
      const claim = { jobId: "c0ffee", artefact: artefact.path, from: 0, types: null, live: null, nowMs: `${Date.now()}`, reached: 0, isWhole: false };
      await claimDatabase(client, { claim, db: 4 });
      await client.run([claimCommand({ ...claim, reached: 1_000 })]);
      let sent = 0;
      let notSent: Buffer | null = null;
      for await (const records of readBackup(artefact)) {
        for (const { key, dump } of records) {
          if (sent < 700) await client.send("RESTORE", key, 0, dump);
          else if (sent === 1_000) notSent = key;
          sent += 1;
        }
      }
      if (notSent === null) throw new Error("too few keys");
      await client.send("SET", notSent, "of somebody else");
      expect(Number(await target.driver(4).dbsize())).toBe(702);
      await redisBackup.sweep(target.connection, { jobId: "c0ffee", target: "4" });
      expect(await target.driver(4).dbsize()).toBe(1);
      expect(await target.driver(4).get(notSent)).toBe("of somebody else");
    } finally {
      await target.stop();
    }
  });
});

describe("keys that move while they are read", () => {
  it("come once, and vanished ones are counted", async () => {
    const driver = server.driver();
    await populate(driver, 30_000, 64);
    const job = testJob();
    let isShrunk = false;
    // Two thirds vanish in the middle: the server shrinks its table, and SCAN then repeats keys.
    job.onProgress = ({ itemsDone }) => {
      if (isShrunk || (itemsDone ?? 0) < 4_000) return;
      isShrunk = true;
      const pipeline = driver.pipeline();
      for (let index = 0; index < 30_000; index++) if (index % 15 !== 0) pipeline.unlink(`key:${index}`);
      void pipeline.exec();
    };
    const artefact = await writeArtefact(server.connection, join(dir.path, "moving.jsonl.gz"), job);
    await redisBackup.verify(artefact, testJob());
    const names = new Set<string>();
    let records = 0;
    for await (const batch of readBackup(artefact)) {
      for (const { key } of batch) names.add(key.toString("latin1"));
      records += batch.length;
    }
    expect(names.size).toBe(records);
    for (let index = 0; index < 30_000; index += 15) expect(names.has(`key:${index}`)).toBe(true);
    await driver.flushall();
  });

  it("sends no KEYS, MONITOR or blocking command", async () => {
    const stats = await server.driver().info("commandstats");
    for (const command of ["keys", "monitor", "blpop", "flushdb"]) expect(stats).not.toContain(`cmdstat_${command}:`);
  });
});

const emptyManifest = {
  format: "redis-scan",
  server: { product: "Redis", version: "7" },
  source: "",
  tool: "",
  consistency: "fuzzy" as const,
  objects: [],
  skipped: [],
  details: {},
};
