/** Restores that replace live data key by key, where databases cannot be exchanged: round trips, undo, redo, drop, and the plan. */
import { once } from "node:events";
import { existsSync, readdirSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RestorePlan, type Artefact, type Swap } from "@/backups/engine";
import { testConnection } from "@/test/connections";
import { temporaryControlPlane } from "@/test/control-plane";
import { redisBackup } from "./redis.backup";
import { MARKERS, type Claim } from "./redis.backup-marker";
import { POINTS } from "./redis.swap-points";
import { testJob, writeArtefact, writePortableArtefact, writeSnapshotArtefact, type TestDir } from "./redis.test-artefact";
import { awkwardKeys, contentsOf, populate, valuesOf } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";
import { slowProxy } from "./redis.test-proxy";
import { startServer } from "./redis.test-suite";
import { assertUntouched, backupOf, failsOf, planFor, REPLACE, replaceInPlace, withServer } from "./redis.test-swap";

const plane = await temporaryControlPlane();
const kept = () => (existsSync(join(plane.directory, "kept")) ? readdirSync(join(plane.directory, "kept")).toSorted() : []);
afterAll(() => plane.remove());

let source: TestRedis;
let dir: TestDir;
startServer((started) => ({ server: source, dir } = started), { flush: true });

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis(["--databases", "1"]);
});
beforeEach(() => server.driver().flushall());
afterAll(() => server.stop());

const CLAIM: Claim = { jobId: "", artefact: "", from: 0, types: null, live: null, nowMs: "0", reached: 0, isWhole: true };
const formats = { "key by key": writeArtefact, "a snapshot": writeSnapshotArtefact, portable: writePortableArtefact };

describe.each(Object.entries(formats))("a restore in place of a backup, %s,", (name, write) => {
  it("is undone, done again and dropped, every key equal", async () => {
    const live = server.driver();
    await awkwardKeys(live);
    // More than a portable backup writes, or a restore sends, in one part.
    for (const type of ["rpush", "sadd"] as const) await live[type](`big ${type}`, ...Array.from({ length: 60_000 }, (_, index) => `element ${index}`));
    await live.pexpireat("big sadd", 4_102_444_800_000);
    const artefact = await write(server.connection, join(dir.path, `awkward ${name}`));
    const [backedUp, values] = [await contentsOf(live), await valuesOf(live)];
    await live.del("list", "", "soon");
    await live.set("counter", "changed");
    await live.rpush("soon", "now a list");
    await live.set("only live", "1", "PXAT", 4_102_444_800_999);
    await populate(live, 3_000);
    const before = await contentsOf(live);

    const plan = RestorePlan.parse(await planFor(artefact, server));
    expect(failsOf(plan)).toEqual([]);
    expect(plan.way).toBe(`in place, key by key, because 127.0.0.1:${server.port} has one logical database`);

    const restore = await replaceInPlace(server.connection, artefact);
    expect(await valuesOf(live)).toEqual(values);
    // What a portable backup brings back may be laid out otherwise.
    if (name !== "portable") expect(await contentsOf(live)).toEqual(backedUp);
    expect(kept()).toEqual([`${restore.swap.jobId}.before.redis`]);
    expect(restore.swapped).toEqual({
      place: `db0 of 127.0.0.1:${server.port}`,
      keptBytes: statSync(join(plane.directory, "kept", `${restore.swap.jobId}.before.redis`)).size,
    });
    expect(await redisBackup.settle(server.connection, restore.swap, testJob())).toBe("restored");

    await live.set("written after the restore", "1");
    const afterwards = await contentsOf(live);
    await restore.exchange();
    expect(await contentsOf(live)).toEqual(before);
    expect(kept()).toEqual([`${restore.swap.jobId}.restored.redis`]);
    expect(await redisBackup.settle(server.connection, restore.swap, testJob())).toBe("before");

    await restore.exchange();
    expect(await contentsOf(live)).toEqual(afterwards);
    await restore.drop();
    expect(kept()).toEqual([]);
    await restore.drop();
    expect(await contentsOf(live)).toEqual(afterwards);
    await expect(restore.exchange()).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("is gone") });
    expect(await redisBackup.settle(server.connection, restore.swap, testJob())).toBe("restored");
  });
});

