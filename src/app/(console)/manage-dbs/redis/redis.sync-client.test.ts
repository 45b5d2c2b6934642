import { describe, expect, it } from "vitest";
import { untilMarker } from "./redis.sync-client";

const marker = Buffer.from("0123456789abcdef0123456789abcdef01234567");

async function received(bytes: Buffer, chunkBytes: number): Promise<{ whole: Buffer; asked: number }> {
  let at = 0;
  const parts: Buffer[] = [];
  const next = async () => {
    if (at >= bytes.length) throw new Error("asked for more than there is");
    const chunk = bytes.subarray(at, at + chunkBytes);
    at += chunk.length;
    return chunk;
  };
  for await (const part of untilMarker(next, marker)) parts.push(Buffer.from(part));
  return { whole: Buffer.concat(parts), asked: at };
}

describe("the end of a streamed snapshot", () => {
  it("is found wherever chunks are cut", async () => {
    // Nearly the marker, twice, before it.
    const body = Buffer.concat([Buffer.from("REDIS0011"), marker.subarray(0, 39), Buffer.from("x"), Buffer.alloc(100, 7), marker.subarray(0, 39)]);
    for (let chunkBytes = 1; chunkBytes <= 240; chunkBytes++) {
      const { whole } = await received(Buffer.concat([body, marker]), chunkBytes);
      expect(whole.equals(body), `${chunkBytes} bytes`).toBe(true);
    }
  });

  it("is the first marker, and nothing behind it is part of the snapshot", async () => {
    const body = Buffer.alloc(1_000, 1);
    for (const chunkBytes of [1, 39, 40, 41, 999, 5_000]) {
      const { whole, asked } = await received(Buffer.concat([body, marker, Buffer.from("*1\r\n$4\r\nPING\r\n")]), chunkBytes);
      expect(whole.equals(body), `${chunkBytes} bytes`).toBe(true);
      expect(asked).toBeLessThan(body.length + marker.length + chunkBytes + 1);
    }
  });

  it("may come at once", async () => {
    expect((await received(marker, 100)).whole.length).toBe(0);
  });

  it("that does not come is no end", async () => {
    await expect(received(Buffer.alloc(500), 64)).rejects.toThrow("asked for more");
  });
});
