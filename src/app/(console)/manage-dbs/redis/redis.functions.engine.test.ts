/** Function libraries when live data is replaced: they come with the swap, and undo brings back exactly those of before. */
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Artefact } from "@/backups/engine";
import { testConnection } from "@/test/connections";
import { redisBackup } from "./redis.backup";
import { closeAll, openJobClient } from "./redis.client";
import { LIBRARIES_BYTES_MAX, readLibraries, whyRefused } from "./redis.functions";
import { POINTS } from "./redis.swap-points";
import { testDir, testJob, writeArtefact, writePortableArtefact, writeSnapshotArtefact } from "./redis.test-artefact";
import { startRedis, type TestRedis } from "./redis.test-server";
import { planFor, replaceLive, REPLACE, withServer } from "./redis.test-swap";

let source: TestRedis;
let target: TestRedis;
let dir: Awaited<ReturnType<typeof testDir>>;
let artefact: Artefact;
beforeAll(async () => {
  [source, target, dir] = await Promise.all([startRedis(), startRedis(), testDir()]);
  await source.driver().set("a", "restored");
  await load(source, { shop: "restored", "new-one": "restored" });
  artefact = await writeSnapshotArtefact(source.connection, join(dir.path, "functions.rdb"));
});
afterAll(() => Promise.all([source.stop(), target.stop(), dir.remove()]));
afterEach(async () => {
  POINTS.reached = null;
  closeAll();
  await target.driver().flushall();
  await target.driver().call("FUNCTION", "FLUSH");
});

/** What each library's only function answers. */
type Answers = Record<string, string>;

function code(name: string, answer: string, callable = name): string {
  return `#!lua name=${name.replaceAll("-", "_")}\nredis.register_function('${callable.replaceAll("-", "_")}', function() return '${answer}' end)`;
}

async function load(server: TestRedis, answers: Answers): Promise<void> {
  for (const [name, answer] of Object.entries(answers)) await server.driver().call("FUNCTION", "LOAD", "REPLACE", code(name, answer));
}

async function codesOf(server: TestRedis): Promise<string[]> {
  using client = openJobClient(server.connection, 0);
  const libraries = await readLibraries(client);
  return typeof libraries === "string" ? [libraries] : [...libraries.values()].map(String).toSorted();
}

const codes = (answers: Answers): string[] =>
  Object.entries(answers)
    .map(([name, answer]) => code(name, answer))
    .toSorted();
const functionsCheck = async (server = target, of = artefact) => (await planFor(of, server)).checks.find(({ title }) => title === "Functions");

const BEFORE = { shop: "before", mine: "before" };
const AFTER = { shop: "restored", "new-one": "restored", mine: "before" };

async function live(server = target): Promise<void> {
  await server.driver().set("a", "before");
  await load(server, BEFORE);
}