describe("what is put back", () => {
  let artefact: Artefact;
  beforeAll(async () => {
    artefact = await backupOf(Object.fromEntries(Array.from({ length: 700 }, (_, index) => [`key:${index}`, "restored"])), join(dir.path, "many.jsonl.gz"));
  });

  it("is all of it, also where the server came back with nothing or with something older", () =>
    withServer(["--databases", "1"], async (own) => {
      for (const [point, isSaved] of [
        ["journaled", false],
        ["keys replaced", false],
        ["keys replaced", true],
        ["others removed", true],
      ] as const) {
        await own.driver().flushall();
        await populate(own.driver(), 40);
        await own.driver().set("live", "1", "PXAT", 4_102_444_800_999);
        const before = await contentsOf(own.driver());
        const swap: Swap = { jobId: testJob().jobId, target: "0", record: {} };
        const staged = await redisBackup.stage(artefact, own.connection, REPLACE, testJob(swap.jobId));
        POINTS.reached = async (name) => {
          if (name !== point) return;
          // The writer of the snapshot may not have ended yet. What is in the file then is half of both.
          if (isSaved) await expect.poll(() => own.driver().info("persistence")).toContain("rdb_bgsave_in_progress:0");
          if (isSaved) await own.driver().save();
          own.process.kill("SIGKILL");
          if (own.process.exitCode === null && own.process.signalCode === null) await once(own.process, "exit");
        };
        await expect(staged.swap?.(async (record) => void (swap.record = record))).rejects.toMatchObject({ code: "UNREACHABLE" });
        POINTS.reached = null;
        await own.restart();
        expect(await contentsOf(own.driver()), point).not.toEqual(before);
        expect(await redisBackup.settle(own.connection, swap, testJob())).toBe("before");
        expect(await contentsOf(own.driver()), point).toEqual(before);
        await redisBackup.dropKept(own.connection, swap, testJob());
        await rm(join(own.dir, "dump.rdb"), { force: true });
        expect(kept()).toEqual([]);
      }
    }));

  it("stays, when something that was on its way arrives late", async () => {
    await server.driver().set("key:1", "live");
    const before = await contentsOf(server.driver());
    const proxy = await slowProxy(server.port);
    const connection = testConnection("redis", `redis://127.0.0.1:${proxy.port}`, { name: "slow" });
    const swap: Swap = { jobId: testJob().jobId, target: "0", record: {} };
    const staged = await redisBackup.stage(artefact, connection, REPLACE, testJob(swap.jobId));
    POINTS.reached = async (name) => {
      if (name === "keys replaced") proxy.hold();
    };
    await expect(staged.swap?.(async (record) => void (swap.record = record))).rejects.toMatchObject({ code: "UNREACHABLE" });
    POINTS.reached = null;
    expect(await redisBackup.settle(connection, swap, testJob())).toBe("before");
    expect(await contentsOf(server.driver())).toEqual(before);
    expect(await proxy.release()).toBeGreaterThan(0);
    expect(await contentsOf(server.driver())).toEqual(before);
    await redisBackup.dropKept(connection, swap, testJob());
    await proxy.stop();
  });

  it("is never put into another server than it came from", async () => {
    await server.driver().set("key:1", "live");
    const restore = await replaceInPlace(server.connection, artefact);
    const elsewhere = { ...source.connection, id: server.connection.id };
    for (const attempt of [
      () => redisBackup.settle(elsewhere, restore.swap, testJob()),
      () => redisBackup.exchange(elsewhere, restore.swap, { journal: async () => undefined, context: testJob() }),
    ])
      await expect(attempt()).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("The connection opens") });
    await restore.drop();
  });
});

