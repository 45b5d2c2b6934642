/** A server that has no memory left, that forgets, or that does not allow everything, while live data is replaced. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Artefact, Swap } from "@/backups/engine";
import { redisBackup } from "./redis.backup";
import { closeAll } from "./redis.client";
import { POINTS } from "./redis.swap-points";
import { testJob, type TestDir } from "./redis.test-artefact";
import { contentsOf } from "./redis.test-seed";
import type { TestRedis } from "./redis.test-server";
import { startServer } from "./redis.test-suite";
import { assertUntouched, backupOf, failsOf, planFor, REPLACE, replaceLive, withServer } from "./redis.test-swap";

let server: TestRedis;
let dir: TestDir;
startServer((started) => ({ server, dir } = started), { flush: true });

describe("memory", () => {
  const big = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`k${index}`, `${index}`.repeat(50_000)]));

  it.each(["noeviction", "allkeys-lru"])("that runs out while staging leaves everything as it was: %s", (policy) =>
    withServer(["--maxmemory", "4mb", "--maxmemory-policy", policy], async (own) => {
      const artefact = await backupOf(big, join(dir.path, "big.jsonl.gz"));
      await own.driver().mset("a", "live", "b", "live");
      const before = await contentsOf(own.driver());
      const plan = await planFor(artefact, own);
      expect(failsOf(plan)).toEqual(["Memory"]);
      if (policy !== "noeviction") expect(plan.checks).toContainEqual(expect.objectContaining({ result: "warn", title: "Undo may be incomplete" }));
      await expect(redisBackup.stage(artefact, own.connection, REPLACE, testJob())).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
      if (policy === "noeviction") await assertUntouched(own, before);
      expect(await own.driver(15).dbsize()).toBe(0);
    }),
  );

  it("that is used up does not stop undo, nor the drop", () =>
    withServer([], async (own) => {
      const artefact = await backupOf({ a: "restored" }, join(dir.path, "full.jsonl.gz"));
      await own.driver().set("a", "live");
      const restore = await replaceLive(own.connection, artefact);
      await own.driver().config("SET", "maxmemory", "1mb");
      await expect(own.driver().set("b", "1")).rejects.toThrow("OOM");
      await restore.exchange();
      expect(await own.driver().get("a")).toBe("live");
      expect(await redisBackup.settle?.(own.connection, restore.swap, testJob())).toBe("before");
      await restore.exchange();
      expect(await own.driver().get("a")).toBe("restored");
      await restore.drop();
      expect(await own.driver(15).dbsize()).toBe(0);
    }));

  it("that is used up: a script that is lost on its way comes to nothing when its time is over", () =>
    withServer([], async (own) => {
      const artefact = await backupOf({ a: "restored" }, join(dir.path, "late.jsonl.gz"));
      await own.driver().set("a", "live");
      const restore = await replaceLive(own.connection, artefact);
      await own.driver().config("SET", "maxmemory", "1mb");
      POINTS.reached = async (name) => {
        if (name !== "script ready") return;
        POINTS.reached = null;
        expect(await redisBackup.settle?.(own.connection, restore.swap, testJob())).toBe("restored");
      };
      await expect(restore.exchange()).rejects.toMatchObject({ code: "TIMEOUT", message: expect.stringContaining("nothing was done") });
      expect(await own.driver().get("a")).toBe("restored");
      await restore.exchange();
      expect(await own.driver().get("a")).toBe("live");
    }));
});

describe("a value that is too long for the server", () => {
  it("is named, and everything stays as it was", () =>
    withServer(["--proto-max-bulk-len", "1mb"], async (own) => {
      // What does not pack: the payload is as long as the value.
      const artefact = await backupOf({ short: "1", long: randomBytes(900_000).toString("base64") }, join(dir.path, "long.jsonl.gz"));
      await own.driver().set("a", "live");
      const before = await contentsOf(own.driver());
      await expect(redisBackup.stage(artefact, own.connection, REPLACE, testJob())).rejects.toMatchObject({
        code: "LIMIT_EXCEEDED",
        message: expect.stringContaining('"long" is longer than'),
      });
      await assertUntouched(own, before);
    }));
});

describe("a server that falls back", () => {
  let artefact: Artefact;
  beforeAll(async () => {
    artefact = await backupOf({ a: "restored" }, join(dir.path, "falls.jsonl.gz"));
  });

  it("to a save from before the swap is believed, and undo does not do the opposite", () =>
    withServer(["--save", "3600 1000000"], async (own) => {
      await own.driver().set("a", "live");
      POINTS.reached = async (name) => void (name === "journaled" && (await own.driver().save()));
      const restore = await replaceLive(own.connection, artefact);
      POINTS.reached = null;
      expect(await own.driver().get("a")).toBe("restored");
      await own.restart();
      closeAll();
      expect(await own.driver().get("a")).toBe("live");
      expect(await redisBackup.settle?.(own.connection, restore.swap, testJob())).toBe("before");
      await expect(restore.exchange()).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("fell back") });
      expect(await own.driver().get("a")).toBe("live");
      await restore.exchange();
      expect(await own.driver().get("a")).toBe("restored");
      await restore.drop();
      expect(await own.driver(15).dbsize()).toBe(0);
    }));

  it("to nothing at all is the state from before, with nothing kept", () =>
    withServer([], async (own) => {
      await own.driver().set("a", "live");
      const restore = await replaceLive(own.connection, artefact);
      await own.restart();
      closeAll();
      expect(await redisBackup.settle?.(own.connection, restore.swap, testJob())).toBe("before");
      await expect(restore.exchange()).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("no longer whole") });
      await restore.drop();
      expect(await own.driver().dbsize()).toBe(0);
    }));

  it("with appendonly keeps the swap and its undo over a restart", () =>
    withServer(["--appendonly", "yes"], async (own) => {
      await own.driver().set("a", "live");
      const restore = await replaceLive(own.connection, artefact);
      await own.restart();
      closeAll();
      expect(await own.driver().get("a")).toBe("restored");
      await restore.exchange();
      await own.restart();
      closeAll();
      expect(await own.driver().get("a")).toBe("live");
    }));

  it("is not overtaken by a transaction that was still on its way", async () => {
    await server.driver().set("a", "live");
    const staged = await redisBackup.stage(artefact, server.connection, REPLACE, testJob("1a7e"));
    const swap: Swap = { jobId: "1a7e", target: "0", record: {} };
    POINTS.reached = async (name) => {
      if (name !== "watched") return;
      POINTS.reached = null;
      expect(await redisBackup.settle?.(server.connection, swap, testJob())).toBe("before");
    };
    const swapping = staged.swap?.(async (record) => void (swap.record = record));
    await expect(swapping).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("changed by somebody else") });
    expect(await redisBackup.settle?.(server.connection, swap, testJob())).toBe("before");
    await redisBackup.dropKept?.(server.connection, swap, testJob());
    await assertUntouched(server, await contentsOf(server.driver()));
    expect(await server.driver().get("a")).toBe("live");
  });
});

describe("where FLUSHDB is forbidden", () => {
  it("what is kept goes in batches, and is never put back half dropped", () =>
    withServer(["--rename-command", "FLUSHDB", ""], async (own) => {
      const artefact = await backupOf({ a: "restored" }, join(dir.path, "batches.jsonl.gz"));
      const pipeline = own.driver().pipeline();
      for (let index = 0; index < 3_000; index++) pipeline.set(`key:${index}`, "live");
      await pipeline.exec();
      expect((await planFor(artefact, own)).checks).toContainEqual(expect.objectContaining({ result: "warn", title: "No FLUSHDB" }));
      const restore = await replaceLive(own.connection, artefact);
      let batches = 0;
      POINTS.reached = async (name) => {
        if (name === "drop batch" && ++batches === 2) throw new Error("the console dies");
      };
      await expect(restore.drop()).rejects.toThrow("dies");
      POINTS.reached = null;
      expect(await own.driver(15).dbsize()).toBeGreaterThan(1);
      expect(await redisBackup.settle?.(own.connection, restore.swap, testJob())).toBe("restored");
      await expect(restore.exchange()).rejects.toMatchObject({ code: "CONFLICT" });
      expect(await own.driver().get("a")).toBe("restored");
      await restore.drop();
      expect(await own.driver(15).dbsize()).toBe(0);
    }));
});
