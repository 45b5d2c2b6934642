/** Fault tests by their numbers in the list of the issue that no other file of tests shows: F7, F27, F38, F39, F42, F47. */
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Artefact } from "@/backups/engine";
import { testConnection } from "@/test/connections";
import { smallDisk } from "@/test/small-disk";
import { redisBackup } from "./redis.backup";
import { DUMP_FOOTER_BYTES, writeDumpFooter } from "./redis.dump";
import { POINTS } from "./redis.swap-points";
import { sealLines } from "./redis.test-altered";
import { artefactAt, testJob, writeArtefact, writePortableArtefact, writeSnapshotArtefact, type TestDir } from "./redis.test-artefact";
import { length, longLength } from "./redis.test-rdb";
import { contentsOf, FAR_AWAY_MS } from "./redis.test-seed";
import { freePort, type TestRedis } from "./redis.test-server";
import { startServers } from "./redis.test-suite";
import { assertUntouched, backupOf, failsOf, planFor, REPLACE, replaceLive, withServer } from "./redis.test-swap";

let source: TestRedis;
let target: TestRedis;
let dir: TestDir;
startServers((started) => ({ source, target, dir } = started));

const WAYS = Object.entries({ "a snapshot": writeSnapshotArtefact, payloads: writeArtefact, portable: writePortableArtefact });

describe("F7: a server whose disk is full", () => {
  it("refuses the restore in words, and what is live stays and is read", async (test) => {
    const path = join(dir.path, "small disk");
    const disk = smallDisk(path, 2);
    if (!disk) return test.skip("needs the right to mount");
    const artefact = await backupOf({ a: "restored" }, join(dir.path, "full.jsonl.gz"));
    try {
      await withServer(["--dir", path, "--save", "3600 1000000", "--rdbcompression", "no"], async (own) => {
        await own.driver().set("live", "x".repeat(4 * 1024 * 1024));
        await own.driver().bgsave();
        await expect.poll(() => own.driver().info("persistence")).toContain("rdb_last_bgsave_status:err");
        const before = await contentsOf(own.driver());
        for (const way of [REPLACE, { name: "1" }])
          await expect(redisBackup.stage(artefact, own.connection, way, testJob())).rejects.toMatchObject({
            code: "READ_ONLY",
            message: expect.stringContaining("cannot save its data to disk"),
          });
        await assertUntouched(own, before);
        disk.resize(64);
        await own.driver().bgsave();
        await expect.poll(() => own.driver().info("persistence")).toContain("rdb_last_bgsave_status:ok");
        const restore = await replaceLive(own.connection, artefact);
        expect(await own.driver().get("a")).toBe("restored");
        // Full again before the undo: it is refused whole, and works when there is room.
        await own.driver().set("more", randomBytes(80 * 1024 * 1024));
        await own.driver().bgsave();
        await expect.poll(() => own.driver().info("persistence")).toContain("rdb_last_bgsave_status:err");
        await expect(restore.exchange()).rejects.toMatchObject({ code: "READ_ONLY" });
        // Nothing can be fenced off while no write is taken: it is settled as soon as one is.
        await expect(redisBackup.settle(own.connection, restore.swap, testJob())).rejects.toMatchObject({ code: "READ_ONLY" });
        expect(await own.driver().get("a")).toBe("restored");
        disk.resize(256);
        await own.driver().bgsave();
        await expect.poll(() => own.driver().info("persistence")).toContain("rdb_last_bgsave_status:ok");
        expect(await redisBackup.settle(own.connection, restore.swap, testJob())).toBe("restored");
        await restore.exchange();
        expect(await contentsOf(own.driver())).toEqual(before);
      });
    } finally {
      disk.remove();
    }
  });
});

