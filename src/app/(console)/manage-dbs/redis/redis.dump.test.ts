import { describe, expect, it } from "vitest";
import { dumpType, dumpVersion, isSoundDump, writeDumpFooter } from "./redis.dump";

describe("a DUMP payload", () => {
  // DUMP of the string "x" and of the int64 minimum, Redis 7.0.
  const text = Buffer.from("0001780a002280865fbde848d0", "hex");

  it("tells type and version and is checked", () => {
    expect(dumpType(text)).toBe("string");
    expect(dumpVersion(text)).toBe(10);
    expect(isSoundDump(text)).toBe(true);
    for (let bit = 0; bit < text.length * 8; bit++) {
      const altered = Buffer.from(text);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(isSoundDump(altered), `bit ${bit}`).toBe(false);
    }
    for (let length = 0; length < text.length; length++) expect(isSoundDump(text.subarray(0, length))).toBe(false);
  });

  it("is made from an RDB value", () => {
    const made = Buffer.concat([text.subarray(0, 3), Buffer.alloc(10)]);
    writeDumpFooter(made, 10);
    expect(made).toEqual(text);
    writeDumpFooter(made, 9);
    expect(dumpVersion(made)).toBe(9);
    expect(isSoundDump(made)).toBe(true);
  });

  it("names module types as TYPE does, and unknown ones by their byte", () => {
    // "ReJSON-RL", encoding version 3: nine letters of six bits, then ten bits.
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let id = 0n;
    for (const letter of "ReJSON-RL") id = (id << 6n) | BigInt(letters.indexOf(letter));
    const payload = Buffer.alloc(20);
    payload[0] = 7;
    payload[1] = 0x81;
    payload.writeBigUInt64BE((id << 10n) | 3n, 2);
    expect(dumpType(payload)).toBe("ReJSON-RL");
    expect(dumpType(Buffer.from([99, 0]))).toBe("type-99");
  });
});
