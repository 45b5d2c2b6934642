/** What a server does in the middle of a restore key by key, and what it does to the safety copy. */
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { Artefact, Swap } from "@/backups/engine";
import type { Connection } from "@/server/connection";
import { testConnection } from "@/test/connections";
import { temporaryControlPlane } from "@/test/control-plane";
import { redisBackup } from "./redis.backup";
import { MARKERS } from "./redis.backup-marker";
import { POINTS } from "./redis.swap-points";
import { testJob, writeArtefact, writePortableArtefact, type TestDir } from "./redis.test-artefact";
import { execProxy } from "./redis.test-proxy";
import { contentsOf } from "./redis.test-seed";
import type { TestRedis } from "./redis.test-server";
import { startServer } from "./redis.test-suite";
import { failsOf, planFor, REPLACE, replaceInPlace, withServer } from "./redis.test-swap";

const plane = await temporaryControlPlane();
const kept = () => (existsSync(join(plane.directory, "kept")) ? readdirSync(join(plane.directory, "kept")).toSorted() : []);
afterAll(() => plane.remove());
afterEach(() => void (POINTS.reached = null));

let source: TestRedis;
let dir: TestDir;
startServer((started) => ({ server: source, dir } = started), { flush: true });

const ONE = ["--databases", "1"];

async function smallBackup(): Promise<Artefact> {
  await source.driver().flushall();
  await source.driver().mset("a", "restored", "b", "restored");
  return writeArtefact(source.connection, join(dir.path, `small ${randomUUID()}`));
}

/** A restore with the console's journal, as far as it comes. */
async function begin(connection: Connection, artefact: Artefact) {
  const job = testJob();
  const swap: Swap = { jobId: job.jobId, target: "0", record: {} };
  const staged = await redisBackup.stage(artefact, connection, REPLACE, job);
  const run = async () => staged.swap?.(async (record) => void (swap.record = JSON.parse(JSON.stringify(record)) as Swap["record"]));
  return { swap, run };
}

describe("a restore key by key", () => {
  it("whose transaction is refused when all of it was queued has failed, and is put back", () =>
    withServer(ONE, async (own) => {
      await source.driver().mset("a", "restored", "b", "restored");
      const artefact = await writePortableArtefact(source.connection, join(dir.path, "portable"));
      await own.driver().mset("a", "live", "b", "live");
      const before = await contentsOf(own.driver());
      let isSent = false;
      POINTS.reached = async (name) => void (isSent ||= name === "others removed");
      const needReplicas = (count: number) => own.driver().config("SET", "min-replicas-to-write", count);
      const proxy = await execProxy(own.port, async () => {
        if (isSent) await needReplicas(1);
      });
      const { swap, run } = await begin(testConnection("redis", `redis://127.0.0.1:${proxy.port}`, { name: "proxied" }), artefact);
      await expect(run()).rejects.toMatchObject({ code: "READ_ONLY", message: expect.stringContaining("too few replicas") });
      POINTS.reached = null;
      await needReplicas(0);
      expect(await redisBackup.settle({ ...own.connection, address: `127.0.0.1:${proxy.port}` }, swap, testJob())).toBe("before");
      expect(await contentsOf(own.driver())).toEqual(before);
      await proxy.stop();
      await redisBackup.dropKept(own.connection, swap, testJob());
      expect(kept()).toEqual([]);
    }));

  it("is put back once, also where the server removes keys all the time", () =>
    withServer(ONE, async (own) => {
      const live = own.driver();
      for (let index = 0; index < 2_000; index++) await live.set(`live:${index}`, randomBytes(1_000));
      const { swap, run } = await begin(own.connection, await smallBackup());
      POINTS.reached = async (name) => {
        if (name !== "keys replaced") return;
        POINTS.reached = null;
        const used = Number(/used_memory:(\d+)/.exec(await live.info("memory"))?.[1]);
        await live.config("SET", "maxmemory-policy", "allkeys-random", "maxmemory", String(used + 1_500_000));
        throw new Error("broken");
      };
      await expect(run()).rejects.toThrow("broken");
      const job = testJob();
      expect(await redisBackup.settle(own.connection, swap, job)).toBe("before");
      expect(job.lines.join("\n")).toMatch(/removed \d+ keys to make room/);
      expect(kept()).toEqual([`${swap.jobId}.before.redis.put-back`]);
      expect(await live.exists("a")).toBe(0);
      await redisBackup.dropKept(own.connection, swap, testJob());
    }));

  it("is put back once, also when what comes after the keys fails", () =>
    withServer(ONE, async (own) => {
      await own.driver().set("live", "1");
      const { swap, run } = await begin(own.connection, await smallBackup());
      POINTS.reached = async (name) => {
        if (name === "counted") throw new Error("broken");
      };
      await expect(run()).rejects.toThrow("broken");
      for (let time = 0; time < 2; time++) {
        await expect(redisBackup.settle(own.connection, swap, testJob())).rejects.toThrow("broken");
        expect(await own.driver().dbsize()).toBe(1 + time);
        await own.driver().set("since", "1");
      }
      POINTS.reached = null;
      expect(await redisBackup.settle(own.connection, swap, testJob())).toBe("before");
      expect(await own.driver().mget("live", "since", "a")).toEqual(["1", "1", null]);
      await redisBackup.dropKept(own.connection, swap, testJob());
      expect(kept()).toEqual([]);
    }));
});

