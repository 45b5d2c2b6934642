/** Restores that replace live data: swap, undo, redo, drop, and what stands in their way. */
import { join } from "node:path";
import type { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { RestorePlan } from "@/backups/engine";
import { redisBackup } from "./redis.backup";
import { MARKERS } from "./redis.backup-marker";
import { testJob, writeArtefact, writeSnapshotArtefact, type TestDir } from "./redis.test-artefact";
import { awkwardKeys, contentsOf } from "./redis.test-seed";
import type { TestRedis } from "./redis.test-server";
import { startServer } from "./redis.test-suite";
import { replaceLive } from "./redis.test-swap";

let server: TestRedis;
let dir: TestDir;
startServer((started) => ({ server, dir } = started), { flush: true });

const markersIn = async (driver: Redis) => driver.exists(...Object.values(MARKERS));

describe.each(Object.entries({ "key by key": writeArtefact, "a snapshot": writeSnapshotArtefact }))(
  "a restore of a backup, %s, in the place of live data",
  (name, write) => {
    it("is undone, done again and dropped, every payload and expiry equal", async () => {
      const live = server.driver();
      await awkwardKeys(live);
      const artefact = await write(server.connection, join(dir.path, `awkward ${name}`));
      const backedUp = await contentsOf(live);
      await live.del("list", "");
      await live.set("counter", "changed");
      await live.set("only live", "1", "PXAT", 4_102_444_800_999);
      const before = await contentsOf(live);

      const plan = RestorePlan.parse(await redisBackup.plan(artefact, server.connection, { name: "0", replace: true }, {}));
      expect(plan.checks.filter((check) => check.result === "fail")).toEqual([]);
      expect(plan).toMatchObject({ way: "swap: SWAPDB", target: "db0", replaces: { place: `db0 of 127.0.0.1:${server.port}`, items: backedUp.size - 1 } });
      expect(plan.objects.find(({ name }) => name === "db0 list")).toMatchObject({ inBackup: 1, liveNow: 0, after: 1 });
      expect(plan.undo?.how).toMatch(/stays in db1[45];/);

      const restore = await replaceLive(server.connection, artefact);
      expect(restore.swapped).toMatchObject({ place: `db0 of 127.0.0.1:${server.port}`, keptBytes: expect.any(Number) });
      expect(await contentsOf(live)).toEqual(backedUp);
      expect(await contentsOf(server.driver(restore.spares[0]))).toEqual(before);
      expect(await markersIn(live)).toBe(0);
      expect(await redisBackup.settle?.(server.connection, restore.swap, testJob())).toBe("restored");

      await live.set("written after the restore", "1");
      const afterwards = await contentsOf(live);
      await restore.exchange();
      expect(await contentsOf(live)).toEqual(before);
      expect(await contentsOf(server.driver(restore.spares[0]))).toEqual(afterwards);
      expect(await markersIn(live)).toBe(0);
      expect(await redisBackup.settle?.(server.connection, restore.swap, testJob())).toBe("before");

      await restore.exchange();
      expect(await contentsOf(live)).toEqual(afterwards);
      await restore.drop();
      expect(await server.driver(restore.spares[0]).dbsize()).toBe(0);
      await restore.drop();
      expect(await contentsOf(live)).toEqual(afterwards);
      await expect(restore.exchange()).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("no longer whole") });
    });
  },
);
