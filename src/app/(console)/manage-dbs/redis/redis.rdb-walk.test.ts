import { describe, expect, it } from "vitest";
import { RdbWalker } from "./redis.rdb-walk";
import { length, longLength, rdbOf, text, walkBytes } from "./redis.test-rdb";

const key = (type: number, name: string, ...value: Buffer[]) => Buffer.concat([Buffer.of(type), text(name), ...value]);
const double = Buffer.alloc(8, 1);
const id = Buffer.alloc(16, 2);
const raw = (bytes: number) => Buffer.alloc(bytes, 3);
const moduleId = (name: string) => {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  let number = 0n;
  for (const letter of name) number = (number << 6n) | BigInt(letters.indexOf(letter));
  return longLength((number << 10n) | 1n);
};
const modulePieces = Buffer.concat([
  length(1),
  length(7),
  length(2),
  longLength(2n ** 64n - 1n),
  length(3),
  raw(4),
  length(4),
  raw(8),
  length(5),
  text("piece"),
  length(0),
]);
const group = (version: number) => {
  const pending = [length(1), id, raw(8), length(3)];
  const consumer = [length(1), text("alice"), raw(version === 3 ? 16 : 8), length(1), id];
  return [text("group"), length(1), length(2), ...(version === 1 ? [] : [longLength(2n ** 64n - 1n)]), ...pending, ...consumer];
};
const stream = (version: number) => [
  ...[length(1), text(id), text("listpack")],
  ...Array.from({ length: version === 1 ? 3 : 8 }, (_, index) => (index === 1 ? longLength(2n ** 63n) : length(index))),
  ...[length(1), ...group(version)],
];

/** One of every type that an RDB of Redis can hold. */
const REDIS_VALUES: Record<string, Buffer> = {
  "string plain": key(0, "a", text("value")),
  "string int8": key(0, "b", Buffer.of(0xc0, 5)),
  "string int16": key(0, "c", Buffer.of(0xc1, 5, 6)),
  "string int32": key(0, "d", Buffer.of(0xc2, 5, 6, 7, 8)),
  "string lzf": key(0, "e", Buffer.of(0xc3), length(5), length(30), raw(5)),
  "string long": key(0, "f", text("x".repeat(70_000))),
  "list of 2.6": key(1, "g", length(2), text("a"), text("b")),
  "list quicklist": key(14, "h", length(1), text("ziplist")),
  "list quicklist2": key(18, "i", length(2), length(1), text("plain"), length(2), text("listpack")),
  "list ziplist": key(10, "j", text("ziplist")),
  "set plain": key(2, "k", length(1), text("a")),
  "set intset": key(11, "l", text("intset")),
  "set listpack": key(20, "m", text("listpack")),
  "zset in text": key(3, "n", length(3), text("a"), Buffer.of(3), Buffer.from("1.5"), text("b"), Buffer.of(254), text("c"), Buffer.of(253)),
  "zset in binary": key(5, "o", length(2), text("a"), double, text("b"), double),
  "zset ziplist": key(12, "p", text("ziplist")),
  "zset listpack": key(17, "q", text("listpack")),
  "hash plain": key(4, "r", length(2), text("f"), text("v"), text("g"), Buffer.of(0xc0, 1)),
  "hash zipmap": key(9, "s", text("zipmap")),
  "hash ziplist": key(13, "t", text("ziplist")),
  "hash listpack": key(16, "u", text("listpack")),
  "hash of 7.4 preview": key(22, "v", length(1), length(9), text("f"), text("v")),
  "hash listpack of 7.4 preview": key(23, "w", text("listpack")),
  "hash with expiry": key(24, "x", raw(8), length(2), length(0), text("f"), text("v"), length(70), text("g"), text("w")),
  "hash listpack with expiry": key(25, "y", raw(8), text("listpack")),
  "stream 1": key(15, "1", ...stream(1)),
  "stream 2": key(19, "2", ...stream(2)),
  "stream 3": key(21, "3", ...stream(3)),
  "stream empty": key(21, "4", length(0), ...Array.from({ length: 8 }, () => length(0)), length(0)),
  "a module": key(7, "5", moduleId("ReJSON-RL"), modulePieces),
  "an empty list": key(1, "6", length(0)),
};