describe("a plan says that keys are replaced one by one", () => {
  let artefact: Artefact;
  beforeAll(async () => {
    artefact = await backupOf({ a: "1" }, join(dir.path, "plans.jsonl.gz"));
  });
  const swapless = (user: string) => ["--user", ...`default on nopass ~* &* +@all ${user}`.split(" ")];
  const because = async (own: TestRedis) => {
    const plan = await planFor(artefact, own);
    expect(failsOf(plan)).toEqual([]);
    const warning = plan.checks.find(({ title }) => title === "Not in one step");
    expect(warning).toMatchObject({
      result: "warn",
      detail: expect.stringMatching(
        /half old and half new\. What they write to a key before it is replaced is lost.* stays if the restore succeeds\. If it fails.* is lost/,
      ),
    });
    expect(plan.checks.find(({ title }) => title === "Room for the safety copy")).toMatchObject({ result: "pass" });
    expect(plan.undo).toMatchObject({ how: expect.stringContaining("put back key by key"), bytes: expect.any(Number) });
    return plan.way;
  };

  it.each([
    ["a server with one logical database", ["--databases", "1"], "has one logical database"],
    ["a user who may not exchange databases", swapless("-swapdb"), "may not run SWAPDB"],
    ["a user who may not move a key", swapless("-move"), "may not run MOVE"],
    ["a server that has no SWAPDB", ["--rename-command", "SWAPDB", ""], "has no command SWAPDB"],
  ])("for %s, and it is done, undone and dropped", (_, args, reason) =>
    withServer(args, async (own) => {
      await own.driver().mset("a", "live", "b", "live");
      const before = await contentsOf(own.driver());
      expect(await because(own)).toContain(reason);
      const restore = await replaceInPlace(own.connection, artefact);
      expect(await own.driver().mget("a", "b")).toEqual(["1", null]);
      await restore.exchange();
      await restore.drop();
      await assertUntouched(own, before);
      expect(kept()).toEqual([]);
    }),
  );

  it("for a server without enough spare databases, also where CONFIG is forbidden; only those of the backup are replaced", async () => {
    for (const db of [0, 3, 15]) await source.driver(db).set("a", `of ${db}`);
    const several = await writeArtefact(source.connection, join(dir.path, "several.jsonl.gz"));
    await withServer(["--databases", "17", "--rename-command", "CONFIG", ""], async (own) => {
      for (let db = 0; db < 17; db++) if (db !== 3 && db !== 9) await own.driver(db).set("x", "live");
      const plan = await planFor(several, own);
      expect(failsOf(plan)).toEqual([]);
      expect(plan).toMatchObject({ target: "db0, db3, db15", way: expect.stringMatching(/3 empty .* has 1 of its 17$/), replaces: { items: 2 } });
      const restore = await replaceInPlace(own.connection, several);
      const filled = async () => Promise.all([0, 3, 15, 16].map(async (db) => (await own.driver(db).keys("*")).join()));
      expect(await filled()).toEqual(["a", "a", "a", "x"]);
      await restore.exchange();
      expect(await filled()).toEqual(["x", "", "x", "x"]);
      await restore.exchange();
      expect(await filled()).toEqual(["a", "a", "a", "x"]);
      // What stands aside for another restore is nobody's to replace.
      await own.driver(15).set(MARKERS.before, JSON.stringify({ ...CLAIM, jobId: "another" }));
      expect(failsOf(await planFor(several, own))).toEqual(["Earlier restores"]);
      await expect(redisBackup.stage(several, own.connection, REPLACE, testJob())).rejects.toMatchObject({
        code: "CONFLICT",
        fix: expect.stringContaining("drop"),
      });
      await own.driver(15).del(MARKERS.before);
      await own.driver(16).del("x");
      await own.driver(14).del("x");
      expect((await planFor(several, own)).way).toBe("swap: SWAPDB");
      await restore.drop();
    });
  });

  it("but refuses a user who may not touch any key, a database that is not there, and a replica", async () => {
    await withServer(["--user", ..."default on nopass ~app:* &* +@all".split(" ")], async (own) => {
      const plan = await planFor(artefact, own);
      expect(failsOf(plan)).toEqual(["RESTORE, UNLINK, DUMP not allowed"]);
      await expect(redisBackup.stage(artefact, own.connection, REPLACE, testJob())).rejects.toMatchObject({ code: "FORBIDDEN" });
    });
    await source.driver(0).set("a", "1");
    await source.driver(5).set("a", "1");
    const two = await writeArtefact(source.connection, join(dir.path, "two.jsonl.gz"));
    expect(failsOf(await planFor(two, server))).toEqual(["db5 exists"]);
    await server.driver().set("a", "live");
    await expect(redisBackup.stage(two, server.connection, REPLACE, testJob())).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await server.driver().get("a")).toBe("live");
    await withServer(["--replicaof", "127.0.0.1", String(server.port), "--databases", "1"], async (own) => {
      expect(failsOf(await planFor(artefact, own))).toContain("Not a replica");
      await expect(redisBackup.stage(artefact, own.connection, REPLACE, testJob())).rejects.toMatchObject({ code: "READ_ONLY" });
    });
    expect(kept()).toEqual([]);
  });
});
