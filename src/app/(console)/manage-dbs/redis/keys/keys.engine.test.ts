import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { closeAll } from "../redis.client";
import { toAddress } from "../redis.codec";
import type { RedisBytes } from "../redis.schema";
import { startRedis, type TestRedis } from "../redis.test-server";
import { getElement } from "./key-element.service";
import { getKey } from "./key-value.service";
import { DeletedKey, ElementValue, GetElementInput, GetKeyInput, KeyDetail, KeyPage, ListKeysInput, PopularKeys, PopularKeysInput } from "./keys.schema";
import { deleteKey, listKeys, popularKeys } from "./keys.service";

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());
afterEach(() => closeAll());

const list = async (input: Partial<ListKeysInput> = {}) => KeyPage.parse(await listKeys(server.connection, ListKeysInput.parse(input)));
const get = async (key: Buffer | string, more: Partial<GetKeyInput> = {}) =>
  KeyDetail.parse(await getKey(server.connection, GetKeyInput.parse({ ...toAddress(Buffer.from(key)), ...more })));
const names = (page: KeyPage) => page.keys.map((key) => key.name);
const bytesOf = (wire: RedisBytes) => ("text" in wire ? Buffer.from(wire.text) : Buffer.from(wire.base64, "base64"));

const awkward = [
  Buffer.from([0x00]),
  Buffer.from([0xff, 0xfe]),
  Buffer.from("a\r\nb"),
  Buffer.from("naïve 🙂 שלום"),
  Buffer.alloc(0),
  Buffer.from('"quoted" $x {y} *'),
];

