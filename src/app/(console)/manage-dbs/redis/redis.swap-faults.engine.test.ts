/** What stands in the way of replacing live data, and what others do meanwhile. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Artefact } from "@/backups/engine";
import { testConnection } from "@/test/connections";
import { redisBackup } from "./redis.backup";
import { MARKERS } from "./redis.backup-marker";
import { testJob, writeArtefact, type TestDir } from "./redis.test-artefact";
import { contentsOf } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";
import { startServer } from "./redis.test-suite";
import { assertUntouched, backupOf, failsOf, planFor, REPLACE, replaceLive, withServer } from "./redis.test-swap";

let server: TestRedis;
let dir: TestDir;
startServer((started) => ({ server, dir } = started), { flush: true });

describe("a plan refuses", () => {
  let artefact: Artefact;
  beforeAll(async () => {
    artefact = await backupOf({ a: "1" }, join(dir.path, "plans.jsonl.gz"));
  });

  it("a name that is not the connection's own database, and chosen objects", async () => {
    const named = await redisBackup.plan(artefact, server.connection, { name: "5", replace: true }, {});
    expect(failsOf(named)).toEqual(["Only 0 can be replaced here"]);
    const chosen = await redisBackup.plan(artefact, server.connection, { ...REPLACE, objects: ["db0 string"] }, {});
    expect(failsOf(chosen)).toEqual(["Live data is replaced whole"]);
    for (const target of [
      { name: "5", replace: true },
      { ...REPLACE, objects: ["db0 string"] },
    ])
      await expect(redisBackup.stage(artefact, server.connection, target, testJob())).rejects.toMatchObject({ name: "AppError" });
    const own = testConnection("redis", `${server.url}/5`, { name: "five" });
    expect(failsOf(await redisBackup.plan(artefact, own, { name: "5", replace: true }, {}))).toEqual(["The backup holds nothing of db5"]);
  });

  it("an empty backup", async () => {
    const empty = await writeArtefact(server.connection, join(dir.path, "none.jsonl.gz"));
    expect(failsOf(await planFor(empty, server))).toEqual(["The backup holds nothing of db0"]);
  });

  it("a cluster node", () =>
    withServer(["--cluster-enabled", "yes"], async (own) => {
      const plan = await planFor(artefact, own);
      expect(plan.checks).toContainEqual(
        expect.objectContaining({ result: "fail", title: "Not a cluster", detail: expect.stringMatching(/no SWAPDB, .*another connection/) }),
      );
    }));

  it("a replica, which also refuses the restore itself", () =>
    withServer(["--replicaof", "127.0.0.1", String(server.port)], async (own) => {
      expect(failsOf(await planFor(artefact, own))).toContain("Not a replica");
      await expect(redisBackup.stage(artefact, own.connection, REPLACE, testJob())).rejects.toMatchObject({ code: "READ_ONLY" });
    }));
});

describe("several logical databases", () => {
  let artefact: Artefact;
  beforeEach(async () => {
    const driver = server.driver();
    await driver.set("a", "zero");
    await server.driver(3).rpush("l", "three");
    await server.driver(15).set("a", "fifteen");
    artefact = await writeArtefact(server.connection, join(dir.path, "several.jsonl.gz"));
  });

  it("are replaced in one step, and the others stay", async () => {
    await server.driver(0).set("a", "later");
    await server.driver(3).del("l");
    await server.driver(7).set("other", "stays");
    const plan = await planFor(artefact, server);
    expect(failsOf(plan)).toEqual([]);
    expect(plan).toMatchObject({ target: "db0, db3, db15", replaces: { items: 2 } });
    expect(plan.steps.find(({ title }) => title === "Swap")?.detail).toContain("SWAPDB 0 14, SWAPDB 3 13, SWAPDB 15 12 in one MULTI");
    expect(plan.checks).toContainEqual(expect.objectContaining({ title: "Other databases stay", detail: expect.stringContaining("db7") }));
    const restore = await replaceLive(server.connection, artefact);
    expect(await server.driver(0).get("a")).toBe("zero");
    expect(await server.driver(3).lrange("l", 0, -1)).toEqual(["three"]);
    expect(await server.driver(15).get("a")).toBe("fifteen");
    expect(await server.driver(14).get("a")).toBe("later");
    await restore.exchange();
    expect(await server.driver(0).get("a")).toBe("later");
    expect(await server.driver(3).exists("l")).toBe(0);
    await restore.drop();
    for (const spare of [12, 13, 14]) expect(await server.driver(spare).dbsize()).toBe(0);
    expect(await server.driver(7).get("other")).toBe("stays");
  });

  it("are refused where the server has too few: 16 to 8", () =>
    withServer(["--databases", "8"], async (own) => {
      expect(failsOf(await planFor(artefact, own))).toEqual(["db15 exists"]);
      const staged = await redisBackup.stage(artefact, own.connection, REPLACE, testJob());
      await expect(staged.swap?.(async () => undefined)).rejects.toMatchObject({ code: "NOT_FOUND" });
      await staged.discard();
      expect((await own.driver().info("keyspace")).trim()).toBe("# Keyspace");
    }));
});

describe("what others do", () => {
  let artefact: Artefact;
  beforeAll(async () => {
    artefact = await backupOf({ counter: "1000", a: "restored" }, join(dir.path, "others.jsonl.gz"));
  });

  it("in live data up to the swap is kept, and after it is live: no write is lost", async () => {
    const writer = server.driver();
    let acknowledged = 0;
    let isOver = false;
    const writing = (async () => {
      while (!isOver) {
        await writer.incr("counter");
        acknowledged += 1;
      }
    })();
    const restore = await replaceLive(server.connection, artefact);
    await delay(20);
    isOver = true;
    await writing;
    const [live, kept] = [Number(await server.driver().get("counter")), Number(await server.driver(restore.spares[0]).get("counter"))];
    expect(live - 1_000 + kept).toBe(acknowledged);
    expect(live).toBeGreaterThan(1_000);
    await restore.exchange();
    expect(Number(await server.driver().get("counter"))).toBe(kept);
  });

  it("in transactions with WATCH is refused once, and who waits for a list gets the restored one", async () => {
    const lists = await startRedis();
    await lists.driver().rpush("queue", "restored job");
    const backup = await writeArtefact(lists.connection, join(dir.path, "lists.jsonl.gz"));
    await lists.stop();
    const watcher = server.driver();
    await watcher.set("watched", "1");
    await watcher.watch("watched");
    const waiting = server.driver().blpop("queue", 10);
    await expect.poll(async () => (await server.driver().info("clients")).includes("blocked_clients:1")).toBe(true);
    await replaceLive(server.connection, backup);
    expect(await waiting).toEqual(["queue", "restored job"]);
    expect(await watcher.multi().set("watched", "2").exec()).toBeNull();
  });

  it("a backup taken meanwhile leaves out what stands aside", async () => {
    await server.driver().mset("a", "live", "b", "live");
    const restore = await replaceLive(server.connection, artefact);
    const backup = await writeArtefact(server.connection, join(dir.path, "meanwhile.jsonl.gz"));
    expect(backup.manifest).toMatchObject({ source: "db0", skipped: [{ name: `db${restore.spares[0]}` }] });
    const again = await replaceLive(server.connection, backup);
    expect(await server.driver().get("a")).toBe("restored");
    const plan = await planFor(backup, server);
    const aside = [...again.spares, ...restore.spares].map((db) => `db${db}`);
    expect(plan.checks).toContainEqual(expect.objectContaining({ title: "Earlier restores", detail: expect.stringContaining(aside.join(", ")) }));
    await again.drop();
    await restore.drop();
    for (const { spares } of [again, restore]) expect(await server.driver(spares[0]).dbsize()).toBe(0);
  });

  it("a second restore takes another spare database, and sweeping one leaves the other", () =>
    withServer([], async (own) => {
      await own.driver().set("a", "live");
      const [first, second] = [testJob(), testJob()];
      await redisBackup.stage(artefact, own.connection, REPLACE, first);
      await redisBackup.stage(artefact, own.connection, REPLACE, second);
      await own.driver(14).set("somebody else's", "1");
      await redisBackup.sweep(own.connection, { jobId: first.jobId, target: "0" });
      expect(await own.driver(15).dbsize()).toBe(0);
      expect(await own.driver(14).dbsize()).toBe(4);
      await redisBackup.sweep(own.connection, { jobId: second.jobId, target: "0" });
      expect(await own.driver(14).keys("*")).toEqual(["somebody else's"]);
    }));

  it("an exchange by hand is seen and not made worse", async () => {
    await server.driver().set("a", "live");
    const restore = await replaceLive(server.connection, artefact);
    const byHand = () => server.driver().call("SWAPDB", "0", String(restore.spares[0]));
    await byHand();
    for (const attempt of [() => redisBackup.settle?.(server.connection, restore.swap, testJob()), restore.exchange, restore.drop])
      await expect(Promise.resolve(attempt())).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("by hand") });
    expect(await server.driver().get("a")).toBe("live");
    await byHand();
    await restore.exchange();
    expect(await server.driver().get("a")).toBe("live");
  });

  it("a spare database that somebody emptied is left alone, and nothing is claimed to be known", async () => {
    await server.driver().set("a", "live");
    const restore = await replaceLive(server.connection, artefact);
    const spare = server.driver(restore.spares[0]);
    await spare.flushdb();
    await spare.set("theirs", "1");
    await restore.drop();
    expect(await spare.get("theirs")).toBe("1");
    await expect(restore.exchange()).rejects.toMatchObject({ code: "CONFLICT" });
    const settle = () => redisBackup.settle?.(server.connection, restore.swap, testJob());
    await expect(settle()).rejects.toMatchObject({ code: "CONFLICT", fix: expect.stringContaining(`SET ${MARKERS.before} ${restore.swap.jobId}`) });
    expect(await server.driver().get("a")).toBe("restored");
    // As the fix says: a person tells, and then it can be dropped.
    await spare.set(MARKERS.before, restore.swap.jobId);
    expect(await settle()).toBe("restored");
    await expect(restore.exchange()).rejects.toMatchObject({ code: "CONFLICT" });
    await restore.drop();
    expect(await spare.dbsize()).toBe(0);
  });

  it("a job that is cancelled before the journal changes nothing", async () => {
    await server.driver().set("a", "live");
    const job = testJob();
    const staged = await redisBackup.stage(artefact, server.connection, REPLACE, job);
    job.controller.abort();
    await expect(staged.swap?.(async () => undefined)).rejects.toMatchObject({ code: "CANCELLED" });
    await staged.discard();
    await assertUntouched(server, await contentsOf(server.driver()));
  });
});