describe("F27: strange names", () => {
  const USER = `we"ird'; user@:/%#`.replace(/ /g, "");
  const PASSWORD = `p@ss:w/o"r'd %25#?&\\é😀$x -rf`;

  it.each(WAYS)("of user, password and connection are taken as they are, and the password stays secret: %s", async (name, write) => {
    await source.driver().call("ACL", "SETUSER", USER, "reset", "on", `>${PASSWORD}`, "~*", "&*", "+@all");
    await source.driver().set(`a"b'; DROP $x 😀`, "1");
    const to = (server: TestRedis, password: string) => {
      const url = `redis://${encodeURIComponent(USER)}:${encodeURIComponent(password)}@127.0.0.1:${server.port}`;
      return testConnection("redis", url, { name: `a"b'; DROP $x -rf 😀` });
    };
    const job = testJob();
    const artefact = await write(to(source, PASSWORD), join(dir.path, `strange ${name}`), job);
    expect(artefact.manifest.objects).toMatchObject([{ name: "db0 string", count: 1 }]);
    const restore = await replaceLive(to(source, PASSWORD), artefact);
    await restore.exchange();
    await restore.drop();
    const wrong = `${PASSWORD}x`;
    const error: unknown = await write(to(source, wrong), join(dir.path, "wrong"), job).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "AUTH_FAILED" });
    const said = JSON.stringify([error, String(error), error instanceof Error && error.stack, artefact.manifest, job.lines, restore.swap]);
    for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), JSON.stringify(PASSWORD).slice(1, -1)]) expect(said).not.toContain(secret);
  });

  it.each(["-1", "1; FLUSHALL", "$x", "1e1", "١", "0x1", "", "-rf", "0:1\nFLUSHALL", "99999999", "1.0", "__proto__"])(
    "of a target are refused or name a database: %j",
    async (name) => {
      const artefact = await backupOf({ a: "1" }, join(dir.path, "names.jsonl.gz"));
      await expect(redisBackup.stage(artefact, target.connection, { name }, testJob())).rejects.toMatchObject({
        code: expect.stringMatching(/INVALID|NOT_FOUND/),
      });
      await expect(redisBackup.stage(artefact, target.connection, { name, replace: true }, testJob())).rejects.toMatchObject({ code: "INVALID" });
      expect((await target.driver().info("keyspace")).trim()).toBe("# Keyspace");
    },
  );
});

/** Half a gigabyte and more through every format takes minutes and gigabytes of memory. */
const IS_HUGE = process.env["TEST_HUGE_VALUES"] === "1";
const MEBIBYTE = 1024 * 1024;