describe("names and values of any bytes", () => {
  beforeAll(async () => {
    const driver = server.driver();
    for (const bytes of awkward) await driver.call("SET", bytes, Buffer.concat([Buffer.from("v"), bytes]));
  });
  afterAll(() => server.driver().flushall());

  it("are listed, read and deleted by their bytes", async () => {
    const page = await list();
    expect(page.cursor).toBeNull();
    const listed = names(page).map((name) => bytesOf(name).toString("hex"));
    expect(listed.toSorted()).toEqual(awkward.map((bytes) => bytes.toString("hex")).toSorted());
    for (const bytes of awkward) {
      const detail = await get(bytes);
      expect(detail.value.kind === "string" && bytesOf(detail.value.value)).toEqual(Buffer.concat([Buffer.from("v"), bytes]));
      const address = { ...toAddress(bytes), db: 0 };
      expect(DeletedKey.parse(await deleteKey(server.connection, address))).toEqual({ deleted: true, type: "string" });
      await expect(deleteKey(server.connection, address)).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(get(bytes)).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
    expect(await server.driver().dbsize()).toBe(0);
  });
});

describe("a list of keys", () => {
  beforeAll(async () => {
    const driver = server.driver();
    await driver.set("user:1", "a", "PX", 100_000);
    await driver.hset("user:2", "f", "v");
    await driver.rpush("queue", "a");
    await driver.set("[x]", "1");
    await server.driver(3).set("third", "1");
    await server.driver(15).set("last", "1");
  });
  afterAll(() => server.driver().flushall());

  it("is filtered by pattern and type, with expiry and memory", async () => {
    const users = await list({ pattern: "user:*" });
    expect(users.keys.map((key) => `${bytesOf(key.name).toString()} ${key.type}`).toSorted()).toEqual(["user:1 string", "user:2 hash"]);
    expect(users.keys.every((key) => (key.memoryBytes ?? 0) > 0)).toBe(true);
    const expiring = users.keys.find((key) => key.type === "string");
    expect(expiring?.ttlMs).toBeGreaterThan(90_000);
    expect(users.keys.find((key) => key.type === "hash")?.ttlMs).toBeNull();
    expect(names(await list({ type: "hash" }))).toEqual([{ text: "user:2" }]);
    expect(names(await list({ pattern: "queue", type: "list" }))).toEqual([{ text: "queue" }]);
    expect(names(await list({ pattern: "queue", type: "hash" }))).toEqual([]);
  });

  it("looks a plain name up directly, and a glob as Redis reads it", async () => {
    const calls = await commandCalls("scan");
    expect(names(await list({ pattern: "user:1" }))).toEqual([{ text: "user:1" }]);
    expect(names(await list({ pattern: "user:9" }))).toEqual([]);
    expect(await commandCalls("scan")).toBe(calls);
    expect(names(await list({ pattern: "\\[x\\]" }))).toEqual([{ text: "[x]" }]);
    expect(names(await list({ pattern: Buffer.from("que*").toString("base64"), patternEncoding: "base64" }))).toEqual([{ text: "queue" }]);
  });

  it("counts every logical database", async () => {
    const page = await list({ db: 3 });
    expect(names(page)).toEqual([{ text: "third" }]);
    expect(page.databases).toEqual([
      { db: 0, keys: 4, expires: 1 },
      { db: 3, keys: 1, expires: 0 },
      { db: 15, keys: 1, expires: 0 },
    ]);
    expect(page.databasesMax).toBe(16);
    await expect(list({ db: 16 })).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("ends when it is cancelled", async () => {
    await expect(listKeys(server.connection, ListKeysInput.parse({}), { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
  });
});

describe("200,000 keys", () => {
  beforeAll(async () => {
    await server
      .driver()
      .call("DEBUG", "POPULATE", "200000", "app")
      .catch(() => fill());
    await server.driver().set("needle", "1");
  });
  afterAll(() => server.driver().flushall());

  async function fill(): Promise<void> {
    const driver = server.driver();
    for (let from = 0; from < 200_000; from += 10_000) {
      const pipeline = driver.pipeline();
      for (let index = from; index < from + 10_000; index++) pipeline.set(`app:${index}`, "x");
      await pipeline.exec();
    }
  }

  it("take one SCAN for a first page, ten at most for a search that finds nothing, and no KEYS", async () => {
    await server.driver().config("RESETSTAT");
    const first = await list();
    expect(first.keys.length).toBeGreaterThanOrEqual(500);
    expect(first.keys.length).toBeLessThan(1_000);
    expect(first.keysEstimate).toBe(200_001);
    expect(first.cursor).not.toBeNull();
    expect(await commandCalls("scan")).toBe(1);
    const search = await list({ pattern: "nothing:*" });
    expect(search.keys).toEqual([]);
    expect(search.cursor).not.toBeNull();
    expect(search.scanned).toBeLessThanOrEqual(10_000);
    expect(await commandCalls("scan")).toBeLessThanOrEqual(11);
    expect(await commandCalls("keys")).toBe(0);
    expect(await commandCalls("monitor")).toBe(0);
  });

  it("are all found by going on", async () => {
    const found = new Set<string>();
    let cursor: string | null | undefined;
    let pages = 0;
    do {
      const page: KeyPage = await list({ count: 2_000, ...(cursor ? { cursor } : {}) });
      for (const name of names(page)) found.add(bytesOf(name).toString("latin1"));
      cursor = page.cursor;
      pages += 1;
    } while (cursor !== null);
    expect(found.size).toBe(200_001);
    // 2,000 a page make 101; on a busy machine a page also ends at its limit of time.
    expect(pages).toBeLessThanOrEqual(200);
  });
});

describe("values", () => {
  afterAll(() => server.driver().flushall());

  it("of a string come in pages that join to the whole", async () => {
    const text = "äöü🙂".repeat(100_000);
    await server.driver().set("text", text);
    const parts: Buffer[] = [];
    let cursor: string | null = null;
    do {
      const page: KeyDetail = await get("text", cursor === null ? {} : { cursor });
      expect(page.length).toBe(1_000_000);
      if (page.value.kind !== "string") throw new Error(page.value.kind);
      expect("text" in page.value.value).toBe(true);
      parts.push(bytesOf(page.value.value));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(Buffer.concat(parts).toString()).toBe(text);
    const binary = Buffer.alloc(200_000, 0xfe);
    await server.driver().set("binary", binary);
    const first = await get("binary");
    expect(first.value).toMatchObject({ kind: "string", offset: 0, value: { length: 200_000 } });
    expect(first.nextCursor).toBe("65536");
    expect(await get("binary", { cursor: "196608" })).toMatchObject({ nextCursor: null, value: { offset: 196_608, value: { length: 200_000 } } });
  });

  it("carry expiry, encoding, memory and use", async () => {
    await server.driver().set("expiring", "9007199254740993", "PXAT", 4_102_444_800_123);
    const detail = await get("expiring");
    expect(detail).toMatchObject({
      type: "string",
      encoding: "int",
      length: 16,
      expiresAt: "2100-01-01T00:00:00.123Z",
      frequency: null,
      value: { value: { text: "9007199254740993" } },
    });
    expect(detail.ttlMs).toBeGreaterThan(0);
    expect(detail.memoryBytes).toBeGreaterThan(0);
    expect(detail.idleSeconds).toBeGreaterThanOrEqual(0);
  });

  it("of a list come in order by index", async () => {
    await server.driver().rpush("list", ...Array.from({ length: 250 }, (_, index) => `item ${index}`));
    const first = await get("list");
    expect(first.nextCursor).toBe("100");
    const last = await get("list", { cursor: "200" });
    expect(last.nextCursor).toBeNull();
    expect(last.value.kind === "list" && last.value.items.at(-1)).toEqual({ index: 249, value: { text: "item 249" } });
  });

  it("of a hash come whole, with binary fields and the beginning of long values", async () => {
    const driver = server.driver();
    await driver.hset("hash", Buffer.from([0xff]), Buffer.from([0x00, 0xff]), "long", "x".repeat(5_000), "", "");
    const detail = await get("hash");
    if (detail.value.kind !== "hash") throw new Error(detail.value.kind);
    const fields = new Map(detail.value.fields.map((entry) => [JSON.stringify(entry.field), entry.value]));
    expect(fields.get('{"base64":"/w=="}')).toEqual({ base64: "AP8=" });
    expect(fields.get('{"text":""}')).toEqual({ text: "" });
    expect(fields.get('{"text":"long"}')).toEqual({ text: "x".repeat(1_024), length: 5_000 });
    const whole = ElementValue.parse(await getElement(server.connection, GetElementInput.parse({ key: "hash", element: "long" })));
    expect(whole.value).toEqual({ text: "x".repeat(5_000) });
    await expect(getElement(server.connection, GetElementInput.parse({ key: "hash", element: "no" }))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  it("of big hashes and sets come in pages, each element once, and are searched by pattern", async () => {
    const driver = server.driver();
    await driver.hset("big-hash", Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`field:${index}`, `${index}`])));
    await driver.sadd("big-set", ...Array.from({ length: 5_000 }, (_, index) => `member:${index}`));
    for (const key of ["big-hash", "big-set"]) {
      const seen = new Set<string>();
      let cursor: string | null = null;
      do {
        const page: KeyDetail = await get(key, cursor === null ? {} : { cursor });
        const elements = page.value.kind === "hash" ? page.value.fields.map((entry) => entry.field) : page.value.kind === "set" ? page.value.members : [];
        expect(elements.length).toBeLessThan(200);
        for (const element of elements) seen.add(JSON.stringify(element));
        cursor = page.nextCursor;
      } while (cursor !== null);
      expect(seen.size).toBe(5_000);
    }
    const searched = await get("big-hash", { match: "field:4999" });
    expect(searched.value).toMatchObject({ fields: [{ field: { text: "field:4999" } }] });
  });

  it("of a sorted set keep the server's exact scores", async () => {
    // The compact encoding of small sets knows no -0: the server itself keeps 0 there.
    await server.driver().config("SET", "zset-max-listpack-entries", "0");
    await server.driver().zadd("zset", "-inf", "low", "-0", "zero", "0.1", "tenth", "9007199254740993", "big", "1e300", "huge", "+inf", "high");
    const detail = await get("zset");
    if (detail.value.kind !== "zset") throw new Error(detail.value.kind);
    expect(detail.value.members.map((entry) => [entry.rank, "text" in entry.member && entry.member.text])).toEqual([
      [0, "low"],
      [1, "zero"],
      [2, "tenth"],
      [3, "big"],
      [4, "huge"],
      [5, "high"],
    ]);
    const scores = detail.value.members.map((entry) => entry.score);
    expect(scores[0]).toBe("-inf");
    expect(scores[1]).toBe("-0");
    expect(Number(scores[2])).toBe(0.1);
    expect(Number(scores[3])).toBe(9007199254740992);
    expect(scores[5]).toBe("inf");
    const searched = await get("zset", { match: "ten*" });
    expect(searched.value).toMatchObject({ members: [{ member: { text: "tenth" }, rank: null }] });
  });

  it("of a stream come by id, with groups, consumers and pending", async () => {
    const driver = server.driver();
    for (let index = 1; index <= 150; index++)
      await driver.xadd("stream", `${index}-0`, "f", `v${index}`, "f", "again", Buffer.from([0xff]), Buffer.from([0x00]));
    await driver.xgroup("CREATE", "stream", "g1", "0");
    await driver.xgroup("CREATE", "stream", "g2", "$");
    await driver.xreadgroup("GROUP", "g1", "alice", "COUNT", 3, "STREAMS", "stream", ">");
    const first = await get("stream");
    if (first.value.kind !== "stream") throw new Error(first.value.kind);
    expect(first.value.entries).toHaveLength(100);
    expect(first.value.entries[0]).toEqual({
      id: "1-0",
      fields: [
        { field: { text: "f" }, value: { text: "v1" } },
        { field: { text: "f" }, value: { text: "again" } },
        { field: { base64: "/w==" }, value: { text: "\u0000" } },
      ],
    });
    expect(first.value.lastId).toBe("150-0");
    expect(first.value.groups).toMatchObject([
      { name: { text: "g1" }, pending: 3, lastDeliveredId: "3-0", consumers: [{ name: { text: "alice" }, pending: 3 }] },
      { name: { text: "g2" }, pending: 0, consumers: [] },
    ]);
    expect(first.nextCursor).toBe("100-0");
    const second = await get("stream", { cursor: "100-0" });
    expect(second.value.kind === "stream" && second.value.entries.map((entry) => entry.id)).toEqual(
      Array.from({ length: 50 }, (_, index) => `${index + 101}-0`),
    );
    expect(second.nextCursor).toBeNull();
    expect(await getElement(server.connection, GetElementInput.parse({ key: "stream", element: "2-0", position: 1 }))).toEqual({ value: { text: "again" } });
    await expect(get("stream", { cursor: "nonsense" })).rejects.toMatchObject({ code: "INVALID" });
  });
});

describe("popular keys", () => {
  afterAll(async () => {
    await server.driver().config("SET", "maxmemory-policy", "noeviction");
    await server.driver().flushall();
  });

  it("go by idle time, or by frequency under an LFU policy, and say which", async () => {
    const driver = server.driver();
    for (let index = 0; index < 30; index++) await driver.set(`k${index}`, "v");
    const byIdle = PopularKeys.parse(await popularKeys(server.connection, PopularKeysInput.parse({ count: 5 })));
    expect(byIdle).toMatchObject({ by: "idle", sampled: 30, keysEstimate: 30, evictionPolicy: "noeviction" });
    expect(byIdle.keys).toHaveLength(5);
    await driver.config("SET", "maxmemory-policy", "allkeys-lfu");
    closeAll();
    for (let index = 0; index < 2_000; index++) await driver.get("k7");
    const byFrequency = PopularKeys.parse(await popularKeys(server.connection, PopularKeysInput.parse({ count: 5 })));
    expect(byFrequency.by).toBe("frequency");
    expect(byFrequency.keys[0]).toMatchObject({ name: { text: "k7" }, idleSeconds: null });
    expect(byFrequency.keys[0]?.frequency).toBeGreaterThan(byFrequency.keys[1]?.frequency ?? 255);
  });
});

async function commandCalls(command: string): Promise<number> {
  const stats = await server.driver().info("commandstats");
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}