describe("a walk", () => {
  it("passes every type of value and gives its very bytes, in chunks of any size", () => {
    const bytes = rdbOf([Buffer.of(0xfe, 0), ...Object.values(REDIS_VALUES)], { magic: "REDIS0012" });
    const whole = walkBytes(bytes);
    expect(whole.keys).toHaveLength(Object.keys(REDIS_VALUES).length);
    for (const [index, [name, value]] of Object.entries(REDIS_VALUES).entries()) {
      const found = whole.keys[index];
      expect(found?.body, name).toBe(value.subarray(3).toString("latin1"));
      expect(name, found?.type).toMatch(name === "a module" ? /module/ : new RegExp(`\\b${found?.type}\\b`));
    }
    expect(whole.keys.find(({ key: name }) => name === "5")?.type).toBe("ReJSON-RL");
    for (const chunkBytes of [1, 2, 3, 7, 64, 1_000]) expect(walkBytes(bytes, chunkBytes), `${chunkBytes} bytes`).toEqual(whole);
  });

  it("tells Valkey's type 22 and part 243 from Redis's by the first letters", () => {
    const hash = key(22, "h", length(2), text("f"), text("v"), raw(8), text("g"), text("w"), raw(8));
    const slots = Buffer.concat([Buffer.of(243), text("job"), length(2), length(0), length(99), length(200), length(16_000)]);
    const bytes = rdbOf([slots, Buffer.of(0xfe, 0), hash], { magic: "VALKEY080" });
    for (const chunkBytes of [1, 5, bytes.length]) {
      const { keys, facts } = walkBytes(bytes, chunkBytes);
      expect(facts.magic).toEqual({ family: "Valkey", version: 80 });
      expect(keys).toMatchObject([{ type: "hash", body: hash.subarray(3).toString("latin1") }]);
    }
    expect(() => walkBytes(rdbOf([slots], { magic: "REDIS0012" }))).toThrow(/metadata of keys/);
    expect(() => walkBytes(rdbOf([key(24, "h", raw(8), length(0))], { magic: "VALKEY080" }))).toThrow(/type 24.*Valkey RDB version 80/);
  });

  it("keeps databases, expiries and use with their keys, and only with them", () => {
    const seconds = Buffer.alloc(4);
    seconds.writeInt32LE(1_700_000_000);
    const ms = Buffer.alloc(8);
    ms.writeBigInt64LE(2n ** 53n + 1n);
    const bytes = rdbOf([
      ...[Buffer.of(0xfa), text("redis-ver"), text("7.0.15"), Buffer.of(0xfa), text("used-mem"), Buffer.of(0xc2, 0, 0, 1, 0)],
      ...[Buffer.of(0xf5), text("#!lua name=shop\n...")],
      ...[Buffer.of(0xfe, 3), Buffer.of(0xfb, 4, 2), Buffer.of(0xf4, 1, 2, 3)],
      ...[Buffer.of(0xfd), seconds, key(0, "a", text("1"))],
      ...[Buffer.of(0xfc), ms, Buffer.of(0xf8), length(100), key(0, "b", text("2"))],
      ...[Buffer.of(0xf9, 200), key(0, "c", text("3")), Buffer.of(0xfe), length(15), Buffer.of(0), Buffer.of(0xc0, 7), text("4")],
    ]);
    for (const chunkBytes of [1, bytes.length]) {
      const { keys, facts } = walkBytes(bytes, chunkBytes);
      const none = { expiresAtMs: null, idleSeconds: null, frequency: null };
      expect(keys).toMatchObject([
        { db: 3, key: "a", ...none, expiresAtMs: 1_700_000_000_000n },
        { db: 3, key: "b", ...none, expiresAtMs: 2n ** 53n + 1n, idleSeconds: 100 },
        { db: 3, key: "c", ...none, frequency: 200 },
        { db: 15, key: "7", ...none },
      ]);
      expect(facts.aux.get("used-mem")).toBe("65536");
      expect(facts.functions.map(String)).toEqual(["#!lua name=shop\n..."]);
      expect(facts.hasChecksum).toBe(true);
    }
  });

  it("passes a module's own data and names the module", () => {
    const aux = Buffer.concat([Buffer.of(0xf7), moduleId("ReJSON-RL"), length(2), length(2), modulePieces]);
    const { facts, keys } = walkBytes(rdbOf([aux, key(0, "a", text("1"))]), 3);
    expect(facts.moduleAux).toEqual(["ReJSON-RL"]);
    expect(keys).toHaveLength(1);
  });

  it("takes a file without checksum and says so", () => {
    expect(walkBytes(rdbOf([key(0, "a", text("1"))], { hasChecksum: false })).facts.hasChecksum).toBe(false);
  });

  it("refuses versions it does not know, by number", () => {
    for (const magic of ["REDIS0005", "REDIS0013", "REDIS0080", "VALKEY081", "VALKEY079"])
      expect(() => walkBytes(rdbOf([], { magic }))).toThrow(
        expect.objectContaining({ code: "UNSUPPORTED", message: expect.stringMatching(`version ${Number(magic.slice(-3))} of`) }),
      );
    for (const magic of ["REDIS0006", "REDIS0012", "VALKEY080"]) walkBytes(rdbOf([], { magic }));
  });

  it("refuses what is no RDB, is cut, or has something behind its end", () => {
    const bytes = rdbOf([key(0, "a", text("value")), key(4, "h", length(1), text("f"), text("v"))]);
    for (let cut = 0; cut < bytes.length; cut++)
      expect(() => walkBytes(bytes.subarray(0, cut), 5), `cut at ${cut}`).toThrow(expect.objectContaining({ code: "INVALID" }));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => walkBytes(altered), `bit ${bit}`).toThrow(expect.objectContaining({ name: "AppError" }));
    }
    for (const more of [Buffer.of(0), Buffer.from("text"), Buffer.alloc(40, "a"), bytes])
      expect(() => walkBytes(Buffer.concat([bytes, more]), 9)).toThrow(/follows its end/);
    expect(() => walkBytes(Buffer.from("<html>502</html>"))).toThrow(/no RDB file/);
    expect(() => walkBytes(Buffer.concat([bytes, Buffer.from("*2\r\n$6\r\nSELECT\r\n")]))).toThrow(/append-only file/);
  });

  it("looks at keys of the asked lengths only, and at all that are packed", () => {
    // One byte, and 264 times the same again.
    const packed = (control: number[]) => Buffer.concat([Buffer.of(0xc3), length(control.length), length(264 + 1), Buffer.from(control)]);
    const sound = Buffer.concat([Buffer.of(0), packed([0, 97, 0xe0, 255, 0]), text("v")]);
    const bytes = rdbOf([key(0, "ab", text("v")), key(0, "abc", text("v")), key(0, "abcd", text("v")), sound]);
    const seen: string[] = [];
    const walker = new RdbWalker({ wantsBodies: false, keyLengths: new Set([3]), leave: (entry) => void seen.push(entry.key.toString()) });
    walker.push(bytes);
    walker.end();
    expect(seen).toEqual(["", "abc", "", "a".repeat(265)]);
    const damaged = Buffer.concat([Buffer.of(0), packed([0, 97, 0xe0, 255, 9]), text("v")]);
    expect(() => new RdbWalker({ wantsBodies: false, keyLengths: new Set([3]), leave: () => undefined }).push(rdbOf([damaged]))).toThrow(/packed string/);
  });

  it("refuses lengths and parts that cannot be, and stores nothing for them", () => {
    const cases = [
      [key(0, "a", longLength(2n ** 60n))],
      [key(4, "a", longLength(2n ** 60n))],
      [Buffer.concat([Buffer.of(0), longLength(2n ** 33n)])],
      [Buffer.concat([Buffer.of(0), Buffer.of(0x83)])],
      [key(0, "a", Buffer.of(0xc4))],
      [Buffer.of(0xf6, 1)],
      [Buffer.of(0xf0)],
      [key(6, "a", text("x"))],
      [key(8, "a", text("x"))],
      [key(26, "a", text("x"))],
      [key(7, "a", moduleId("ReJSON-RL"), length(6))],
    ];
    for (const parts of cases) expect(() => walkBytes(rdbOf(parts)), parts[0]?.toString("hex")).toThrow(expect.objectContaining({ name: "AppError" }));
  });

  it("holds no more of a long value than the chunk at hand", () => {
    const chunk = Buffer.alloc(1 << 20, 7);
    const size = 200 << 20;
    const before = process.memoryUsage().arrayBuffers;
    let largest = 0;
    function* pieces() {
      yield Buffer.concat([Buffer.from("REDIS0011"), Buffer.of(0), text("big"), length(size)]);
      for (let at = 0; at < size; at += chunk.length) yield chunk;
    }
    let bytes = 0;
    const walker = new RdbWalker({ wantsBodies: true, body: (piece) => (bytes += piece.length), leave: () => undefined });
    for (const piece of pieces()) {
      walker.push(piece);
      largest = Math.max(largest, process.memoryUsage().arrayBuffers - before);
    }
    expect(bytes).toBe(size + 5);
    expect(largest).toBeLessThan(16 << 20);
  });
});
