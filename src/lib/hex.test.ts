import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { base64ToBytes, bytesToBase64, bytesToHex, hexLines, hexToBytes } from "@/lib/hex";

describe("hex", () => {
  it("comes back as the same bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect([...hexToBytes(bytesToHex(bytes))]).toEqual([...bytes]);
        expect([...base64ToBytes(bytesToBase64(bytes))]).toEqual([...bytes]);
      }),
    );
  });

  it("refuses what is not hexadecimal", () => {
    expect(() => hexToBytes("abc")).toThrow(RangeError);
    expect(() => hexToBytes("zz")).toThrow(/hexadecimal/i);
  });

  it("shows sixteen bytes a line, unprintable ones as dots", () => {
    const bytes = Uint8Array.from([0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x41]);
    expect(hexLines(bytes)).toEqual([
      { offset: "00000000", left: "30 59 30 13 06 07 2a 86", right: "48 ce 3d 02 01 06 08 2a", text: "0Y0...*.H.=....*" },
      { offset: "00000010", left: "41", right: "", text: "A" },
    ]);
    expect(hexLines(bytes, { from: 16 })).toHaveLength(1);
    expect(hexLines(bytes, { lines: 1 })).toHaveLength(1);
  });
});