it("function libraries that were loaded while keys were replaced stay, also after undo", () =>
  withServer(ONE, async (own) => {
    const code = (name: string) => `#!lua name=${name}\nredis.register_function("${name}", function() return 1 end)`;
    const load = (server: TestRedis, name: string) => server.driver().call("FUNCTION", "LOAD", "REPLACE", code(name));
    const loaded = async () =>
      JSON.stringify(await own.driver().call("FUNCTION", "LIST"))
        .match(/(?<="library_name",")\w+/g)
        ?.toSorted();
    await load(source, "shop");
    const artefact = await smallBackup();
    await source.driver().call("FUNCTION", "FLUSH");
    await own.driver().set("live", "1");
    await load(own, "old");
    POINTS.reached = async (name) => void (name === "keys replaced" && (await load(own, "meanwhile")));
    const restore = await replaceInPlace(own.connection, artefact);
    POINTS.reached = null;
    expect(await loaded()).toEqual(["meanwhile", "old", "shop"]);
    await restore.exchange();
    expect(await loaded()).toEqual(["meanwhile", "old"]);
    await restore.drop();
  }));

describe("the live state is not touched when its safety copy", () => {
  const nothingDone = async (own: TestRedis, before: Map<string, string>) => {
    expect(await contentsOf(own.driver())).toEqual(before);
    expect(kept()).toEqual([]);
  };

  it("holds a key that is longer than the server takes", () =>
    withServer(ONE, async (own) => {
      await own.driver().config("SET", "proto-max-bulk-len", String(1024 * 1024));
      for (let part = 0; part < 4; part++) await own.driver().rpush("long", randomBytes(400_000));
      const before = await contentsOf(own.driver());
      const artefact = await smallBackup();
      await expect(redisBackup.stage(artefact, own.connection, REPLACE, testJob())).rejects.toMatchObject({
        code: "LIMIT_EXCEEDED",
        message: expect.stringContaining(`The key "long" is longer`),
      });
      await nothingDone(own, before);
    }));

  it("lacks a database that has a key of a marker's name, whatever it holds and whenever it came", () =>
    withServer(ONE, async (own) => {
      await own.driver().set("live", "1");
      const artefact = await smallBackup();
      const job = testJob();
      // After the first look, before the copy is made.
      job.log = () => void (stray ??= own.driver().rpush(MARKERS.before, "anything"));
      let stray: Promise<unknown> | undefined;
      const refused = { code: "CONFLICT", message: expect.stringContaining("or a key of that name") };
      await expect(redisBackup.stage(artefact, own.connection, REPLACE, job)).rejects.toMatchObject(refused);
      await stray;
      const before = await contentsOf(own.driver());
      expect(failsOf(await planFor(artefact, own))).toEqual(["Earlier restores"]);
      await expect(redisBackup.stage(artefact, own.connection, REPLACE, testJob())).rejects.toMatchObject(refused);
      await nothingDone(own, before);
    }));
});

describe("a server that saves now and then has on its disk", () => {
  const SAVING = [...ONE, "--save", "3600 1000000"];
  const crash = async (own: TestRedis) => {
    own.process.kill("SIGKILL");
    if (own.process.exitCode === null && own.process.signalCode === null) await once(own.process, "exit");
    await own.restart();
  };

  it("what was put back, before the copy goes", () =>
    withServer(SAVING, async (own) => {
      await own.driver().set("live", "1");
      const before = await contentsOf(own.driver());
      const { swap, run } = await begin(own.connection, await smallBackup());
      POINTS.reached = async (name) => {
        if (name !== "keys replaced") return;
        await expect.poll(() => own.driver().info("persistence")).toContain("rdb_bgsave_in_progress:0");
        await own.driver().save();
        throw new Error("broken");
      };
      await expect(run()).rejects.toThrow("broken");
      POINTS.reached = null;
      expect(await redisBackup.settle(own.connection, swap, testJob())).toBe("before");
      expect(kept()).toEqual([`${swap.jobId}.before.redis.put-back`]);
      await crash(own);
      expect(await contentsOf(own.driver())).toEqual(before);
      await redisBackup.dropKept(own.connection, swap, testJob());
    }));

  it("what was restored and what was undone, before that is done", () =>
    withServer(SAVING, async (own) => {
      await own.driver().set("live", "1");
      const before = await contentsOf(own.driver());
      const restore = await replaceInPlace(own.connection, await smallBackup());
      await crash(own);
      expect(await own.driver().mget("live", "a")).toEqual([null, "restored"]);
      await restore.exchange();
      expect(kept()).toEqual([`${restore.swap.jobId}.restored.redis`]);
      await crash(own);
      expect(await contentsOf(own.driver())).toEqual(before);
      await restore.drop();
    }));

  it("perhaps not, where it cannot be made to save: that is said, and the copy stays", () =>
    withServer([...SAVING, "--rename-command", "BGSAVE", ""], async (own) => {
      await own.driver().set("live", "1");
      const job = testJob();
      const restore = await replaceInPlace(own.connection, await smallBackup(), { job });
      expect(job.lines.join("\n")).toContain("cannot be made to save (ERR unknown command");
      await restore.exchange();
      const { jobId } = restore.swap;
      expect(kept()).toEqual([`${jobId}.before.redis`, `${jobId}.restored.redis`]);
      expect(await redisBackup.settle(own.connection, restore.swap, testJob())).toBe("before");
      expect(kept()).toEqual([`${jobId}.before.redis`, `${jobId}.restored.redis`]);
      await restore.exchange();
      expect(await own.driver().mget("live", "a")).toEqual([null, "restored"]);
      await restore.drop();
      expect(kept()).toEqual([]);
    }));
});
