import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ManifestContent, RestorePlan, Verification } from "@/backups/engine";
import { redisBackup } from "./redis.backup";
import { readRecords } from "./redis.backup-source";
import { closeAll } from "./redis.client";
import { DUMP_FOOTER_BYTES } from "./redis.dump";
import { testDir, testJob, writeSnapshotArtefact } from "./redis.test-artefact";
import { awkwardKeys, contentsOf } from "./redis.test-seed";
import { startRedis, type TestRedis } from "./redis.test-server";

let source: TestRedis;
let target: TestRedis;
let dir: Awaited<ReturnType<typeof testDir>>;
beforeAll(async () => {
  [source, target, dir] = await Promise.all([startRedis(), startRedis(), testDir()]);
});
afterAll(() => Promise.all([source.stop(), target.stop(), dir.remove()]));
beforeEach(() => Promise.all([source.driver().flushall(), target.driver().flushall()]));
afterEach(() => closeAll());

describe("a snapshot of everything", () => {
  it("comes back with equal payloads and expiries", async () => {
    await awkwardKeys(source.driver());
    const artefact = await writeSnapshotArtefact(source.connection, join(dir.path, "all.rdb"));
    ManifestContent.parse(artefact.manifest);
    expect(artefact.manifest).toMatchObject({ format: "redis-rdb", consistency: "snapshot", source: "db0", skipped: [] });
    const counts = artefact.manifest.objects.map(({ name, count }) => ({ name, count }));
    const verification = Verification.parse(await redisBackup.verify(artefact, testJob()));
    expect(verification.objects).toEqual(counts);
    expect(redisBackup.readBackWhileWriting?.(artefact.manifest)?.objects).toEqual(counts);
    const plan = RestorePlan.parse(await redisBackup.plan(artefact, target.connection, { name: "5" }, {}));
    expect(plan.checks.filter((check) => check.result !== "pass")).toEqual([]);
    const staged = await redisBackup.stage(artefact, target.connection, { name: "5" }, testJob());
    expect(staged.objects.toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(counts);
    expect(staged.skipped).toEqual([]);
    await staged.keep();
    expect(await contentsOf(target.driver(5))).toEqual(await contentsOf(source.driver()));
    let keys = 0;
    for await (const records of readRecords(artefact)) {
      for (const { key, dump } of records) {
        const theirs = (await source.driver().dumpBuffer(key)) ?? Buffer.alloc(0);
        expect(theirs.subarray(0, -DUMP_FOOTER_BYTES).equals(dump.subarray(0, -DUMP_FOOTER_BYTES)), key.toString("latin1")).toBe(true);
        keys += 1;
      }
    }
    expect(keys).toBe(await source.driver().dbsize());
  });
});
