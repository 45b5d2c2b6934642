import fc from "fast-check";
import { expect, it } from "vitest";
import { SeenKeys } from "./redis.seen-keys";

it("says the first time of each key, as a Set would", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 3 }), { maxLength: 500 }), (keys) => {
      const seen = new SeenKeys();
      const reference = new Set<string>();
      for (const key of keys) {
        const name = Buffer.from(key).toString("hex");
        expect(seen.add(Buffer.from(key))).toBe(!reference.has(name));
        reference.add(name);
      }
    }),
  );
});

it("knows at least the last keys of its window, and stays small", () => {
  const seen = new SeenKeys(10_000);
  for (let index = 0; index < 100_000; index++) {
    expect(seen.add(Buffer.from(`key:${index}`))).toBe(true);
    if (index >= 10_000) expect(seen.add(Buffer.from(`key:${index - 9_999}`))).toBe(false);
  }
  expect(seen.bytes).toBeLessThan(2 * 32_768 * 12 + 1);
});

it("takes at most 42 bytes a key of its window, whatever comes", () => {
  const seen = new SeenKeys(150_000);
  const key = Buffer.alloc(8);
  for (let index = 0; index < 310_000; index++) {
    key.writeDoubleLE(index);
    seen.add(key);
  }
  expect(seen.bytes).toBeLessThanOrEqual(150_000 * 42 + 12);
});
