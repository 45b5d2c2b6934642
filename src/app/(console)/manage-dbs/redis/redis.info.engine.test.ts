import { rm } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { EngineInfo, EngineOverview } from "@/lib/engine-contract";
import { testConnection } from "@/test/connections";
import { closeAll } from "./redis.client";
import { getInfo, getOverview, sample } from "./redis.info.service";
import { freePort, startRedis, type TestRedis } from "./redis.test-server";

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis(["--maxmemory", "200mb", "--maxmemory-policy", "allkeys-lru"]);
  const driver = server.driver();
  await driver.set("big", "x".repeat(100_000));
  for (let index = 0; index < 20; index++) await driver.set(`small:${index}`, "y", "EX", 1000);
  await server.driver(3).set("third", "1");
  await driver.get("big");
});
afterAll(() => server.stop());
afterEach(() => closeAll());

describe("info", () => {
  it("says what the server is", async () => {
    const info = EngineInfo.parse(await getInfo(server.connection));
    expect(info).toMatchObject({
      state: "connected",
      product: expect.stringMatching(/^(Redis|Valkey)$/),
      holds: { count: 22, estimated: false, word: "keys" },
    });
  });

  it("says why there is none", async () => {
    const port = await freePort();
    const info = EngineInfo.parse(await getInfo(testConnection("redis", `redis://127.0.0.1:${port}`, { name: "away" })));
    expect(info).toMatchObject({
      state: "not-connected",
      code: "UNREACHABLE",
      reason: `127.0.0.1:${port} refuses the connection`,
      fix: expect.stringContaining("Start"),
      detail: expect.stringContaining("ECONNREFUSED"),
    });
  });

  it("says when the password is missing", async () => {
    const locked = await startRedis(["--requirepass", "x"]);
    try {
      expect(await getInfo(locked.connection)).toMatchObject({ state: "not-connected", code: "AUTH_FAILED" });
    } finally {
      await locked.stop();
    }
  });
});

describe("overview", () => {
  it("has facts, four tiles, the largest, warnings", async () => {
    const overview = EngineOverview.parse(await getOverview(server.connection));
    expect(overview.tiles.map((tile) => tile.id)).toEqual(["commands", "memory", "hit-rate", "clients"]);
    const facts = new Map(overview.facts.map((fact) => [fact.label, fact]));
    expect(facts.get("Databases")?.value).toBe("db0: 21, db3: 1");
    expect(facts.get("Eviction")?.value).toBe("allkeys-lru");
    expect(facts.get("Persistence")?.value).toBe("none");
    expect(facts.get("Role")?.value).toBe("master");
    expect(overview.largest.slice(0, 3)).toMatchObject([
      { group: null, name: "db0", count: 21 },
      { group: null, name: "db3", count: 1 },
      { group: "db0", name: "big", count: null },
    ]);
    expect(overview.largest.length).toBeLessThanOrEqual(10);
    expect(overview.largest[2]?.bytes).toBeGreaterThan(100_000);
    expect(overview.warnings.map((warning) => warning.title)).toEqual(["No password", "Nothing is saved to disk", "Keys may be removed to make room"]);
  });

  it("of an empty server is whole too", async () => {
    const empty = await startRedis();
    try {
      const overview = EngineOverview.parse(await getOverview(empty.connection));
      expect(overview.largest).toEqual([]);
      expect(overview.info.holds.count).toBe(0);
    } finally {
      await empty.stop();
    }
  });

  it("does without what the user may not ask", async () => {
    const limited = await startRedis(["--user", ..."bob on >pw ~* +@read +ping +info +select +client|setname".split(" ")]);
    try {
      const overview = EngineOverview.parse(await getOverview(testConnection("redis", `redis://bob:pw@127.0.0.1:${limited.port}`, { name: "limited" })));
      expect(overview.warnings.some((warning) => warning.title === "No password")).toBe(false);
    } finally {
      await limited.stop();
    }
  });

  it("warns of a failed snapshot, and not of a missing password when there is one", async () => {
    const failing = await startRedis(["--requirepass", "pw", "--save", "3600", "1"]);
    try {
      const connection = testConnection("redis", `redis://:pw@127.0.0.1:${failing.port}`, { name: "failing" });
      const before = await getOverview(connection);
      expect(before.warnings).toEqual([]);
      expect(before.facts.find((fact) => fact.label === "Persistence")?.value).toBe("snapshots");
      const driver = failing.driver(0, "pw");
      await driver.set("a", "1");
      await rm(failing.dir, { recursive: true });
      await driver.bgsave();
      await expect.poll(() => driver.info("persistence")).toContain("rdb_last_bgsave_status:err");
      expect((await getOverview(connection)).warnings).toMatchObject([{ level: "danger", title: "The last snapshot failed" }]);
    } finally {
      await failing.stop();
    }
  });

  it("is sampled by the tiles' ids", async () => {
    const numbers = await sample(server.connection);
    expect(Object.keys(numbers)).toEqual(["commands", "memory", "hit-rate", "clients"]);
    expect(numbers["memory"]).toBeGreaterThan(100_000);
  });
});