describe("F38: a value over proto-max-bulk-len", () => {
  const [limit, megabytes] = IS_HUGE ? ["512mb", 512] : ["1mb", 1];
  const lifted = `${megabytes * 2}mb`;

  it.each(WAYS)("comes back equal where the server takes it, and is named where it does not: %s", { timeout: 900_000 }, async (name, write) => {
    // What packs and what does not: only the payload of the second is over the limit.
    const values = { packed: Buffer.alloc(megabytes * MEBIBYTE), long: randomBytes(megabytes * MEBIBYTE) };
    await withServer(["--proto-max-bulk-len", lifted], async (own) => {
      const driver = own.driver();
      for (const [key, value] of Object.entries(values)) await driver.set(key, value);
      // No limit for what is read: DUMP, GET and the stream of a replica give it all.
      await driver.config("SET", "proto-max-bulk-len", "1mb");
      const artefact = await write(own.connection, join(dir.path, `long ${name}`));
      await redisBackup.verify(artefact, testJob());
      await driver.set("live", "1");
      await driver.config("SET", "proto-max-bulk-len", limit);
      const isTaken = name === "portable";
      if (!isTaken) {
        for (const way of [REPLACE, { name: "1" }])
          await expect(redisBackup.stage(artefact, own.connection, way, testJob())).rejects.toMatchObject({
            code: "LIMIT_EXCEEDED",
            message: expect.stringContaining('"long" is longer than'),
            fix: expect.stringContaining("proto-max-bulk-len"),
          });
        expect(await driver.info("keyspace")).toMatch(/^# Keyspace\s+db0:keys=3,\S*\s*$/);
        await driver.config("SET", "proto-max-bulk-len", lifted);
      }
      const staged = await redisBackup.stage(artefact, own.connection, { name: "1" }, testJob());
      await staged.compareContent();
      await staged.keep();
      const sum = (value: Buffer | null) =>
        createHash("sha256")
          .update(value ?? "")
          .digest("hex");
      for (const [key, value] of Object.entries(values)) expect(sum(await own.driver(1).getBuffer(key)), key).toBe(sum(value));
    });
  });
});

describe("F39: expiries", () => {
  const DAY_MS = 86_400_000;

  it.each(WAYS)("are absolute and never lost; what is past at the restore is counted: %s", async (name, write) => {
    await withServer(["--enable-debug-command", "yes"], async (own) => {
      const driver = own.driver();
      // What is past stays until somebody asks for it: so it is met when it is written, and in the file.
      await driver.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
      const tomorrow = Date.now() + DAY_MS;
      const fill = driver.pipeline().set("forever", "1").set("day", "1", "PXAT", tomorrow).set("far", "1", "PXAT", FAR_AWAY_MS);
      // From 1 ms on: some are past when they are read, some in the file, some when they are restored, some only afterwards.
      for (let index = 1; index <= 600; index++) fill.set(`soon:${index}`, "1", "PX", index);
      for (let index = 0; index < 50; index++) fill.set(`later:${index}`, "1", "PX", DAY_MS + index);
      await fill.exec();
      const expected = new Map<string, number>();
      for (const key of await driver.keys("*")) expected.set(key, await driver.pexpiretime(key));
      const artefact = await write(own.connection, join(dir.path, `expiring ${name}`));
      const inBackup = artefact.manifest.objects[0]?.count ?? 0;
      expect(inBackup).toBeGreaterThanOrEqual(53);
      for (const way of [{ name: "1" }, { name: "0", replace: true }]) {
        await target.driver(1).flushall();
        const staged = await redisBackup.stage(artefact, target.connection, way, testJob());
        const skipped = staged.skipped.reduce((sum, { count }) => sum + count, 0);
        expect((staged.objects[0]?.count ?? 0) + skipped).toBe(inBackup);
        for (const { reason } of staged.skipped) expect(reason).toMatch(/^expired (since the backup|while it was restored)$/);
        if (way.replace) await staged.swap?.(async () => undefined);
        else await staged.keep();
        const restored = target.driver(way.replace ? 0 : 1);
        for (const key of await restored.keys("*")) {
          const expiry = await restored.pexpiretime(key);
          // -2: gone between the two commands.
          if (expiry !== -2) expect(expiry, key).toBe(expected.get(key));
        }
        expect([await restored.pexpiretime("forever"), await restored.pexpiretime("day"), await restored.pexpiretime("far")]).toEqual([
          -1,
          tomorrow,
          FAR_AWAY_MS,
        ]);
        await expect.poll(() => restored.dbsize(), { timeout: 10_000 }).toBe(53);
      }
    });
  });
});

describe("F42: a value of a module that the server does not have", () => {
  it("is foretold, refused by name, and nothing is left of the restore", async () => {
    const artefact = await withModule(await backupOf({ a: "1", b: "2" }, join(dir.path, "module.jsonl.gz")));
    await target.driver().set("a", "live");
    const before = await contentsOf(target.driver());
    const plan = await planFor(artefact, target);
    expect(plan.checks).toContainEqual(expect.objectContaining({ result: "warn", title: "Types of modules", detail: expect.stringContaining("ReJSON-RL") }));
    for (const way of [REPLACE, { name: "1" }])
      await expect(redisBackup.stage(artefact, target.connection, way, testJob())).rejects.toMatchObject({
        code: "UNSUPPORTED",
        message: expect.stringContaining('"b"'),
      });
    await assertUntouched(target, before);
    // All the rest can be had.
    await (await redisBackup.stage(artefact, target.connection, { name: "1", objects: ["db0 string"] }, testJob())).keep();
    expect(await target.driver(1).keys("*")).toEqual(["a"]);
  });

  /** As a server with the module would have written it. */
  async function withModule({ path, manifest }: Artefact): Promise<Artefact> {
    const lines = gunzipSync(await readFile(path))
      .toString("latin1")
      .trimEnd()
      .split("\n");
    const footer = JSON.parse(lines.pop() ?? "{}") as { counts: unknown; sha256: string };
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const id = [..."ReJSON-RL"].reduce((number, letter) => (number << 6n) | BigInt(letters.indexOf(letter)), 0n);
    const dump = Buffer.concat([Buffer.of(7), longLength((id << 10n) | 3n), length(0), Buffer.alloc(DUMP_FOOTER_BYTES)]);
    writeDumpFooter(dump, 10);
    const changed = lines.map((line) =>
      line.includes(`"k":"${Buffer.from("b").toString("base64")}"`) ? line.replace(/"d":"[^"]*"/, `"d":"${dump.toString("base64")}"`) : line,
    );
    footer.counts = { "0": { "ReJSON-RL": 1, string: 1 } };
    footer.sha256 = createHash("sha256")
      .update(changed.map((line) => `${line}\n`).join(""))
      .digest("hex");
    const sealed = await sealLines([...changed, JSON.stringify(footer)], join(dir.path, "module-sealed.jsonl.gz"));
    const object = { kind: "keys", count: 1, bytes: 1, checksum: null };
    return artefactAt(sealed, {
      ...manifest,
      objects: [
        { ...object, name: "db0 ReJSON-RL" },
        { ...object, name: "db0 string" },
      ],
    });
  }
});

describe("F47: a server that becomes a replica", () => {
  it("before the restore refuses it in the plan; in the middle of it the restore fails in words, and is swept when it is a master again", () =>
    withServer([], async (own) => {
      const artefact = await backupOf({ a: "restored", b: "restored" }, join(dir.path, "replica.jsonl.gz"));
      await own.driver().set("a", "live");
      const before = await contentsOf(own.driver());
      const nobody = await freePort();
      await own.driver().call("REPLICAOF", "127.0.0.1", nobody);
      expect(failsOf(await planFor(artefact, own))).toContain("Not a replica");
      await expect(redisBackup.stage(artefact, own.connection, REPLACE, testJob())).rejects.toMatchObject({ code: "READ_ONLY" });
      await own.driver().call("REPLICAOF", "NO", "ONE");
      await assertUntouched(own, before);
      for (const point of ["claimed", "sent", "journaled", "watched"]) {
        let isDone = false;
        POINTS.reached = async (name) => {
          if (name !== point || isDone) return;
          isDone = true;
          await own.driver().call("REPLICAOF", "127.0.0.1", nobody);
        };
        const job = testJob();
        const swap = { jobId: job.jobId, target: "0", record: {} };
        const run = async () => {
          const staged = await redisBackup.stage(artefact, own.connection, REPLACE, job);
          await staged.swap?.(async (record) => void (swap.record = record));
        };
        const error: unknown = await run().catch((thrown: unknown) => thrown);
        const isStaged = point === "journaled" || point === "watched";
        expect(error, point).toMatchObject({ code: isStaged ? "READ_ONLY" : "CONFLICT" });
        expect(JSON.stringify(error), point).toMatch(/replica/i);
        expect(await own.driver().get("a"), point).toBe("live");
        POINTS.reached = null;
        await own.driver().call("REPLICAOF", "NO", "ONE");
        if (isStaged) {
          expect(await redisBackup.settle(own.connection, swap, job)).toBe("before");
          await redisBackup.dropKept(own.connection, swap, job);
        } else await redisBackup.sweep(own.connection, { jobId: job.jobId, target: "0" });
        await assertUntouched(own, before);
      }
    }));
});
