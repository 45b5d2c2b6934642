import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressedBytes, carriedBytes, fromWire, showBytes, toAddress, toWire } from "./redis.codec";
import { KeyAddress, RedisBytes } from "./redis.schema";

const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: "binary", maxLength: 40 }).map((text) => Buffer.from(text, "utf8")),
);

describe("bytes on the wire", () => {
  it("come back byte for byte, through JSON and the schema", () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const wire = RedisBytes.parse(JSON.parse(JSON.stringify(toWire(bytes))));
        expect(fromWire(wire).equals(bytes)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("are text exactly when they are UTF-8", () => {
    expect(toWire(Buffer.from("naïve 🙂 שלום"))).toEqual({ text: "naïve 🙂 שלום" });
    expect(toWire(Buffer.alloc(0))).toEqual({ text: "" });
    expect(toWire(Buffer.from("\uFEFFbom"))).toEqual({ text: "\uFEFFbom" });
    expect(toWire(Buffer.from([0xff, 0x00]))).toEqual({ base64: "/wA=" });
    expect(toWire(Buffer.from([0xed, 0xa0, 0x80]))).toEqual({ base64: "7aCA" });
    expect(toWire(Buffer.from([0xc0, 0x80]))).toEqual({ base64: "wIA=" });
  });

  it("travel as a true prefix with the whole length", () => {
    fc.assert(
      fc.property(anyBytes, fc.integer({ min: 4, max: 20 }), (bytes, prefixBytes) => {
        const wire = toWire(bytes, { prefixBytes });
        expect(wire.length).toBe(bytes.length <= prefixBytes ? undefined : bytes.length);
        if (bytes.length <= prefixBytes) return;
        const carried = carriedBytes(wire);
        expect(carried).toBeGreaterThan(0);
        expect(carried).toBeLessThanOrEqual(prefixBytes);
        const decoded = "text" in wire ? Buffer.from(wire.text) : Buffer.from(wire.base64, "base64");
        expect(bytes.subarray(0, carried).equals(decoded)).toBe(true);
        expect(() => fromWire(wire)).toThrow("only the beginning");
      }),
      { numRuns: 2_000 },
    );
  });

  it("do not cut a character in half", () => {
    expect(toWire(Buffer.from("aaa🙂🙂"), { prefixBytes: 5 })).toEqual({ text: "aaa", length: 11 });
    expect(toWire(Buffer.from("aaa🙂🙂"), { prefixBytes: 7 })).toEqual({ text: "aaa🙂", length: 11 });
  });
});

describe("key addresses", () => {
  it("name every key", () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const address = KeyAddress.parse(JSON.parse(JSON.stringify(toAddress(bytes))));
        expect(addressedBytes(address.key, address.encoding).equals(bytes)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("refuse what is not base64, and lone surrogates", () => {
    for (const bad of ["a", "ab==x", "_w==", " /w==", "/w=", "/x=="]) expect(() => addressedBytes(bad, "base64"), bad).toThrow("base64");
    expect(KeyAddress.safeParse({ key: "\ud800" }).success).toBe(false);
    expect(RedisBytes.safeParse({ text: "\udc00" }).success).toBe(false);
    expect(RedisBytes.safeParse({ text: "a", base64: "YQ==" }).success).toBe(false);
  });
});

it("shows bytes in messages without control characters", () => {
  expect(showBytes(Buffer.from("user:1"))).toBe('"user:1"');
  expect(showBytes(Buffer.from([0xff, 0x0a, 0x41]))).toBe('"\\xff\\x0aA"');
  expect(showBytes(Buffer.from("a\r\nb"))).toBe('"a\\x0d\\x0ab"');
});
