import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { binarySegments, binaryToText, textToBinary } from "@/lib/binary-text";

describe("binary text", () => {
  it("escapes what cannot be read and leaves the rest", () => {
    expect(binarySegments(Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a]))).toEqual([
      { text: "\\x89", escaped: true },
      { text: "PNG", escaped: false },
      { text: "\\x0d\\x0a", escaped: true },
    ]);
    expect(binaryToText(Uint8Array.from([0xff, 0xd8, 0x9e, 0x01]))).toBe("\\xff\\xd8\\x9e\\x01");
    expect(binaryToText(new TextEncoder().encode("Größe 日本 🙂"))).toBe("Größe 日本 🙂");
  });

  it("never shows U+FFFD, half letters or hidden direction marks", () => {
    expect(binaryToText(Uint8Array.from([0xe2, 0x82]))).toBe("\\xe2\\x82");
    expect(binaryToText(new TextEncoder().encode("\uFFFD"))).toBe("\\xef\\xbf\\xbd");
    expect(binaryToText(new TextEncoder().encode("a\u202Eb"))).toBe("a\\xe2\\x80\\xaeb");
    expect(binaryToText(Uint8Array.from([0xef, 0xbb, 0xbf]))).toBe("\\xef\\xbb\\xbf");
  });

  it("round-trips any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect([...textToBinary(binaryToText(bytes))]).toEqual([...bytes]);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const bytes = new TextEncoder().encode(text);
        expect([...textToBinary(binaryToText(bytes))]).toEqual([...bytes]);
      }),
    );
  });

  it("refuses a lone backslash", () => {
    expect(() => textToBinary("a\\q")).toThrow(/Position 2/);
  });
});
