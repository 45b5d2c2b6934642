import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeCommands } from "./redis.batch";

const part = fc.oneof(
  fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: "grapheme", maxLength: 30 }),
  fc.integer(),
);

it("encodes any arguments as RESP, byte for byte", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: "grapheme-ascii", minLength: 1 }), fc.array(part, { maxLength: 6 })), { maxLength: 10 }), (commands) => {
      const expected = commands.map(([name, parts]) => {
        const all = [name, ...parts].map((one) => (Buffer.isBuffer(one) ? one : Buffer.from(String(one))));
        return Buffer.concat([Buffer.from(`*${all.length}\r\n`), ...all.flatMap((one) => [Buffer.from(`$${one.length}\r\n`), one, Buffer.from("\r\n")])]);
      });
      expect(encodeCommands(commands.map(([name, parts]) => [name, ...parts])).equals(Buffer.concat(expected))).toBe(true);
    }),
    { numRuns: 500 },
  );
});
