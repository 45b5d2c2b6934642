import { describe, expect, it } from "vitest";
import { Crc64 } from "./redis.rdb-crc";

describe("CRC64", () => {
  it("is the one Redis uses", () => {
    expect(new Crc64().update(Buffer.from("123456789")).hex).toBe("e9c6d914c4b8d9ca");
    expect(new Crc64().hex).toBe("0000000000000000");
  });

  it("is the same in one piece and in any pieces", () => {
    const bytes = Buffer.from(Array.from({ length: 1_000 }, (_, index) => (index * index) % 251));
    const whole = new Crc64().update(bytes).hex;
    for (let cut = 0; cut <= 40; cut++)
      expect(
        new Crc64()
          .update(bytes, 0, cut)
          .update(bytes, cut, cut * 3)
          .update(bytes, cut * 3).hex,
        `cut at ${cut}`,
      ).toBe(whole);
    const byByte = new Crc64();
    for (let at = 0; at < bytes.length; at++) byByte.update(bytes, at, at + 1);
    expect(byByte.hex).toBe(whole);
  });

  it("of something with its own CRC behind it is zero", () => {
    const bytes = Buffer.from("something--------");
    const crc = new Crc64().update(bytes, 0, 9);
    crc.writeTo(bytes, 9);
    expect(crc.equals(bytes, 9)).toBe(true);
    expect(new Crc64().update(bytes).isZero).toBe(true);
    bytes[3] = 0;
    expect(new Crc64().update(bytes).isZero).toBe(false);
  });
});