describe("functions, when live data is replaced,", () => {
  it.each(Object.entries({ "a snapshot": writeSnapshotArtefact, payloads: writeArtefact }))(
    "come with the swap, go with the undo and come with the redo: %s",
    async (name, write) => {
      await live();
      const own = await write(source.connection, join(dir.path, name));
      expect(await functionsCheck(target, own)).toMatchObject({
        result: "warn",
        detail: expect.stringMatching(/new_one will be added.*shop will be replaced.*mine not in the backup, left alone.*exactly the libraries of before/),
      });
      const row = (await planFor(own, target)).objects.find((object) => object.name === "functions");
      expect(row).toEqual(name === "a snapshot" ? { name: "functions", kind: "functions", inBackup: 2, liveNow: 2, after: 3 } : undefined);
      const restore = await replaceLive(target.connection, own);
      expect(restore.staged.skipped).toEqual([]);
      expect(await codesOf(target)).toEqual(codes(AFTER));
      // Loaded since: the undo takes it away, the redo brings it back.
      await load(target, { later: "later" });
      await restore.exchange();
      expect([await target.driver().get("a"), await codesOf(target)]).toEqual(["before", codes(BEFORE)]);
      await restore.exchange();
      expect([await target.driver().get("a"), await codesOf(target)]).toEqual(["restored", codes({ ...AFTER, later: "later" })]);
      await restore.exchange();
      await restore.drop();
      expect([await target.driver().get("a"), await codesOf(target)]).toEqual(["before", codes(BEFORE)]);
    },
  );

  it("are none of its business where the backup holds none, or the same", async () => {
    await live();
    await load(target, { shop: "restored", "new-one": "restored" });
    expect(await functionsCheck()).toMatchObject({ result: "pass", detail: expect.stringContaining("on the server already") });
    const restore = await replaceLive(target.connection, artefact);
    await load(target, { later: "later" });
    await restore.exchange();
    expect(await codesOf(target)).toEqual(codes({ ...AFTER, later: "later" }));
    await restore.drop();
  });

  it("of a portable backup are only named", async () => {
    await live();
    const portable = await writePortableArtefact(source.connection, join(dir.path, "functions.portable"));
    expect(await functionsCheck(target, portable)).toMatchObject({ result: "warn", detail: expect.stringContaining("shop") });
    const restore = await replaceLive(target.connection, portable);
    expect(await codesOf(target)).toEqual(codes(BEFORE));
    await restore.drop();
  });

  it("that the server refuses are left out with its reason, and only they", async () => {
    await live();
    await target.driver().call("FUNCTION", "LOAD", code("clash", "before", "new-one"));
    const before = await codesOf(target);
    expect(await functionsCheck()).toMatchObject({ result: "warn", detail: expect.stringMatching(/left out: .*new_one/) });
    const restore = await replaceLive(target.connection, artefact);
    expect(restore.staged.skipped).toEqual([
      { name: "functions", count: 2, reason: expect.stringMatching(/^(shop, new_one|new_one, shop): .*already exists/) },
    ]);
    expect(restore.staged.objects).toContainEqual({ name: "functions", count: 0 });
    expect([await target.driver().get("a"), await codesOf(target)]).toEqual(["restored", before]);
    await restore.drop();
  });

  it("for which the rights are missing, or of which there are too many to keep, are left out", async () => {
    await live();
    await load(target, { big: "x".repeat(LIBRARIES_BYTES_MAX) });
    expect(await functionsCheck()).toMatchObject({ result: "warn", detail: expect.stringContaining("kept for undo") });
    await target.driver().call("FUNCTION", "DELETE", "big");
    for (const [forbidden, word] of [
      ["-function|restore", "does not take them (NOPERM"],
      ["-function", "may not list functions"],
    ] as const) {
      await target.driver().call("ACL", "SETUSER", "some", "reset", "on", ">secret", "~*", "&*", "+@all", forbidden);
      const url = new URL(target.url);
      [url.username, url.password] = ["some", "secret"];
      const connection = testConnection("redis", url.href, { name: "some" });
      const restore = await replaceLive(connection, artefact);
      expect(restore.staged.skipped).toEqual([{ name: "functions", count: 2, reason: expect.stringContaining(word) }]);
      expect(await codesOf(target)).toEqual(codes(BEFORE));
      await restore.exchange();
      await restore.drop();
    }
  });

  it("are tried by the server in the plan, which changes nothing", async () => {
    using client = openJobClient(target.connection, 0);
    for (const set of [new Map(), new Map([["shop", Buffer.from(code("shop", "1"))]])]) {
      expect(await whyRefused(client, set)).toBeNull();
      expect(await codesOf(target)).toEqual([]);
    }
    const broken = new Map([["shop", Buffer.from("#!lua name=shop\nno lua at all")]]);
    expect(await whyRefused(client, broken)).toContain("does not take them");
  });
});

describe("an exchange with functions", () => {
  it("on a server that is full is refused whole, and done when there is room", async () => {
    await withServer(["--maxmemory", "64mb"], async (own) => {
      await live(own);
      const restore = await replaceLive(own.connection, artefact);
      await own.driver().config("SET", "maxmemory", "1kb");
      await expect(restore.exchange()).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
      expect(await redisBackup.settle(own.connection, restore.swap, testJob())).toBe("restored");
      expect([await own.driver().get("a"), await codesOf(own)]).toEqual(["restored", codes(AFTER)]);
      await own.driver().config("SET", "maxmemory", "64mb");
      await restore.exchange();
      expect([await own.driver().get("a"), await codesOf(own)]).toEqual(["before", codes(BEFORE)]);
      await restore.drop();
    });
  });

  it("keeps what somebody loads in the last moment", async () => {
    await live();
    POINTS.reached = async (name) => {
      if (name === "journaled") await load(target, { late: "late" });
    };
    const restore = await replaceLive(target.connection, artefact);
    POINTS.reached = null;
    await restore.exchange();
    expect(await codesOf(target)).toEqual(codes({ ...BEFORE, late: "late" }));
    await restore.drop();
  });

  it("whose end was not seen is settled with the functions of the side that is live", async () => {
    await live();
    POINTS.reached = async (name) => {
      if (name === "exchanged") throw new Error("cut off");
    };
    const job = testJob();
    const staged = await redisBackup.stage(artefact, target.connection, REPLACE, job);
    const swap = { jobId: job.jobId, target: "0", record: {} };
    await expect(staged.swap?.(async (record) => void (swap.record = record))).rejects.toThrow("cut off");
    POINTS.reached = null;
    // As if the server had refused just them.
    await target.driver().call("FUNCTION", "FLUSH");
    await load(target, BEFORE);
    await target.driver().config("SET", "maxmemory", "1kb");
    await expect(redisBackup.settle(target.connection, swap, job)).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    await target.driver().config("SET", "maxmemory", "0");
    for (let time = 0; time < 2; time++) {
      expect(await redisBackup.settle(target.connection, swap, job)).toBe("restored");
      expect(await codesOf(target)).toEqual(codes(AFTER));
    }
    await load(target, { later: "later" });
    expect(await redisBackup.settle(target.connection, swap, job)).toBe("restored");
    expect(await codesOf(target)).toEqual(codes({ ...AFTER, later: "later" }));
    await redisBackup.dropKept(target.connection, swap, job);
  });
});
